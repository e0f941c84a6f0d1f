"""Formulas as pictures: drawn where mathtext can, shown as text where it cannot."""

import io

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.image import imread

from tasks.kinds.writing.formulas import formulas, shown
from tasks.paths import samples_dir


def table(*pairs: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"prompt": "say it", "expected": a, "generated": b, "normalised_match": float(a == b)}
            for a, b in pairs
        ]
    )


@pytest.mark.parametrize(
    "tex",
    [r"x \le 5", r"a \land b", r"\tfrac{1}{2}", r"\left( x \right)", "$x^2$", r"\sum_{i=1}^n i"],
)
def test_what_mathtext_can_set_is_drawn(tex: str) -> None:
    text, style = shown(tex, 4.0)
    assert text.startswith("$")
    assert style == {"fontsize": 13.0}


def test_a_wide_formula_is_shrunk_to_its_column() -> None:
    _, style = shown(r"\int_0^1 x^2 \, dx + " * 10 + "1", 4.0)
    assert style["fontsize"] < 8


@pytest.mark.parametrize(
    "tex", [r"\begin{pmatrix} 1 & 2 \end{pmatrix}", r"\frac{1}{", "", "{", r"\nosuchcommand"]
)
def test_what_it_cannot_is_text(tex: str) -> None:
    text, style = shown(tex, 4.0)
    assert style["parse_math"] is False
    assert text == (tex or "(nothing)")


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=40))
def test_any_text_is_shown_somehow(tex: str) -> None:
    shown(tex, 4.0)


def test_every_sample_formula_has_a_picture() -> None:
    pairs = pd.read_csv(samples_dir() / "latex.csv")["LaTeX"].tolist()
    drawn = [tex for tex in pairs if shown(tex, 4.0)[0].startswith("$")]
    assert len(drawn) > 0.8 * len(pairs)


def test_the_picture_has_a_line_a_row_up_to_a_limit() -> None:
    few = imread(io.BytesIO(formulas(table(("x", "x"), ("x^2", "$_{")))))
    many = imread(io.BytesIO(formulas(table(*[("x", "y")] * 50))))
    most = imread(io.BytesIO(formulas(table(*[("x", "y")] * 20))))
    assert few.shape[0] < most.shape[0] == many.shape[0]
    assert few.shape[1] == most.shape[1]


def test_nothing_generated_is_no_picture() -> None:
    assert formulas(table()) is None
    assert formulas(table(("x", "x")).drop(columns="generated")) is None
