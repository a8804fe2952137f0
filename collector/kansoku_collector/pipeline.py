"""From a journal segment to rows: decode, normalise, enrich, write."""

import json
import logging
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from kansoku_collector.decode import logs, otlp
from kansoku_collector.entries import Entry, Kind
from kansoku_collector.errors import PayloadError
from kansoku_collector.events import Held, Key, LateEvents, orphan
from kansoku_collector.journal import Segment
from kansoku_collector.metrics import Metrics
from kansoku_collector.model import FEEDBACK_COLUMNS, Feedback, RawSpan, Span
from kansoku_collector.normalise import from_event, normalise, uninterpreted
from kansoku_collector.normalise.relatives import complete
from kansoku_collector.normalise.repeats import Repeats
from kansoku_collector.store.write import Writer

BATCH = 8192  # rows of one insert; the same split on every replay, so that tokens mean the same rows
Stage = Callable[[Span], None]
log = logging.getLogger("kansoku")


class Arrival(NamedTuple):
    """A raw span, whose it is, and when it came."""

    raw: RawSpan
    project: str
    received_ms: int


class Pipeline:
    """Turns segments into rows; `stages` run in order on every row."""

    def __init__(self, stages: list[Stage], metrics: Metrics) -> None:
        self._stages = stages
        self._metrics = metrics
        self._repeats = Repeats()
        self.late = LateEvents()

    def write(self, segment: Segment, writer: Writer) -> list[Segment]:
        """Store a segment; return what is finished by it, itself included unless events of it wait."""
        entries = list(segment.entries())
        feedback, events = self._read_events(entries)
        feedback += self._read_feedback(entries)
        self.late.hold(segment, events)
        keys: set[Key] = set()
        broken: list[PayloadError] = []
        arrivals = self._arrivals(entries, broken)
        number = stored = 0
        while batch := list(islice(arrivals, BATCH)):
            rows, scores = self._rows(batch, keys)
            writer.spans(rows, f"{segment.token}-{number}")
            stored += len(rows)
            feedback += scores
            number += 1
        writer.feedback(feedback, f"{segment.token}-feedback")
        if broken:  # the rest is stored; the segment is set aside for this one
            raise broken[0]
        self._metrics.stored.inc(stored)
        self._metrics.feedback.inc(len(feedback))
        finished = self.late.resolve(keys)
        return finished if segment in self.late or segment in finished else [*finished, segment]

    def write_late(self, held: Held, writer: Writer) -> Segment:
        """Store the events of a segment that waited in vain, as rows; return the finished segment."""
        rows = []
        for key, events in held.events.items():
            row = self._row(Arrival(orphan(self.late.place(key), events), key[0], held.segment.oldest_ms), [])
            row.operation, row.billed = "other", False
            rows.append(row)
        writer.spans(rows, f"{held.segment.token}-late")
        self._metrics.late_events.inc(len(rows))
        self.late.drop(held)
        return held.segment

    def _arrivals(self, entries: list[Entry], broken: list[PayloadError]) -> Iterator[Arrival]:
        for entry in entries:
            if entry.kind is Kind.TRACES:
                try:
                    request = otlp.parse(ExportTraceServiceRequest, entry.plain())
                except PayloadError as error:
                    broken.append(error)
                    continue
                for raw in otlp.read_spans(request, entry.received_ms):
                    yield Arrival(raw, entry.project, entry.received_ms)

    def _rows(self, batch: list[Arrival], keys: set[Key]) -> tuple[list[Span], list[Feedback]]:
        rows: list[Span] = []
        scores: list[Feedback] = []
        for arrival in batch:
            for key in self.late.keys_of(arrival.project, arrival.raw):
                if events := self.late.find(key):
                    arrival.raw.events.extend(events)
                    keys.add(key)
            rows.append(self._row(arrival, scores))
        complete(rows)
        self._repeats.mark(rows)
        for stage in self._stages:
            for row in rows:
                try:
                    stage(row)
                except Exception:
                    # A border: whatever a stage trips over, the span itself is stored.
                    log.exception("stage %s failed on span %s", stage, row.span_id)
                    self._metrics.fallbacks.inc()
        return rows, scores

    def _row(self, arrival: Arrival, scores: list[Feedback]) -> Span:
        try:
            row, found = normalise(arrival.raw, arrival.project, arrival.received_ms)
        except Exception:
            # A border: a dialect that cannot be read is stored as it came.
            log.exception("span %s cannot be interpreted", arrival.raw.span_id)
            self._metrics.fallbacks.inc()
            return uninterpreted(arrival.raw, arrival.project, arrival.received_ms)
        scores += found
        return row

    def _read_events(self, entries: list[Entry]) -> tuple[list[Feedback], list[tuple[Key, logs.SpanEvent]]]:
        """Return evaluations as feedback, and the events that belong to spans."""
        scores: list[Feedback] = []
        events = []
        for entry in entries:
            if entry.kind is not Kind.LOGS:
                continue
            request = otlp.parse(ExportLogsServiceRequest, entry.plain())
            for found in logs.read_events(request):
                if found.event.name == logs.EVALUATION:
                    row = from_event(found.event, found.trace_id, found.span_id)
                    row.project, row.received = entry.project, entry.received_ms
                    scores.append(row)
                else:
                    events.append(((entry.project, found.trace_id, found.span_id), found))
        return scores, events

    @staticmethod
    def _read_feedback(entries: list[Entry]) -> list[Feedback]:
        return [
            Feedback(**{name: row[name] for name in FEEDBACK_COLUMNS if name in row})
            for entry in entries
            if entry.kind is Kind.FEEDBACK
            for row in json.loads(entry.body)
        ]
