"""From a journal segment to rows: decode, leave out what came before, normalise, enrich, write."""

import json
import logging
from collections.abc import Callable, Iterator
from itertools import islice

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from kansoku_collector.accounts import Accounts
from kansoku_collector.arrivals import Arrival, Arrivals
from kansoku_collector.decode import logs, metrics
from kansoku_collector.entries import Entry, Kind
from kansoku_collector.events import Held, Key, LateEvents, orphan
from kansoku_collector.fault_log import FaultLog
from kansoku_collector.faults import Row, sentence
from kansoku_collector.job import Job, Written
from kansoku_collector.journal import Segment
from kansoku_collector.metrics import Metrics
from kansoku_collector.model import Feedback, MetricPoint, RawSpan, Span, Tally
from kansoku_collector.normalise import normalise, uninterpreted
from kansoku_collector.relate.related import WANTED, Related
from kansoku_collector.requests import read_events, read_feedback, read_spans, read_steps, request_of
from kansoku_collector.store.read.stored import Identity, Sought
from kansoku_collector.store.write import Writer
from kansoku_collector.traffic import Patience, Traffic

BATCH = 16_384  # rows of one insert; the same split on every replay, so that tokens mean the same rows
_RECALLS = 10  # segments after a start with which what was stored before it is looked for
_CHUNK = 256  # rows between two looks at what else is to be done
Stage = Callable[[Span], None]
log = logging.getLogger("kansoku")


class Pipeline:
    """Turns segments into rows; `stages` run in order on every row. Is it `alone`, nobody else stores any."""

    def __init__(
        self,
        stages: list[Stage],
        metrics: Metrics,
        settle: Callable[[list[Tally]], None] = lambda _: None,
        traffic: Traffic | None = None,
        *,
        alone: bool = False,
    ) -> None:
        self._alone = alone
        self._traffic = traffic or Traffic()
        self.writes = 0  # inserts so far: as long as it stays, the store holds what it held
        self._stages = stages
        self._metrics = metrics
        self._faults = FaultLog()
        self._settle = settle
        self._related = Related()
        self._recalls = _RECALLS
        self._arrivals = Arrivals()
        self.late = LateEvents()

    def write(self, segment: Segment, writer: Writer, *, careful: bool = False) -> Written:
        """Store a segment; it is finished by it unless events of it wait for their spans."""
        if self._recalls:
            self._recall(segment, writer)
        patience = Patience(self._traffic, segment.raw_bytes or segment.bytes)
        job = Job(segment, writer, careful, Accounts(segment.retried), patience)
        entries = list(segment.entries())
        events, size = self._read_others(entries, job)
        self.late.hold(segment, events, size)
        resolved: set[Key] = set()
        arrivals = self._read_spans(entries, job)
        number = 0
        while batch := list(islice(arrivals, BATCH)):
            resolved |= self._write_batch(batch, job, number)
            self.writes += 1
            number += 1
        self._write_others(job)
        writer.receipts(job.accounts.rows, f"{segment.token}-receipts")
        self.writes += 1
        self._settle(job.accounts.rows)
        self._recalls = max(0, self._recalls - 1)
        self._metrics.stored.inc(job.stored)
        finished = self.late.resolve(resolved)
        if segment not in self.late and segment not in finished:
            finished.append(segment)
        return Written(finished, list(job.refused.values()), job.accounts.lacking)

    def write_late(self, held: Held, writer: Writer) -> Segment:
        """Store the events of a segment that waited in vain, as rows; return the finished segment."""
        token = held.segment.token
        arrivals = [
            Arrival(orphan(self.late.place(key), events), key[0], held.segment.oldest_ms)
            for key, events in held.events.items()
        ]
        fresh = self._sift(arrivals, token, set(), writer, retried=held.segment.retried)
        rows = []
        for arrival in fresh:
            row = self._row(arrival.read(), arrival, [])
            row.operation, row.billed = "other", False
            rows.append(row)
        writer.spans(rows, f"{token}-late")
        self.writes += 1
        self._arrivals.remember(fresh, token)
        self._metrics.late_events.inc(len(rows))
        self.late.drop(held)
        return held.segment

    def _recall(self, segment: Segment, writer: Writer) -> None:
        """Remember what the process before stored last; is the store away, the insert tells as well."""
        try:
            self._related.recall(writer.recalled(segment.oldest_ms, WANTED))
        except Exception as error:  # noqa: BLE001 - a border: calls may be billed twice, but they are stored
            log.warning("the calls that were stored before the start are not known: %s", sentence(error))
        else:
            self._recalls = 0

    def _write_batch(self, batch: list[Arrival], job: Job, number: int) -> set[Key]:
        """Store spans; return the keys of the events that are stored with them."""
        token = job.segment.token
        fresh = self._sift(batch, token, job.seen, job.writer, retried=job.segment.retried)
        if len(fresh) < len(batch):
            kept = {id(arrival) for arrival in fresh}
            job.accounts.repeat(arrival.entry for arrival in batch if id(arrival) not in kept)
            self._metrics.repeated.inc(len(batch) - len(fresh))
        joined: dict[int, list[Key]] = {}
        fresh, rows, scores = self._rows(fresh, joined, job)
        refused = job.insert(job.writer.spans, rows, str(number))
        if refused:
            fresh = self._refuse(refused, rows, fresh, job)
        self._arrivals.remember(fresh, token)
        job.accounts.store(arrival.entry for arrival in fresh)
        job.stored += len(fresh)
        job.feedback += scores
        return {key for arrival in fresh for key in joined.get(id(arrival), ())} if joined else set()

    def _write_others(self, job: Job) -> None:
        """Store feedback and data points; what is refused goes aside with its request."""
        refused: list[tuple[Feedback, str] | tuple[MetricPoint, str]] = [
            *job.insert(job.writer.feedback, job.feedback, "feedback"),
            *job.insert(job.writer.metric_points, job.points, "metrics"),
        ]
        for row, reason in refused:
            if id(row) in job.owners:
                job.refuse(job.owners[id(row)], reason)
            else:  # a score that travelled on a span, which is stored
                self._metrics.dropped.labels("feedback", "refused").inc()
                log.error("a score of span %s cannot be stored: %s", row.span_id, reason)  # type: ignore[union-attr]
        self._metrics.feedback.inc(len(job.feedback))
        self._metrics.points.inc(len(job.points))

    @staticmethod
    def _refuse(
        refused: list[tuple[Span, str]], rows: list[Span], fresh: list[Arrival], job: Job
    ) -> list[Arrival]:
        """Set the requests of refused rows aside; return the spans that are stored."""
        reasons = {id(row): reason for row, reason in refused}
        stored = []
        for row, arrival in zip(rows, fresh, strict=True):
            if id(row) in reasons and arrival.entry is not None:
                job.refuse(arrival.entry, f"span {row.span_id}: {reasons[id(row)]}")
                job.accounts.lack([arrival.entry])
            else:
                stored.append(arrival)
        return stored

    def _sift(
        self, batch: list[Arrival], token: str, seen: set[int], writer: Writer, *, retried: bool
    ) -> list[Arrival]:
        def find(unsure: list[Arrival]) -> dict[Identity, set[int]]:
            return writer.stored(
                [Sought(a.project, a.raw.start_ns, a.raw.trace_id, a.raw.span_id) for a in unsure]
            )

        if self._alone:
            return self._arrivals.sift(batch, token, seen, find, retried=retried, held=writer.held)
        others = writer.others_until()
        return self._arrivals.sift(batch, token, seen, find, retried=retried, others_until=others)

    def _read_spans(self, entries: list[Entry], job: Job) -> Iterator[Arrival]:
        for entry in entries:
            if entry.kind is not Kind.TRACES and entry.kind is not Kind.LOGS:
                continue
            job.patience.give_way()
            try:
                read = read_steps if entry.kind is Kind.LOGS else read_spans
                arrivals = read(entry, job.accounts)
            except Exception as error:  # noqa: BLE001 - a border: a request takes none of the others with it
                job.refuse(entry, sentence(error))
                continue
            if arrivals or entry.kind is Kind.TRACES:
                job.accounts.receive(entry, len(arrivals))
            yield from arrivals

    def _rows(
        self, batch: list[Arrival], joined: dict[int, list[Key]], job: Job
    ) -> tuple[list[Arrival], list[Span], list[Feedback]]:
        """Return the spans that can be read, their rows, and the scores that travelled on them."""
        readable: list[Arrival] = []
        rows: list[Span] = []
        scores: list[Feedback] = []
        for number, arrival in enumerate(batch):
            if number % _CHUNK == 0:
                job.patience.give_way()
            if (raw := _read(arrival, job)) is None:
                continue
            readable.append(arrival)
            for key in self.late.keys_of(arrival.project, raw):
                if events := self.late.find(key):
                    raw.events.extend(events)
                    joined.setdefault(id(arrival), []).append(key)
            rows.append(self._row(raw, arrival, scores))
        for relate in self._related.stages():
            self._bordered(relate, rows, "some of a batch")
        for number, row in enumerate(rows):
            if number % _CHUNK == 0:
                job.patience.give_way()
            for stage in self._stages:
                self._bordered(stage, row, row.span_id)
        return readable, rows, scores

    def _bordered(self, stage: Callable[[Row], None], subject: Row, name: str) -> None:
        try:
            stage(subject)
        except Exception as error:  # noqa: BLE001 - a border: the span itself is stored
            self._faults.say(f"stage {getattr(stage, '__qualname__', stage)}", name, error)
            self._metrics.fallbacks.inc()

    def _row(self, raw: RawSpan, arrival: Arrival, scores: list[Feedback]) -> Span:
        try:
            row, found = normalise(raw, arrival.project, arrival.received_ms)
        except Exception as error:  # noqa: BLE001 - a border: a dialect that cannot be read is stored as it came
            self._faults.say("reading", raw.span_id, error)
            self._metrics.fallbacks.inc()
            return uninterpreted(raw, arrival.project, arrival.received_ms)
        scores += found
        return row

    def _read_others(self, entries: list[Entry], job: Job) -> tuple[list[tuple[Key, logs.SpanEvent]], int]:
        """Read what is no span; return the events that belong to spans, and the bytes they came in."""
        events: list[tuple[Key, logs.SpanEvent]] = []
        size = 0
        for entry in entries:
            before = len(job.feedback), len(job.points)
            try:
                match entry.kind:
                    case Kind.LOGS:
                        events += read_events(entry, job.feedback)
                        size += entry.raw_bytes
                    case Kind.FEEDBACK:
                        job.feedback += read_feedback(entry)
                    case Kind.METRICS:
                        request = request_of(ExportMetricsServiceRequest, entry)
                        job.points += metrics.read_points(request, entry.project, entry.received_ms)
                    case Kind.NOTE:
                        job.accounts.note(entry, json.loads(entry.body))
            except Exception as error:  # noqa: BLE001 - a border: a request takes none of the others with it
                job.refuse(entry, sentence(error))
            for row in (*job.feedback[before[0] :], *job.points[before[1] :]):
                job.owners[id(row)] = entry
        return events, size


def _read(arrival: Arrival, job: Job) -> RawSpan | None:
    """Read what a span says; where that fails its request goes aside, and only this span of it is missing."""
    try:
        return arrival.read()
    except Exception as error:
        if arrival.entry is None:
            raise
        job.refuse(arrival.entry, f"span {arrival.raw.span_id}: {sentence(error)}")
        job.accounts.lack([arrival.entry])
        return None
