r"""A formula as TeX reads it: what is an argument of what, and which script hangs on what."""

from dataclasses import dataclass

from tasks.latex.names import (
    DROPPED,
    DROPPED_WITH_ARGUMENTS,
    SAME,
    SIZED,
    arguments_of,
    tokens_of,
)

SPACE = "\\ "


@dataclass(frozen=True)
class Group:
    """What stands in a pair of braces."""

    nodes: "list[Node]"


@dataclass(frozen=True)
class Call:
    """A command with its arguments; fewer than it takes where the text ends before."""

    name: str
    option: "list[Node] | None"
    arguments: "tuple[list[Node], ...]"


@dataclass(frozen=True)
class Scripts:
    """What hangs on the node before: a subscript, primes, a superscript."""

    sub: "list[Node] | None"
    primes: int
    above: "list[Node] | None"


Node = str | Group | Call | Scripts  # str: a token that takes no argument


def _unclosed(tokens: list[str]) -> set[int]:
    """Places of the opening braces that have no partner."""
    opened: list[int] = []
    for place, mark in enumerate(tokens):
        if mark == "{":
            opened.append(place)
        elif mark == "}" and opened:
            opened.pop()
    return set(opened)


class Reader:
    """TeX's tokens as nodes: what is an argument of what, and which script hangs on what."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.place = 0
        self.unclosed = _unclosed(tokens)

    def sequence(self, closing: str | None = None) -> list[Node]:
        """The nodes up to the closing token, which is read too; a lone brace is a node."""
        nodes: list[Node] = []
        while self.place < len(self.tokens):
            if self._next() == closing:
                self.place += 1
                break
            nodes += self._node()
        return nodes

    def _next(self) -> str | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def _node(self) -> list[Node]:
        mark = self.tokens[self.place]
        if mark in ("^", "_", "'"):
            return self._scripts()
        self.place += 1
        if mark == "{" and self.place - 1 not in self.unclosed:
            return [Group(self.sequence("}"))]
        if mark in SIZED:
            return self._delimiter()
        if mark == r"\not" and (negated := SAME.get(f"\\not {self._next()}")):
            self.place += 1
            return [negated]
        if mark.startswith("\\") and (form := arguments_of(mark)):
            return self._call(mark, form)
        return [*self._one(mark)]

    def _one(self, mark: str) -> list[Node]:
        if mark in DROPPED:
            return []
        return [SPACE if mark == "~" else SAME.get(mark, mark)]

    def _delimiter(self) -> list[Node]:
        r"""What `\left` or a size command stands before; nothing where that is invisible."""
        mark = self._next()
        if mark == ".":
            self.place += 1
            return []
        if mark in ("<", ">"):
            self.place += 1
            return [r"\langle" if mark == "<" else r"\rangle"]
        return []

    def _call(self, mark: str, form: str) -> list[Node]:
        option = None
        name = SAME.get(mark, mark)
        if form.startswith("[") and self._next() == "[" and self._has_option():
            self.place += 1
            option = self.sequence("]")
        arguments: list[list[Node]] = []
        for _ in range(form.count("{")):
            argument = self._argument()
            if argument is None:
                break
            arguments.append(argument)
        if name in DROPPED_WITH_ARGUMENTS:
            return []
        return [Call(name, option, tuple(arguments))]

    def _has_option(self) -> bool:
        """Whether the bracket that opens here closes before the group around it does."""
        depth = 0
        for mark in self.tokens[self.place :]:
            depth += (mark == "{") - (mark == "}")
            if depth < 0 or (mark == "]" and depth == 0):
                return depth == 0
        return False

    def _argument(self) -> list[Node] | None:
        mark = self._next()
        while mark in DROPPED and mark is not None:
            self.place += 1
            mark = self._next()
        if mark in (None, "^", "_", "'", "}", "&", r"\\", "$", r"\)", r"\]"):
            return None
        if mark in SIZED or str(mark).startswith((r"\begin{", r"\end{")):
            return None
        if self.place in self.unclosed:
            return None
        nodes = self._node()
        (node,) = nodes if len(nodes) == 1 else (None,)
        return node.nodes if isinstance(node, Group) else nodes

    def _scripts(self) -> list[Node]:
        start = self.place
        sub: list[Node] | None = None
        above: list[Node] | None = None
        primes = 0
        while (mark := self._next()) in ("^", "_", "'"):
            before = self.place
            self.place += 1
            if mark == "'":
                if above is not None:
                    self.place = before
                    break
                primes += 1
                continue
            argument = None
            if (sub if mark == "_" else above) is None:
                argument = self._argument()
            if argument is None:
                self.place = before
                break
            if mark == "_":
                sub = argument
            else:
                above = argument
        if self.place == start:  # a script without an argument, or one too many
            self.place += 1
            return [self.tokens[start]]
        while above and above[0] == r"\prime":
            above = above[1:]
            primes += 1
        return [Scripts(sub, primes, above or None if primes else above)]


def read_nodes(tex: str) -> list[Node]:
    """The nodes of a formula; any text has some.

    Raises:
        RecursionError: hundreds of braces or commands in one another.
    """
    return Reader(tokens_of(tex)).sequence()
