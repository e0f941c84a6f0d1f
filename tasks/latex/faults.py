"""What keeps TeX from setting a formula."""

import re

from pylatexenc.latexwalker import LatexWalker, LatexWalkerError

from tasks.latex.names import aligns, environments, is_known, tokens_of

_DEFINES = re.compile(
    r"\\(?:(?:re)?newcommand|def|let|DeclareMathOperator)\*?\s*\{?\s*\\([A-Za-z]+)"
)
# Plain TeX's forms with columns: `\matrix{a & b \cr c & d}`.
_PLAIN_COLUMNS = {r"\matrix", r"\pmatrix", r"\cases", r"\eqalign", r"\halign"}
_NO_ARGUMENTS = ("^", "_", "'", "&", "$", r"\\", r"\)", r"\]", r"\right")

_Nested = str | list["_Nested"]  # a token, or what stands in a pair of braces


def parses(tex: str) -> bool:
    """Whether no fault was found in it."""
    return fault(tex) is None


def fault(tex: str) -> str | None:
    r"""What keeps TeX from setting this formula; None if nothing was found.

    pylatexenc finds unbalanced braces, dollars and environments and missing arguments. What it
    lets pass is looked for here: commands and environments that neither LaTeX nor amsmath nor the
    text itself defines, `#` outside definitions, `&` where nothing has columns, scripts without an
    argument, two on one base, `\left` without `\right`, a backslash at the end.
    """
    if not tex.strip():
        return "it is empty"
    try:
        LatexWalker(tex, tolerant_parsing=False).get_latex_nodes()
    except LatexWalkerError as error:
        return str(error).splitlines()[0].split(" @(")[0].rstrip(".")
    except RecursionError:
        return "it is nested too deeply"
    tokens = tokens_of(tex)
    if not tokens:
        return "it is empty"
    if tokens[-1] == "\\":
        return "it ends in a backslash"
    return (
        _undefined(tex, tokens)
        or _pair_fault(tokens)
        or _column_fault(tokens)
        or _script_fault(_nested(tokens))
    )


def _undefined(tex: str, tokens: list[str]) -> str | None:
    own = set(_DEFINES.findall(tex))
    if "#" in tokens and not own:
        return "# stands where nothing is defined"
    for mark in tokens:
        if (name := _environment(mark)) is not None and name not in environments():
            return f"there is no environment {name}"
        if not is_known(mark) and mark[1:] not in own:
            return f"there is no command {mark}"
    return None


def _environment(mark: str) -> str | None:
    """The environment that a token begins or ends."""
    found = re.match(r"\\(?:begin|end)\s*\{(.*)\}", mark)
    return found[1].strip() if found else None


def _pair_fault(tokens: list[str]) -> str | None:
    open_pairs = 0
    for mark in tokens:
        open_pairs += (mark == r"\left") - (mark == r"\right")
        if open_pairs < 0:
            break
    return r"\left and \right do not pair" if open_pairs else None


def _column_fault(tokens: list[str]) -> str | None:
    within: list[str] = []
    for place, mark in enumerate(tokens):
        name = _environment(mark)
        if name is not None and mark.startswith(r"\begin"):
            within.append(name)
        elif name is not None and within:
            within.pop()
        elif mark == "&":
            columns = within and aligns(within[-1])
            if not columns and _PLAIN_COLUMNS.isdisjoint(tokens[:place]):
                return "& stands where nothing has columns"
    return None


def _nested(tokens: list[str]) -> list[_Nested]:
    """Tokens as nested groups; a brace without partner stays."""
    open_groups: list[list[_Nested]] = [[]]
    for mark in tokens:
        if mark == "{":
            open_groups.append([])
        elif mark == "}" and len(open_groups) > 1:
            group = open_groups.pop()
            open_groups[-1].append(group)
        else:
            open_groups[-1].append(mark)
    while len(open_groups) > 1:  # braces that were never closed
        group = open_groups.pop()
        open_groups[-1] += ["{", *group]
    return open_groups[0]


def _script_fault(nodes: list[_Nested]) -> str | None:
    """Follows each base through its scripts: at most one of either kind, primes before."""
    seen: set[str] = set()
    place = 0
    while place < len(nodes):
        node = nodes[place]
        if node in ("^", "_"):
            argument = nodes[place + 1] if place + 1 < len(nodes) else None
            if argument is None or argument in _NO_ARGUMENTS or _ends(argument):
                return f"{node} has no argument"
            if node in seen:
                return f"two {node} on one base"
            seen.add(str(node))
            place += 1
            node = argument
        elif node == "'":
            if "^" in seen:
                return "two ^ on one base"
        else:
            seen = set()
        if isinstance(node, list) and (found := _script_fault(node)):
            return found
        place += 1
    return None


def _ends(node: _Nested) -> bool:
    return isinstance(node, str) and node.startswith(r"\end{")
