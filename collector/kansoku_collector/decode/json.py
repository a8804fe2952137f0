"""OTLP/JSON to the same messages as protobuf: ids are hex text, 64-bit numbers may be text."""

import base64
import binascii
import json
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message

from kansoku_collector.errors import PayloadError

M = TypeVar("M", bound=Message)
_IDS = frozenset({"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"})
_DEPTH = 64
_MOST_OBJECTS = 1_000_000  # some 16,000 spans; each costs a hundred times what its three bytes suggest


def parse_json(kind: type[M], body: bytes) -> M:
    """Parse an OTLP/JSON request; raise PayloadError naming the field."""
    if len(body) > _MOST_OBJECTS and body.count(b"{") > _MOST_OBJECTS:
        raise PayloadError(
            f"the body has more than {_MOST_OBJECTS} objects; send fewer at a time, or protobuf"
        )
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise PayloadError(
            f"the body must be a JSON object ({kind.DESCRIPTOR.name}), not {type(value).__name__}"
        )
    try:
        return json_format.ParseDict(_with_bytes(value, 0), kind(), ignore_unknown_fields=True)
    except (
        json_format.ParseError,
        ValueError,
        TypeError,
        AttributeError,
        RecursionError,
        OverflowError,
    ) as error:
        raise PayloadError(f"the body is not an {kind.DESCRIPTOR.name}: {error}") from error


def _with_bytes(value: Any, depth: int) -> Any:
    """Return a copy where hex ids are base64, as protobuf's own JSON mapping wants them."""
    if depth > _DEPTH:
        raise PayloadError(f"the body is nested more than {_DEPTH} levels deep")
    if isinstance(value, list):
        return [_with_bytes(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    return {k: _base64(k, v) if k in _IDS else _with_bytes(v, depth + 1) for k, v in value.items()}


def _base64(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        raise PayloadError(f"{name} must be hex text, not {value!r}")
    try:
        return base64.b64encode(binascii.unhexlify(value)).decode()
    except (binascii.Error, ValueError) as error:
        raise PayloadError(f"{name} must be hex text, not {value[:40]!r}") from error
