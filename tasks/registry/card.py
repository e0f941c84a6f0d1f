"""The model card: what a registered version is, what it was measured on, what it is not for."""

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
    spec: ArmSpec,
    usable: Usable,
    run_id: str,
) -> str:
    """Markdown for the version's description, made from logged figures alone."""
    left_out = ", ".join(f"{label} ({count})" for label, count in usable.rare.items()) or "none"
    sizes = ", ".join(
        f"{name} {table.rows:,}"
        for name, table in (
            ("train", spec.train),
            ("validation", spec.validation),
            ("test", spec.test),
        )
    )
    dropped = ", ".join(f"{reason}: {count}" for reason, count in usable.dropped.items()) or "none"
    return f"""# {config.title}

**Model.** {config.model.base}, strategy `{best.name}`, seed {best.seed}: \
{best.metrics["cost/trainable_parameters"]:,.0f} of {best.metrics["cost/total_parameters"]:,.0f} \
parameters trained. Texts longer than {spec.model.max_length} tokens are cut.

**Labels.** {", ".join(spec.labels)}. Left out because fewer than \
{config.data.min_label_count} rows carry them: {left_out}.

**Data.** {config.data.source}; rows: {sizes} (left out: {dropped}). Digest of the test part: \
`{spec.test.digest[:16]}`.

**Selection.** Best of its sweep by `{config.training.select_by}` = \
{best.metrics[config.training.select_by]:.4f}\
{"; thresholds tuned on validation" if best.thresholds else ""}. The test part was read once, \
after that.

**Limits.** Probabilities are not calibrated. The figures hold for texts like those of the data \
above; nothing was measured on others.

**Evidence.** MLflow run `{run_id}` (sweep) and `{best.run_id}` (arm).

{markdown(comparison)}"""
