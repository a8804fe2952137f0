"""Read what an entry of the journal carries: spans, steps told in log records, events, feedback."""

import json
from typing import TypeVar

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from kansoku_collector.accounts import Accounts
from kansoku_collector.arrivals import Arrival
from kansoku_collector.decode import logs, otlp
from kansoku_collector.entries import Entry
from kansoku_collector.events import Key
from kansoku_collector.model import FEEDBACK_COLUMNS, Feedback
from kansoku_collector.normalise import from_event
from kansoku_collector.receive.receipts import read_receipt

M = TypeVar("M", bound=Message)


def request_of(kind: type[M], entry: Entry) -> M:
    """Return the request of an entry, which is only parsed again when it comes from the disk."""
    message: M | None = entry.message
    return otlp.parse(kind, entry.plain()) if message is None else message


def read_spans(entry: Entry, accounts: Accounts) -> list[Arrival]:
    """Return the spans of a request, and open its account with what its sender says of itself."""
    request = request_of(ExportTraceServiceRequest, entry)
    accounts.open(entry, read_receipt(request))
    found = otlp.find_spans(request, entry.received_ms)
    return [Arrival(raw, entry.project, entry.received_ms, entry) for raw in found]


def read_steps(entry: Entry, accounts: Accounts) -> list[Arrival]:
    """Return what coding agents tell in log records alone, as spans."""
    steps = list(logs.read_steps(request_of(ExportLogsServiceRequest, entry), entry.received_ms))
    if steps:
        accounts.open(entry, None)
    return [Arrival(raw, entry.project, entry.received_ms, entry) for raw in steps]


def read_events(entry: Entry, scores: list[Feedback]) -> list[tuple[Key, logs.SpanEvent]]:
    """Return the events that belong to spans; evaluations become feedback."""
    events: list[tuple[Key, logs.SpanEvent]] = []
    request = request_of(ExportLogsServiceRequest, entry)
    for found in logs.read_events(request, entry.received_ms):
        if found.event.name == logs.EVALUATION:
            row = from_event(found.event, found.trace_id, found.span_id)
            row.project, row.received = entry.project, entry.received_ms
            scores.append(row)
        else:
            events.append(((entry.project, found.trace_id, found.span_id), found))
    return events


def read_feedback(entry: Entry) -> list[Feedback]:
    """Return the rows of a request of feedback."""
    return [
        Feedback(**{name: row[name] for name in FEEDBACK_COLUMNS if name in row})
        for row in json.loads(entry.body)
    ]
