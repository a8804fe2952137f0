"""Read a YAML file with the line of every key and value; scalars stay text, as they were written.

Text, because YAML would read the version 1.10 as the number 1.1, and `no` as false.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from kansoku_collector.errors import RulesError

Place = tuple[str | int, ...]
_MOST_PARTS = 100_000  # of a file; one of 300 bytes whose aliases name each other stands for billions


class Problem(NamedTuple):
    """What is wrong, and at which line."""

    line: int
    reason: str


@dataclass(slots=True)
class Source:
    """The data of a file, and where each part of it stands."""

    data: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, place: Place) -> int:
        """Return the line of a part, or of the nearest part around it that exists."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def read_source(path: Path) -> Source:
    """Read one YAML document; a file that cannot be read or parsed raises RulesError."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RulesError(f"{path}:1: is not UTF-8, save it as that: {error}") from error
    except OSError as error:
        raise RulesError(f"{path}:1: cannot be read: {error}") from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise RulesError(f"{path}:{line}: no valid YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise RulesError(f"{path}:1: no valid YAML: {error}") from error
    source = Source()
    try:
        source.data = _take(node, (), source) if node else None
    except RecursionError as error:
        reason = "an alias (`*name`) stands within what it names, or parts are nested too deep"
        raise RulesError(f"{path}:1: {reason}") from error
    except _TooLargeError as error:
        reason = f"with its aliases written out the file has more than {_MOST_PARTS} parts"
        raise RulesError(f"{path}:{error.line}: {reason}") from error
    return source


class _TooLargeError(Exception):
    def __init__(self, line: int) -> None:
        self.line = line


def _take(node: yaml.Node, place: Place, source: Source) -> Any:
    """Return a node's data and note its line."""
    source.lines.setdefault(place, node.start_mark.line + 1)
    if len(source.lines) > _MOST_PARTS:
        raise _TooLargeError(node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, place, source)
    if isinstance(node, yaml.SequenceNode):
        return [_take(child, (*place, i), source) for i, child in enumerate(node.value)]
    if node.tag == "tag:yaml.org,2002:null":
        return None
    return node.value


def _mapping(node: yaml.MappingNode, place: Place, source: Source) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        name = str(key.value)
        line = key.start_mark.line + 1
        if name in found:
            first = source.lines[(*place, name)]
            source.problems.append(Problem(line, f"{name!r} is given twice (first at line {first})"))
            continue
        source.lines[(*place, name)] = line
        found[name] = _take(value, (*place, name), source)
    return found
