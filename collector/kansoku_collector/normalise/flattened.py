"""OpenInference's flattened attributes (`prefix.0.key`) back to nested values."""

from functools import lru_cache
from typing import Any

from kansoku_collector.model import Attributes

_MAX_INDEX = 100_000


def take(left: Attributes, prefixes: tuple[str, ...]) -> dict[str, Any]:
    """Remove every attribute under `prefixes` (each ending in a dot) and return them as one tree of dicts."""
    tree: dict[str, Any] = {}
    for key in [key for key in left if key.startswith(prefixes)]:
        value = left.pop(key)
        node = tree
        path, leaf = _steps(key)
        for step in path:
            child = node.get(step)
            if not isinstance(child, dict):
                child = node[step] = {} if child is None else {"": child}
            node = child
        if isinstance(node.get(leaf), dict):
            node[leaf][""] = value
        else:
            node[leaf] = value
    return tree


@lru_cache(maxsize=8192)  # the same names come on every span of a kind
def _steps(key: str) -> tuple[tuple[str, ...], str]:
    *path, leaf = key.split(".")
    return tuple(path), leaf


def listed(node: Any) -> list[Any]:
    """Return the children of a node whose keys are indices, in order; gaps are closed."""
    if not isinstance(node, dict):
        return []
    found = [
        (int(key), value) for key, value in node.items() if key.isascii() and key.isdigit() and len(key) < 9
    ]
    return [value for index, value in sorted(found, key=lambda pair: pair[0]) if index <= _MAX_INDEX]


def at(node: Any, path: str) -> Any:
    """Return the value under a dotted path, or None."""
    if "." not in path:  # as mostly
        return node.get(path) if isinstance(node, dict) else None
    for step in path.split("."):
        if not isinstance(node, dict):
            return None
        node = node.get(step)
    return node
