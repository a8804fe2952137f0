"""Remember what was found for the attribute names of a span, for the next span of the same names."""

from typing import TypeVar

_MOST = 4096  # spans of one place in a program carry the same names, and programs have hundreds of places
_LONGEST = 4096  # characters of a span's names; one with thousands of names is read anew each time
_Found = TypeVar("_Found")


class Remembered(dict[tuple[str, ...], _Found]):
    """What was found by names; some tens of megabytes at the most, whatever clients send."""

    def keep(self, names: tuple[str, ...], found: _Found) -> _Found:
        """Remember what was found, unless the names are too long to, and return it."""
        if sum(map(len, names)) <= _LONGEST:
            if len(self) >= _MOST:
                self.clear()
            self[names] = found
        return found
