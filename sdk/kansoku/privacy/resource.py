"""Secrets in what describes a process: command lines, and attributes that are named for what they are."""

from collections.abc import Callable, Mapping
from typing import Any

from kansoku.privacy import capture

_COMMAND = "process.command"  # process.command, .command_args, .command_line
_MOST = 64  # resources of one process that are remembered


class Description:
    """A resource of which some attributes were changed; the original is still everybody else's."""

    __slots__ = ("attributes", "schema_url")

    def __init__(self, attributes: Mapping[str, Any], schema_url: str) -> None:
        self.attributes = attributes
        self.schema_url = schema_url


class Resources:
    """The masked resource of each one that spans come with, worked out once.

    Spans are told apart by the identity of their resource, so that of equal ones is the same each time.
    """

    def __init__(self, mask: Callable[[Any], Any]) -> None:
        self._mask = mask
        # With the original, whose id would else be given to another one when it is gone.
        self._known: dict[int, tuple[Any, Description | None]] = {}

    def masked(self, resource: Any) -> Description | None:
        """Return what is sent in place of a resource; None where that is the resource itself."""
        found = self._known.get(id(resource))
        if found is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            found = self._known[id(resource)] = (resource, self._described(resource))
        return found[1]

    def _described(self, resource: Any) -> Description | None:
        attributes = getattr(resource, "attributes", None) or {}
        changed: dict[str, Any] = {}
        for name, value in attributes.items():
            if name.startswith(_COMMAND):
                masked = self._mask(value)
            elif capture.kind_of(name) == capture.SECRET and isinstance(value, str):
                masked = "[secret]"
            else:
                continue
            if masked != value and masked != list(value):
                changed[name] = masked
        return Description({**attributes, **changed}, resource.schema_url) if changed else None
