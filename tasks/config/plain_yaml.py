"""YAML from a user: small, flat enough, and refused with a sentence where it is not.

YAML names a node (`&a`) and repeats it (`*a`), and lists of lists of repetitions come to more
items than any machine holds. So the nodes are counted as they would be written out, before
anything is made of them; a node that contains itself never ends and is refused as well.
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from typing import Any

import yaml

from tasks.errors import RequestError

DEEPEST = 40  # levels of brackets; the configuration itself has five
MOST_NODES = 100_000
_MARK_LINES = 3  # of the parser's message: where and what, without the excerpt


class _Yaml(yaml.SafeLoader):
    """YAML whose booleans are true and false alone, as its version 1.2 has it.

    Under 1.1, which PyYAML reads, `training.trunk=on` and the labels `yes` and `no` are booleans.
    """

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """One node with all below it; stops before Python's own stack ends."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise yaml.YAMLError(f"it is nested more than {DEEPEST} levels deep")
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


_Yaml.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag != "tag:yaml.org,2002:bool"]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Yaml.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("(?i:true|false)$"), list("tTfF"))


def from_yaml(text: str, what: str) -> Any:
    """The value that a text of YAML stands for.

    Args:
        text: of one document.
        what: the beginning of the sentence that refuses it ("The value of 'a=['").

    Raises:
        RequestError: it is not YAML, nested too deeply, or too much when written out.
    """
    try:
        return deepcopy(_value(text))  # the caller may change what it is given
    # Its constructors raise ValueError for the 30th of February or a number of 5,000 digits.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RequestError(f"{what} is not YAML that can be read: {_first(error)}.") from error


@lru_cache(maxsize=64)  # one run asks for the same few files dozens of times
def _value(text: str) -> Any:
    loader = _Yaml(text)
    node = loader.get_single_node()
    if node is None:
        return None
    _count(node, {}, set())
    return loader.construct_document(node)


def _count(node: yaml.Node, known: dict[int, int], above: set[int]) -> int:
    """How many nodes there are with all repetitions written out."""
    if id(node) in above:
        raise yaml.YAMLError("a part of it contains itself")
    if id(node) not in known:
        below: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            below = node.value
        elif isinstance(node, yaml.MappingNode):
            below = [each for pair in node.value for each in pair]
        above.add(id(node))
        if len(above) > DEEPEST:
            raise yaml.YAMLError(f"it is nested more than {DEEPEST} levels deep")
        known[id(node)] = 1 + sum(_count(each, known, above) for each in below)
        above.remove(id(node))
    if known[id(node)] > MOST_NODES:
        raise yaml.YAMLError(
            f"with its aliases written out it comes to more than {MOST_NODES:,} values"
        )
    return known[id(node)]


def _first(error: Exception) -> str:
    return " ".join(" ".join(str(error).splitlines()[:_MARK_LINES]).split()).rstrip(".")


def require_shallow(tree: Mapping[str, Any], what: str) -> None:
    """Refuse a mapping (of Prefect's parameters, say) that is nested as no configuration is.

    Raises:
        RequestError: it is.
    """
    level: list[Any] = [tree]
    for _ in range(DEEPEST):
        level = [
            below
            for each in level
            if isinstance(each, Mapping | list | tuple)
            for below in (each.values() if isinstance(each, Mapping) else each)
        ]
        if not level:
            return
    raise RequestError(f"{what} are nested more than {DEEPEST} levels deep.")
