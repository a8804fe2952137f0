"""OTLP log records that belong to the GenAI conventions, as events of their span."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from kansoku.semconv import RESPONSE_ID
from kansoku_collector.decode import agent_logs
from kansoku_collector.decode.otlp import AHEAD_NS, EARLIEST_NS, attributes, value_of
from kansoku_collector.model import Attributes, Event, RawSpan

BODY = "body"  # where an event keeps the record's body
EVALUATION = "gen_ai.evaluation.result"
_SIDES = ("input", "output")
_CLAUDE_CODE = "claude_code."  # begins its records, whose events have no prefix
_RUST = "event "  # begins what Rust's `tracing` calls an event: the place in the source
_AGENTS = (_CLAUDE_CODE, "codex.", "gemini_cli.", "qwen-code.", "cursor.", "cline.")


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """An event that arrived on its own, and the span that it describes.

    Where it names no span, `trace_id` is empty and `span_id` is the id of the answer that it is about, or
    else its own.
    """

    trace_id: str
    span_id: str
    event: Event
    resource: Attributes
    scope_name: str
    scope_version: str


def name_of(record: LogRecord) -> str:
    """Return the event name of a log record, wherever its SDK wrote it."""
    if record.event_name and not record.event_name.startswith(_RUST):
        return record.event_name
    if record.body.string_value.startswith(_CLAUDE_CODE):
        return record.body.string_value
    if name := agent_logs.name_in_body(record):
        return name
    for pair in record.attributes:
        if pair.key == "event.name":
            return pair.value.string_value
    return record.event_name


def fault(record: LogRecord, received_ms: int) -> tuple[str, str] | None:
    """Return (reason, explanation) when a log record is not stored, else None."""
    name = name_of(record)
    if not name.startswith("gen_ai.") and not _is_told(record, name) and not _is_content(record):
        return "log_not_stored", "only the GenAI events (gen_ai.*) and steps of coding agents are stored"
    if name == EVALUATION and not _names_span(record):
        return "event_without_span", f"event {name!r} does not name the span that it belongs to"
    time_ns = _time(record, received_ms)
    if not EARLIEST_NS <= time_ns <= received_ms * 10**6 + AHEAD_NS:
        return "absurd_time", f"event {name[:80]!r} is of {time_ns} ns, before 2000 or more than a day ahead"
    return None


def _is_told(record: LogRecord, name: str) -> bool:
    """Tell whether a record is a step of a coding agent that no span tells, or words of an answer."""
    if name == agent_logs.SAID:
        return agent_logs.answer_of(record) != ""
    return agent_logs.is_step(record, name)


def _time(record: LogRecord, received_ms: int) -> int:
    """Return when it happened, ns since the epoch; when nobody says, it was received then."""
    return record.time_unix_nano or record.observed_time_unix_nano or received_ms * 10**6


def _names_span(record: LogRecord) -> bool:
    return len(record.trace_id) == 16 and len(record.span_id) == 8


def _is_content(record: LogRecord) -> bool:
    """Tell whether a record is what AWS's distribution took out of a span: messages of one side or both."""
    sides = record.body.kvlist_value.values
    return (
        len(sides) in (1, 2)
        and _names_span(record)
        and name_of(record) != ""
        and all(pair.key in _SIDES and _has_messages(pair.value.kvlist_value.values) for pair in sides)
    )


def _has_messages(pairs: Iterable[KeyValue]) -> bool:
    return any(pair.key == "messages" and pair.value.HasField("array_value") for pair in pairs)


def _answer(record: LogRecord) -> str:
    """Return the id of the answer that a record is about, else one that no other record has."""
    for pair in record.attributes:
        if pair.key == RESPONSE_ID and pair.value.string_value:
            return pair.value.string_value
    own = record.SerializeToString(deterministic=True)
    return f"event:{hashlib.blake2b(own, digest_size=16).hexdigest()}"


def records_of(request: ExportLogsServiceRequest) -> Iterator[LogRecord]:
    """Yield every log record of a request."""
    for group in request.resource_logs:
        for part in group.scope_logs:
            yield from part.log_records


def read_events(request: ExportLogsServiceRequest, received_ms: int) -> Iterator[SpanEvent]:
    """Yield the events of a request that belong to spans."""
    for group in request.resource_logs:
        resource = attributes(group.resource.attributes)
        for part in group.scope_logs:
            for record in part.log_records:
                if fault(record, received_ms) is None and not agent_logs.is_step(record, name_of(record)):
                    event = _event(record, _time(record, received_ms))
                    trace_id, span_id = record.trace_id.hex(), record.span_id.hex()
                    if event.name == agent_logs.SAID:
                        trace_id, span_id = "", agent_logs.answer_of(record)
                    elif not _names_span(record):
                        trace_id, span_id = "", _answer(record)
                    scope = part.scope
                    yield SpanEvent(trace_id, span_id, event, resource, scope.name, scope.version)


def read_steps(request: ExportLogsServiceRequest, received_ms: int) -> Iterator[RawSpan]:
    """Yield a span for each step of a coding agent's that no other span tells."""
    return agent_logs.spans_of(_steps(request, received_ms))


def _steps(request: ExportLogsServiceRequest, received_ms: int) -> Iterator[agent_logs.Step]:
    for group in request.resource_logs:
        resource: Attributes | None = None
        for part in group.scope_logs:
            for record in part.log_records:
                name = name_of(record)
                if not name.startswith(_AGENTS):
                    continue
                time_ns = _time(record, received_ms)
                if not EARLIEST_NS <= time_ns <= received_ms * 10**6 + AHEAD_NS:
                    continue
                resource = attributes(group.resource.attributes) if resource is None else resource
                scope = part.scope
                yield agent_logs.Step(record, name, time_ns, resource, scope.name, scope.version)


def _event(record: LogRecord, time_ns: int) -> Event:
    found = attributes(record.attributes)
    if record.HasField("body"):
        found[BODY] = value_of(record.body)
    return Event(name_of(record), time_ns, found)
