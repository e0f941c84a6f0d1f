"""LaTeX formulas compared: exactly, by what they mean to TeX, and by how many characters differ."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
from pylatexenc.latexwalker import LatexWalker, LatexWalkerError
from rapidfuzz.distance import Levenshtein

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\\|\S", re.DOTALL)
_END_TEXT = re.compile(r"(<\|\w+\|>|</s>)\s*$")
_MATH_MARKS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"))
# Space and size: seen, but no part of the formula.
_DROPPED = {
    *(rf"\{mark}" for mark in ",;:!> \n\t"),
    *(r"\quad", r"\qquad", r"\thinspace", r"\medspace", r"\thickspace", r"\enspace"),
    *(r"\negthinspace", r"\displaystyle", r"\textstyle", r"\limits", r"\nolimits", "~"),
}
_SIZED = {r"\left", r"\right", r"\big", r"\Big", r"\bigg", r"\Bigg"} | {
    rf"\{size}{side}" for size in ("big", "Big", "bigg", "Bigg") for side in "lrm"
}
# Two names of one symbol or form (LaTeX's own definitions; \dfrac and \tfrac are \frac in a size).
_SAME = {
    r"\dfrac": r"\frac",
    r"\tfrac": r"\frac",
    r"\dbinom": r"\binom",
    r"\tbinom": r"\binom",
    r"\le": r"\leq",
    r"\ge": r"\geq",
    r"\ne": r"\neq",
    r"\to": r"\rightarrow",
    r"\gets": r"\leftarrow",
    r"\land": r"\wedge",
    r"\lor": r"\vee",
    r"\lnot": r"\neg",
    r"\owns": r"\ni",
    r"\lbrace": r"\{",
    r"\rbrace": r"\}",
    r"\vert": "|",
    r"\Vert": r"\|",
    r"\lbrack": "[",
    r"\rbrack": "]",
}
# Commands that a script without braces would part from their argument.
_TAKES_ARGUMENT = re.compile(
    r"\\(sqrt|hat|bar|vec|dot|tilde|math\w+|text\w*|operatorname|frac|binom)"
)


def normalise(tex: str) -> str:
    r"""One spelling for formulas that TeX sets alike.

    Dropped: white space and spacing commands (`\,`), end-of-text marks behind the formula, math
    marks around it, `\left` and `\right` (with the invisible `.`), size commands. Braces around a
    single token go (`x^{2}` is `x^2`, `\frac{1}{2}` is `\frac12`), those around more stay. A
    subscript stands before a superscript. Synonyms become one (`\le`, `\leq`).

    What differs in meaning stays different: `*` and `\cdot`, `\inf` and `\infty`.

    Idempotent, for any text.
    """
    while (shorter := _once(tex)) != tex:
        tex = shorter
    return tex


def _once(tex: str) -> str:
    return _written(_ordered(_grouped(list(_tokens(_bare(tex))))))


def _bare(tex: str) -> str:
    """Without end-of-text marks and math marks around."""
    tex = tex.strip()
    while found := _END_TEXT.search(tex):
        tex = tex[: found.start()].rstrip()
    for opening, closing in _MATH_MARKS:
        inner = tex[len(opening) : -len(closing)]
        whole = len(tex) >= len(opening) + len(closing)
        marked = whole and tex.startswith(opening) and tex.endswith(closing)
        if marked and opening not in inner and "$" not in inner:
            return inner.strip()
    return tex


def _tokens(tex: str) -> Iterator[str]:
    """TeX's tokens, without those that are dropped, synonyms replaced."""
    sized = False
    for mark in _TOKEN.findall(tex):
        if mark in _SIZED:
            sized = True
        elif mark not in _DROPPED:
            if not (sized and mark == "."):  # an invisible delimiter
                yield _SAME.get(mark, mark)
            sized = False


_Node = str | list["_Node"]  # a token, or what stands in a pair of braces


def _grouped(tokens: list[str]) -> list[_Node]:
    """Tokens as nested groups; a group of one becomes that one, a brace without partner stays."""
    open_groups: list[list[_Node]] = [[]]
    for mark in tokens:
        if mark == "{":
            open_groups.append([])
        elif mark == "}" and len(open_groups) > 1:
            group = open_groups.pop()
            alone = len(group) == 1 and group[0] not in ("^", "_", "&")
            open_groups[-1].append(group[0] if alone else group)
        else:
            open_groups[-1].append(mark)
    while len(open_groups) > 1:  # braces that were never closed
        group = open_groups.pop()
        open_groups[-1] += ["{", *group]
    return open_groups[0]


def _ordered(nodes: list[_Node]) -> list[_Node]:
    """`^b_a` as `_a^b`, in every group."""
    nodes = [_ordered(node) if isinstance(node, list) else node for node in nodes]
    for place in range(len(nodes) - 3):
        up, above, down, below = nodes[place : place + 4]
        if (up, down) == ("^", "_") and _is_whole(above) and _is_whole(below):
            nodes[place : place + 4] = [down, below, up, above]
    return nodes


def _is_whole(node: _Node) -> bool:
    """Whether a script consists of this node alone, and of no more after it."""
    if isinstance(node, list):
        return True
    return node not in ("^", "_", "\\") and not _TAKES_ARGUMENT.match(node)


def _written(nodes: list[_Node]) -> str:
    """The nodes as text; a space only where a command would swallow the letter behind it."""
    text = ""
    after_word = False
    for node in nodes:
        piece = node if isinstance(node, str) else "{" + _written(node) + "}"
        if after_word and piece[0].isascii() and piece[0].isalpha():
            text += " "
        text += piece
        after_word = isinstance(node, str) and re.fullmatch(r"\\[A-Za-z]+", node) is not None
    return text


def edit_similarity(expected: str, generated: str) -> float:
    """1 - Levenshtein distance / longer length, of the normalised formulas: 1 if they match."""
    return float(Levenshtein.normalized_similarity(normalise(expected), normalise(generated)))


def fault(tex: str) -> str | None:
    """What keeps TeX from setting this formula; None if nothing was found.

    pylatexenc finds unbalanced braces, dollars and environments and missing arguments. It lets
    pass what only math mode forbids, which is looked for here: scripts without an argument,
    two on one base, `\\left` without `\\right`, a backslash at the end.
    """
    if not tex.strip():
        return "it is empty"
    try:
        LatexWalker(tex, tolerant_parsing=False).get_latex_nodes()
    except LatexWalkerError as error:
        return str(error).splitlines()[0].split(" @(")[0].rstrip(".")
    return _math_fault(_TOKEN.findall(tex))


def _math_fault(tokens: list[str]) -> str | None:
    if tokens[-1] == "\\":
        return "it ends in a backslash"
    open_pairs = 0
    for mark in tokens:
        open_pairs += (mark == r"\left") - (mark == r"\right")
        if open_pairs < 0:
            break
    if open_pairs:
        return r"\left and \right do not pair"
    return _script_fault(_grouped(tokens))


_NO_ARGUMENTS = ("^", "_", "&", "$", r"\\", r"\)", r"\]", r"\right", r"\end")


def _script_fault(nodes: list[_Node]) -> str | None:
    """Follows each base through its scripts: at most one of either kind."""
    seen: set[str] = set()
    place = 0
    while place < len(nodes):
        node = nodes[place]
        if node in ("^", "_"):
            argument = nodes[place + 1] if place + 1 < len(nodes) else None
            if argument is None or argument in _NO_ARGUMENTS:
                return f"{node} has no argument"
            if node in seen:
                return f"two {node} on one base"
            seen.add(str(node))
            place += 1
            node = argument
        else:
            seen = set()
        if isinstance(node, list) and (found := _script_fault(node)):
            return found
        place += 1
    return None


def parses(tex: str) -> bool:
    """Whether no fault was found in it."""
    return fault(tex) is None


def latex_scores(expected: Sequence[str], generated: Sequence[str]) -> dict[str, np.ndarray]:
    """Scores of each pair, whose means are the metrics: float64 (pairs,), 0 to 1.

    `exact_match` compares the texts without surrounding white space; `normalised_match` and
    `edit_similarity` compare them normalised; `parses` looks at the generated one alone.
    """
    pairs = list(zip(expected, generated, strict=True))
    scores = {
        "exact_match": [a.strip() == b.strip() for a, b in pairs],
        "normalised_match": [normalise(a) == normalise(b) for a, b in pairs],
        "edit_similarity": [edit_similarity(a, b) for a, b in pairs],
        "parses": [parses(b) for _, b in pairs],
    }
    return {name: np.asarray(values, dtype=np.float64) for name, values in scores.items()}
