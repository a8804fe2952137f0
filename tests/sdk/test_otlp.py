"""The encoder: its bytes, read by protobuf, are what OpenTelemetry's own encoder would write."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kansoku import guard
from kansoku.delivery.otlp import encode_requests

LIMIT = 1_000_000
text = st.text(st.characters(codec="utf-8"), max_size=40)
integers = st.integers(-(2**63), 2**63 - 1)
numbers = st.floats(allow_nan=False)
values = st.one_of(
    text, st.booleans(), integers, numbers, st.lists(text), st.lists(integers), st.lists(numbers)
)
attributes = st.dictionaries(text.filter(bool), values, max_size=6)


def finished(make: Any) -> list[ReadableSpan]:
    """Return the spans that `make(tracer)` ends."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "x", "n": 1}, "https://schema/1"))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    make(provider.get_tracer("scope", "1.0", "https://schema/2", {"a": True}))
    provider.shutdown()
    return list(memory.get_finished_spans())


def reference(spans: list[ReadableSpan]) -> ExportTraceServiceRequest:
    """Return what OpenTelemetry's encoder makes of the spans."""
    request = ExportTraceServiceRequest.FromString(encode_spans(spans).SerializeToString())
    for scope in request.resource_spans[0].scope_spans:
        for span in scope.spans:
            if not span.status.code:
                span.ClearField("status")  # an empty message and no message say the same
    return request


def ours(spans: list[ReadableSpan], **resource: Any) -> ExportTraceServiceRequest:
    """Return what our encoder makes of them."""
    ((body, count),) = encode_requests(spans, resource, LIMIT)
    assert count == len(spans)
    return ExportTraceServiceRequest.FromString(body)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=text,
    own=attributes,
    event=attributes,
    kind=st.sampled_from(trace.SpanKind),
    status=st.sampled_from(trace.StatusCode),
    times=st.tuples(st.integers(1, 2**62), st.integers(1, 2**62)),
)
def test_every_span_is_read_back_the_same(
    name: str, own: Any, event: Any, kind: Any, status: Any, times: Any
) -> None:
    """Names, kinds, times, attributes of all types, events, links, status and parents survive."""

    def make(tracer: trace.Tracer) -> None:
        state = trace.TraceState([("vendor", "1")])
        far = trace.SpanContext(2**127 + 5, 2**63 + 7, True, trace.TraceFlags(1), state)
        parent = trace.set_span_in_context(trace.NonRecordingSpan(far))
        links = [trace.Link(far, {"why": "x"})]
        root = tracer.start_span(name, parent, kind, own, links, start_time=times[0])
        root.add_event("happened", event, timestamp=times[1])
        root.set_status(status, "because" if status is trace.StatusCode.ERROR else None)
        tracer.start_span("child", trace.set_span_in_context(root), start_time=times[0]).end(times[1])
        root.end(times[1])

    spans = finished(make)
    assert ours(spans) == reference(spans)


def test_values_that_are_equal_keep_their_types() -> None:
    """What was encoded before is found by its type too, and a zero keeps its sign."""
    values = [1, True, 1.0, "1", 0, False, -0.0, 0.0, "1" * 100, float("inf"), 1, True, 1.0]

    def make(tracer: trace.Tracer) -> None:
        for value in values:
            tracer.start_span("x", attributes={"a": value}, start_time=1).end(2)

    spans = finished(make)
    assert ours(spans) == reference(spans)
    assert ours(spans) == reference(spans)


def test_our_resource_is_laid_over_the_spans_own() -> None:
    """Settings win over the provider's resource; what they do not name is kept."""
    spans = finished(lambda tracer: tracer.start_span("x").end())
    sent = ours(spans, **{"service.name": "guide"}).resource_spans[0].resource.attributes
    assert {item.key: item.value.string_value or item.value.int_value for item in sent} == {
        "service.name": "guide",
        "n": 1,
    }


def test_large_batches_are_split_by_size() -> None:
    """No request is much larger than the limit, and every span is in one of them."""

    def make(tracer: trace.Tracer) -> None:
        for number in range(10):
            tracer.start_span(str(number), attributes={"text": "x" * 1000}).end()

    requests = list(encode_requests(finished(make), {}, 3500))
    assert [count for _, count in requests] == [3, 3, 3, 1]
    assert all(len(body) < 3500 + 500 for body, _ in requests)


def test_text_that_is_no_unicode_costs_its_letter_only() -> None:
    """A lone surrogate becomes a question mark; the span and its batch arrive."""
    spans = finished(lambda tracer: tracer.start_span("a\ud800b").end())
    assert ours(spans).resource_spans[0].scope_spans[0].spans[0].name == "a?b"


def test_a_span_that_cannot_be_encoded_is_left_out() -> None:
    """One odd span does not cost its batch; it is counted."""
    good, odd = finished(lambda tracer: (tracer.start_span("a").end(), tracer.start_span("b").end()))
    odd._name = None  # type: ignore[assignment]
    ((_, count),) = encode_requests([odd, good], {}, LIMIT)
    assert count == 1
    assert guard.failures.pop("otlp.encode") == 1
