"""A bounded queue emptied by a background thread, in batches, with waits that are bounded as well."""

import os
import threading
import time
import weakref
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from kansoku.guard import swallow

# How often the thread looks whether a batch is full while it waits for one to fill. The caller never wakes
# it: Event.set may deadlock if the garbage collector ends a span inside it, SimpleQueue.put is reentrant.
_LOOK_SECONDS = 0.1


class Outbox:
    """Hand items to `deliver` in batches of at most `batch_size`, at the latest `delay` seconds after `put`.

    `deliver(batch, closing)` runs in the background thread; `closing` is set when it should not try again.
    `start` is called there first, `stop` last, after `close`.
    `dropped` counts items refused because the queue was full.
    """

    def __init__(
        self,
        deliver: Callable[[list[Any], threading.Event], None],
        *,
        capacity: int,
        batch_size: int,
        delay: float,
        name: str,
        start: Callable[[], None] | None = None,
        stop: Callable[[], None] | None = None,
    ) -> None:
        self.dropped = 0
        self._deliver = deliver
        self._capacity = capacity
        self._batch_size = batch_size
        self._delay = delay
        self._name = name
        self._prepare = start
        self._stop = stop
        self._start()
        if hasattr(os, "register_at_fork"):
            # A forked worker has the queue but not the thread; what was queued belongs to the parent.
            restart = weakref.WeakMethod(self._start)
            os.register_at_fork(after_in_child=lambda: (again := restart()) and again())

    def _start(self) -> None:
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._closing = threading.Event()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def put(self, item: Any) -> None:
        """Queue an item; never blocks."""
        if self._queue.qsize() >= self._capacity or self._closing.is_set():
            self.dropped += 1
        else:
            self._queue.put(item)

    def flush(self, timeout: float) -> bool:
        """Wait until what is queued now was delivered or given up; False when the time was too short."""
        if self._closing.is_set():
            return not self._thread.is_alive()
        reached = threading.Event()
        self._queue.put(_Marker(reached))
        self._hurry.set()
        return reached.wait(timeout)

    def close(self, timeout: float) -> bool:
        """Deliver what is queued, without trying again, and stop; False when the time was too short."""
        self._closing.set()
        self._hurry.set()
        self._queue.put(_Marker(threading.Event()))
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        from opentelemetry import context  # noqa: PLC0415 - only the thread needs it

        # Whatever instruments HTTP clients must not trace our own requests.
        context.attach(context.set_value("suppress_instrumentation", True))
        if self._prepare is not None:
            self._call(self._prepare)
        while not (self._closing.is_set() and self._queue.empty()):
            first = self._queue.get()
            self._wait_for_more()
            self._empty(first)
        if self._stop is not None:
            self._call(self._stop)

    def _wait_for_more(self) -> None:
        until = time.monotonic() + self._delay
        while self._queue.qsize() < self._batch_size - 1 and (left := until - time.monotonic()) > 0:
            if self._hurry.wait(min(_LOOK_SECONDS, left)):
                self._hurry.clear()
                return

    def _empty(self, item: Any) -> None:
        """Deliver `item` and everything behind it that is already there."""
        batch: list[Any] = []
        while item is not None:
            if isinstance(item, _Marker):
                self._hand_over(batch)
                batch = []
                item.reached.set()
            else:
                batch.append(item)
                if len(batch) >= self._batch_size:
                    self._hand_over(batch)
                    batch = []
            try:
                item = self._queue.get_nowait()
            except Empty:
                item = None
        self._hand_over(batch)

    def _hand_over(self, batch: list[Any]) -> None:
        if batch:
            self._call(self._deliver, batch, self._closing)

    def _call(self, action: Callable[..., None], *arguments: Any) -> None:
        try:
            action(*arguments)
        except Exception as error:  # noqa: BLE001 - the border: the thread must outlive a bad batch
            swallow(f"outbox.{self._name}", error)


class _Marker:
    """A place in the queue that somebody waits for."""

    __slots__ = ("reached",)

    def __init__(self, reached: threading.Event) -> None:
        self.reached = reached
