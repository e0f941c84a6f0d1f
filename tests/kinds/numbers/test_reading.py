"""A cell is the number that it says, or a sentence: never another number."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.config import NumbersConfig
from tasks.config.loading import load_case
from tasks.ingestion.amounts import NumberError, number_of
from tasks.kinds.kind import kind_of
from tasks.kinds.numbers.reading import in_quantiles, in_ranges, numbers_of

GERMAN = NumbersConfig(decimal=",", thousands=".")
PLAIN = NumbersConfig()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_python_writes_is_read_back(number: float) -> None:
    assert number_of(repr(number), PLAIN) == number


@pytest.mark.parametrize(
    ("cell", "number", "config"),
    [
        (" 3.50 ", 3.5, PLAIN),
        ("+7", 7.0, PLAIN),
        ("\u22124", -4.0, PLAIN),
        ("1.234,5", 1234.5, GERMAN),
        ("-3,25", -3.25, GERMAN),
        ("1,234,567.8", 1234567.8, NumbersConfig(thousands=",")),
        ("12\u202f000", 12000.0, NumbersConfig(thousands=" ")),
        ("12 min", 12.0, NumbersConfig(unit="min")),
        ("\u20ac12.50", 12.5, NumbersConfig(unit="\u20ac")),
        ("12", 12.0, NumbersConfig(unit="min")),
    ],
)
def test_a_number_is_read_as_the_case_says_that_it_is_written(
    cell: str, number: float, config: NumbersConfig
) -> None:
    assert number_of(cell, config) == number


@pytest.mark.parametrize("cell", [None, "", "  ", "NaN", "n/a", "None", "null"])
def test_an_empty_cell_or_a_missing_value_is_no_number_and_no_mistake(cell: str | None) -> None:
    assert number_of(cell, PLAIN) is None


@pytest.mark.parametrize(
    ("cell", "why", "config"),
    [
        ("3,5", "has a comma: if it stands before decimals, set numbers.decimal=','", PLAIN),
        ("1,234.50", "if between thousands, set numbers.thousands=','", PLAIN),
        ("1.234.567", r"has several points: .* set numbers.thousands='.' and .*decimal=','", PLAIN),
        ("1'000", "has an apostrophe", PLAIN),
        ("1 000", "has a space", PLAIN),
        ("12 min", "has 'min' beside its number: if all numbers are in it, set", PLAIN),
        ("2 h", "has 'h' beside its number: convert it to min", NumbersConfig(unit="min")),
        ("12,34.5", "has ',' elsewhere than between thousands", NumbersConfig(thousands=",")),
        ("1.5", "has '.' elsewhere than between thousands", GERMAN),
        ("1.5", "has a point, and numbers.decimal is ','", NumbersConfig(decimal=",")),
        ("inf", "is not finite", PLAIN),
        ("-Infinity", "is not finite", PLAIN),
        ("1e999", "is too large", PLAIN),
        *((cell, "is no number", PLAIN) for cell in ("ten", "12:30", "0x1F", "1_000", "\u0663")),
        *((cell, "is no number", PLAIN) for cell in ("2024-01-05", "1/2", "true", "5-6", "$1.2k")),
    ],
)
def test_anything_else_is_a_sentence_that_says_what_to_set(
    cell: str, why: str, config: NumbersConfig
) -> None:
    with pytest.raises(NumberError, match=why):
        number_of(cell, config)


def test_rows_that_cannot_be_read_are_counted_with_the_first_of_them() -> None:
    numbers, unread, notes = numbers_of(["1", "x", "", "y"], [1, 2, 3, 4], PLAIN)
    assert numbers == [1.0, None, None, None]
    assert [bool(why) for why in unread] == [False, True, False, True]
    (note,) = notes
    assert note.startswith("no number can be read in row 2, whose cell 'x' is no number; 1 more")


@pytest.mark.parametrize(
    ("cells", "config", "said"),
    [
        (["1.234", "2.500", "999", "12.000"], PLAIN, True),
        (["1,234", "2,500", "3,100"], NumbersConfig(decimal=","), True),
        (["1.234", "2.5", "12.000"], PLAIN, False),  # one that cannot be thousands
        (["0.234", "0.500", "0.125"], PLAIN, False),
        (["1.234", "2.500"], PLAIN, False),  # too few to say
        (["1.234", "2.500", "12.000"], GERMAN, False),
    ],
)
def test_decimals_that_look_like_thousands_are_said(
    cells: list[str], config: NumbersConfig, said: bool
) -> None:
    notes = numbers_of(cells, range(len(cells)), config)[2]
    assert [("between thousands" in note) for note in notes] == [True] * said


def test_a_number_could_not_be_read_two_ways() -> None:
    with pytest.raises(ValueError, match=r"decimal and thousands are both '\.'"):
        NumbersConfig(thousands=".")


def test_each_part_gets_its_share_of_every_quantile(isolated_store: object) -> None:
    """By what the kind says of its rows, also where one number is frequent and one far out."""
    from tasks.splitting.assignment import assign

    config = load_case("urgency")
    draws = np.random.default_rng(0)
    numbers = np.concatenate([np.zeros(60), draws.lognormal(3, 1, 139), [1e6]])
    frame = pd.DataFrame(
        {
            "row": range(200),
            "text": [f"text {draws.integers(1e9)} of {n}" for n in range(200)],
            "labels": [[repr(float(number))] for number in numbers],
        }
    )
    units = kind_of("regression").units(frame, config)
    made = assign(units, config.split.model_copy(update={"near_duplicates": None}))
    (parts,) = made.positions()
    assert sum(map(len, parts.values())) == 200
    for name, wanted in made.report.requested.items():
        found = numbers[parts[name]]
        assert len(found) / 200 == pytest.approx(wanted, abs=0.03)
        assert (found == 0).mean() == pytest.approx(0.3, abs=0.05)
        assert np.median(found) == pytest.approx(np.median(numbers), rel=0.25)
    assert len(made.report.labels) <= 10


def test_equal_texts_contradict_each_other_in_the_number_not_in_its_quantile() -> None:
    config = load_case("urgency", "sample", ["split.conflicts=drop", "split.near_duplicates=null"])
    said = [(f"message {n}", float(n)) for n in range(40)] + [("message 7", 7.25)]
    frame = pd.DataFrame(
        {
            "row": range(len(said)),
            "text": [text for text, _ in said],
            "labels": [[repr(number)] for _, number in said],
        }
    )
    from tasks.splitting.assignment import assign

    units = kind_of("regression").units(frame, config)
    assert units.strata is not None
    assert units.strata[7] == units.strata[40]
    report = assign(units, config.split).report
    assert (report.conflicting, report.left_out.conflicting) == (1, 2)


def test_ranges_and_quantiles_of_few_and_of_equal_numbers() -> None:
    assert in_quantiles(np.array([4.0, 4.0])) == [["4"], ["4"]]
    assert in_ranges(np.array([np.nan, 0.0, 10.0])) == [[], ["0 to 1"], ["9 to 10"]]
    far = 1e9 + np.arange(100) / 1000  # ends that six digits do not tell apart
    assert len({names[0] for names in in_quantiles(far)}) == 10
