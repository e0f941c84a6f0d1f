"""The model card: what a registered version is, what it was measured on, what it is not for."""

from collections.abc import Sequence

from tasks.config import CaseConfig, LanguageConfig
from tasks.evaluation.findings import Comparison
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.report import markdown
from tasks.ingestion.usable import Usable
from tasks.training.arms import ArmSpec


def model_card(
    config: CaseConfig,
    best: Outcome,
    comparison: Comparison,
    spec: ArmSpec,
    usable: Usable,
    run_id: str,
) -> str:
    """Markdown for the version's description, made from logged figures alone."""
    left_out = ", ".join(f"{label} ({count})" for label, count in usable.rare.items()) or "none"
    return f"""# {config.title}

**Model.** {_model(config, best)} Texts longer than {spec.model.max_length} tokens are cut.

**Labels.** {", ".join(spec.labels)}. Left out because fewer than \
{config.data.min_label_count} rows carry them: {left_out}.

**Data.** {_data(config, spec, usable)}

**Selection.** {_selection(config, best)}

**Limits.** {_calibration(config, best)} The figures hold for texts like those of the data \
above; nothing was measured on others.

**Evidence.** MLflow run `{run_id}` (sweep) and `{best.run_id}` (arm).

{markdown(comparison)}"""


def writer_card(
    config: CaseConfig,
    best: Outcome,
    comparison: Comparison,
    spec: ArmSpec,
    usable: Usable,
    run_id: str,
) -> str:
    """The same for a model that writes."""
    language = config.language
    search = "greedily" if language.beams == 1 else f"with {language.beams} beams"
    return f"""# {config.title}

**Model.** {_model(config, best)} {_prompt(language)}

**Answers.** Generated {search} in float32, at most {language.max_new_tokens} tokens; the end \
token was learnt ({best.metrics["test/stops"]:.0%} of the test answers stop by themselves).

**Data.** {_data(config, spec, usable)} {best.metrics["cost/dropped_pairs"]:.0f} training pairs \
did not fit into {spec.model.max_length} tokens and were left out.

**Selection.** {_selection(config, best)}

**Limits.** The figures hold for requests like those of the data above; nothing was measured on \
others. {_caution(language)}

**Evidence.** MLflow run `{run_id}` (sweep) and `{best.run_id}` (arm).

{markdown(comparison)}"""


def policy_card(
    config: CaseConfig,
    best: Outcome,
    comparison: Comparison,
    spec: ArmSpec,
    usable: Usable,
    run_id: str,
) -> str:
    """The same for a model that learned from rewards."""
    parts = ", ".join(
        f"{reward.weight:g} x {reward.title} ({reward.model or reward.function}"
        f"{f', label {reward.label}' if reward.label else ''})"
        for reward in config.rewards
    )
    return f"""# {config.title}

**Model.** {_model(config, best)} {_prompt(config.language)}

**Learned from.** {parts}; {config.rl.algorithm.upper()}, {best.metrics["cost/steps"]:.0f} steps \
of {config.rl.batch_size} answers of at most {config.rl.max_new_tokens} tokens. Kept: step \
{best.metrics["cost/best_step"]:.0f}, the best on held-out prompts within \
{config.rl.kl_budget:g} nats of the start ({best.metrics["test/kl"]:.1f} on test). {best.note}

**Data.** {_data(config, spec, usable)}

**Selection.** {_selection(config, best)}

**Limits.** The reward is what models say, not people: what they overlook was not learned, and \
what they reward wrongly was. The figures hold for prompts like those of the data above.

**Evidence.** MLflow run `{run_id}` (sweep) and `{best.run_id}` (arm).

{markdown(comparison)}"""


def picture_card(
    config: CaseConfig,
    best: Outcome,
    comparison: Comparison,
    spec: ArmSpec,
    left_out: Sequence[str],
    run_id: str,
) -> str:
    """The same for a model that answers about pictures.

    `left_out` says in a line each which questions were not used, and why.
    """
    parts = (("train", spec.train), ("validation", spec.validation), ("test", spec.test))
    sizes = ", ".join(f"{name} {table.rows:,}" for name, table in parts)
    return f"""# {config.title}

**Model.** {config.base_model}, strategy `{best.name}` (what is frozen), seed {best.seed}: \
{best.metrics["cost/trainable_parameters"]:,.0f} of \
{best.metrics["cost/total_parameters"]:,.0f} parameters trained.

**Answers.** Written greedily in float32, at most {config.vqa.max_answer} tokens; \
{best.metrics["test/stops"]:.0%} of the test answers stop by themselves. The confidence is the \
product of the tokens' probabilities, its log-odds divided by {best.temperature:.2f}, fitted on \
validation: the calibration error on test is {best.metrics["test/ece"]:.3f}, and was \
{best.metrics["test/ece_uncalibrated"]:.3f} before.

**Data.** {config.data.source}; questions: {sizes}, no picture in two parts (left out: \
{"; ".join(left_out) or "none"}). Digest of the test part: `{spec.test.digest[:16]}`.

**Selection.** {_selection(config, best)}

**Limits.** The figures hold for questions and pictures like those of the data above; nothing was \
measured on others. The model answers every question, also one that the picture does not answer.

**Evidence.** MLflow run `{run_id}` (sweep) and `{best.run_id}` (arm).

{markdown(comparison)}"""


def reward_card(
    config: CaseConfig,
    best: Outcome,
    comparison: Comparison,
    spec: ArmSpec,
    usable: Usable,
    run_id: str,
) -> str:
    """The same for a reward model."""
    cut = best.metrics["cost/cut_questions"]
    correlation = best.metrics.get("test/length_correlation")
    length = "undefined" if correlation is None else f"{correlation:+.3f}"
    return f"""# {config.title}

**Model.** {_model(config, best)} It reads a question and an answer of {spec.model.max_length} \
tokens together; what is longer loses the end of its question first ({cut:.0f} of the training \
answers came with such a question).

**Rewards.** One number an answer, higher is better. Only differences between answers to one \
question mean something: the sigmoid of it is the probability that the first is preferred \
(calibration error on test {best.metrics["test/ece"]:.3f}). Margin in the loss: \
{config.preference.margin}.

**Data.** {_data(config, spec, usable)} No query is in two parts.

**Selection.** {_selection(config, best)}

**Limits.** The preferences are those of whoever scored the data. The rank correlation of reward \
and length on test is {length}. The figures hold for answers like those of the data above; what is \
trained to earn this reward will find answers that are not.

**Evidence.** MLflow run `{run_id}` (sweep) and `{best.run_id}` (arm).

{markdown(comparison)}"""


def _calibration(config: CaseConfig, best: Outcome) -> str:
    if not config.evaluation.calibrate:
        return "Probabilities are not calibrated."
    return (
        f"Probabilities are calibrated by a temperature of {best.temperature:.2f}, fitted on "
        f"validation: the calibration error on test is {best.metrics['test/ece']:.3f}, and was "
        f"{best.metrics['test/ece_uncalibrated']:.3f} before."
    )


def _prompt(language: LanguageConfig) -> str:
    if language.template == "chat":
        return "Prompt: the tokenizer's own chat template."
    if language.template == "bare":
        return "Prompt: the text alone."
    lines = [language.instruction, f"{language.source_name}: …", f"{language.target_name}:"]
    return f"Prompt: `{' / '.join(filter(None, lines))}`, one line each."


def _caution(language: LanguageConfig) -> str:
    if language.scores == "latex":
        return "An answer that parses may still be another formula than the one that was meant."
    return "Perplexity says how well answers are predicted, not whether they are true."


def _model(config: CaseConfig, best: Outcome) -> str:
    return (
        f"{config.model.base}, strategy `{best.name}`, seed {best.seed}: "
        f"{best.metrics['cost/trainable_parameters']:,.0f} of "
        f"{best.metrics['cost/total_parameters']:,.0f} parameters trained."
    )


def _data(config: CaseConfig, spec: ArmSpec, usable: Usable) -> str:
    parts = (("train", spec.train), ("validation", spec.validation), ("test", spec.test))
    sizes = ", ".join(f"{name} {table.rows:,}" for name, table in parts)
    dropped = ", ".join(f"{reason}: {count}" for reason, count in usable.dropped.items()) or "none"
    return (
        f"{config.data.source}; rows: {sizes} (left out: {dropped}). Digest of the test part: "
        f"`{spec.test.digest[:16]}`."
    )


def _selection(config: CaseConfig, best: Outcome) -> str:
    metric = config.training.select_by
    tuned = "; thresholds tuned on validation" if best.thresholds else ""
    return (
        f"Best of its sweep by `{metric}` = {best.metrics[metric]:.4f}{tuned}. "
        "The test part was read once, after that."
    )
