"""Whether the evidence is what it says: simulations of worlds whose truth is known.

    python -m benchmarks.evidence            # all, about a quarter of an hour on two cores
    python -m benchmarks.evidence --runs 200 # a quick look; the last column says how rough

One table, a line a cell: what was simulated, what came of it with its Monte-Carlo error, and the
target. The estimand of every interval is the model's own figure over all rows that might have been
in the test part (for seeds: over all seeds, too), here its figure on 40,000 rows or more. A line
that misses its target by more than twice its Monte-Carlo error is marked, and the exit code is 1.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from benchmarks.duplicates import duplicates
from tasks.evaluation.aligned import Aligned, Measures, Tested
from tasks.evaluation.bootstrap import Draws, differences, intervals, measure
from tasks.evaluation.findings import FEWEST
from tasks.evaluation.metrics import decide, tune_thresholds
from tasks.evaluation.outcomes import Predictions
from tasks.evaluation.scoring import Scoring

Line = tuple[str, float, float, str, bool]
"""What, the figure, its Monte-Carlo error, the target in words, whether it is met."""
SIZES = (22, 80, 300, 1000)
RATES = (0.01, 0.03, 0.1, 0.3)
RESAMPLES = 200


def draws_of(
    truth: np.ndarray,
    arms: dict[str, list[np.ndarray]],
    measures: Measures,
    seed: int,
    groups: np.ndarray | None = None,
) -> Draws:
    """What `bootstrap.resample` makes of stored tables, without the store."""
    ids = [str(row) for row in range(len(truth))]
    order = np.arange(len(truth))
    entries = {
        name: tuple(
            Tested(at, Predictions(ids=ids, truth=truth, probabilities=table), order, ())
            for at, table in enumerate(tables)
        )
        for name, tables in arms.items()
    }
    aligned = Aligned(entries, measures, len(truth), groups)
    measured = {
        name: tuple(measure(aligned, each, RESAMPLES, seed) for each in tested)
        for name, tested in entries.items()
    }
    return Draws(aligned, measured, 0.95, RESAMPLES, seed)


def right_or_wrong(generator: np.random.Generator, truth: np.ndarray, rate: float) -> np.ndarray:
    """Answers of which each is wrong at this rate, as probabilities of two classes."""
    flip = generator.random((len(truth), 1)) < rate
    return np.where(flip, 1 - truth, truth).astype(float)


def two_classes(generator: np.random.Generator, rows: int) -> np.ndarray:
    """(rows, 2) of 0 and 1."""
    return np.eye(2, dtype=np.int8)[(generator.random(rows) < 0.5).astype(int)]


def type_one(runs: int) -> Iterator[Line]:
    """How often one of two equal arms is called better or worse."""
    shares = []
    for rows in SIZES:
        for rate in RATES:
            generator, false = np.random.default_rng([rows, int(1000 * rate)]), 0
            for run in range(runs):
                truth = two_classes(generator, rows)
                arms = {name: [right_or_wrong(generator, truth, rate)] for name in "ab"}
                measures = Measures(("accuracy",), Scoring("single_label"))
                false += differences(draws_of(truth, arms, measures, run))[0].real
            shares.append(false / runs)
            yield share(f"false verdicts, n={rows}, error rate {rate}", false, runs, 0.065)
    mean = float(np.mean(shares))
    yield ("false verdicts, mean of the cells", mean, 0.0, "at most .05", mean <= 0.05)


def families(runs: int) -> Iterator[Line]:
    """How often a table of six equal arms names one that is better or worse."""
    for metric, rows, share_of_positives in (
        ("accuracy", 80, 0.5),
        ("accuracy", 300, 0.5),
        ("f1", 300, 0.5),
        ("average_precision", 300, 0.5),
        ("average_precision", 300, 0.1),
        ("roc_auc", 300, 0.1),
        ("average_precision", 300, 0.05),
        ("average_precision_macro", 300, 0.1),
    ):
        generator, named = np.random.default_rng([rows, int(100 * share_of_positives)]), 0
        labels = 5 if metric.endswith("macro") else 1
        for run in range(runs):
            truth = (generator.random((rows, labels)) < share_of_positives).astype(np.int8)
            noise = generator.normal(size=(6, rows, labels))
            score = 1 / (1 + np.exp(-(2.0 * truth - 1 + noise)))
            measures = Measures((metric,))
            if labels == 1:
                truth, score = np.append(1 - truth, truth, 1), np.append(1 - score, score, 2)
                measures = Measures((metric,), Scoring("single_label", 1))
            arms = {f"arm{at}": [one] for at, one in enumerate(score)}
            named += any(gap.real for gap in differences(draws_of(truth, arms, measures, run)))
        what = f"six equal arms, {metric}, n={rows}, {share_of_positives:.0%} positive: one named"
        yield share(what, named, runs, 0.05)


def coverage(runs: int) -> Iterator[Line]:
    """How often an interval holds the figure that more rows would show."""
    for rows in SIZES[1:]:
        for grouped in (False, True):
            yield from _labels(rows, grouped, runs)
    for rows in SIZES:
        yield from _shares(rows, runs)
    yield from _uneven(runs)
    yield from _over_seeds(runs)


def _signals(
    generator: np.random.Generator, rows: int, bars: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Truth and probabilities; rows of one group (of so many rows) are easy or hard together."""

    def shared(of: int) -> np.ndarray:
        own = generator.normal(size=(rows, len(bars)))
        if of == 1:
            return own
        group = np.repeat(generator.normal(size=(rows // of + 1, len(bars))), of, axis=0)[:rows]
        return 0.7 * group + 0.51**0.5 * own

    signal = shared(size)
    scores = 2 * (signal + 0.8 * shared(size) - bars)
    return (signal > bars).astype(np.int8), 1 / (1 + np.exp(-scores))


def _labels(rows: int, grouped: bool, runs: int) -> Iterator[Line]:
    bars, size = np.linspace(0.0, 0.9 if rows < 300 else 1.3, 5), 4 if grouped else 1
    names = ("f1_micro", "f1_macro", "average_precision_macro", "roc_auc_macro", "subset_accuracy")
    generator = np.random.default_rng([rows, size])

    def draw(count: int) -> tuple[np.ndarray, dict[str, list[np.ndarray]]]:
        truth, chances = _signals(generator, count, bars, size)
        return truth, {"a": [chances]}

    yield from _covered(draw, Measures(names), rows, size, runs)


def _shares(rows: int, runs: int) -> Iterator[Line]:
    """Accuracy near 1, and the mean absolute error of stars."""
    generator, stars = np.random.default_rng(rows), np.arange(5)

    def draw(count: int) -> tuple[np.ndarray, dict[str, list[np.ndarray]]]:
        right = generator.integers(0, 5, count)
        off = np.where(generator.random(count) < 0.03, generator.integers(-2, 3, count), 0)
        answer = np.clip(right + off, 0, 4)
        eye = np.eye(5, dtype=np.int8)
        return eye[right], {"a": [eye[answer].astype(float)]}

    measures = Measures(
        ("accuracy", "mae"), Scoring("single_label", None, tuple(map(float, stars)))
    )
    yield from _covered(draw, measures, rows, 1, runs)


def _uneven(runs: int) -> Iterator[Line]:
    """Groups of which a few have most of the rows, as customers and authors have."""
    sizes = [40, 20, 10, 6, 4] + [1] * 40
    for alike in (0.1, 0.3, 0.8):
        held = sum(uneven_is_covered(run, sizes, alike) for run in range(runs))
        what = f"covered: accuracy, n=120 in 45 uneven groups, correlation {alike} within"
        yield share(what, held, runs, 0.92, least=True)


def uneven_is_covered(run: int, sizes: Sequence[int], alike: float) -> bool:
    """Whether the interval of an accuracy holds its truth, .7.

    Args:
        run: of the simulation; seeds it.
        sizes: rows of each group.
        alike: correlation of two rows of one group.
    """
    generator = np.random.default_rng(run)
    group = np.repeat(np.arange(len(sizes)), sizes)
    strength = 1 / alike - 1  # of the Beta distribution that a group's own share is drawn from
    shares = generator.beta(0.7 * strength, 0.3 * strength, len(sizes))
    truth = two_classes(generator, len(group))
    right = generator.random(len(group)) < shares[group]
    answers = np.where(right[:, None], truth, 1 - truth).astype(float)
    measures = Measures(("accuracy",), Scoring("single_label"))
    found = intervals(draws_of(truth, {"a": [answers]}, measures, run, group))["a"]["accuracy"]
    return found.low <= 0.7 <= found.high


def _over_seeds(runs: int) -> Iterator[Line]:
    """Three seeds that differ by a deviation of .03 about a common accuracy of .8."""
    generator, held = np.random.default_rng(3), 0
    for run in range(runs):
        truth = two_classes(generator, 300)
        rates = np.clip(0.2 + 0.03 * generator.normal(size=3), 0.01, 0.99)
        arms = {"a": [right_or_wrong(generator, truth, rate) for rate in rates]}
        drawn = draws_of(truth, arms, Measures(("accuracy",), Scoring("single_label")), run)
        found = intervals(drawn)["a"]["accuracy"]
        held += found.low <= 0.8 <= found.high
    yield share("covered: accuracy over three seeds, n=300", held, runs, 0.92, least=True)


def _covered(
    draw: Callable[[int], tuple[np.ndarray, dict[str, list[np.ndarray]]]],
    measures: Measures,
    rows: int,
    size: int,
    runs: int,
) -> Iterator[Line]:
    large = [_figures(*draw(20_000), measures) for _ in range(4)]
    expected, held, done = np.mean(large, axis=0), np.zeros(len(measures.metrics)), 0
    for run in range(runs):
        truth, arms = draw(rows)
        if measures.scoring.task == "multi_label" and truth.sum(0).min() < FEWEST:
            continue
        groups = None if size == 1 else np.arange(rows) // size
        found = intervals(draws_of(truth, arms, measures, run, groups))["a"]
        limits = [(found[name].low, found[name].high) for name in measures.metrics]
        held += [low <= own <= high for (low, high), own in zip(limits, expected, strict=True)]
        done += 1
    how = f"n={rows}" + (f" in groups of {size}" if size > 1 else "")
    for name, count in zip(measures.metrics, held, strict=True):
        yield share(f"covered: {name}, {how}", int(count), done, 0.92, least=True)


def _figures(
    truth: np.ndarray, arms: dict[str, list[np.ndarray]], measures: Measures
) -> np.ndarray:
    table = Predictions(ids=[], truth=truth, probabilities=arms["a"][0])
    aligned = Aligned({}, measures, len(truth), None)
    figures = aligned.figures(Tested(None, table, np.arange(len(truth)), ()))
    return figures.at(np.ones((len(truth), 1)))[:, 0]


def thresholds(draws: int) -> Iterator[Line]:
    """What thresholds of each label lose against the common one, in calibrated probabilities."""
    bars = np.linspace(0.45, 2.7, 20)
    for rows in (69, 200, 600):
        generator, losses = np.random.default_rng(rows), []
        for _ in range(draws):
            (truth, chances), (test, answers) = (
                _calibrated(generator, count, bars) for count in (rows, 2000)
            )
            own = np.array(tune_thresholds(truth, chances))
            common = _common(truth, chances)
            losses.append(_micro_f1(test, answers, common) - _micro_f1(test, answers, own))
        bound = float(np.mean(losses) + 1.645 * np.std(losses, ddof=1) / np.sqrt(len(losses)))
        error = float(np.std(losses, ddof=1) / np.sqrt(len(losses)))
        what = f"loss by thresholds of each label, {rows} rows: upper 95 % bound"
        yield (what, bound, error, "at most .003", bound <= 0.003)


def _calibrated(
    generator: np.random.Generator, rows: int, bars: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    scores = 1.7 * (generator.normal(size=(rows, len(bars))) - bars)
    chances = 1 / (1 + np.exp(-scores))
    return (generator.random(chances.shape) < chances).astype(np.int8), chances


def _common(truth: np.ndarray, chances: np.ndarray) -> np.ndarray:
    grid = np.linspace(0.02, 0.98, 97)
    found = [_micro_f1(truth, chances, np.full(truth.shape[1], bar)) for bar in grid]
    best = np.flatnonzero(np.array(found) >= max(found) - 1e-12)
    return np.full(truth.shape[1], grid[best[np.argmin(np.abs(grid[best] - 0.5))]])


def _micro_f1(truth: np.ndarray, chances: np.ndarray, bars: np.ndarray) -> float:
    answered = decide("multi_label", chances, bars)
    return float(2 * (answered & (truth == 1)).sum() / max(answered.sum() + truth.sum(), 1))


def share(what: str, count: int, of: int, target: float, least: bool = False) -> Line:
    """A line about a share; it misses by more than twice its Monte-Carlo error, or it is met."""
    found = count / max(of, 1)
    error = float(np.sqrt(max(found * (1 - found), 1 / max(of, 1)) / max(of, 1)))
    met = found >= target - 2 * error if least else found <= target + 2 * error
    return what, found, error, f"at {'least' if least else 'most'} {target:g}", met


def _lines(job: tuple[Callable[[int], Iterator[Line]], int]) -> list[Line]:
    simulate, runs = job
    return list(simulate(runs))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulations and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=2000, help="simulated runs of a cell")
    runs = parser.parse_args(arguments).runs
    missed = 0
    print(f"{'simulated':76} {'found':>7} {'error':>7}  target")
    jobs = [
        (type_one, runs),
        (coverage, max(runs // 4, 1)),
        (families, max(runs // 4, 1)),
        (thresholds, max(runs // 10, 2)),
        (duplicates, runs),
    ]
    with ProcessPoolExecutor(2) as pool:
        for lines in pool.map(_lines, jobs):
            for what, found, error, target, met in lines:
                missed += not met
                mark = "" if met else "   MISSED"
                print(f"{what:76} {found:7.4f} {error:7.4f}  {target}{mark}", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
