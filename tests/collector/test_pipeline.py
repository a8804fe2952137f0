"""From a segment to rows: once, whole, and whatever stands in the way."""

import json
import time

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, DataError, OperationalError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from tests.collector.conftest import START_NS, call, put, request_of

from kansoku.pricing.prices import Prices
from kansoku_collector import aside
from kansoku_collector import events as late_events
from kansoku_collector import writer as writer_module
from kansoku_collector.decode import otlp
from kansoku_collector.enrich.cost import pricing
from kansoku_collector.enrich.signals import read_signals
from kansoku_collector.entries import Entry, Kind, digest_of
from kansoku_collector.journal import Journal
from kansoku_collector.metrics import Metrics
from kansoku_collector.pipeline import Pipeline
from kansoku_collector.receive.feedback import read_feedback
from kansoku_collector.store.write import Writer
from kansoku_collector.writer import WriterThread

TRACE, SPAN = bytes(range(16)), bytes(range(1, 9))
CONTENT = [{"role": "user", "parts": [{"type": "text", "content": "hello"}]}]


class Sink:
    """A writer that keeps rows; it fails while `errors` has any left."""

    def __init__(self, *errors):
        self.errors, self.rows, self.scores, self.tokens = list(errors), {}, [], []
        self.poison, self.tallies = "", []

    def spans(self, rows, token):
        """Keep rows by token, as deduplication does."""
        if self.errors:
            raise self.errors.pop(0)
        if any(row.name == self.poison for row in rows):
            raise DataError(f"{self.poison} does not fit")
        self.tokens.append(token)
        self.rows.setdefault(token, list(rows))

    def feedback(self, rows, _token):
        """Keep feedback."""
        self.scores += rows

    def metric_points(self, _rows, _token):
        """Take no notice of metrics."""

    def receipts(self, rows, _token):
        """Keep receipts."""
        self.tallies += rows

    def recalled(self, _before_ms, _wanted):
        """Return nothing: this store was empty when it was opened."""
        return []

    def others_until(self):
        """Know of nobody else who stores here."""
        return 0

    def stored(self, sought):
        """Return what is kept of these spans."""
        wanted = {(s.project, s.trace_id, s.span_id) for s in sought}
        found = {}
        for row in self.all:
            if (key := (row.project, row.trace_id, row.span_id)) in wanted:
                found.setdefault(key, set()).add(row.received)
        return found

    @property
    def all(self):
        """Return every row."""
        return [row for rows in self.rows.values() for row in rows]


def entry(kind, body):
    """Return an entry received a moment after its spans."""
    return Entry(
        kind, "default", START_NS // 10**6, digest_of(kind, "default", body), body, raw_bytes=len(body)
    )


def traces(*spans):
    """Return an entry of spans."""
    return entry(Kind.TRACES, request_of(*spans).SerializeToString())


def content_event():
    """Return an entry with the content of TRACE/SPAN as a log record."""
    logs = ExportLogsServiceRequest()
    record = (
        logs.resource_logs.add()
        .scope_logs.add()
        .log_records.add(trace_id=TRACE, span_id=SPAN, time_unix_nano=START_NS)
    )
    record.event_name = "gen_ai.client.inference.operation.details"
    put(record.attributes.add(key="gen_ai.input.messages").value, CONTENT)
    return entry(Kind.LOGS, logs.SerializeToString())


@pytest.fixture
def journal(tmp_path):
    """Return an empty journal."""
    return Journal(tmp_path, max_bytes=1 << 20, segment_bytes=1 << 16, flush_seconds=3600)


@pytest.fixture
def metrics():
    """Return fresh counters."""
    return Metrics()


@pytest.fixture
def pipeline(metrics):
    """Return the pipeline as the collector composes it."""
    return Pipeline([pricing(Prices(), metrics), read_signals], metrics)


def segment_of(journal, *entries):
    """Return a closed segment with these entries."""
    journal.append(list(entries))
    return journal.due(everything=True)[-1]


def test_a_segment_written_twice_is_stored_once(store, journal, pipeline):
    """The token keeps spans, traces, rollups and feedback single, even when the rows are made anew."""
    rows, _ = read_feedback(
        json.dumps({"trace_id": TRACE.hex(), "like": True}).encode(), "default", START_NS // 10**6
    )
    segment = segment_of(
        journal,
        traces(*[{"trace_id": TRACE, "attributes": call()} for _ in range(5)]),
        entry(Kind.FEEDBACK, json.dumps(rows).encode()),
    )
    for _ in range(3):
        pipeline.write(segment, Writer(store))
    for sql in (
        "count() FROM spans",
        "sum(spans) FROM traces",
        "sum(calls) FROM rollup_minute",
        "sum(calls) FROM rollup_hour",
    ):
        assert store.query(f"SELECT {sql}").first_row[0] == 5, sql
    assert store.query("SELECT name, value FROM feedback").result_rows == [("like", 1.0)]
    assert (
        store.query("SELECT sum(cost_usd) FROM spans").first_row[0]
        == store.query("SELECT sum(cost_usd) FROM traces").first_row[0]
        > 0
    )


def test_the_sum_of_an_agent_is_billed_and_priced_however_often_it_is_written(journal, pipeline):
    """Its price is an estimate; a run of CrewAI's that is written anew is not taken for the next one."""
    told = call(
        gen_ai__operation__name="invoke_agent", traceloop__span__kind="agent", gen_ai__agent__id="forecaster"
    )
    runs = request_of(
        {"trace_id": TRACE, "attributes": told},
        scope="opentelemetry.instrumentation.crewai.instrumentation",
    )
    segment = segment_of(journal, entry(Kind.TRACES, runs.SerializeToString()))
    for _ in range(2):
        sink = Sink()
        pipeline.write(segment, sink)
        (row,) = sink.all
        assert (row.operation, row.billed, row.input_fresh) == ("invoke_agent", True, 1000)
        assert (row.cost_source, row.cost_usd > 0) == ("estimated", True)


def test_strange_text_is_stored(store, journal, pipeline):
    """Half a surrogate pair, a zero byte and an endless time are no reason to lose a span."""
    attributes = call(
        gen_ai__input__messages='[{"role":"user","content":"\\ud800 half"}]',
        odd="a\0b",
        gen_ai__response__time_to_first_chunk=float("inf"),
    )
    pipeline.write(
        segment_of(journal, traces({"trace_id": TRACE, "attributes": attributes, "end": 0})), Writer(store)
    )
    text, first = store.query("SELECT input_text, time_to_first_token FROM spans").first_row
    assert ("half" in text, first) == (True, None)


def test_an_event_joins_the_span_that_comes_after_it(journal, pipeline):
    """Logs are exported before spans: the event waits, and its segment with it."""
    sink = Sink()
    first = segment_of(journal, content_event())
    assert pipeline.write(first, sink).finished == []
    second = segment_of(journal, traces({"trace_id": TRACE, "span_id": SPAN, "attributes": call()}))
    assert pipeline.write(second, sink).finished == [first, second]
    assert [row.input_text for row in sink.all] == ["hello"]


def test_an_event_whose_span_is_gone_becomes_a_row_beneath_it(journal, pipeline, metrics, monkeypatch):
    """Nothing is updated and nothing is lost: the content is stored as an unbilled child."""
    monkeypatch.setattr(late_events, "HOLD_SECONDS", 0.0)
    sink, segment = Sink(), segment_of(journal, content_event())
    assert pipeline.write(segment, sink).finished == []
    held = pipeline.late.overdue()[0]
    assert pipeline.write_late(held, sink) is segment
    row = sink.all[0]
    assert (row.parent_span_id, row.input_text, row.billed, row.operation) == (
        SPAN.hex(),
        "hello",
        False,
        "other",
    )
    assert metrics.values()["late_events"] == 1


def test_a_span_that_cannot_be_interpreted_is_stored_as_it_came(journal, pipeline, metrics, monkeypatch):
    """An error of ours costs the interpretation, never the span."""
    monkeypatch.setattr("kansoku_collector.pipeline.normalise", lambda *_: 1 / 0)
    sink = Sink()
    pipeline.write(segment_of(journal, traces({"trace_id": TRACE, "attributes": {"a": 1}})), sink)
    assert [(row.dialect, row.attributes, row.trace_id) for row in sink.all] == [
        ("unreadable", {"a": "1"}, TRACE.hex())
    ]
    assert metrics.values()["unreadable_spans"] == 1


def test_a_failing_stage_leaves_the_others_their_work(journal, metrics):
    """A stage that raises is counted; the row goes on."""

    def broken(_):
        raise RuntimeError

    sink = Sink()
    Pipeline([broken, read_signals], metrics).write(
        segment_of(journal, traces({"attributes": {"kansoku.input.value": "abc"}})), sink
    )
    assert sink.all[0].input_chars == 3


@pytest.fixture
def sink(monkeypatch):
    """Return a sink that the writer thread uses instead of ClickHouse."""
    sink = Sink()
    monkeypatch.setattr(writer_module, "Writer", lambda _: sink)
    monkeypatch.setattr(writer_module, "LONGEST_PAUSE", 0.02)
    return sink


class NoClient:
    """A client that only closes."""

    def close(self):
        """Do nothing."""


def drain(journal, pipeline, metrics):
    """Run a writer thread until the journal is empty."""
    thread = WriterThread(journal, pipeline, NoClient, metrics)
    thread.start()
    deadline = time.monotonic() + 120
    while journal.bytes:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    thread.stop(60)


def test_clickhouse_away_only_delays(journal, pipeline, metrics, sink):
    """Connection errors and full memory are tried again until the rows are in; the journal is empty then."""
    sink.errors += [
        OperationalError("refused"),
        OSError("reset"),
        DatabaseError("Code: 241. memory limit"),
        DatabaseError("Code: 252. too many parts"),
    ] * 2
    segment_of(journal, traces({"trace_id": TRACE}))
    drain(journal, pipeline, metrics)
    assert len(sink.all) == 1
    assert (
        metrics.values()["insert_errors"],
        metrics.values()["bad_segments"],
        metrics.values()["spans_stored"],
    ) == (8, 0, 1)


def test_a_poison_span_is_set_aside_and_its_neighbours_are_stored(journal, pipeline, metrics, sink, tmp_path):
    """Only the request with the refused span goes aside, with the reason; the next segment is stored."""
    sink.poison = "poison"
    segment_of(
        journal, traces(*[{"name": f"n{n}"} for n in range(9)]), traces({"name": "poison"}, {"name": "near"})
    )
    segment_of(journal, traces({"name": "fine"}))
    drain(journal, pipeline, metrics)
    assert sorted(row.name for row in sink.all) == ["fine", *[f"n{n}" for n in range(9)], "near"]
    (found,) = aside.listed(tmp_path)
    assert (found.requests, found.state) == (1, "waits")
    assert "poison does not fit" in found.reasons[0]
    assert (metrics.values()["bad_segments"], journal.carry_out()) == (1, 1)
    assert found.lacking == [aside.Lacking("default", "", 1)]


def test_a_retry_after_a_fix_stores_each_span_once(journal, pipeline, metrics, sink, tmp_path):
    """What was refused is stored now, what was stored of the same request is not stored again."""
    sink.poison = "poison"
    segment_of(journal, traces({"name": "poison"}, {"name": "near"}))
    drain(journal, pipeline, metrics)
    sink.poison = ""
    aside.decide(tmp_path, [], "retry")
    journal.carry_out()
    drain(journal, Pipeline([], metrics), metrics)
    assert sorted(row.name for row in sink.all) == ["near", "poison"]
    assert sum(tally.received for tally in sink.tallies) == sum(tally.stored for tally in sink.tallies) == 2


def test_a_segment_that_nothing_helps_is_set_aside_whole(journal, pipeline, metrics, sink, tmp_path):
    """An error that no single row causes is tried three times; the ones behind it go on."""
    sink.errors += [DataError("column x"), DatabaseError("Code: 27. Cannot parse"), RuntimeError("odd")]
    segment_of(journal, traces({"name": "poison"}))
    segment_of(journal, traces({"name": "fine"}))
    drain(journal, pipeline, metrics)
    assert [row.name for row in sink.all] == ["fine"]
    (found,) = aside.listed(tmp_path)
    assert "odd" in found.reasons[0]


@pytest.mark.parametrize("held", [True, False])
def test_a_segment_that_somebody_removed_blocks_nothing(journal, pipeline, metrics, sink, held):
    """A file that is gone is stored from memory; else it is given up after three tries, and said to be."""
    segment = segment_of(journal, traces({"name": "gone"}))
    segment.path.unlink()
    if not held:
        segment.held = None
    segment_of(journal, traces({"name": "fine"}))
    drain(journal, pipeline, metrics)
    assert [row.name for row in sink.all] == (["gone", "fine"] if held else ["fine"])


def test_one_unreadable_entry_does_not_take_its_neighbours(journal, pipeline, metrics, sink, tmp_path):
    """The good requests of a segment are stored; only the unreadable one is set aside, at once."""
    segment_of(journal, traces({"name": "fine"}), entry(Kind.TRACES, b"\xff\xff"), entry(Kind.FEEDBACK, b"{"))
    drain(journal, pipeline, metrics)
    assert [row.name for row in sink.all] == ["fine"]
    (found,) = aside.listed(tmp_path)
    assert found.requests == 2
    assert any("ExportTraceServiceRequest" in reason for reason in found.reasons)
    assert metrics.values()["insert_errors"] == 0


def test_one_span_that_cannot_be_read_takes_no_other_with_it(
    journal, pipeline, metrics, sink, tmp_path, monkeypatch
):
    """The others of its request are stored, the request goes aside, and one span of it counts as missing."""
    read = otlp.Found.read

    def failing(found):
        if found.span.name == "odd":
            raise ValueError("no text")
        return read(found)

    monkeypatch.setattr(otlp.Found, "read", failing)
    segment_of(journal, traces({"name": "fine"}, {"name": "odd"}, {"name": "good"}))
    drain(journal, pipeline, metrics)
    assert [row.name for row in sink.all] == ["fine", "good"]
    (found,) = aside.listed(tmp_path)
    assert found.requests == 1
    assert "no text" in found.reasons[0]


def test_what_waits_is_written_when_the_writer_stops(journal, pipeline, metrics, sink):
    """Stopping closes the open segment and stores events that still wait."""
    journal.append([traces({"name": "last"}), content_event()])
    thread = WriterThread(journal, pipeline, NoClient, metrics)
    thread.start()
    thread.stop(20)
    assert sorted(row.name for row in sink.all) == ["gen_ai.client.inference.operation.details", "last"]
    assert journal.bytes == 0


ANSWER = "chatcmpl-yHwfndNeYLSvRBM2zZSmYAzAFZcdd"


def answer_event(name="gen_ai.client.inference.operation.details"):
    """Return an entry with content that names its answer and no span, as OpenLIT's streams send it."""
    logs = ExportLogsServiceRequest()
    record = (
        logs.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=START_NS, event_name=name)
    )
    put(record.attributes.add(key="gen_ai.input.messages").value, CONTENT)
    put(record.attributes.add(key="gen_ai.response.id").value, ANSWER)
    return entry(Kind.LOGS, logs.SerializeToString())


def test_an_event_that_names_only_its_answer_joins_the_span_with_it(journal, pipeline):
    """A stream's event is written when no span is current; the answer's id says where it belongs."""
    sink, attributes = Sink(), call(gen_ai__response__id=ANSWER)
    first = segment_of(journal, answer_event())
    assert pipeline.write(first, sink).finished == []
    second = segment_of(journal, traces({"trace_id": TRACE, "span_id": SPAN, "attributes": attributes}))
    assert pipeline.write(second, sink).finished == [first, second]
    assert [row.input_text for row in sink.all] == ["hello"]


@pytest.mark.parametrize("known", [True, False])
def test_an_answer_whose_span_is_gone_keeps_its_content(journal, pipeline, monkeypatch, known):
    """The content becomes a row beneath the span that was stored, else in a trace of its own."""
    monkeypatch.setattr(late_events, "HOLD_SECONDS", 0.0)
    sink, attributes = Sink(), call(gen_ai__response__id=ANSWER)
    if known:
        span = traces({"trace_id": TRACE, "span_id": SPAN, "attributes": attributes})
        pipeline.write(segment_of(journal, span), Sink())
    pipeline.write(segment_of(journal, answer_event()), sink)
    pipeline.write_late(pipeline.late.overdue()[0], sink)
    row = sink.all[0]
    assert (row.input_text, row.billed, len(row.trace_id)) == ("hello", False, 32)
    assert (row.trace_id == TRACE.hex(), row.parent_span_id) == (known, SPAN.hex() if known else "")
