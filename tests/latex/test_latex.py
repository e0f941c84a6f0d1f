"""Formulas compared: what counts as the same, what parses."""

import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.latex.faults import fault, parses
from tasks.latex.scores import edit_similarity, latex_scores, normalise

SAME = [
    (r"x^{2}", "x^2"),
    (r"\frac12", r"\frac{1}{2}"),
    (r"\frac 1 2", r"\frac{1}2"),
    (r"\dfrac{x}{n}", r"\frac{x}{n}"),
    (r"\left( x + 1 \right)^{2}", "(x+1)^2"),
    (r"\left. x \right|_{0}", "x|_0"),
    (r"\int_{0}^{1} x^2 \,dx", r"\int_0^1 x^2 dx"),
    (r"\int_0^1 x^2\;\mathrm{d}x", r"\int^1_0x^{2}\quad\mathrm dx"),
    (r"\sum^{n}_{i=1} i", r"\sum_{i=1}^n i"),
    (r"\sum\limits_{i}^{n} X_i", r"\sum_{i}^{n} X_{i}"),
    (r"x \le \alpha", r"x\leq{\alpha}"),
    (r"\{x : x \ne 0\}", r"\lbrace x:x\neq 0\rbrace"),
    (r"$x^2$", "x^2"),
    (r"\[ x \]", "x"),
    ("x^2<|endoftext|>", " x^2 "),
    ("x^2<|im_end|><|endoftext|>\n", "x^2"),
    ("x^{{ab}}", "x^{ab}"),
    (r"2 * \pi * r", r"2*\pi*r"),
    (r"\bigl[ a \bigr]", "[a]"),
    (r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}", r"\begin{pmatrix}a&b\\c&d\end{pmatrix}"),
]
DIFFERENT = [
    ("x^{12}", "x^12"),
    (r"\frac{12}{3}", r"\frac123"),
    (r"\inf", r"\infty"),
    (r"2 * \pi", r"2 \cdot \pi"),
    ("{x+1}^2", "x+1^2"),
    ("x_i", "x^i"),
    (r"\alpha x", r"\alphax"),
    ("x^2", "X^2"),
    (r"a \\ b", r"a\,b"),
    ("$x$ and $y$", "x$ and $y"),
    (r"\sqrt[3]{x}", r"\sqrt{x}"),
    ("x^{a_{b}}", "x^{a}_{b}"),
    (r"x \right. y", r"x . y \right"),
    ("x", ""),
    (r"x^a_\frac12", r"x_\frac^a12"),
    (r"\(x\) + \(y\)", r"x\) + \(y"),
]
# What other hands write for one formula, and what is close but another; each was given to KaTeX,
# which sets them all.
WRITTEN_OTHERWISE = [
    ("x'", r"x^\prime"),
    ("f''(x)", r"f^{\prime\prime}(x)"),
    ("x'^2", r"x^{\prime 2}"),
    ("f_a'", "f'_a"),
    (r"1, 2, \ldots, n", r"1, 2, \dots, n"),
    (r"x_1 + \dots + x_n", r"x_1 + \cdots + x_n"),
    (r"x_1 + \ldots + x_n", r"x_1+\dotsb+x_n"),
    ("|x|", r"\lvert x\rvert"),
    (r"\left|x\right|", r"\vert x \vert"),
    (r"\|v\|", r"\lVert v \rVert"),
    ("P(A|B)", r"P(A \mid B)"),
    ("{a+b}", "a+b"),
    ("{a}{b}", "ab"),
    (r"{\alpha}{bc}", r"\alpha bc"),
    ("1{,}000", "1,000"),
    (r"x^\frac12", r"x^{\frac{1}{2}}"),
    (r"x^\mathrm{T}", r"x^{\mathrm T}"),
    (r"e^\sqrt{x}", r"e^{\sqrt x}"),
    (r"x_\text{max}", r"x_{\text{max}}"),
    (r"\binom nk", r"\binom{n}{k}"),
    (r"{n \choose k}", r"\binom{n}{k}"),
    (r"\dbinom{n}{k}", r"\binom nk"),
    (r"{a+1 \over b}", r"\frac{a+1}{b}"),
    (r"\text{if } x", r"\text{if}\ x"),
    (r"x \mbox{ for all } y", r"x~\text{for all}~y"),
    (r"a\ b", "a~b"),
    (r"\operatorname{sin} x", r"\sin x"),
    (r"\operatorname*{argmax}_x", r"\operatorname{argmax}_x"),
    (r"{\rm d}x", r"\mathrm{d}x"),
    (r"\mathbb R", r"\mathbb{R}"),
    (r"\not= y", r"\neq y"),
    (r"x \not\in A", r"x \notin A"),
    (r"\begin{equation} x \end{equation}", "x"),
    (r"\left< x \right>", r"\langle x \rangle"),
    (r"A \iff B", r"A \Longleftrightarrow B"),
    (r"\sqrt[3]2", r"\sqrt[3]{2}"),
    (r"\hat x^2", r"\hat{x}^{2}"),
    (r"\sum_{i=1}^{n}{x_i}", r"\sum_{i=1}^n x_i"),
    (r"\frac{{a}}{b}", r"\frac ab"),
    (r"f : A \to B", r"f\colon A\rightarrow B"),
    (r"a \ast b", "a * b"),
    (r"\text{a  b}", "\\text{a\nb}"),
]
CLOSE_BUT_ANOTHER = [
    (r"\text{if } x", r"\text{if}x"),
    (r"a\ b", "ab"),
    (r"\text{ab}", r"\text{a b}"),
    ("{a+b}^2", "a+b^2"),
    ("x'", "x"),
    ("x'", "x''"),
    (r"x^{\frac12}", r"\frac{x^1}{2}"),
    (r"\binom nk", r"\binom kn"),
    (r"\binom{n}{k}", r"\frac{n}{k}"),
    (r"{n \choose k} + 1", r"\binom{n}{k + 1}"),
    (r"1, \ldots, n", r"1, \cdots, n"),
    ("|x|", r"\|x\|"),
    ("|x|", "(x)"),
    (r"{a \over b}c", r"\frac{a}{bc}"),
    ("x^{'a}", "x'a"),
    ("a{}^b c", "a^b c"),
    (r"\text{sin} x", r"\sin x"),
    (r"\mathrm{d}x", "dx"),
    (r"\sqrt{ab}", r"\sqrt ab"),
    (r"\hat{xy}", r"\hat xy"),
    (r"\not= y", "= y"),
    (r"\begin{matrix} a & b \end{matrix}", r"\begin{matrix} ab \end{matrix}"),
    (r"\operatorname{ab}", "ab"),
    ("x_{ab}", "x_a b"),
    (r"\lfloor x \rfloor", r"\lceil x \rceil"),
    (r"x \in A", r"x \notin A"),
]
PIECES = st.sampled_from(
    [
        *r"{}^_$\&.~()[]ab1 ",
        *(r"\frac", r"\,", r"\left", r"\right", r"\alpha", r"\\", r"\{", r"\le", r"\sqrt"),
        *("<|", "|>", "im_end", "</s>", "\n", "é"),
    ]
)
TEX = st.one_of(st.lists(PIECES, max_size=14).map("".join), st.text(max_size=12))


@pytest.mark.parametrize(("one", "other"), SAME + WRITTEN_OTHERWISE)
def test_formulas_that_are_set_alike_are_one(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT + CLOSE_BUT_ANOTHER)
def test_formulas_that_differ_stay_apart(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@given(TEX)
def test_normalising_twice_is_normalising_once(tex: str) -> None:
    assert normalise(normalise(tex)) == normalise(tex)


@given(
    tokens=st.lists(
        st.sampled_from([r"\frac", "{", "}", "x", "2", r"\alpha", "^", "_", r"\,", "+", r"\\"]),
        max_size=15,
    ),
    spaces=st.lists(
        st.sampled_from([" ", "  ", "\n", "\t ", r" \, ", r"\;", r"\quad "]), max_size=16
    ),
)
def test_white_space_between_tokens_changes_nothing(tokens: list[str], spaces: list[str]) -> None:
    spaces += [" "] * (len(tokens) + 1 - len(spaces))
    spaced = spaces[0] + "".join(t + s for t, s in zip(tokens, spaces[1:], strict=False))
    assert normalise(spaced) == normalise(" ".join(tokens))


@given(
    st.recursive(
        st.sampled_from(["x", "12", r"\pi", "a+b"]),
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda p: rf"\frac{{{p[0]}}}{{{p[1]}}}"),
            st.tuples(inner, inner).map(lambda p: rf"{{{p[0]}}}^{{{p[1]}}}"),
            st.tuples(inner, inner).map(lambda p: rf"\left({p[0]}\right)_{{{p[1]}}} + {p[0]}"),
            inner.map(lambda p: rf"\sqrt{{{p}}}"),
        ),
        max_leaves=8,
    )
)
def test_a_normalised_formula_still_parses(tex: str) -> None:
    assert parses(tex)
    assert parses(normalise(tex))


@given(TEX, TEX)
def test_similarity_is_one_exactly_where_formulas_match(one: str, other: str) -> None:
    similarity = edit_similarity(one, other)
    assert 0 <= similarity <= 1
    assert similarity == edit_similarity(other, one)
    assert (similarity == 1) == (normalise(one) == normalise(other))


@pytest.mark.parametrize("piece", ["{", "x^{", r"\sqrt{", r"\sqrt[", r"\frac", "_^", "'"])
def test_text_that_runs_on_and_on_gets_an_answer(piece: str) -> None:
    tex = piece * 3000
    assert normalise(normalise(tex)) == normalise(tex)
    assert parses(tex) == (fault(tex) is None)


def test_similarity_counts_characters() -> None:
    assert edit_similarity("x^2", "x^3") == pytest.approx(2 / 3)
    assert edit_similarity("abcd", "") == 0


@pytest.mark.parametrize(
    ("tex", "said"),
    [
        ("", "empty"),
        (r"x^{2", "'}'"),
        ("x}2", "closing brace"),
        (r"\frac{1}", "argument"),
        (r"\begin{matrix}a", "end{matrix}"),
        (r"\begin{matrix}a\end{cases}", "cases"),
        ("a $ b", r"'\$'"),
        (r"\left( x", "left"),
        (r"\right) \left(", "left"),
        (r"x^", "no argument"),
        ("$x^$", "no argument"),
        (r"{x^}2", "no argument"),
        (r"x_^2", "no argument"),
        ("x^2^3", "two"),
        (r"{x_1_2}", "two"),
        ("x\\", "backslash"),
        (r"\foo x", "foo"),
        (r"\fraq{1}{2}", "fraq"),
        ("a # b", "#"),
        ("a & b", "&"),
        (r"\text{a} & b", "&"),
        (r"\begin{equation} a & b \end{equation}", "&"),
        (r"\begin{bmatrixx} a \end{bmatrixx}", "bmatrixx"),
        ("x^2'", "two"),
        (r"\alphax", "alphax"),
        (r"\Sin x", "Sin"),
        ("x_'", "no argument"),
        ("{" * 3000 + "x" + "}" * 3000, "nested"),
    ],
)
def test_what_tex_could_not_set_is_named(tex: str, said: str) -> None:
    found = fault(tex)
    assert found is not None
    assert re.search(said, found)
    assert not parses(tex)


@pytest.mark.parametrize(
    "tex",
    [
        r"\int_{0}^{1} x^2 \,dx",
        r"\left\{ x \right.",
        r"\begin{cases} x & x \ge 0 \\ -x & x < 0 \end{cases}",
        r"x_1^2 y_2",
        r"{x^2}^3",
        "x^2{}^3",
        r"x^\frac{1}{2}",
        r"\sqrt[3]{x}",
        r"50\%",
        r"a \& b",
        r"\begin{aligned} a &= b \\ c &= d \end{aligned}",
        r"\newcommand{\half}{\frac12} \half",
        r"\implies x",
        r"\operatorname{foo} x",
        r"\underbrace{a+b}_{c}",
        r"\xrightarrow[n]{k} x",
        r"\iint_D f \, dA",
        "x'^2_a",
        r"\text{a \& b}",
        r"\mathbb{E}[X]",
        r"\bm{x} \cdot \boldsymbol{y}",
        r"\left.\frac{dy}{dx}\right|_{x=0}",
        r"\begin{array}{cc} a & b \end{array}",
        r"\hslash \varkappa \leqslant \nexists \varnothing",
        r"a \equiv b \pmod{n}",
        r"\lim_{x \to 0^+} f'(x)",
        r"\overset{!}{=} \stackrel{d}{\to}",
        r"\mathscr{L} \mathfrak{g}",
        r"\cancel{x}",
        r"\dot{x} \ddot{x} \tilde{x} \widehat{xyz} \overline{AB}",
        r"\blacksquare \therefore \because \measuredangle",
        r"\Biggl( x \Biggr)",
        r"\sideset{}{'}\sum",
        r"\prescript{}{}{x}",
    ],
)
def test_what_tex_sets_parses(tex: str) -> None:
    assert fault(tex) is None


@given(TEX)
def test_any_text_gets_an_answer(tex: str) -> None:
    assert parses(tex) == (fault(tex) is None)


def test_scores_are_a_figure_a_pair() -> None:
    scores = latex_scores(["x^2", "x^2", "x^2", "x"], ["x^2", "x^{2}", "x^3", "x^{"])
    assert scores["exact_match"].tolist() == [1, 0, 0, 0]
    assert scores["normalised_match"].tolist() == [1, 1, 0, 0]
    assert scores["parses"].tolist() == [1, 1, 1, 0]
    assert scores["edit_similarity"].tolist() == pytest.approx([1, 1, 2 / 3, 1 / 3])
    assert all(values.dtype == float for values in scores.values())


def test_the_real_formulas_all_parse_and_stay_distinct(real_data) -> None:
    rows = pd.read_csv(real_data / "english_to_latex.csv")
    assert [fault(tex) for tex in rows["LaTeX"]] == [None] * len(rows)
    assert rows["LaTeX"].map(normalise).nunique() == rows["LaTeX"].nunique()
