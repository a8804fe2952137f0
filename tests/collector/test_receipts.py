"""The balance of each sending process: taken from its requests, bounded, shown, and never on a row."""

import gzip
import time
from typing import Any

import pytest
from collector.conftest import Running, request_of
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from kansoku.receipt import Receipt as Sender
from kansoku_collector.decode import otlp
from kansoku_collector.metrics import Metrics
from kansoku_collector.receive import receipts as module
from kansoku_collector.receive.receipts import Receipt, Receipts, read_receipt

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


def test_the_newest_receipt_counts_and_a_late_one_does_not() -> None:
    """A request from the disk that comes after a newer one adds its spans but not its old numbers."""
    found = Receipts()
    found.note("p", told(10, 10), 10)
    found.note("p", told(30, 25, lost=5), 15)
    found.note("p", told(20, 20), 5)
    (balance,) = found.of("p")
    assert 0 < balance.pop("last_seen_ms") <= time.time_ns() // 10**6
    assert balance == {
        "process": ME, "service": "guide", "started": 30, "exported": 25, "dropped": {"lost": 5},
        "received": 30,
    }  # fmt: skip
    assert found.of("other") == []


def test_memory_is_bounded_and_the_sums_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many processes the last ones heard of are kept; the counters count all of them."""
    monkeypatch.setattr(module, "MAX_PROCESSES", 3)
    found, metrics = Receipts(), Metrics()
    metrics.registry.register(found)
    for number in range(10):
        found.note("p", told(5, 4, f"{number:032x}", queue_full=1), 4)
    assert [int(balance["process"], 16) for balance in found.of("p")] == [9, 8, 7]
    text = metrics.text().decode()
    assert 'kansoku_sdk_spans_total{project="p",reason="",state="started"} 50.0' in text
    assert 'kansoku_sdk_spans_total{project="p",reason="queue_full",state="dropped"} 10.0' in text
    assert 'kansoku_sdk_spans_total{project="p",reason="",state="received"} 40.0' in text


def test_a_balance_is_no_part_of_a_row() -> None:
    """Even on a resource that has spans the changing attributes are taken out before it is stored."""
    request = request_of({"name": "x"}, **{"service.name": "guide", "kansoku.process.id": ME, "host": "h"})
    (span,) = otlp.read_spans(request, time.time_ns() // 10**6 + 10**12)
    assert span.resource == {"service.name": "guide", "host": "h"}


def test_stats_and_metrics_of_a_running_collector_show_the_balance(collector: Running) -> None:
    """A request counts once however often it is sent; a balance alone is taken in, and stores nothing."""
    sender = Sender("guide")
    sender.taken = 3
    span = {"name": "x", "trace_id": bytes.fromhex("c" * 32)}
    body = gzip.compress(request_of(span, **{"service.name": "guide"}).SerializeToString() + sender.encode(1))
    for _ in range(2):
        assert collector.post("traces", body, content_encoding="gzip")[0] == 200
    sender.exported = 1
    sender.drop("refused", 2)
    assert collector.post("traces", sender.encode(0))[0] == 200
    stats = collector.get("/v1/stats")
    (balance,) = stats["processes"]
    assert balance.pop("last_seen_ms")
    assert balance == {
        "process": sender.process_id, "service": "guide", "started": 3, "exported": 1,
        "dropped": {"refused": 2}, "received": 1,
    }  # fmt: skip
    assert not [name for name in stats if name.startswith("sdk_spans")]
    text = collector.call("GET", "/metrics")[1].decode()
    assert 'kansoku_sdk_spans_total{project="default",reason="refused",state="dropped"} 2.0' in text
    stored = collector.trace("c" * 32)["spans"]
    assert [list(row["resource"]) for row in stored] == [["service.name"]]
