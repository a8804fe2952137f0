"""What was stored shortly before a start: what a collector remembers of calls outlives its process so."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.model import Span

_SECONDS = 600  # descriptions of one call come within seconds, after a failed request within minutes
_LONGEST_SECONDS = 3600  # that a span took which came within that time
_DAY_SECONDS = 86_400
_MOST = 10_000  # spans, the latest of them

_SPANS = """SELECT project, trace_id, span_id, parent_span_id, name, service, dialect, scope_name, operation,
    toUnixTimestamp64Nano(start), duration_ns, request_model, response_model, response_id, session_id, status,
    if(operation IN {calls:Array(String)} AS is_call, input_text, ''), if(is_call, output_text, ''),
    if(is_call AND output_text = '', output_messages, ''),
    usage_source, input_fresh, cache_read, cache_write_5m, cache_write_1h, output_visible, reasoning,
    audio_in, audio_out, image, billed, mapFilter((name, value) -> name IN {names:Array(String)}, attributes)
FROM spans
WHERE start >= {first:DateTime64(9, 'UTC')} AND {condition}
ORDER BY received DESC LIMIT {most:UInt32}"""
_RECENT = "received >= {since:DateTime64(3, 'UTC')}"
_OF_RUNS = "(startsWith(scope_name, {scope:String}) OR (billed AND dialect IN {dialects:Array(String)}))"
_FIELDS = (
    *("project", "trace_id", "span_id", "parent_span_id", "name", "service", "dialect", "scope_name"),
    *("operation", "start", "duration_ns", "request_model", "response_model", "response_id", "session_id"),
    *("status", "input_text", "output_text", "output_messages"),
    *("usage_source", "input_fresh", "cache_read", "cache_write_5m", "cache_write_1h", "output_visible"),
    *("reasoning", "audio_in", "audio_out", "image", "billed", "attributes"),
)


class Wanted(NamedTuple):
    """What is to be recalled: of these operations the words, of all spans the attributes of these names.

    Of a whole day, those whose instrumentation begins with `scope`, and billed ones of these dialects: their
    programs tell what they used in all, or a conversation in two ways.
    """

    calls: list[str]
    names: list[str]
    scope: str
    dialects: list[str]


def recall(client: Client, before_ms: int, wanted: Wanted) -> list[Span]:
    """Return the spans stored in the ten minutes before a moment (ms since the epoch), the oldest first."""
    now = before_ms // 1000
    asked: dict[str, Any] = {**wanted._asdict(), "most": _MOST}
    recent = {"since": _moment(now - _SECONDS), "first": _moment(now - _SECONDS - _LONGEST_SECONDS)}
    rows = [
        *client.query(
            _SPANS.replace("{condition}", _OF_RUNS), {**asked, "first": _moment(now - _DAY_SECONDS)}
        ).result_rows,
        *client.query(_SPANS.replace("{condition}", _RECENT), {**asked, **recent}).result_rows,
    ]
    spans = [Span(**dict(zip(_FIELDS, row, strict=True))) for row in rows]
    for span in spans:
        span.billed = bool(span.billed)
    found = {(span.project, span.trace_id, span.span_id): span for span in spans}
    return sorted(found.values(), key=lambda span: span.start)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(max(0, seconds), UTC)
