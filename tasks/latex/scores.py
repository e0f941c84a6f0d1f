"""LaTeX formulas compared: exactly, by what they mean to TeX, and by how many characters differ."""

import re
from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
from rapidfuzz.distance import Levenshtein

from tasks.latex.faults import parses
from tasks.latex.names import (
    DECLARED,
    FONTS,
    INFIX,
    OPERATOR_NAMES,
    OPERATORS,
    is_known,
)
from tasks.latex.nodes import SPACE, Call, Group, Node, Scripts, read_nodes

_END_TEXT = re.compile(r"(<\|\w+\|>|</s>)\s*$")
_MATH_MARKS = (
    ("$$", "$$"),
    ("$", "$"),
    (r"\(", r"\)"),
    (r"\[", r"\]"),
    *((rf"\begin{{{name}}}", rf"\end{{{name}}}") for name in ("equation", "equation*", "math")),
)


def normalise(tex: str) -> str:
    r"""One spelling for formulas that TeX sets alike.

    Dropped: white space outside texts and spacing commands (`\,`), end-of-text marks behind the
    formula, math marks around it, `\left` and `\right` (with the invisible `.`), size commands,
    braces that bind nothing (`{a+b}`). Arguments and scripts keep theirs unless they are a single
    token (`x^{2}` is `x^2`, `\frac{1}{2}` is `\frac12`, `x^\frac12` is `x^{\frac12}`). A subscript
    stands before a superscript, a prime is `'`. Synonyms become one (`\le`, `\leq`), `a \over b`
    is `\frac ab`, and dots between operators are centred, as amsmath sets `\dots` there.

    What differs in meaning or is seen as a space between words stays different: `*` and `\cdot`,
    `\inf` and `\infty`, `\text{if } x` and `\text{if}x`, `a\ b` and `ab`.

    Idempotent, for any text.
    """
    seen = [tex]
    while (tex := _once(tex)) not in seen:
        seen.append(tex)
    return min(seen[seen.index(tex) :])  # one spelling; of malformed texts perhaps a cycle's


def _once(tex: str) -> str:
    bare = _bare(tex)
    try:
        return _written(_trimmed(_flat(read_nodes(bare))))
    except RecursionError:  # hundreds of braces in one another are no formula
        return bare


def _bare(tex: str) -> str:
    """Without end-of-text marks and math marks around."""
    tex = _stripped(tex)
    while found := _END_TEXT.search(tex):
        tex = _stripped(tex[: found.start()])
    for opening, closing in _MATH_MARKS:
        inner = tex[len(opening) : -len(closing)]
        whole = len(tex) >= len(opening) + len(closing)
        marked = whole and tex.startswith(opening) and tex.endswith(closing)
        if marked and opening not in inner and "$" not in inner:
            return _stripped(inner)
    return tex


def _stripped(tex: str) -> str:
    r"""Without white space around, but for the space of a `\ ` at the end."""
    short = tex.strip()
    backslashes = len(short) - len(short.rstrip("\\"))
    return f"{short} " if backslashes % 2 and not tex.endswith("\\") else short


def _flat(nodes: list[Node]) -> list[Node]:
    """Braces that bind nothing go, in every group and argument; old forms become new ones."""
    nodes = [_inside(node) for node in nodes]
    flat: list[Node] = []
    for place, node in enumerate(nodes):
        after = nodes[place + 1] if place + 1 < len(nodes) else None
        before = nodes[place - 1] if place else None
        if isinstance(node, Group) and _binds_nothing(node, before, after):
            flat += node.nodes
        else:
            flat.append(node)
    return _centred(_without_infix(flat))


def _inside(node: Node) -> Node:
    if isinstance(node, Group):
        nodes = _flat(node.nodes)
        first = nodes[0] if nodes else None
        if isinstance(first, str) and first in FONTS:
            return Call(FONTS[first], None, (nodes[1:],))
        return Group(nodes)
    if isinstance(node, Call):
        option = None if node.option is None else _flat(node.option)
        arguments = tuple(_flat(argument) for argument in node.arguments)
        if node.name == r"\operatorname" and len(arguments) == 1:
            name = "\\" + _written(arguments[0])
            if name in OPERATOR_NAMES:
                return name
        return Call(node.name, option, arguments)
    if isinstance(node, Scripts):
        sub = None if node.sub is None else _flat(node.sub)
        return Scripts(sub, node.primes, None if node.above is None else _flat(node.above))
    return node


def _binds_nothing(group: Group, before: Node | None, after: Node | None) -> bool:
    nodes = group.nodes
    if isinstance(before, str) and (
        before.startswith((r"\begin{", r"\end{")) or not is_known(before)
    ):
        return False  # it may be an argument
    if isinstance(after, Scripts) or after in ("^", "_"):
        return len(nodes) == 1 and not isinstance(nodes[0], Scripts | Group)
    if not nodes:
        return True
    edges = isinstance(nodes[0], Scripts) or nodes[0] in ("^", "_") or nodes[-1] in ("^", "_")
    return not edges and not any(
        node in ("&", r"\\", "{", "[", "]", *DECLARED, *INFIX)
        or (isinstance(node, Call) and node.name in DECLARED)
        for node in nodes
        if isinstance(node, str | Call)
    )


def _without_infix(nodes: list[Node]) -> list[Node]:
    r"""`a \over b` as `\frac ab`, where it stands once."""
    places = [place for place, node in enumerate(nodes) if isinstance(node, str) and node in INFIX]
    if len(places) != 1:
        return nodes
    (place,) = places
    name = INFIX[str(nodes[place])]
    return [Call(name, None, (nodes[:place], nodes[place + 1 :]))]


def _centred(nodes: list[Node]) -> list[Node]:
    r"""Dots before an operator are `\cdots`: amsmath looks at what follows, and so do readers."""
    return [
        r"\cdots" if node == r"\ldots" and _is_operator(after) else node
        for node, after in zip_longest(nodes, nodes[1:])
    ]


def _is_operator(node: Node | None) -> bool:
    return isinstance(node, str) and node in OPERATORS


def _trimmed(nodes: list[Node]) -> list[Node]:
    while nodes and nodes[0] == SPACE:
        nodes = nodes[1:]
    while nodes and nodes[-1] == SPACE:
        nodes = nodes[:-1]
    return nodes


def _written(nodes: list[Node]) -> str:
    """The nodes as text; a space only where a command would swallow the letter behind it."""
    text = ""
    for node in nodes:
        piece = _piece(node)
        if re.search(r"\\[A-Za-z]+$", text) and piece[:1].isascii() and piece[:1].isalpha():
            text += " "
        text += piece
    return text


def _piece(node: Node) -> str:
    if isinstance(node, str):
        return node
    if isinstance(node, Group):
        return "{" + _written(node.nodes) + "}"
    if isinstance(node, Scripts):
        sub = "" if node.sub is None else "_" + _braced(node.sub)
        above = "" if node.above is None else "^" + _braced(node.above)
        return sub + "'" * node.primes + above
    text = node.name + ("" if node.option is None else f"[{_written(node.option)}]")
    for argument in node.arguments:
        piece = _braced(argument)
        if re.search(r"\\[A-Za-z]+$", text) and piece[0].isascii() and piece[0].isalpha():
            text += " "
        text += piece
    return text


def _braced(nodes: list[Node]) -> str:
    """An argument: in braces, unless it is a single token."""
    alone = len(nodes) == 1 and isinstance(nodes[0], str)
    if alone and nodes[0] not in ("^", "_", "'", "&", "[", "]", "{", "}", "$", r"\\", SPACE):
        text = str(nodes[0])
        if not text.startswith((r"\begin{", r"\end{", r"\text{")):
            return text
    return "{" + _written(nodes) + "}"


def edit_similarity(expected: str, generated: str) -> float:
    """1 - Levenshtein distance / longer length, of the normalised formulas: 1 if they match."""
    return float(Levenshtein.normalized_similarity(normalise(expected), normalise(generated)))


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
