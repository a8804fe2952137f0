"""A bounded queue emptied by a background thread, in batches, with waits that are bounded as well."""

import math
import threading
import time
from collections.abc import Callable
from queue import Empty
from typing import Any

from kansoku import forks, semconv
from kansoku.delivery.contract import Delivery
from kansoku.delivery.queues import Marker, new_queue
from kansoku.delivery.receipt import Receipt
from kansoku.delivery.turns import Turns
from kansoku.guard import swallow

# The part of the time to close after which a request under way is cut off.
_PATIENCE = 0.6
_LONGEST_LOADING = 2.0
_ENOUGH = 0.25  # the part of the queue beyond which there are no pauses
_STEADY = 5  # times the delay: how long a batch waits while items keep coming


class Outbox:
    """Hand items to `delivery` in batches of at most `batch_size`.

    The first item after a pause waits `delay` seconds; while items keep coming that doubles from batch to
    batch, up to five times as long: who looks for one span sees it soon, and many cost less.
    `receipt` counts what is put here; `delivery` counts what becomes of it. `complete` does to an item what
    was left for later, which a thread that waits for it may as well.
    """

    def __init__(
        self,
        delivery: Delivery,
        receipt: Receipt,
        *,
        capacity: int,
        batch_size: int,
        delay: float,
        name: str,
        complete: Callable[[Any], Any] | None = None,
    ) -> None:
        self.receipt = receipt
        self._delivery = delivery
        self._capacity = capacity
        self._batch_size = batch_size
        self._delay = delay
        self._name = name
        self._complete = complete
        self._told = receipt.lost()
        self._reset()
        self._start()
        forks.follow(self)

    def _reset(self) -> None:
        self._queue, self._wake = new_queue(), new_queue()
        self._markers = 0
        self._marking = threading.RLock()  # a signal's handler may flush in the middle of a flush
        self._closing = threading.Event()
        self._starting = threading.RLock()
        self._asleep, self._limit = True, -1  # no thread yet: the first item starts one
        self.receipt.queued = self.queued

    def _start(self) -> None:
        with self._starting:
            if not self._asleep:
                return
            self._asleep = False
            # Made anew: the program may have been patched by gevent since the fork.
            before, self._queue = self._queue, new_queue()
            # Wakes the thread. No event: the garbage collector may end a span inside of `Event.set`, which
            # then waits for itself; putting something into this kind of queue may happen inside of itself.
            self._wake = new_queue()
            self._woken = False
            self._wait, self._handed_over = self._delay, -math.inf
            self._ready = threading.Event()
            while not before.empty():
                self._queue.put(before.get_nowait())
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # no more threads now: the next item tries again
                self._asleep = True
                raise
            self._limit = self._capacity

    def restart(self) -> None:
        """Begin anew in a forked process: the thread is not there, and the items are the parent's.

        The first item starts a thread: many a child runs another program at once, or is patched by gevent
        before it works (a worker of gunicorn), which a thread that runs already would not survive in peace.
        """
        if self.receipt.queued != self.queued:
            return  # another outbox took over from this one
        self.receipt.reset()
        self._told = 0
        if not self._closing.is_set():
            self._delivery.forked()
            self._reset()

    def wait_until_ready(self) -> None:
        """Let the thread load what it needs: a fork in the middle of an import leaves it half done."""
        if not self._asleep and self._thread.is_alive():
            self._ready.wait(_LONGEST_LOADING)

    def put(self, item: Any) -> None:
        """Queue an item; never blocks."""
        if self._closing.is_set():
            self.receipt.turn_away(semconv.EXIT)
        elif self._queue.qsize() >= self._limit:
            self._put_first(item)
        else:
            self._queue.put(item)
            # The thread has one item of the batch in its hand already.
            if not self._woken and self._queue.qsize() >= self._batch_size - 1:
                self._woken = True
                self._wake.put(None)

    def _put_first(self, item: Any) -> None:
        """Queue an item where there is no thread yet, or turn it away where the queue is full."""
        if self._limit < 0:
            self._call(self._start)
        if self._queue.qsize() >= self._capacity:
            self.receipt.turn_away(semconv.QUEUE_FULL)
        else:
            self._queue.put(item)

    def queued(self) -> int:
        """Return how many items wait."""
        return max(0, int(self._queue.qsize()) - self._markers)

    def flush(self, timeout: float) -> bool:
        """Wait until all that is queued now has arrived or is safe; False if the time was too short.

        Also False if anything was given up since the last flush.
        """
        if self._asleep:
            return self._queue.empty() and self._nothing_lost()
        if self._closing.is_set():
            return not self._thread.is_alive() and self._nothing_lost()
        until = time.monotonic() + timeout
        with self._marking:  # nobody else's mark may be passed by what goes through this thread's hands
            self._complete_queued(until)
            reached = self._mark()
        return reached.wait(max(0.0, until - time.monotonic())) and self._nothing_lost()

    def _complete_queued(self, until: float) -> None:
        """Do here what was left for later to what is queued: this thread would only wait for it.

        On another processor, which was asleep, it takes half as much CPU again. An item is back in the queue
        before the next one is taken out, so whatever ends this early loses none.
        """
        if self._complete is None or self._markers or not self._ready.is_set():
            return
        for _ in range(self._queue.qsize()):
            if time.monotonic() > until:
                return
            try:
                item = self._queue.get_nowait()
            except Empty:
                return
            try:
                self._call(self._complete, item)
            finally:
                self._queue.put(item)

    def close(self, timeout: float) -> bool:
        """Deliver what is queued, without trying again, and stop; False when the time was too short."""
        if not self._closing.is_set():
            self.hasten()
        until = time.monotonic() + timeout
        with self._starting:  # the first item may be starting the thread
            asleep = self._asleep
        if not asleep:
            self._thread.join(timeout * _PATIENCE)
            if self._thread.is_alive():
                self._delivery.interrupt()
                self._thread.join(max(0.0, until - time.monotonic()))
            if not self._thread.is_alive():
                return True
        if left := self._take_all():
            self.receipt.taken += len(left)
            self._call(self._delivery.rescue, left)
            return False
        return asleep

    def hasten(self) -> None:
        """Begin to close, without waiting."""
        self._closing.set()
        if not self._asleep:
            self._mark()

    def _mark(self) -> threading.Event:
        reached = threading.Event()
        with self._marking:
            self._markers += 1
        self._queue.put(Marker(reached))
        self._wake.put(None)
        return reached

    def _nothing_lost(self) -> bool:
        told, self._told = self._told, self.receipt.lost()
        return self._told == told

    def _take_all(self) -> list[Any]:
        found: list[Any] = []
        while True:
            try:
                item = self._queue.get_nowait()
            except Empty:
                return found
            if not isinstance(item, Marker):
                found.append(item)

    def _run(self) -> None:
        from opentelemetry import context  # noqa: PLC0415 - only the thread needs it

        # Whatever instruments HTTP clients must not trace our own requests.
        context.attach(context.set_value("suppress_instrumentation", True))
        self._call(self._delivery.prepare)
        self._ready.set()
        again = self._call(self._delivery.idle, self._closing)
        while not (self._closing.is_set() and self._queue.empty()):
            try:
                first = self._queue.get(timeout=again)
            except Empty:
                again = self._call(self._delivery.idle, self._closing)
                continue
            came = time.monotonic()
            self._wait = next_wait(self._wait, self._delay, came - self._handed_over)
            self._wait_for_more(came + self._wait)
            self._empty(first)
            self._handed_over = time.monotonic()
            again = self._call(self._delivery.idle, self._closing)
        self._call(self._delivery.finish)

    def _wait_for_more(self, until: float) -> None:
        """Wait for a full batch, or until somebody waits for this one; what wakes is but a hint to look."""
        while not (self._markers or self._closing.is_set() or self._queue.qsize() >= self._batch_size - 1):
            left = until - time.monotonic()
            if left <= 0:
                break
            try:
                self._wake.get(timeout=left)
            except Empty:
                break
            self._woken = False  # before the next look at the queue: what is put after it wakes again
        self._woken = False
        while not self._wake.empty():  # whoever woke has put into the queue before what is taken from it now
            self._wake.get()

    def _empty(self, item: Any) -> None:
        """Deliver `item` and everything behind it that is already there."""
        batch: list[Any] = []
        while item is not None:
            if isinstance(item, Marker):
                with self._marking:
                    self._markers -= 1
                self._hand_over(batch, waited_for=True)
                item.reached.set()
            else:
                batch.append(item)
                if len(batch) >= self._batch_size:
                    self._hand_over(batch)
            try:
                item = self._queue.get_nowait()
            except Empty:
                item = None
        self._hand_over(batch)

    def _hand_over(self, batch: list[Any], *, waited_for: bool = False) -> None:
        if batch:
            self.receipt.taken += len(batch)
            turns = Turns(batch, lambda: waited_for or self._hurries())
            batch.clear()  # the turns let each item go
            self._call(self._delivery.deliver, turns, self._closing)

    def _hurries(self) -> bool:
        """Tell whether somebody waits, or so much does that it may be dropped soon."""
        return bool(
            self._markers or self._closing.is_set() or self._queue.qsize() >= self._capacity * _ENOUGH
        )

    def _call(self, action: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return action(*arguments)
        except Exception as error:  # noqa: BLE001 - the border: the thread must outlive a bad batch
            swallow(f"outbox.{self._name}", error)
            return None


def next_wait(wait: float, delay: float, quiet: float) -> float:
    """Return how many seconds a batch waits; the one before waited `wait`, then nothing came for `quiet`."""
    return min(wait * 2, delay * _STEADY) if quiet < delay else delay
