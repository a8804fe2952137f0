"""What an outbox asks of whatever sends its batches."""

import threading
from typing import Any, Protocol


class Delivery(Protocol):
    """What an outbox hands its batches to; all but `interrupt` and `forked` run in the background thread."""

    def prepare(self) -> None:
        """Begin; called once, first."""

    def deliver(self, batch: list[Any], closing: threading.Event) -> None:
        """Send a batch, gone over once, or give it up, and count which.

        `closing` is set when it should not try again.
        """

    def idle(self, closing: threading.Event) -> float | None:
        """Do what waits for a quiet moment; return in how many seconds to be called again, None for never."""

    def finish(self) -> None:
        """End; called once, last."""

    def interrupt(self) -> None:
        """Cut off what is under way; called from another thread."""

    def rescue(self, batch: list[Any]) -> None:
        """Keep what can be kept of a batch without sending it; the background thread is stuck."""

    def forked(self) -> None:
        """Forget what belongs to the parent process."""
