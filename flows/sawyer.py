"""SAWYER from end to end: instructions, a reward model, and learning from it, one flow after
another.

    thaw run sawyer
    thaw run sawyer -o sft.training.epochs=1 -o reward.training.epochs=2 -o rl.rl.steps=20
    thaw predict sawyer "Why is the sky dark at night?"

An override begins with the stage that it is for: `sft`, `reward` or `rl` (`conf/sawyer.yaml`).
Each stage is a subflow with a sweep of its own, starts from what the stage before has registered
(its champion, which may be an earlier run's that was not beaten), and is reused when it is finished
already. The parent run links the three and reports the same held-out prompts before instruction
tuning, after it, and after reinforcement. `thaw predict sawyer` asks the last stage's champion.
"""

import hashlib
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.case_flow import flow_like
from flows.catalogue import flow_of
from flows.chain import SweepResult
from flows.form import chosen_fields
from flows.keeping import keep_comparison
from flows.recording import measured_before
from flows.sweep import Sweep, open_sweep
from tasks.config import CaseConfig, PolicyCase
from tasks.config.chains import ChainConfig, load_chain
from tasks.errors import RequestError, ThawError
from tasks.evaluation.comparison import best_outcome, compare
from tasks.evaluation.findings import Comparison
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.plots import draw_common
from tasks.evaluation.report import html
from tasks.evaluation.tables import Cell, Sheet
from tasks.evaluation.wording import figure
from tasks.kinds.kind import kind_of
from tasks.kinds.policy.checking import with_parts_shown
from tasks.kinds.policy.report import paired_sheet, texts_markdown, texts_sheet, with_findings
from tasks.paths import store_dir
from tasks.registry.arm_prediction import read_outcome
from tasks.tracking import Tracker, git_commit

BEFORE_SFT, AFTER_SFT, AFTER_RL = "before SFT", "after SFT", "after RL"
Stages = dict[str, SweepResult]


def run_sawyer(**given: Any) -> SweepResult:
    """Run the three stages and report what each of them did to the same prompts."""
    profile, force = given["profile"], given["force"]
    chosen = chosen_fields(given)
    chain = load_chain("sawyer", profile, chosen)
    named = {"case": chain.case, "title": chain.title}
    last = chain.last.model_copy(update=named)
    if not isinstance(last, PolicyCase):
        raise RequestError("conf/sawyer.yaml: the last stage is no case with task policy.")
    config = with_parts_shown(last)
    evidence = hashlib.sha256(chain.model_dump_json().encode()).hexdigest()
    with open_sweep(config, force) as claim:
        sweep = claim(config, (evidence,))
        stages = run_stages(chain, profile, chosen, force and not sweep.finished, sweep)
        if not sweep.finished or linked(stages, sweep):
            return report_stages(stages, config, sweep)
    # The same configuration, but a stage came to something else since: new data, a new champion.
    with open_sweep(config, force=True) as claim:
        anew = claim(config, (evidence,))
        link(stages, anew)
        return report_stages(stages, config, anew)


sawyer = flow_like("sawyer", run_sawyer, __name__)


def run_stages(
    chain: ChainConfig, profile: str, chosen: dict[str, Any], force: bool, sweep: Sweep
) -> Stages:
    """Each stage as a subflow, one after another; the parent run names what they came to."""
    stages: Stages = {}
    for stage, config in chain.stages.items():
        stages[stage] = flow_of(config.case)(
            profile=profile, overrides=chosen.get(stage, {}), force=force
        )
        if not sweep.finished:
            link({stage: stages[stage]}, sweep)
    return stages


def link(stages: Stages, sweep: Sweep) -> None:
    """Tags on the parent run that name each stage's sweep, and on each of those the parent."""
    for stage, result in stages.items():
        sweep.tracker.set_tags(sweep.run_id, {f"thaw.stage.{stage}": result.run_id})
        sweep.tracker.set_tags(result.run_id, {"thaw.chain": sweep.run_id})


def linked(stages: Stages, sweep: Sweep) -> bool:
    """Whether the parent run names these very sweeps."""
    tags = sweep.tracker.tags(sweep.run_id)
    return all(tags.get(f"thaw.stage.{name}") == each.run_id for name, each in stages.items())


@task(name="report", cache_policy=NO_CACHE)
def report_stages(stages: Stages, config: CaseConfig, sweep: Sweep) -> SweepResult:
    """Compare the model before instruction tuning, after it and after reinforcement.

    Args:
        stages: what each came to, in their order.
        config: of the last stage, under the chain's name.
        sweep: the open parent run.
    """
    last = list(stages.values())[-1]
    moments = three_moments(last, sweep.tracker)
    after_rl, after_sft = moments[:2]
    comparison = with_findings(compare(moments, config, []), after_sft, after_rl)
    if not sweep.finished:
        keep_report(comparison, moments, stages, config, sweep)
    return SweepResult(
        case=config.case,
        run_id=sweep.run_id,
        reused=all(result.reused for result in stages.values()),
        comparison=comparison,
        promotion=last.promotion,
    )


def three_moments(last: SweepResult, tracker: Tracker) -> list[Outcome]:
    """The chosen policy, the model that it started from, and the one that that started from.

    The last is missing where the policy started from a base model as it comes.

    Raises:
        ThawError: what a run measured is gone from the store.
    """
    children = {"mlflow.parentRunId": last.run_id}
    arms = [
        read_outcome(store_dir() / "arms" / run.data.tags["thaw.arm"])
        for run in tracker.find_runs(last.case, {"thaw.kind": "arm"} | children)
    ]
    chosen = [
        arm
        for arm in arms
        if arm.name == last.comparison.best and arm.seed == last.comparison.best_seed
    ]
    baselines = {}
    for run in tracker.find_runs(last.case, {"thaw.kind": "baseline"} | children):
        outcome = measured_before(tracker, str(run.info.run_id))
        if outcome is not None:
            baselines[outcome.name] = outcome
    names = [entry.name for entry in last.comparison.baselines]
    if not chosen or set(names) - baselines.keys():
        raise ThawError(
            f"What {last.case} measured is gone from the store: `thaw run sawyer --force` "
            "measures it again."
        )
    found = [chosen[0], *(baselines[name] for name in names)]
    titles = (AFTER_RL, AFTER_SFT, BEFORE_SFT)
    return [
        each.model_copy(update={"name": title}) for each, title in zip(found, titles, strict=False)
    ]


def keep_report(
    comparison: Comparison,
    moments: list[Outcome],
    stages: Stages,
    config: CaseConfig,
    sweep: Sweep,
) -> None:
    """Table, page, plots and texts on the parent run."""
    best = best_outcome(moments, config)
    texts = texts_sheet({each.name: each for each in reversed(moments)})
    sweep.tracker.log_text(sweep.run_id, texts_markdown(texts), "comparison/answers.md")
    plots = draw_common(comparison, moments, kind_of(config.task).curves)
    steps = zip(moments[1:], moments, strict=False)
    page = html(
        comparison,
        plots,
        None,
        f"{config.case}: {config.title}",
        {
            "Git commit": git_commit() or "not a checkout",
            "MLflow run": sweep.run_id,
            **{f"Stage {stage}": result.run_id for stage, result in stages.items()},
        },
        more=[
            stages_sheet(stages),
            *(paired_sheet(comparison, before, after) for before, after in reversed([*steps])),
        ],
        texts=texts,
    )
    keep_comparison(comparison, page, plots, best, config, sweep)


def stages_sheet(stages: Stages) -> Sheet:
    """What each stage chose, and what became of it."""
    rows = []
    for stage, result in stages.items():
        found, promoted = result.comparison, result.promotion
        best = found.entry(found.best)
        registered = f"version {promoted.version}, {promoted.status}" if promoted else "not asked"
        rows.append(
            (
                Cell(stage, result.case),
                Cell(found.base_model),
                Cell(found.best),
                Cell(
                    figure(best.metrics[found.primary].mean),
                    found.metric_title(found.primary),
                ),
                Cell(registered),
                Cell(result.run_id[:8], "reused" if result.reused else ""),
            )
        )
    return Sheet(
        heading="The stages",
        note="Each has a sweep of its own, with its own report, in the experiment of its case.",
        columns=("", "Start", "Chosen", "On its test part", "Registered", "MLflow run"),
        rows=tuple(rows),
    )
