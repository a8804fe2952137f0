"""Decide before the answer what of a request can be stored, and make it a journal entry."""

from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from kansoku_collector.decode import logs, otlp
from kansoku_collector.decode.json import parse_json
from kansoku_collector.entries import Encoding, Entry, Kind, digest_of
from kansoku_collector.receive.answer import JSON, Rejected
from kansoku_collector.receive.body import inflate
from kansoku_collector.receive.receipts import Receipt, read_receipt

_KINDS = {"traces": Kind.TRACES, "logs": Kind.LOGS}


@dataclass(frozen=True, slots=True)
class Checked:
    """A request that may be acknowledged: `entry` is None when nothing of it is stored."""

    entry: Entry | None
    rejected: Rejected
    received: int  # spans or records in the request
    receipt: Receipt | None = None  # what the sender says of itself


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it came: bytes, headers that matter, owner and time."""

    signal: str
    wire: bytes
    content_type: str
    encoding: str
    project: str
    received_ms: int


def check(sent: Sent, limit: int) -> Checked:
    """Parse a request; raise PayloadError or a refusal when none of it can be read."""
    plain = inflate(sent.wire, sent.encoding, limit)
    kind = otlp.REQUESTS[sent.signal]
    message: Any = parse_json(kind, plain) if sent.content_type == JSON else otlp.parse(kind, plain)
    rejected = Rejected()
    received = _judge(sent, message, rejected)
    receipt = read_receipt(message) if sent.signal == "traces" else None
    entry = _entry(sent, message, plain) if received > rejected.total else None
    return Checked(entry, rejected, received, receipt)


def _judge(sent: Sent, message: Any, rejected: Rejected) -> int:
    """Fill `rejected`; return the number of items."""
    if sent.signal == "metrics":
        points = _points(message)
        if points:
            rejected.add("metric_not_stored", "metrics are not stored yet; send traces", points)
        return points
    number = 0
    if sent.signal == "traces":
        for number, span in enumerate(otlp.spans_of(message), 1):  # noqa: B007 - counted
            if found := otlp.fault(span, sent.received_ms):
                rejected.add(*found)
    else:
        for number, record in enumerate(logs.records_of(message), 1):  # noqa: B007
            if found := logs.fault(record):
                rejected.add(*found)
    return number


def _points(message: Any) -> int:
    number = 0
    for group in message.resource_metrics:
        for part in group.scope_metrics:
            for metric in part.metrics:
                data = metric.WhichOneof("data")
                number += len(getattr(metric, data).data_points) if data else 0
    return number


def _entry(sent: Sent, message: Message, plain: bytes) -> Entry:
    body, encoding = sent.wire, Encoding.IDENTITY
    if sent.content_type == JSON:
        body = message.SerializeToString()
    elif sent.encoding.strip().lower() in {"gzip", "x-gzip"}:
        encoding = Encoding.GZIP
    else:
        body = plain
    kind = _KINDS[sent.signal]
    digest = digest_of(kind, sent.project, sent.wire)
    return Entry(kind, sent.project, sent.received_ms, digest, body, encoding, len(plain))
