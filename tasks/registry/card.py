"""The model card: what a registered version is, what it was measured on, what it is not for.

What a section says is the kind's; here are those that every card has.
"""

from collections.abc import Mapping

from tasks.config import CaseConfig
from tasks.evaluation.findings import Comparison
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.report import markdown
from tasks.ingestion.usable import Usable
from tasks.training.arms import ArmSpec


def model_card(
    config: CaseConfig,
    best: Outcome,
    comparison: Comparison,
    run_id: str,
    sections: Mapping[str, str],
) -> str:
    """Markdown for the version's description, made from logged figures alone.

    Args:
        config: the case.
        best: the arm that is registered, or a reference.
        comparison: of its sweep.
        run_id: the sweep's.
        sections: title -> text, `Limits` at the end; `Selection` where the best arm's is not true.
    """
    before = {title: text for title, text in sections.items() if title != "Limits"}
    after = {
        "Selection": sections.get("Selection") or _selection(config, best),
        "Limits": sections["Limits"],
        "Evidence": f"MLflow run `{run_id}` (sweep) and `{best.run_id}` (arm).",
    }
    told = [f"**{title}.** {text}" for title, text in (before | after).items()]
    return "\n\n".join([f"# {config.title}", *told, markdown(comparison, titled=False)])


def with_section(card: str, title: str, text: str) -> str:
    """A card with one more section before its evidence; as it is where there is no text."""
    mark = "\n\n**Evidence.**"
    return card.replace(mark, f"\n\n**{title}.** {text}{mark}", 1) if text else card


def model_line(config: CaseConfig, best: Outcome) -> str:
    """The base model, and what of it was trained."""
    return (
        f"{best.point.get('model.base', config.model.base)}, strategy `{best.name}`, seed "
        f"{best.seed}: "
        f"{best.metrics['cost/trainable_parameters']:,.0f} of "
        f"{best.metrics['cost/total_parameters']:,.0f} parameters trained."
    )


def data_line(config: CaseConfig, spec: ArmSpec, usable: Usable) -> str:
    """Where the rows come from, how many each part has, and what was left out."""
    dropped = ", ".join(f"{reason}: {count}" for reason, count in usable.dropped.items()) or "none"
    return (
        f"{config.data.source}; rows: {sizes(spec)} (left out: {dropped}). Digest of the test "
        f"part: `{spec.test.digest[:16]}`."
    )


def sizes(spec: ArmSpec) -> str:
    """Rows of each part."""
    parts = (("train", spec.train), ("validation", spec.validation), ("test", spec.test))
    return ", ".join(f"{name} {table.rows:,}" for name, table in parts)


def _selection(config: CaseConfig, best: Outcome) -> str:
    metric = config.training.select_by
    tuned = "; thresholds tuned on validation" if best.thresholds else ""
    kept, epochs = (best.metrics.get(f"cost/{name}") for name in ("kept_epoch", "epochs"))
    epoch = f" with the weights of epoch {kept:g} of {epochs:g}" if kept and epochs else ""
    return (
        f"Best of its sweep by `{metric}` = {best.metrics[metric]:.4f}{epoch}{tuned}. "
        "The test part was read once, after that."
    )
