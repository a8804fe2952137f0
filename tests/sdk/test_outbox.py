"""The queue: everything queued is delivered once, in order, or counted; waits are bounded."""

import gc
import os
import threading
from typing import Any

import pytest

from kansoku import guard
from kansoku.outbox import Outbox
from kansoku.transport import Transport


def collect(into: list[list[Any]]) -> Any:
    """Return a delivery that remembers its batches."""
    return lambda batch, _: into.append(list(batch))


def make(deliver: Any, **arguments: Any) -> Outbox:
    """Return an outbox with settings for tests."""
    return Outbox(deliver, **{"capacity": 100, "batch_size": 10, "delay": 30.0, "name": "test", **arguments})


def test_flush_delivers_everything_queued_before_it_in_order() -> None:
    """25 items arrive in order, in batches of at most 10, without waiting for the delay."""
    batches: list[list[int]] = []
    outbox = make(collect(batches))
    for number in range(25):
        outbox.put(number)
    assert outbox.flush(10)
    assert [item for batch in batches for item in batch] == list(range(25))
    assert max(len(batch) for batch in batches) <= 10
    assert outbox.close(10)


def test_what_is_queued_is_delivered_without_a_flush() -> None:
    """After the delay items arrive by themselves."""
    arrived = threading.Event()
    outbox = make(lambda *_: arrived.set(), delay=0.05)
    outbox.put(1)
    assert arrived.wait(10)
    assert outbox.close(10)


def test_a_full_queue_drops_and_counts_and_never_blocks() -> None:
    """While delivery is stuck, surplus items are refused and counted."""
    stuck, entered = threading.Event(), threading.Event()

    def deliver(batch: list[Any], closing: threading.Event) -> None:
        entered.set()
        stuck.wait(10)

    outbox = make(deliver, capacity=5, batch_size=1)
    outbox.put(0)
    assert entered.wait(10)
    for number in range(20):
        outbox.put(number)
    assert outbox.dropped == 15
    assert not outbox.flush(0.01)
    assert not outbox.close(0.01)
    stuck.set()
    assert outbox.close(10)
    outbox.put(1)
    assert outbox.dropped == 16
    assert outbox.flush(0.01)


def test_close_delivers_the_rest_and_then_stops() -> None:
    """The rest is delivered with `closing` set, between start() and stop()."""
    seen: list[Any] = []

    def deliver(batch: list[Any], closing: threading.Event) -> None:
        seen.append((batch, closing.is_set()))

    outbox = make(deliver, start=lambda: seen.append("start"), stop=lambda: seen.append("stop"))
    outbox.put(1)
    outbox.put(2)
    assert outbox.close(10)
    assert seen == ["start", ([1, 2], True), "stop"]


def test_a_delivery_that_raises_does_not_end_the_thread() -> None:
    """A bad batch is counted; the next one is delivered."""
    good: list[Any] = []

    def deliver(batch: list[Any], closing: threading.Event) -> None:
        if batch == ["bad"]:
            raise RuntimeError("bad batch")
        good.extend(batch)

    outbox = make(deliver)
    for item in ("bad", "good"):
        outbox.put(item)
        assert outbox.flush(10)
    assert good == ["good"]
    assert guard.failures.pop("outbox.test") == 1
    assert outbox.close(10)


def test_items_may_be_queued_by_the_garbage_collector() -> None:
    """An object that queues something when it is collected does not deadlock the queue."""
    batches: list[list[Any]] = []
    outbox = make(collect(batches), capacity=10_000, batch_size=1000)

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
    assert outbox.flush(10)
    assert sum(batch.count("from the collector") for batch in batches) == 500
    assert outbox.close(10)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_sends_its_own_items_only() -> None:
    """A worker forked by a server has a thread of its own and does not send its parent's items again."""
    batches: list[list[Any]] = []
    outbox = make(collect(batches))
    outbox.put("parent")
    read, write = os.pipe()
    if os.fork() == 0:
        outbox.put("child")
        outbox.flush(10)
        os.write(write, repr(batches).encode())
        os._exit(0)
    os.wait()
    assert os.read(read, 1000) == b"[['child']]"
    os.close(read)
    os.close(write)
    assert outbox.flush(10)
    assert batches == [["parent"]]
    assert outbox.close(10)


def transport(url: str, **arguments: Any) -> Transport:
    """Return a transport for tests."""
    given = {"api_key": "k", "content_type": "text/plain", "timeout": 5.0, "retry_seconds": 20.0, **arguments}
    return Transport(url, **given)


def test_a_refusal_for_now_is_tried_again(recorder: Any) -> None:
    """503 and 429 are answered by trying again; the items count once."""
    recorder.status[:] = [503, 429]
    one = transport(f"{recorder.url}/x")
    assert one.send(b"body", 3, threading.Event())
    assert recorder.bodies("/x") == [b"body"] * 3
    assert one.sent == {"ok": 3}
    one.close()


def test_a_final_refusal_is_not_tried_again(recorder: Any, caplog: pytest.LogCaptureFixture) -> None:
    """401 will not get better: one request, one warning with the status, the items counted as refused."""
    recorder.status[:] = [401, 401]
    one = transport(f"{recorder.url}/x")
    assert not one.send(b"body", 3, threading.Event())
    assert not one.send(b"body", 4, threading.Event())
    assert len(recorder.bodies("/x")) == 2
    assert one.sent == {"refused": 7}
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "HTTP 401" in warnings[0].getMessage()
    one.close()


def test_while_closing_nothing_is_tried_again(recorder: Any) -> None:
    """At the end of the program there is one attempt."""
    recorder.status[:] = [503]
    closing = threading.Event()
    closing.set()
    one = transport(f"{recorder.url}/x")
    assert not one.send(b"body", 1, closing)
    assert len(recorder.bodies("/x")) == 1
    assert one.sent == {"lost": 1}
    one.close()


def test_a_warning_comes_again_after_a_recovery(recorder: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Each outage is told once: failed, recovered, failed again are two warnings."""
    recorder.status[:] = [400, 200, 400]
    one = transport(f"{recorder.url}/x")
    for _ in range(3):
        one.send(b"body", 1, threading.Event())
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 2
    assert one.sent == {"refused": 2, "ok": 1}
    one.close()


def test_our_requests_are_not_traced() -> None:
    """The thread that sends carries OpenTelemetry's mark that suppresses instrumentation."""
    from opentelemetry import context

    marks: list[Any] = []
    outbox = make(lambda *_: marks.append(context.get_value("suppress_instrumentation")))
    outbox.put(1)
    assert outbox.flush(10)
    assert marks == [True]
    assert outbox.close(10)
