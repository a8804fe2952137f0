"""OTLP messages to raw spans, and the structural check that decides which spans can be stored at all."""

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

from kansoku import semconv
from kansoku_collector.errors import PayloadError
from kansoku_collector.model import Attributes, Event, RawSpan

M = TypeVar("M", bound=Message)

REQUESTS: dict[str, type[Message]] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
EARLIEST_NS = 946_684_800 * 10**9  # 2000-01-01: before that a clock was never set
AHEAD_NS = 24 * 3600 * 10**9  # a clock may be ahead by this much
# A clock may be set back while a span runs: the call was made and is paid. More than this is an error.
_BACKWARDS_NS = 7 * 24 * 3600 * 10**9
_BALANCE = semconv.PROCESS_ID.removesuffix("id")
_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)


def parse(kind: type[M], body: bytes) -> M:
    """Parse a protobuf request; raise PayloadError saying what was expected."""
    try:
        return kind.FromString(body)
    except (DecodeError, RecursionError) as error:
        raise PayloadError(f"the body is not a protobuf {kind.DESCRIPTOR.name}: {error}") from error


def fault(span: ProtoSpan, received_ms: int) -> tuple[str, str] | None:
    """Return (reason, explanation) when a span cannot be stored, else None.

    It depends on nothing but the span and the time of its receipt, so a replay decides the same.
    """
    trace_id, span_id = span.trace_id, span.span_id
    if len(trace_id) != 16 or trace_id == _NO_TRACE:
        return (
            "invalid_trace_id",
            f"span {span.name!r} has trace_id {trace_id.hex() or 'empty'!r}, not 16 bytes, not all zero",
        )
    if len(span_id) != 8 or span_id == _NO_SPAN:
        return (
            "invalid_span_id",
            f"span {span.name!r} has span_id {span_id.hex() or 'empty'!r}, not 8 bytes, not all zero",
        )
    start, end = span.start_time_unix_nano, span.end_time_unix_nano
    latest = received_ms * 10**6 + AHEAD_NS
    if not EARLIEST_NS <= start <= latest:
        return (
            "absurd_time",
            f"span {span_id.hex()} starts at {start} ns, before 2000 or more than a day ahead",
        )
    if end > latest:
        return (
            "absurd_time",
            f"span {span_id.hex()} ends at {end} ns since the epoch, more than a day ahead",
        )
    if end and end < start - _BACKWARDS_NS:
        return (
            "ends_before_start",
            f"span {span_id.hex()} ends {(start - end) / 1e9:.3f} s before it starts",
        )
    return None


def spans_of(request: ExportTraceServiceRequest) -> Iterator[ProtoSpan]:
    """Yield every span of a request."""
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            yield from scope.spans


class Found(NamedTuple):
    """A span that can be stored, as the request holds it: who it is, and where what it says can be read.

    A batch is sifted by identity alone; to read thousands of spans long before they are made rows of would
    take as much memory as they came in, and memory that is used for the first time is slow.
    """

    trace_id: str
    span_id: str
    start_ns: int
    end_ns: int
    span: ProtoSpan
    resource: Attributes
    scope_name: str
    scope_version: str

    def read(self) -> RawSpan:
        """Return the span with all it says, as Python values."""
        span = self.span
        parent, events, links = span.parent_span_id, span.events, span.links
        return RawSpan(
            self.trace_id,
            self.span_id,
            "" if parent == _NO_SPAN else parent.hex(),
            span.name,
            self.start_ns,
            self.end_ns,
            span.status.code,
            span.status.message,
            attributes(span.attributes),
            # Most have none, and to begin a loop costs more than to ask.
            [Event(e.name, e.time_unix_nano, attributes(e.attributes)) for e in events] if events else [],
            [_link(link) for link in links] if links else [],
            self.resource,
            self.scope_name,
            self.scope_version,
        )


def find_spans(request: ExportTraceServiceRequest, received_ms: int) -> Iterator[Found]:
    """Yield the spans of a request that can be stored."""
    for group in request.resource_spans:
        # The balance of a process changes with each request; a resource does not.
        resource = {
            k: v for k, v in attributes(group.resource.attributes).items() if not k.startswith(_BALANCE)
        }
        for part in group.scope_spans:
            origin = resource, part.scope.name, part.scope.version
            for span in part.spans:
                if fault(span, received_ms) is None:
                    start = span.start_time_unix_nano
                    end = max(start, span.end_time_unix_nano)
                    yield Found(span.trace_id.hex(), span.span_id.hex(), start, end, span, *origin)


def _link(link: ProtoSpan.Link) -> Attributes:
    found: Attributes = {"trace_id": link.trace_id.hex(), "span_id": link.span_id.hex()}
    if link.attributes:
        found["attributes"] = attributes(link.attributes)
    return found


def attributes(pairs: Any) -> Attributes:
    """Return attributes as Python values; the last of two equal keys wins."""
    found: Attributes = {}
    for pair in pairs:
        value = pair.value
        # nearly all of them are text, and reading it is cheaper than asking what it is
        found[pair.key] = value.string_value or _other(value, value.WhichOneof("value"))
    return found


def value_of(value: AnyValue) -> Any:
    """Return an AnyValue as a Python value; bytes become hex text."""
    return _other(value, value.WhichOneof("value"))


def _other(value: AnyValue, kind: str | None) -> Any:
    match kind:
        case "string_value" | "int_value" | "double_value" | "bool_value":
            return getattr(value, kind)
        case "array_value":
            return [value_of(item) for item in value.array_value.values]
        case "kvlist_value":
            return _mapping(value.kvlist_value.values)
        case "bytes_value":
            return value.bytes_value.hex()
        case _:
            return None


def _mapping(pairs: "list[KeyValue] | Any") -> dict[str, Any]:
    return {pair.key: value_of(pair.value) for pair in pairs}
