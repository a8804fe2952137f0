"""What became of the spans of this process: started = exported + dropped + spooled + queued."""

import os
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from kansoku import semconv
from kansoku.delivery.wire import attribute, field


class Receipt:
    """Counts every item once at its start and once at its end, whatever happens in between.

    `taken` and `exported` belong to the thread that sends; anybody may `drop`.
    """

    def __init__(self, service: str = "") -> None:
        self.service = service
        self.queued: Callable[[], int] = int  # items that wait in the queue
        self.reset()

    def reset(self) -> None:
        """Begin anew, as another process: after a fork everything counted belongs to the parent."""
        self.process_id = os.urandom(16).hex()
        self.taken = 0  # items that left the queue
        self.exported = 0
        self.spooled = 0
        self.dropped: Counter[str] = Counter()
        self._untold = 0
        self._at_the_door = 0
        self.unlock()

    def unlock(self) -> None:
        """Forget who held the lock: in a forked process it is a thread that is not there."""
        # Reentrant: the garbage collector may end a span, and so drop it, in the middle of a drop.
        self._lock = threading.RLock()

    @property
    def started(self) -> int:
        """How many items should arrive."""
        return self.taken + self._at_the_door + self.queued()

    def drop(self, reason: str, items: int = 1) -> None:
        """Count items given up after they left the queue."""
        if items:
            with self._lock:
                self.dropped[reason] += items
                self._untold += items

    def turn_away(self, reason: str, items: int = 1) -> None:
        """Count items that never entered the queue."""
        with self._lock:
            self._at_the_door += items
            self.drop(reason, items)

    def lost(self) -> int:
        """Return how many items were given up although they should have arrived."""
        with self._lock:
            return sum(number for reason, number in self.dropped.items() if reason != semconv.SAMPLED_OUT)

    def untold(self) -> bool:
        """Tell whether something was dropped since the last request that said so."""
        return self._untold > 0

    def encode(self, items: int) -> bytes:
        """Return the receipt as part of an OTLP request that carries `items` spans itself.

        A resource of its own without spans: the spans' resource stays the same from request to request, and
        any other collector passes it over.
        """
        with self._lock:
            dropped = dict(self.dropped)
            self._untold = 0
        facts: dict[str, Any] = {
            semconv.SERVICE_NAME: self.service,
            semconv.PROCESS_ID: self.process_id,
            semconv.PROCESS_STARTED: self.started,
            # What waits on the disk is delivered by this process or the next: only this one can count it.
            semconv.PROCESS_EXPORTED: self.exported + self.spooled + items,
        }
        facts |= {semconv.PROCESS_DROPPED + reason: number for reason, number in dropped.items()}
        return field(1, field(1, b"".join(attribute(1, name, value) for name, value in facts.items())))

    def as_dict(self) -> dict[str, Any]:
        """Return the counts."""
        with self._lock:
            dropped = dict(self.dropped)
        return {
            "started": self.started,
            "exported": self.exported,
            "queued": self.queued(),
            "spooled": self.spooled,
            "dropped": dropped,
        }
