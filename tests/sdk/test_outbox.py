"""The queue: everything queued is handed over once, in order, or counted; waits are bounded."""

import gc
import itertools
import threading
import time
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from kansoku import guard
from kansoku.delivery.outbox import Outbox, next_wait
from kansoku.delivery.receipt import Receipt


class Delivery:
    """A delivery that remembers what it is told; `each` is run with every batch."""

    def __init__(self, each: Any = None) -> None:
        self.batches: list[list[Any]] = []
        self.rescued: list[Any] = []
        self.said: list[str] = []
        self.each = each

    def prepare(self) -> None:
        """Remember the beginning."""
        self.said.append("prepare")

    def deliver(self, batch: list[Any], closing: threading.Event) -> None:
        """Remember a batch."""
        if self.each is not None:
            self.each(batch, closing)
        self.batches.append(list(batch))
        self.said.append(f"deliver {len(batch)}{' closing' if closing.is_set() else ''}")

    def idle(self, closing: threading.Event) -> float | None:  # noqa: ARG002
        """Have nothing to do."""
        return None

    def finish(self) -> None:
        """Remember the end."""
        self.said.append("finish")

    def interrupt(self) -> None:
        """Remember the interruption."""
        self.said.append("interrupt")

    def rescue(self, batch: list[Any]) -> None:
        """Remember what was left."""
        self.rescued += batch

    def forked(self) -> None:
        """Forget everything."""
        self.batches.clear()

    def items(self) -> list[Any]:
        """Return everything delivered."""
        return [item for batch in self.batches for item in batch]


def make(delivery: Delivery, **arguments: Any) -> Outbox:
    """Return an outbox with settings for tests."""
    given = {"capacity": 100, "batch_size": 10, "delay": 30.0, "name": "test", **arguments}
    return Outbox(delivery, Receipt(), **given)


def test_flush_delivers_everything_queued_before_it_in_order() -> None:
    """25 items arrive in order, in batches of at most 10, without waiting for the delay."""
    delivery = Delivery()
    outbox = make(delivery)
    for number in range(25):
        outbox.put(number)
    assert outbox.flush(60)
    assert delivery.items() == list(range(25))
    assert max(len(batch) for batch in delivery.batches) <= 10
    assert (outbox.receipt.started, outbox.queued()) == (25, 0)
    assert outbox.close(60)


def test_what_is_queued_is_delivered_without_a_flush() -> None:
    """After the delay items arrive by themselves."""
    arrived = threading.Event()
    outbox = make(Delivery(lambda *_: arrived.set()), delay=0.05)
    outbox.put(1)
    assert arrived.wait(60)
    assert outbox.close(60)


def test_batches_wait_longer_while_items_keep_coming_and_not_after_a_pause() -> None:
    """A program's first spans are sent after a second, those of steady traffic every five."""
    waits = [1.0]
    for quiet in (0.0, 0.9, 0.5, 0.0):
        waits.append(next_wait(waits[-1], 1.0, quiet))
    assert waits == [1, 2, 4, 5, 5]
    assert next_wait(5.0, 1.0, quiet=1.0) == 1


def test_a_full_batch_does_not_wait_for_the_delay() -> None:
    """Whoever puts the last item of a batch wakes the thread: again and again, with no flush."""
    arrived = threading.Semaphore(0)
    delivery = Delivery(lambda batch, _: [arrived.release() for _ in range(len(batch))])
    outbox = make(delivery, batch_size=5, delay=60.0)
    for number in range(4):
        for item in range(5):
            outbox.put(number * 5 + item)
            time.sleep(0.01 * number)  # the thread may have taken the first one before the last one comes
        for _ in range(5):
            assert arrived.acquire(timeout=60)
    assert outbox.close(60)
    assert delivery.items() == list(range(20))


def test_what_was_delivered_is_let_go_before_the_next() -> None:
    """A batch is worked through in the memory of one item, not of all of them."""
    kept: list[weakref.ref[Any]] = []
    alive: list[int] = []

    def look(batch: list[Any], _: threading.Event) -> None:
        for item in batch:
            alive.append(sum(found() is not None for found in kept))
            kept.append(weakref.ref(item))

    outbox = make(Delivery(look), batch_size=20)
    for _ in range(20):
        outbox.put(set())
    assert outbox.flush(60)
    assert len(alive) == 20
    assert max(alive) <= 1
    assert outbox.close(60)


def test_a_full_queue_drops_and_counts_and_never_blocks() -> None:
    """While delivery is stuck, surplus items are refused and counted; what is left at the end is rescued."""
    stuck, entered = threading.Event(), threading.Event()

    def block(batch: list[Any], closing: threading.Event) -> None:
        entered.set()
        stuck.wait(60)

    delivery = Delivery(block)
    outbox = make(delivery, capacity=5, batch_size=1)
    outbox.put(0)
    assert entered.wait(60)
    for number in range(1, 21):
        outbox.put(number)
    assert outbox.receipt.dropped == {"queue_full": 15}
    assert (outbox.receipt.started, outbox.queued()) == (21, 5)
    assert not outbox.flush(0.01)
    assert outbox.queued() == 5, "a flush is no item"
    assert not outbox.close(0.01)
    assert "interrupt" in delivery.said
    assert delivery.rescued == [1, 2, 3, 4, 5]
    stuck.set()
    assert outbox.close(60)
    outbox.put(1)
    assert outbox.receipt.dropped == {"queue_full": 15, "exit": 1}
    assert outbox.receipt.started == 22


def test_flush_says_once_that_something_was_given_up() -> None:
    """A loss makes the next flush False, and the one after it True again."""
    delivery = Delivery()
    outbox = make(delivery)
    delivery.each = lambda batch, _: outbox.receipt.drop("lost", len(batch))
    outbox.put(1)
    assert not outbox.flush(60)
    assert outbox.flush(60)
    assert outbox.close(60)


def test_close_delivers_the_rest_and_then_stops() -> None:
    """The rest is delivered with `closing` set, between the beginning and the end."""
    delivery = Delivery()
    outbox = make(delivery)
    outbox.put(1)
    outbox.put(2)
    assert outbox.close(60)
    assert delivery.said == ["prepare", "deliver 2 closing", "finish"]


def test_a_forked_process_without_a_thread_to_spare_loses_nothing_unsaid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What came meanwhile goes with the next item that gets a thread; else the end says that it is left."""
    delivery = Delivery()
    outbox = make(delivery)
    outbox.restart()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", _no_more_threads)
        outbox.put(1)
        outbox.put(2)
        assert not outbox.flush(5)
    assert outbox.queued() == 2
    outbox.put(3)
    assert outbox.flush(60)
    assert delivery.items() == [1, 2, 3]
    outbox.restart()
    monkeypatch.setattr(threading.Thread, "start", _no_more_threads)
    outbox.put(4)
    assert not outbox.close(5)
    assert delivery.rescued == [4]
    assert guard.failures.pop("outbox.test") == 3


def _no_more_threads(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_a_delivery_that_raises_does_not_end_the_thread() -> None:
    """A bad batch is counted; the next one is delivered."""

    def fail(batch: list[Any], closing: threading.Event) -> None:
        if batch == ["bad"]:
            raise RuntimeError("bad batch")

    delivery = Delivery(fail)
    outbox = make(delivery)
    for item in ("bad", "good"):
        outbox.put(item)
        outbox.flush(60)
    assert delivery.items() == ["good"]
    assert guard.failures.pop("outbox.test") == 1
    assert outbox.close(60)


def test_items_may_be_queued_by_the_garbage_collector() -> None:
    """An object that queues something when it is collected does not deadlock the queue, even a full one."""
    delivery = Delivery()
    outbox = make(delivery, capacity=10_000, batch_size=1000)

    class Dropped:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            outbox.put("from the collector")

    old = gc.get_threshold()
    gc.set_threshold(5)
    try:
        for _ in range(500):
            Dropped()
            outbox.put("item")
    finally:
        gc.set_threshold(*old)
    gc.collect()
    assert outbox.flush(60)
    assert delivery.items().count("from the collector") == 500
    assert outbox.close(60)


@pytest.mark.parametrize("capacity", [7, 10_000])
def test_each_item_of_many_threads_is_counted_once(capacity: int) -> None:
    """Eight threads put 200 items each while flushes run: delivered and refused items add up."""
    delivery = Delivery()
    outbox = make(delivery, capacity=capacity, delay=0.01)

    def put() -> None:
        for number in range(200):
            outbox.put(number)
            if number % 50 == 0:
                outbox.flush(60)

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outbox.flush(60)
    receipt = outbox.receipt
    assert receipt.started == 1600
    assert len(delivery.items()) + receipt.dropped["queue_full"] == 1600
    assert outbox.close(60)


def test_our_requests_are_not_traced() -> None:
    """The thread that sends carries OpenTelemetry's mark that suppresses instrumentation."""
    from opentelemetry import context

    marks: list[Any] = []
    outbox = make(Delivery(lambda *_: marks.append(context.get_value("suppress_instrumentation"))))
    outbox.put(1)
    assert outbox.flush(60)
    assert marks == [True]
    assert outbox.close(60)


@pytest.mark.parametrize("hurry", ["", "flush", "close", "queue"])
def test_the_thread_gives_way_between_the_items_of_a_batch_unless_it_has_to_hurry(
    monkeypatch: pytest.MonkeyPatch, hurry: str
) -> None:
    """A thread of the program waits for one item, not for a batch; nobody pauses while somebody waits."""
    pauses: list[float] = []
    ticks = itertools.count()  # seconds: each item takes long
    slow = SimpleNamespace(monotonic=lambda: float(next(ticks)), sleep=pauses.append)
    begun, full, read = threading.Event(), threading.Event(), threading.Event()

    def each(batch: list[Any], _: threading.Event) -> None:
        begun.set()
        if hurry == "queue":
            assert full.wait(60)
        if not read.is_set():
            with monkeypatch.context() as patch:
                patch.setattr("kansoku.delivery.turns.time", slow)
                assert list(batch) == list(range(5))
        read.set()

    outbox = make(Delivery(each), capacity=8, batch_size=50 if hurry in ("flush", "close") else 5)
    for number in range(5):
        outbox.put(number)
    if hurry == "flush":
        assert outbox.flush(60)
    elif hurry == "queue":
        assert begun.wait(60)
        for number in range(3):
            outbox.put(number)
        full.set()
    assert hurry == "close" or read.wait(60)
    assert outbox.close(60)
    assert len(pauses) == (0 if hurry else 5)


def filled(delivery: Delivery, complete: Any) -> Outbox:
    """Return an outbox whose thread is ready, with five items that nobody has come for."""
    outbox = make(delivery, delay=60, complete=complete)
    outbox.put(0)
    assert outbox.flush(60)
    for item in range(1, 6):
        outbox.put(item)
    return outbox


def test_a_flush_completes_what_is_queued_on_its_own_thread() -> None:
    """It would only wait; the background thread has the sending alone to do."""
    completed: list[int] = []
    here = threading.current_thread()

    def complete(item: int) -> None:
        if threading.current_thread() is here:
            completed.append(item)

    delivery = Delivery()
    assert filled(delivery, complete).flush(60)
    assert {2, 3, 4, 5} <= set(completed), "the background thread may have the first in its hand"
    assert sorted(delivery.items()) == list(range(6))


def test_what_cannot_be_completed_is_delivered_all_the_same() -> None:
    """An error, and a flush whose time is over before it has begun: no item is lost."""

    def fail(_: int) -> None:
        raise ValueError

    delivery = Delivery()
    outbox = filled(delivery, fail)
    outbox.flush(0)
    assert outbox.flush(60)
    assert sorted(delivery.items()) == list(range(6))


def test_an_interrupted_flush_loses_no_item() -> None:
    """Ctrl-C in the middle of what is completed: the item in hand goes back into the queue."""
    interrupted: list[int] = []

    def interrupt(item: int) -> None:
        if item == 3 and not interrupted:
            interrupted.append(item)
            raise KeyboardInterrupt

    delivery = Delivery()
    outbox = filled(delivery, interrupt)
    with pytest.raises(KeyboardInterrupt):
        outbox.flush(60)
    assert outbox.flush(60)
    assert sorted(delivery.items()) == list(range(6))


def test_flushes_and_items_of_many_threads_pass_nothing_by() -> None:
    """Each thread's own items have arrived when its own flush returns."""
    delivery = Delivery()
    outbox = make(delivery, capacity=100_000, delay=0.01, complete=lambda _: time.sleep(0))
    missing: list[int] = []
    flushed: list[bool] = []

    def work(first: int) -> None:
        for number in range(40):
            outbox.put(first + number)
            if number % 4 == 3:
                flushed.append(outbox.flush(60))
                arrived = set(delivery.items())
                missing.extend(set(range(first, first + number + 1)) - arrived)

    threads = [threading.Thread(target=work, args=(at * 1000,)) for at in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (missing, flushed) == ([], [True] * 60)
