"""Encoded requests taken apart: nothing is lost in halves, and a span cut hard stays a span."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from support.collector import receipt, span_names

from kansoku.delivery import wire
from kansoku.delivery.receipt import Receipt


def request(counts: list[list[int]]) -> ExportTraceServiceRequest:
    """Return a request with a resource a list and a scope a number of spans."""
    made = ExportTraceServiceRequest()
    for number, scopes in enumerate(counts):
        resource = made.resource_spans.add(schema_url=f"https://resource/{number}")
        resource.resource.attributes.add(key="service.name").value.string_value = f"service {number}"
        for place, spans in enumerate(scopes):
            scope = resource.scope_spans.add(schema_url="https://scope")
            scope.scope.name = f"scope {place}"
            for index in range(spans):
                scope.spans.add(
                    name=f"{number}.{place}.{index}", trace_id=b"t" * 16, start_time_unix_nano=2**63
                )
    return made


def owned(body: bytes) -> list[tuple[str, str, str, str]]:
    """Return resource, schema, scope and name of every span."""
    return [
        (r.resource.attributes[0].value.string_value, r.schema_url, s.scope.name, span.name)
        for r in ExportTraceServiceRequest.FromString(body).resource_spans
        for s in r.scope_spans
        for span in s.spans
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), max_size=3), max_size=3))
def test_halves_hold_every_span_once_under_its_own_resource_and_scope(counts: list[list[int]]) -> None:
    """The two parts together are the whole, in order, and neither has more than half and one."""
    whole = request(counts).SerializeToString()
    parts = wire.halve(whole)
    names = owned(whole)
    assert [span for body, _ in parts for span in owned(body)] == names
    assert [number for _, number in parts] == [n for n in ((len(names) + 1) // 2, len(names) // 2) if n]


def test_a_receipt_is_left_out_of_halves() -> None:
    """What carries no span is not sent twice."""
    body = request([[2]]).SerializeToString() + Receipt("guide").encode(2)
    assert receipt(body)["exported"] == 2
    assert all(receipt(part) == {} for part, _ in wire.halve(body))


def test_a_span_cut_hard_keeps_what_is_short_and_says_how_long_the_rest_was() -> None:
    """Messages stay JSON, text gets a marker, lists and bytes become a sentence; numbers and names stay."""
    made = request([[1]])
    span = made.resource_spans[0].scope_spans[0].spans[0]
    messages = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "長" * 5000}]}])
    for key, text in [
        ("messages", messages),
        ("text", "x" * 5000),
        ("broken", "[" * 5000),
        ("short", "same"),
    ]:
        span.attributes.add(key=key).value.string_value = text
    span.attributes.add(key="number").value.int_value = -3
    for _ in range(500):
        list_value = span.attributes.add(key="list") if len(span.attributes) == 5 else span.attributes[5]
        list_value.value.array_value.values.add().string_value = "item"
    event = span.events.add(name="exception", time_unix_nano=5)
    event.attributes.add(key="exception.stacktrace").value.string_value = "y" * 5000
    body = wire.shrink(made.SerializeToString())
    assert len(body) < 8000
    cut = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans[0]
    found = {pair.key: pair.value for pair in cut.attributes}
    assert "[cut: 15000 bytes]" in json.loads(found["messages"].string_value)[0]["parts"][0]["content"]
    assert found["text"].string_value.endswith("… [cut: 5000 bytes]")
    assert found["broken"].string_value.endswith("… [cut: 5000 bytes]")
    assert (found["short"].string_value, found["number"].int_value) == ("same", -3)
    assert found["list"].string_value.startswith("… [cut: ")
    assert cut.events[0].attributes[0].value.string_value.endswith("… [cut: 5000 bytes]")
    assert (cut.name, cut.start_time_unix_nano, cut.trace_id) == ("0.0.0", 2**63, b"t" * 16)
    assert span_names(body) == ["0.0.0"]


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_message_or_a_value_error(data: bytes) -> None:
    """Damaged bytes never end in anything but ValueError, and an answer of any bytes is readable."""
    with contextlib.suppress(ValueError):
        assert b"".join(field.whole for field in wire.fields(data)) == data
    assert wire.partial_success(data)[0] >= 0


@pytest.mark.parametrize(("number", "why"), [(0, ""), (1, "one"), (2**40, "many"), (0, "only words")])
def test_partial_success_is_what_protobuf_says(number: int, why: str) -> None:
    """Count and sentence of an answer are read as they were written."""
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = number
    answer.partial_success.error_message = why
    assert wire.partial_success(answer.SerializeToString()) == (number, why)
