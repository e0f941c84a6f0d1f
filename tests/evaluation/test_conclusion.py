"""What a comparison says in words: the first sentence, and that none contradicts the table."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from evaluation.situations import comparison, entry, read_situation
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.evaluation.conclusion import AS_GOOD, NAMED, conclude, strongest_reference
from tasks.evaluation.findings import Comparison
from tasks.evaluation.tables import quality

SITUATIONS = yaml.safe_load(Path(__file__).with_name("first_sentences.yaml").read_text("utf-8"))


@pytest.mark.parametrize("given_", SITUATIONS, ids=[each["situation"] for each in SITUATIONS])
def test_the_first_sentence_says_what_to_do(given_: dict[str, object]) -> None:
    assert read_situation(given_).headline == given_["sentence"]


def test_there_are_twelve_situations() -> None:
    assert len(SITUATIONS) == len({each["sentence"] for each in SITUATIONS}) == 12


@st.composite
def tables(draw: st.DrawFn) -> Comparison:
    """Any figures, any costs, and any verdicts that a table might hold, transitive or not."""
    metric = draw(st.sampled_from(["f1_micro", "loss"]))
    figures = st.integers(0, 40).map(lambda value: value / 40)
    kinds = [
        "arm",
        *draw(st.lists(st.sampled_from(["arm", "arm", "baseline", "hosted"]), max_size=6)),
    ]
    seeds = draw(st.sampled_from([(1,), (1, 2), (1, 2, 3)]))
    entries = [
        entry(
            f"e{number}",
            draw(figures),
            kind=kind,
            selection=draw(figures),
            seconds=draw(st.sampled_from([None, 1.0, 5.0, 20.0])),
            trunk=draw(st.sampled_from([None, 3.0, 9.0])),
            seeds=seeds,
            metric=metric,
        )
        for number, kind in enumerate(kinds)
    ]
    apart = draw(st.sets(st.tuples(*[st.sampled_from([each.name for each in entries])] * 2)))
    return comparison(
        entries,
        draw(st.sampled_from([0.01, 0.2])),
        lambda one, two: (one, two) in apart or (two, one) in apart,
        metric,
        draw(st.sampled_from([100, 1000])),
    )


def named(text: str) -> list[str]:
    return re.findall(r"\be\d+\b(?= \()", text)


@given(tables())
@settings(deadline=None, max_examples=60)
def test_no_sentence_contradicts_the_table(table: Comparison) -> None:
    best, reference = table.best, strongest_reference(table)
    verdict = {
        each.name: table.verdict(each.name, best) for each in table.entries if each.name != best
    }
    arms = [each.name for each in table.arms if each.name != best]
    baselines = [each.name for each in table.baselines]
    by_verdict = {
        kind: {name for name in arms if verdict[name] == kind}
        for kind in ("better", "worse", "even")
    }

    line = table.headline
    subject = re.findall(r"\be\d+\b", line)[0]
    beaten = {name for name in baselines if verdict[name] == "better"}
    assert line.startswith("Use ") == bool(beaten)
    if line.startswith("Use "):
        assert subject in beaten
        assert subject == reference.name or reference.name not in beaten
    elif line.startswith("Keep to "):
        assert verdict[subject] == "even"
        assert subject == reference.name
    elif line.startswith("Do not settle"):
        assert subject == best
        assert re.findall(r"on test (e\d+) is better", line)[0] in by_verdict["better"]
    else:
        assert line.startswith("Train ")
        assert not by_verdict["better"]
        assert subject == best or subject in by_verdict["even"]
        assert ("better than every other arm" in line) <= (by_verdict["worse"] == set(arms))
        for rival in re.findall(r"; better than (e\d+)", line):
            assert rival == reference.name
            assert table.verdict(subject, rival) == "better"
            even = {name for name in baselines if table.verdict(subject, name) == "even"}
            unproven = named(line.partition("but not shown to be better than ")[2])
            assert set(unproven) <= even
            assert len(unproven) == min(len(even), NAMED)
        if subject != best:
            gap = table.difference(subject, best)
            assert max(-gap.low, gap.high) <= AS_GOOD
            costs = [
                table.entry(name).costs["seconds_with_trunk"].value for name in (subject, best)
            ]
            assert costs[0] < costs[1]
            assert reference is None or table.verdict(subject, reference.name) == "better"
        assert "no reference" not in line or not baselines

    said: dict[str, int] = {}
    for line in table.evidence:
        for kind, pattern in (
            ("even", r"^As good as e\d+: (.*)"),
            ("even", r"^Not distinguishable from e\d+ on test: (.*)"),
            ("worse", r"^Worse: (.*)"),
            ("better", r"^On test (.*) better than e\d+, although"),
        ):
            if found := re.match(pattern, line):
                names = named(found[1])
                assert set(names) <= by_verdict[kind]
                more = re.findall(r"and (\d+) more(?: are|\.)$", found[1])
                assert len(names) == NAMED or not more
                said[kind] = said.get(kind, 0) + len(names) + sum(map(int, more))
                if kind == "worse":
                    gaps = [abs(table.difference(name, best).difference) for name in names]
                    assert gaps == sorted(gaps)  # the nearest first
                if line.startswith("As good"):
                    for name in names:
                        gap = table.difference(name, best)
                        assert max(-gap.low, gap.high) <= AS_GOOD
        for verb, own in (("beats", "better"), ("loses to", "worse"), ("told apart from", "even")):
            if found := re.search(rf"{verb} the strongest baseline on validation, (e\d+)", line):
                assert found[1] == reference.name
                assert table.verdict(best, found[1]) == own
        if found := re.match(r"It loses to the baseline (e\d+), too", line):
            assert verdict[found[1]] == "better"
            assert found[1] != reference.name
        if found := re.match(r"Nor is it shown to be better than (.*)", line):
            assert {verdict[name] for name in named(found[1])} == {"even"}
            assert reference.name not in named(found[1])
        if found := re.match(r"The hosted model (e\d+) (is better|is worse|cannot)", line):
            kinds = {"is better": "better", "is worse": "worse", "cannot": "even"}
            assert verdict[found[1]] == kinds[found[2]]
        if line.startswith("Caution: with one seed"):
            assert len(table.arms[0].seeds) == 1
        for number, sign, low in re.findall(
            r"(e\d+) \(difference ([+-])[\d.]+, interval ([+-][\d.]+)", line
        ):
            if number != best and not line.startswith(("It ", "Nor ")):
                gap = table.difference(number, best)
                assert (sign == "-") == (round(gap.difference, 3) < 0)
                assert float(low) == pytest.approx(gap.low, abs=6e-4)
    assert said == {kind: len(names) for kind, names in by_verdict.items() if names}
    assert any("one seed" in line for line in table.evidence) == (len(table.arms[0].seeds) == 1)
    assert any("only 100 test rows" in line for line in table.evidence) == (table.test_rows == 100)


def test_verdicts_say_how_far_they_go() -> None:
    one = comparison([entry("full", 0.8), entry("head", 0.5)])
    assert "on this seed" in one.conclusion
    three = comparison([entry("full", 0.8, seeds=(1, 2, 3)), entry("head", 0.5, seeds=(1, 2, 3))])
    assert "over these 3 seeds" in three.headline
    assert "this seed" not in three.conclusion


def test_arms_of_unequal_seeds_are_compared_on_those_that_both_have() -> None:
    """The top alone is trained three times, the whole model once."""
    seeds = (42, 43, 44)
    arms = [entry("full", 0.8), entry("last_1", 0.9, seeds=seeds), entry("head", 0.5, seeds=seeds)]
    table = comparison(arms)
    assert table.difference("last_1", "head").seeds == 3
    assert table.difference("last_1", "full").seeds == 1
    assert "Of 3 strategies (1 to 3 seeds each)" in table.evidence[0]
    said = " ".join(table.evidence)
    assert re.search(r"head \(difference -[^)]*, over these 3 seeds\)", said)
    assert re.search(r"full \(difference -[^)]*, on this seed\)", said)
    caution = table.evidence[-1]
    assert caution.startswith("Caution: full: one seed alone")
    assert "every verdict is one on this seed" not in table.conclusion
    note = quality(table).note
    assert "rows and each arm's 1 to 3 seeds" in note
    assert "on the seeds that both have" in note


def test_figures_of_other_seeds_do_not_stand_for_a_difference() -> None:
    """Over all its seeds an arm may look better than one that is better on the seed of both."""
    arms = [
        entry("full", 0.70, selection=0.6, seeds=(42,)),
        entry("head", 0.72, selection=0.7, seeds=(42, 43, 44)),
    ]
    table = comparison(arms)
    (gap,) = table.differences
    gap = gap.model_copy(update={"difference": 0.06, "low": 0.02, "high": 0.1, "real": True})
    table = table.model_copy(update={"differences": (gap,), "indistinguishable": ()})
    assert conclude(table).startswith(
        "Do not settle yet: validation chose head, but on test full is better, a difference of "
        "+0.060 in F1 micro on this seed; "
    )


def test_the_first_sentence_claims_no_more_seeds_than_were_compared() -> None:
    entries = [
        entry("full", 0.5),
        entry("head", 0.8, seeds=(42, 43, 44)),
        entry("untrained head", 0.2, kind="baseline"),
    ]
    table = comparison(entries)
    one = [gap.model_copy(update={"seeds": 1}) for gap in table.differences]
    said = conclude(table.model_copy(update={"differences": tuple(one)}))
    assert said.startswith("Train head: better than every other arm on this seed, F1 micro 0.800")
    assert "over these 3 seeds; better than untrained head (0.200) on this seed." in said


def test_a_baseline_that_is_not_beaten_is_named_though_another_one_is() -> None:
    """Validation may like a weaker baseline better than one that is as good as the arm on test."""
    table = comparison(
        [
            entry("head", 0.80),
            entry("tfidf_logistic", 0.60, selection=0.7, kind="baseline"),
            entry("characters", 0.82, selection=0.6, kind="baseline"),
        ]
    )
    assert table.headline.endswith(
        "; better than tfidf_logistic (0.600), but not shown to be better than characters (0.820)."
    )
    assert any(
        line.startswith("Nor is it shown to be better than characters (difference -0.020")
        for line in table.evidence
    )


@pytest.mark.parametrize(("metric", "strongest"), [("f1_micro", "high"), ("loss", "low")])
def test_the_strongest_baseline_is_the_one_that_validation_likes_best(
    metric: str, strongest: str
) -> None:
    """Of losses and errors the one with the least."""
    baselines = [
        entry(name, 0.5, selection=selection, kind="baseline", metric=metric)
        for name, selection in (("middle", 0.5), ("high", 0.7), ("low", 0.3), ("none", np.nan))
    ]
    table = comparison([entry("full", 0.6, metric=metric), *baselines], metric=metric)
    found = strongest_reference(table)
    assert found is not None
    assert found.name == strongest


def test_an_arm_is_not_called_better_than_every_other_one_where_one_is_even() -> None:
    line = comparison([entry("full", 0.80), entry("last_1", 0.78), entry("head", 0.5)]).headline
    assert line.startswith("Train full: the arm that validation chose, and none is shown to be bet")


def test_a_figure_without_an_interval_is_said_to_have_none() -> None:
    full = entry("full", 0.8)
    bare = full.metrics["f1_micro"].model_copy(update={"low": float("nan"), "high": float("nan")})
    table = comparison(
        [full.model_copy(update={"metrics": {"f1_micro": bare}}), entry("head", 0.5)]
    )
    assert "its interval is not estimable: a label has too few test rows" in table.evidence[0]
    (gap,) = table.differences
    gap = gap.model_copy(update={"low": float("nan"), "high": float("nan")})
    said = conclude(table.model_copy(update={"differences": (gap,)}))
    assert "head (difference -0.300, interval not estimable)" in said


def test_a_cheap_arm_that_does_not_beat_the_reference_is_not_recommended() -> None:
    """Though it is as good as the arm that does: that one is what to train."""
    entries = [
        entry("full", 0.80, seconds=100),
        entry("freeze_4", 0.79, seconds=40),
        entry("tfidf_logistic", 0.782, kind="baseline"),
    ]
    assert comparison(entries, 0.015).headline.startswith("Train full: the arm that validation ")


def test_the_nearest_of_the_worse_arms_is_named_first() -> None:
    for metric, sign in (("f1_micro", -1), ("loss", 1)):
        arms = [entry(f"arm{gap}", 0.6 + sign * gap / 10, metric=metric) for gap in (0, 3, 2)]
        (line,) = (
            line for line in comparison(arms, metric=metric).evidence if line.startswith("Worse")
        )
        assert line.index("arm2") < line.index("arm3")


@pytest.mark.parametrize(("unit", "shown"), [(1.0, "8.120"), (1e4, "81200"), (1e-4, "0.000812")])
def test_errors_in_a_unit_are_told_and_weighed_in_it(unit: float, shown: str) -> None:
    """3 % more error is as good, in minutes as in years; one of 0.02 is not, where all are so."""
    entries = [
        entry("slow", 8.12 * unit, selection=8.0 * unit, seconds=20.0, metric="mae"),
        entry("quick", 8.2 * unit, selection=8.2 * unit, seconds=1.0, metric="mae"),
    ]
    said = comparison(entries, 0.15 * unit, metric="mae").conclusion
    assert shown in said
    assert "As good as slow: quick" in said
    wide = comparison(entries, 0.3 * unit, metric="mae").conclusion
    assert "Not distinguishable from slow on test: quick" in wide


def test_how_many_seeds_there_were_is_said_once_there_were_several() -> None:
    for seeds, said in (((42,), "Of 2 strategies, full"), ((1, 2), "Of 2 strategies (2 seeds")):
        table = comparison([entry("full", 0.8, seeds=seeds), entry("head", 0.5, seeds=seeds)])
        assert table.evidence[0].startswith(said)


def test_two_seeds_are_no_single_one() -> None:
    arms = [
        entry("one", 0.8, seeds=(1,)),
        entry("two", 0.6, seeds=(1, 2)),
        entry("three", 0.5, seeds=(1, 2, 3)),
    ]
    (caution,) = [line for line in comparison(arms).evidence if line.startswith("Caution")]
    assert caution.startswith("Caution: one: one seed alone.")
    (caution,) = [line for line in comparison(arms[1:]).evidence if line.startswith("Caution")]
    assert caution == "Caution: two seeds say little about how much a result changes."


def test_what_equals_the_best_arm_is_told_with_the_cheapest_first() -> None:
    """By what an arm costs at most: the trunk's pass may be dearer than the training behind it."""
    arms = [
        entry("full", 0.80, seconds=20.0),
        entry("head", 0.79, seconds=1.0, trunk=30.0),
        entry("last_1", 0.78, seconds=5.0),
    ]
    (line,) = [line for line in comparison(arms).evidence if line.startswith("Not dist")]
    assert named_by(line) == ["last_1", "head"]


@pytest.mark.parametrize(("reach", "said"), [(0.02, "As good as"), (0.04, "Not distinguishable")])
def test_an_arm_is_as_good_where_its_interval_is_narrow(reach: float, said: str) -> None:
    """Shares need no unit: the margin is three points of a hundred."""
    arms = [entry("full", 0.80), entry("head", 0.795), entry("last_1", 0.795), entry("lora", 0.795)]
    table = comparison([*arms], reach=reach)
    (line,) = [line for line in table.evidence if line.startswith(said)]
    assert named_by(line) == ["head", "last_1", "lora"]
    assert re.search(r"head \([^)]*\), last_1 \([^)]*\) and lora \(", line)


def test_several_arms_that_are_better_on_test_are_told_in_one_sentence() -> None:
    arms = [
        entry("full", 0.5, selection=0.9),
        entry("head", 0.7, selection=0.8),
        entry("last_1", 0.8, selection=0.7),
    ]
    (line,) = [line for line in comparison(arms).evidence if line.startswith("On test")]
    assert named_by(line) == ["last_1", "head"]
    assert "are better than full" in line
    (line,) = [line for line in comparison(arms[:2]).evidence if line.startswith("On test")]
    assert "is better than full" in line


def test_each_baseline_that_an_arm_loses_to_is_named_once() -> None:
    baselines = [
        entry("tfidf_logistic", 0.8, selection=0.8, kind="baseline"),
        entry("characters", 0.7, selection=0.7, kind="baseline"),
    ]
    lost = [
        line for line in comparison([entry("head", 0.5), *baselines]).evidence if "lose" in line
    ]
    assert len(lost) == 2
    assert "loses to the strongest baseline on validation, tfidf_logistic" in lost[0]
    assert lost[1].startswith("It loses to the baseline characters, too")


def test_a_small_test_part_says_what_it_could_not_show() -> None:
    """Half of the median width; intervals of other metrics, and those of no width, do not count."""
    entries = [entry("full", 0.8), entry("last_1", 0.75), entry("head", 0.5)]
    table = comparison(entries, reach=0.06, test_rows=100)
    first = table.differences[0]
    wider = first.model_copy(update={"metric": "f1_macro", "low": -0.9, "high": 0.9})
    none = first.model_copy(update={"low": 0.0, "high": 0.0})
    table = table.model_copy(update={"differences": (*table.differences, wider, wider, none, none)})
    caution = conclude(table).splitlines()[-2]
    assert caution == (
        "- Caution: there are only 100 test rows: a difference of less than about 0.06 would not "
        "show."
    )
    assert "Caution: there are only" not in comparison(entries).conclusion


def named_by(line: str) -> list[str]:
    """What a sentence tells the difference of, in its order."""
    return re.findall(r"(\w+) \(difference", line)
