"""What learning from rewards changed, prompt by prompt: paired tests, cautions, texts."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from tasks.evaluation.examples import Examples, ends
from tasks.evaluation.findings import Comparison, Difference
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scored import GREEDY, SCORE, TEXT, read_scored
from tasks.evaluation.tables import Cell, Sheet, Tone
from tasks.evaluation.wording import figure, signed, signed_span

# From where on a reader is told that answers have changed in more than what was rewarded.
LONGER, REPEATS, DRIFTS = 1.5, 0.05, 0.15
PROMPTS_SHOWN = 40


def paired_scores(before: Outcome, after: Outcome, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """A score of both on the same test prompts, in the same order.

    Raises:
        KeyError: one of them has no such score.
    """
    first, then = read_scored(before.test), read_scored(after.test)
    place = {name: row for row, name in enumerate(then.ids)}
    order = [place[name] for name in first.ids]
    return first.scores[metric], then.scores[metric][order]


def signed_rank(before: np.ndarray, after: np.ndarray) -> float:
    """p of Wilcoxon's signed-rank test that differences are as often and as much up as down.

    It asks nothing of the scores' distribution: rewards are logits with long tails. 1 where no
    prompt differs.
    """
    gaps = after - before
    gaps = gaps[~np.isnan(gaps)]
    if not gaps.any():
        return 1.0
    return float(wilcoxon(gaps).pvalue)


def deviations(before: np.ndarray, after: np.ndarray) -> float:
    """The rise of the mean in standard deviations of the scores before; NaN where they are equal.

    It says how far typical answers moved among the answers that the start gives.
    """
    spread = float(before.std(ddof=1)) if len(before) > 1 else 0.0
    return float((after - before).mean()) / spread if spread > 0 else float("nan")


def paired_sheet(comparison: Comparison, before: Outcome, after: Outcome) -> Sheet:
    """Each shown score of the start and of the chosen arm on the same prompts, with two tests.

    Args:
        comparison: has the bootstrap's intervals.
        before: the start.
        after: the chosen arm.
    """
    rows = []
    for metric in comparison.metrics:
        try:
            first, then = paired_scores(before, after, metric)
        except KeyError:  # a figure of all answers together (distinct-n)
            continue
        if metric == "kl":
            continue
        gap = comparison.difference(after.name, before.name, metric)
        p, moved = signed_rank(first, then), deviations(first, then)
        rows.append(
            (
                Cell(_capital(comparison.metric_title(metric))),
                Cell(figure(float(np.nanmean(first)))),
                Cell(figure(float(np.nanmean(then)))),
                Cell(
                    signed(gap.difference),
                    signed_span(gap.low, gap.high),
                    _tone(gap, p < 1 - comparison.confidence),
                ),
                Cell(signed(moved)),
                Cell(f"{int((then > first).sum())} / {int((then < first).sum())}"),
                Cell(_p(p)),
            )
        )
    return Sheet(
        heading=f"Prompt by prompt: {before.name}, then {after.name}",
        note=(
            f"The same {len(read_scored(before.test).ids)} test prompts, drawn with the same "
            "random numbers. The interval is the paired bootstrap's; the last column is p of "
            "Wilcoxon's signed-rank test. Deviations: the change over the standard deviation of "
            "the start's own scores."
        ),
        columns=("", "Before", "After", "Change", "In deviations", "Up / down", "p"),
        rows=tuple(rows),
    )


def with_findings(comparison: Comparison, before: Outcome, after: Outcome) -> Comparison:
    """The comparison with `findings` behind its conclusion."""
    told = "\n- ".join([comparison.conclusion, *findings(before, after)])
    return comparison.model_copy(update={"conclusion": told})


def findings(before: Outcome, after: Outcome) -> list[str]:
    """Sentences for the conclusion: how far the reward rose, and what else moved with it."""
    first, then = paired_scores(before, after, "reward")
    moved = deviations(first, then)
    verb = "rose" if moved >= 0 else "fell"
    said = [
        f"On test prompts the reward {verb} by {abs(moved):.2f} standard deviations of the "
        f"start's own rewards (Wilcoxon {_p_words(signed_rank(first, then))}), at "
        f"{after.metrics['test/kl']:.1f} nats an answer from it."
    ]
    figures = [
        (outcome.metrics["test/tokens"], outcome.metrics["test/repetition_4"])
        for outcome in (before, after)
    ]
    (tokens, repeats), (tokens_after, repeats_after) = figures
    if not tokens / LONGER <= tokens_after <= tokens * LONGER:
        said.append(
            f"Caution: answers went from {tokens:.1f} to {tokens_after:.1f} tokens: see whether "
            "the reward pays for length alone."
        )
    if repeats_after > repeats + REPEATS:
        said.append(
            f"Caution: answers repeat more, {repeats_after:.0%} of their runs of four words "
            f"against {repeats:.0%}."
        )
    # Of what the registered model gives; arms of releases before have no such figure.
    shown, shown_after = (
        each.metrics.get("test/greedy_repetition_4", 0.0) for each in (before, after)
    )
    if shown_after > shown + REPEATS:
        said.append(
            f"Caution: the most probable answers repeat more, {shown_after:.0%} of their runs of "
            f"four words against {shown:.0%}."
        )
    taken, taken_after = (outcome.metrics["test/overlap"] for outcome in (before, after))
    if abs(taken_after - taken) > DRIFTS:
        what = "copy more of" if taken_after > taken else "take less from"
        said.append(
            f"Caution: answers {what} their prompts, {taken_after:.0%} of their words against "
            f"{taken:.0%}."
        )
    return said + ([after.note] if after.note else [])


def texts_sheet(answered: Mapping[str, Outcome], heading: str = "") -> Sheet:
    """The same test prompts as each model answers them, side by side.

    Args:
        answered: column title -> outcome. Shown are greedy answers, which is what a registered
            model gives; drawn ones where there are none.
        heading: of the table.
    """
    frames = [read_scored(outcome.test).frame.set_index("id") for outcome in answered.values()]
    asked = frames[0]
    rows = [
        (
            Cell(str(asked["prompt"][name])),
            *(Cell(_text(frame, name), _earned(frame, name)) for frame in frames),
        )
        for name in asked.index[:PROMPTS_SHOWN]
    ]
    return Sheet(
        heading=heading or "Test prompts, answered before and after",
        note="Greedy answers, as the registered model gives them, with what each earns.",
        columns=("asked", *answered),
        rows=tuple(rows),
    )


def rewarded(outcome: Outcome) -> Examples:
    """The test prompts whose answers earn least, and then those whose answers earn most."""
    frame = read_scored(outcome.test).frame
    column = next(name for name in (f"{SCORE}greedy_reward", f"{SCORE}reward") if name in frame)
    shown = frame.iloc[ends(frame[column].to_numpy(dtype=float))]
    rows = pd.DataFrame(
        {
            "asked": shown["prompt"].astype(str).tolist(),
            "written": [_text(frame, place) for place in shown.index],
            "reward": shown[column].astype(float).tolist(),
        }
    )
    note = (
        f"Of {outcome.name} on test: the answers that earn least first, then those that earn most."
    )
    return Examples(note, rows)


def texts_markdown(sheet: Sheet) -> str:
    """The same as a section a prompt, its texts quoted letter by letter."""
    parts = [f"# {sheet.heading}"]
    for number, row in enumerate(sheet.rows, 1):
        parts.append(f"## {number}")
        for title, cell in zip(sheet.columns, row, strict=True):
            earned = f" ({cell.remark})" if cell.remark else ""
            quoted = "\n".join(f"    {line}" for line in cell.main.split("\n"))
            parts.append(f"**{title}**{earned}\n\n{quoted}")
    return "\n\n".join(parts) + "\n"


def _text(frame: pd.DataFrame, name: str) -> str:
    return str(frame[GREEDY if GREEDY in frame else TEXT][name]) or "(nothing)"


def _earned(frame: pd.DataFrame, name: str) -> str:
    column = f"{SCORE}greedy_reward" if GREEDY in frame else f"{SCORE}reward"
    return f"earns {frame[column][name]:.2f}"


def _tone(gap: Difference, by_ranks: bool) -> Tone:
    """Of a reward both tests bear out; whether answers should be longer is not for it to say."""
    if "reward" not in gap.metric or not (gap.real and by_ranks):
        return ""
    return "better" if gap.difference > 0 else "worse"


def _p(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _p_words(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
