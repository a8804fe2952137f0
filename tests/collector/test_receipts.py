"""The balance of each sending process: taken from its requests, bounded, shown, and never on a row."""

import gzip
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from collector.conftest import Running, request_of
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from kansoku.delivery.receipt import Receipt as Sender
from kansoku_collector.decode import otlp
from kansoku_collector.metrics import Metrics
from kansoku_collector.model import Tally
from kansoku_collector.receive import receipts as module
from kansoku_collector.receive.receipts import Receipt, Receipts, read_receipt
from kansoku_collector.store.read.receipts import missing, receipts
from kansoku_collector.store.write import Writer

ME = "a" * 32


def told(started: int, exported: int, process: str = ME, **dropped: int) -> Receipt:
    """Return a receipt."""
    return Receipt(process, "guide", started, exported, dropped)


def parse(body: bytes) -> ExportTraceServiceRequest:
    """Return a request."""
    return ExportTraceServiceRequest.FromString(body)


def test_what_the_sdk_writes_is_read() -> None:
    """Service, counts and reasons come through the wire as the SDK counted them."""
    sender = Sender("guide")
    sender.taken, sender.exported = 9, 2
    sender.drop("lost", 3)
    found = read_receipt(parse(sender.encode(4)))
    assert found == Receipt(sender.process_id, "guide", 9, 6, {"lost": 3})
    assert read_receipt(parse(b"")) is None


@given(
    st.dictionaries(
        st.sampled_from(["id", "started", "exported", "dropped.lost", "dropped.A b"]),
        st.one_of(st.text(max_size=40), st.integers(-5, 2**62), st.booleans(), st.just(ME)),
    )
)
@settings(max_examples=100, deadline=None)
def test_a_dishonest_receipt_says_nothing(given_attributes: dict[str, Any]) -> None:
    """Whatever somebody writes there, the result is None or small whole numbers under clean names."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add().resource
    for name, value in given_attributes.items():
        pair = resource.attributes.add(key=f"kansoku.process.{name}")
        if isinstance(value, bool):
            pair.value.bool_value = value
        elif isinstance(value, int):
            pair.value.int_value = value
        else:
            pair.value.string_value = value
    found = read_receipt(request)
    if found is None:
        assert given_attributes.get("id") != ME
    else:
        assert found.process == ME
        assert all(0 <= number < 2**53 for number in (found.started, found.exported, *found.dropped.values()))
        assert set(found.dropped) <= {"lost"}


def sums(found: Receipts) -> str:
    """Return what Prometheus is told."""
    metrics = Metrics()
    metrics.registry.register(found)
    return metrics.text().decode()


def test_the_newest_receipt_counts_and_a_late_one_does_not() -> None:
    """A request from the disk that comes after a newer one adds its spans but not its old numbers."""
    found = Receipts()
    found.note("p", told(10, 10), 10)
    found.note("p", told(30, 25, lost=5), 15)
    found.note("p", told(20, 20), 5)
    text = sums(found)
    for state, number in (("started", 30), ("exported", 25), ("received", 30)):
        assert f'kansoku_sdk_spans_total{{project="p",reason="",state="{state}"}} {number}.0' in text
    assert 'kansoku_sdk_spans_total{project="p",reason="lost",state="dropped"} 5.0' in text


def test_memory_is_bounded_and_the_sums_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many processes the last ones heard of are remembered; the counters count all of them."""
    monkeypatch.setattr(module, "MAX_PROCESSES", 3)
    found = Receipts()
    for number in range(10):
        found.note("p", told(5, 4, f"{number:032x}", queue_full=1), 4)
        found.settle([Tally("p", f"{number:032x}", stored=3, repeated=1), Tally("p", "", stored=9)])
    assert len(found._processes["p"]) == 3
    text = sums(found)
    assert 'kansoku_sdk_spans_total{project="p",reason="",state="started"} 50.0' in text
    assert 'kansoku_sdk_spans_total{project="p",reason="queue_full",state="dropped"} 10.0' in text
    assert 'kansoku_sdk_spans_total{project="p",reason="",state="received"} 40.0' in text
    assert 'kansoku_sdk_spans_total{project="p",reason="",state="stored"} 30.0' in text


def test_a_balance_is_no_part_of_a_row() -> None:
    """Even on a resource that has spans the changing attributes are taken out before it is stored."""
    request = request_of({"name": "x"}, **{"service.name": "guide", "kansoku.process.id": ME, "host": "h"})
    (span,) = otlp.find_spans(request, time.time_ns() // 10**6 + 10**12)
    assert span.resource == {"service.name": "guide", "host": "h"}


def test_loss_is_a_number_over_restarts(collector: Running) -> None:
    """What the SDK sent, what arrived, what is stored and what was left out, in JSON and on /metrics."""
    sender = Sender("guide")
    sender.taken = 6
    span = {"name": "x", "trace_id": bytes.fromhex("c" * 32), "span_id": b"12345678"}
    wrong = {"name": "wrong", "trace_id": b"short"}
    resource = {"service.name": "guide"}
    body = gzip.compress(request_of(span, wrong, **resource).SerializeToString() + sender.encode(2))
    for _ in range(2):  # a request counts once however often it is sent
        assert collector.post("traces", body, content_encoding="gzip")[0] == 200
    collector.settled()
    (balance,) = collector.get("/v1/stats")["processes"]
    assert balance["balance"] == 0  # refused in the answer: no loss, though the SDK has not said so yet
    sender.exported = 1
    sender.drop("refused", 1)
    again = request_of(span, {"name": "y"}, **resource).SerializeToString() + sender.encode(2)
    assert collector.post("traces", again)[0] == 200  # a span comes a second time
    sender.exported += 2
    assert (
        collector.post("traces", request_of(wrong, **resource).SerializeToString() + sender.encode(1))[0]
        == 200
    )
    sender.drop("refused", 1)
    sender.drop("lost", 1)
    assert collector.post("traces", sender.encode(0))[0] == 200  # a balance alone, which stores nothing
    collector.settled()
    assert collector.end() == 0
    collector.start()
    (balance,) = collector.get("/v1/stats")["processes"]
    assert balance.pop("first_seen") <= balance.pop("last_seen")
    assert balance == {
        "process": sender.process_id, "service": "guide", "started": 6, "sent": 3,
        "given_up": {"refused": 2, "lost": 1}, "received": 5, "stored": 2, "repeated": 1,
        "dropped": {"invalid_trace_id": 2}, "balance": 1,
    }  # fmt: skip
    stored = collector.trace("c" * 32)["spans"]
    assert [list(row["resource"]) for row in stored] == [["service.name"]]


def test_metrics_show_the_sums(collector: Running) -> None:
    """Prometheus is told what the SDKs of a project say and what was stored, since the start."""
    sender = Sender("other")
    sender.taken = 1
    body = request_of({"name": "z"}).SerializeToString() + sender.encode(1)
    assert collector.post("traces", body)[0] == 200
    collector.settled()
    text = collector.call("GET", "/metrics")[1].decode()
    for state in ("started", "exported", "received", "stored"):
        assert f'kansoku_sdk_spans_total{{project="default",reason="",state="{state}"}} 1.0' in text
    assert not [name for name in collector.get("/v1/stats") if name.startswith("sdk_spans")]


def test_a_span_that_vanished_is_missing(store: Any) -> None:
    """The balance is what was sent and is neither stored nor dropped, over all rows of a process."""
    writer, now, later = Writer(store), 1_795_000_000_000, 1_795_000_009_000
    first = Tally("p", ME, "guide", (10, 0, 8), {}, 8, 8, last_seen=now)
    second = Tally("p", ME, "", (20, 3, 17), {"lost": 3}, 5, 4, 1, {"given_up": 2}, now, later)
    writer.receipts([first], "a")
    writer.receipts([second], "b")
    others = Tally("p", received=9, stored=7, repeated=1, dropped={"absurd_time": 1}, last_seen=now)
    writer.receipts([others], "c")
    by_process = {found.process: found for found in receipts(store, "p")}
    assert (by_process[ME].sent, by_process[ME].stored, by_process[ME].balance) == (17, 12, 3)
    assert by_process[""].balance == 0
    assert missing(store, "p") == 3
    assert [r.process for r in receipts(store, "p", since=datetime.fromtimestamp(later / 1000 - 1, UTC))] == [
        ME
    ]
