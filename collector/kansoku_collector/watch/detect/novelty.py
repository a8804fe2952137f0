"""Values that were never seen before: a model, a fingerprint, a prompt version, a class of error.

That a value is new is a fact and no estimate; three records of it are asked so that one stray call says
nothing.
"""

from collections.abc import Mapping
from typing import Any

ENOUGH = 3
MAX_VALUES = 1000  # of one signal: a field that never repeats is no category


class Novelty:
    """The values seen so far, and how often the ones not yet believed in were seen."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._count: dict[str, int] = {}

    def take(self, counts: Mapping[str, int], *, closed: bool, learning: bool) -> list[tuple[str, int]]:
        """Take the counts of an hour, or of its part until now; return values that became known."""
        found = []
        for value, count in sorted(counts.items()):
            if value in self._known or (len(self._known) >= MAX_VALUES):
                continue
            seen = self._count.get(value, 0) + count
            if learning or seen >= ENOUGH:
                self._known.add(value)
                self._count.pop(value, None)
                if not learning:
                    found.append((value, seen))
            elif closed and len(self._count) < MAX_VALUES:
                self._count[value] = seen
        return found

    def state(self) -> dict[str, Any]:
        """Return what is needed to restore it, as JSON."""
        return {"known": sorted(self._known), "count": dict(sorted(self._count.items()))}

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> "Novelty":
        """Return the values that `state` was taken from."""
        novelty = cls()
        novelty._known, novelty._count = set(state["known"]), dict(state["count"])
        return novelty
