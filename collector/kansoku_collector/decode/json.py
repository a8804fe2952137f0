"""OTLP/JSON to the same messages as protobuf: ids are hex text, 64-bit numbers may be text."""

import base64
import binascii
import json
from typing import Any, NamedTuple, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from kansoku_collector.errors import PayloadError

M = TypeVar("M", bound=Message)
Fault = tuple[str, str]  # the reason that is counted, and a sentence
_IDS = frozenset({"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"})
_DEPTH = 64
_MOST_VALUES = 4_000_000  # in objects and lists; 50,000 points of histograms have some 2,500,000
_ITEM_DEPTH = 6  # of a span in its request
_MOST_OBJECTS = 1_000_000  # some 16,000 spans; each costs a hundred times what its three bytes suggest


class _Items(NamedTuple):
    """Where a request has its items, by either name that the mapping knows, and what they are."""

    groups: tuple[str, str]
    scopes: tuple[str, str]
    items: tuple[str, str]
    kind: type[Message]
    word: str


_ITEMS = {
    "ExportTraceServiceRequest": _Items(
        ("resourceSpans", "resource_spans"), ("scopeSpans", "scope_spans"), ("spans", "spans"), Span, "span"
    ),
    "ExportLogsServiceRequest": _Items(
        ("resourceLogs", "resource_logs"),
        ("scopeLogs", "scope_logs"),
        ("logRecords", "log_records"),
        LogRecord,
        "log_record",
    ),
    "ExportMetricsServiceRequest": _Items(
        ("resourceMetrics", "resource_metrics"),
        ("scopeMetrics", "scope_metrics"),
        ("metrics", "metrics"),
        Metric,
        "metric",
    ),
}


def parse_json(kind: type[M], body: bytes) -> tuple[M, list[Fault]]:
    """Parse an OTLP/JSON request; return it without the items that cannot be read, and their faults.

    Raises PayloadError naming the field when the fault is not within a span, log record or metric.
    """
    value = _object(kind, body)
    try:
        return _message(kind, value, 0), []
    except PayloadError as error:
        faults = _leave_out_faulty(_ITEMS[kind.DESCRIPTOR.name], value)
        if not faults:
            raise PayloadError(f"the body is not an {kind.DESCRIPTOR.name}: {error}") from error
    try:
        return _message(kind, value, 0), faults
    except PayloadError as error:
        raise PayloadError(f"the body is not an {kind.DESCRIPTOR.name}: {error}") from error


def load_json(body: bytes) -> Any:
    """Return the value of a JSON body; raise PayloadError for what is none, or would not fit in memory."""
    for mark, word in ((b"{", "objects"), (b"[", "lists")):
        if len(body) > _MOST_OBJECTS and body.count(mark) > _MOST_OBJECTS:
            raise PayloadError(
                f"the body has more than {_MOST_OBJECTS} {word}; send fewer at a time, or protobuf"
            )
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"the body is not JSON: {error}") from error


def _object(kind: type[Message], body: bytes) -> dict[str, Any]:
    value = load_json(body)
    if not isinstance(value, dict):
        raise PayloadError(
            f"the body must be a JSON object ({kind.DESCRIPTOR.name}), not {type(value).__name__}"
        )
    return value


def _message(kind: type[M], value: Any, depth: int) -> M:
    try:
        plain = _with_bytes(value, depth, [_MOST_VALUES])
        return json_format.ParseDict(plain, kind(), ignore_unknown_fields=True)
    except (
        json_format.ParseError,
        ValueError,
        TypeError,
        AttributeError,
        RecursionError,
        OverflowError,
    ) as error:
        raise PayloadError(str(error)) from error


def _leave_out_faulty(shape: _Items, request: dict[str, Any]) -> list[Fault]:
    """Take out of the request what cannot be read by itself; what is around it is left as it came."""
    faults: list[Fault] = []
    for group in _lists(request, shape.groups):
        for scope in _lists(group, shape.scopes):
            for name in dict.fromkeys(shape.items):
                if isinstance(scope, dict) and isinstance(scope.get(name), list):
                    scope[name] = [item for item in scope[name] if not _faulty(shape, item, faults)]
    return faults


def _faulty(shape: _Items, item: Any, faults: list[Fault]) -> bool:
    try:
        if not isinstance(item, dict):
            raise PayloadError(f"must be a JSON object, not {type(item).__name__}")
        _message(shape.kind, item, _ITEM_DEPTH)
    except PayloadError as error:
        named = f" {str(item['name'])[:80]!r}" if isinstance(item, dict) and "name" in item else ""
        faults.append((f"malformed_{shape.word}", f"{shape.word.replace('_', ' ')}{named}: {error}"))
        return True
    return False


def _lists(value: Any, names: tuple[str, str]) -> list[Any]:
    found = [value[name] for name in names if name in value] if isinstance(value, dict) else []
    return found[0] if found and isinstance(found[0], list) else []


def _with_bytes(value: Any, depth: int, left: list[int]) -> Any:
    """Return a copy where hex ids are base64, as protobuf's own JSON mapping wants them.

    `left` is how many values there may still be; a text takes protobuf as long as an object.
    """
    if depth > _DEPTH:
        raise PayloadError(f"the body is nested more than {_DEPTH} levels deep")
    if isinstance(value, list | dict):
        left[0] -= len(value)
        if left[0] < 0:
            raise PayloadError(f"the body has more than {_MOST_VALUES} values; send fewer at a time")
    if isinstance(value, list):
        return [_with_bytes(item, depth + 1, left) for item in value]
    if isinstance(value, str):
        return value if value.isascii() else whole_text(value)
    if not isinstance(value, dict):
        return value
    return {k: _base64(k, v) if k in _IDS else _with_bytes(v, depth + 1, left) for k, v in value.items()}


def whole_text(value: str) -> str:
    """Return text without half characters: JavaScript cuts emoji in two, and escapes each half."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def _base64(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        raise PayloadError(f"{name} must be hex text, not {value!r}"[:200])
    try:
        return base64.b64encode(binascii.unhexlify(value)).decode()
    except (binascii.Error, ValueError) as error:
        raise PayloadError(f"{name} must be hex text, not {value[:40]!r}") from error
