"""Work through many items in short turns, between which the program's own threads go on."""

import time
from collections.abc import Callable, Iterator
from typing import Any

# How long the thread works on a batch before it pauses, and the pause; in seconds.
_TURN, _PAUSE = 0.002, 0.00005


class Turns(list[Any]):
    """Items in a row, gone over once, with pauses in which the program's threads go on.

    A thread that wants to run waits until this one gives way: up to 5 ms, unless it does so by itself. Each
    item is let go when the next is asked for, while its memory is warm and may serve again.
    """

    def __init__(self, items: list[Any], hurries: Callable[[], bool]) -> None:
        super().__init__(items)
        self._hurries = hurries

    def __iter__(self) -> Iterator[Any]:
        """Yield the items."""
        until = time.monotonic() + _TURN
        for place, item in enumerate(super().__iter__()):
            self[place] = None
            yield item
            if time.monotonic() > until:
                if not self._hurries():
                    time.sleep(_PAUSE)
                until = time.monotonic() + _TURN
