"""What is kept for how long: by kind and project, effective on what is stored, said to who sends too old."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from collector.conftest import Running, call, request_of
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from kansoku.pricing.price_regions import is_regional
from kansoku.pricing.price_terms import ATTRIBUTES
from kansoku_collector.enrich.cost import PRICED_BY
from kansoku_collector.errors import StoreError
from kansoku_collector.model import Span
from kansoku_collector.receive.ages import Ages, leave_out_old
from kansoku_collector.receive.answer import Rejected
from kansoku_collector.settings import Settings
from kansoku_collector.store import retention
from kansoku_collector.store.read.ledger import calls_by_hour
from kansoku_collector.store.retention import ROWS, TEXTS, Retention
from kansoku_collector.store.write import Writer

DAY_NS = 24 * 3600 * 10**9
DEFAULTS = {"content": 30, "spans": 90, "rollups": 900}


def store_spans(client, project, ages):
    """Store one priced call with content for each age in days."""
    now = time.time_ns()
    rows = [
        Span(
            project=project, trace_id=f"{project}{age}", span_id=f"{age}", start=now - age * DAY_NS,
            billed=True, duration_ns=5, cost_usd=Decimal("0.5"), input_text="ごみ", input_messages="[1]",
            input_fresh=7, attributes={"openai.response.service_tier": "flex", "note": "private"},
        )
        for age in ages
    ]  # fmt: skip
    Writer(client).spans(rows, f"{project}-{ages}")


def kept(client, project):
    """Return the ages in days of the spans that are left, and of those that have their content."""
    client.command("OPTIMIZE TABLE spans FINAL")
    rows = client.query(
        "SELECT toUInt32(span_id), input_text != '' AND length(attributes) > 0, input_fresh, terms FROM spans"
        " WHERE project = {p:String} ORDER BY start DESC",
        parameters={"p": project},
    ).result_rows
    assert all(row[2:] == (7, {"openai.response.service_tier": "flex"}) for row in rows)
    return [row[0] for row in rows], [row[0] for row in rows if row[1]]


def test_content_goes_before_spans_and_spans_before_rollups(store):
    """The row keeps its tokens and its price terms when the content is gone; rollups keep the sums."""
    store_spans(store, "p", [1, 40, 100])
    retention.apply(store, Retention(DEFAULTS))
    assert kept(store, "p") == ([1, 40], [1])
    assert store.command("SELECT sum(cost_usd) FROM rollup_hour") == "1.5"
    store.command("OPTIMIZE TABLE traces FINAL")
    found = store.query("SELECT trace_id, root_input FROM traces ORDER BY start DESC").result_rows
    assert found == [("p1", "ごみ"), ("p40", ""), ("p100", "")]


def test_a_call_without_its_content_is_priced_anew_by_its_terms(store):
    """A flex call would else become an ordinary one, at twice the price."""
    store_spans(store, "terms", [40])
    retention.apply(store, Retention(DEFAULTS))
    assert kept(store, "terms") == ([40], [])
    now = datetime.now(UTC)
    (calls,) = calls_by_hour(store, "terms", now - timedelta(days=50), now, tuple(ATTRIBUTES))
    assert [dict(call["attributes"]) for call in calls] == [{"openai.response.service_tier": "flex"}]


def test_a_project_keeps_what_it_says_and_the_others_the_default(store):
    """Values of one project, whatever its name, do not touch another's rows."""
    odd = "shop's \\ 店"
    for project in (odd, "p"):
        store_spans(store, project, [1, 6, 20, 40])
    retention.save(store, odd, {"content": 5, "spans": 10})
    retention.apply(store, Retention(DEFAULTS, retention.read_projects(store)))
    assert kept(store, odd) == ([1, 6], [1])
    assert kept(store, "p") == ([1, 6, 20, 40], [1, 6, 20])
    retention.save(store, odd, {"content": 0, "spans": 0})
    assert retention.read_projects(store) == {}


def test_what_is_too_old_when_it_is_stored_goes_too(store):
    """The tables' own rule holds for rows that arrive after it was set."""
    retention.apply(store, Retention(DEFAULTS))
    store_spans(store, "p", [1, 95])
    assert kept(store, "p") == ([1], [1])


def test_the_tables_are_altered_once_and_again_when_a_value_changes(store):
    """A start that changes nothing alters nothing; content as long as spans needs no rule of its own."""
    assert retention.apply(store, Retention(DEFAULTS)) == list(ROWS)
    assert retention.apply(store, Retention(DEFAULTS)) == []
    assert "input_text` String TTL" in ddl(store, "spans").replace("CODEC(ZSTD(2)) ", "")
    longer = Retention(DEFAULTS | {"content": 90})
    assert retention.apply(store, longer) == ["spans", "traces", "feedback"]
    assert ddl(store, "spans").count("TTL") == 1
    assert ddl(store, "traces").count("TTL") == 1 + len(TEXTS["traces"])


def ddl(client, table):
    """Return the definition of a table."""
    return str(client.command(f"SHOW CREATE TABLE {table}"))


def test_a_change_reads_times_and_rewrites_no_texts(store):
    """Values may change on a large store: parts get new times at once, and are rewritten later."""
    retention.apply(store, Retention(DEFAULTS))
    for table in ROWS:
        assert "materialize_ttl_recalculate_only = 1" in ddl(store, table)


def test_rollups_cannot_go_before_their_spans():
    """Pages read rollups of every span that they show; the message names the project."""
    with pytest.raises(StoreError, match=r"project p: rollups cannot be kept for 50 days"):
        Retention(DEFAULTS, {"p": {"rollups": 50}}).check()
    Retention(DEFAULTS, {"p": {"rollups": 50, "spans": 50}}).check()


def test_the_settings_give_the_defaults():
    """Content follows the spans and rollups live ten times as long, unless they are set."""
    assert Retention.of(Settings(retention_days=30)).defaults == {
        "content": 30,
        "spans": 30,
        "rollups": 300,
    }
    found = Retention.of(Settings(retention_days=30, content_retention_days=7, rollup_retention_days=60))
    assert found.defaults == {"content": 7, "spans": 30, "rollups": 60}


def test_every_table_with_time_and_project_has_an_age(store):
    """A new table says for how long it is kept, or names its own rule."""
    tables = store.query(
        """SELECT name FROM system.tables WHERE database = currentDatabase() AND partition_key != ''
        AND engine LIKE '%MergeTree' AND position(create_table_query, ' TTL ') = 0"""
    ).result_rows
    assert {row[0] for row in tables} == set(ROWS)


def test_what_a_price_depends_on_outlives_the_content(store):
    """The column `terms` names the same attributes as the ledger reads."""
    sql = "SELECT default_expression FROM system.columns WHERE table = 'spans' AND name = 'terms' LIMIT 1"
    text = str(store.query(sql).result_rows[0][0])
    assert all(f"'{name}'" in text for name in ATTRIBUTES | PRICED_BY)


def test_of_hosts_only_those_of_a_region_outlive_the_content(store):
    """Every span has a host, and hardly any of them decides a price: those that do are the price list's."""
    hosts = [
        "api.openai.com",
        "JP.api.openai.com",
        "api.eu.mistral.ai",
        "api.mistral.ai",
        "aiplatform.googleapis.com",
    ]
    hosts += ["asia-northeast1-aiplatform.googleapis.com", "aiplatform.eu.rep.googleapis.com", "10.0.0.1"]
    rows = [
        Span(project="h", trace_id=host, span_id="1", start=1, attributes={"server.address": host})
        for host in hosts
    ]
    Writer(store).spans(rows, "hosts")
    found = store.query(
        "SELECT trace_id, mapContains(terms, 'server.address') FROM spans WHERE project = 'h'"
    )
    assert {host: bool(kept) for host, kept in found.result_rows} == {
        host: is_regional(host, "") for host in hosts
    }


def test_old_spans_are_taken_out_of_a_request_and_counted():
    """What would vanish is refused with its day; unset clocks are another reason's business."""
    now = 1_790_000_000 * 10**9
    ages = Ages(Retention(DEFAULTS, {"short": {"spans": 2}}))
    oldest = ages.oldest_ns("short", now // 10**6)
    assert now - oldest == 2 * DAY_NS
    assert Ages().oldest_ns("short", 1) == 0
    request = request_of(
        {"start": now}, {"start": now - 3 * DAY_NS, "span_id": b"old-span"}, {"start": 0, "end": 1}
    )
    rejected = Rejected()
    assert leave_out_old(request.resource_spans, oldest, rejected)
    assert rejected.counts == {"older_than_retention": 1}
    assert b"old-span".hex() in rejected.message
    assert len(request.resource_spans[0].scope_spans[0].spans) == 2


def test_a_sender_is_told_of_spans_that_are_too_old_and_they_are_not_stored(tmp_path) -> None:
    """Partial success names reason and day, the counter counts, and the rollups do not have them either."""
    running = Running(tmp_path / "data", {"KANSOKU_RETENTION_DAYS": "10"})
    try:
        running.start()
        now = time.time_ns()
        trace = bytes.fromhex("ab" * 16)
        body = request_of(
            {"start": now - 11 * DAY_NS, "trace_id": trace, "attributes": call()},
            {"start": now - 9 * DAY_NS, "trace_id": trace, "attributes": call()},
        ).SerializeToString()
        status, answer, _ = running.post("traces", body)
        partial = ExportTraceServiceResponse.FromString(answer).partial_success
        assert (status, partial.rejected_spans) == (200, 1)
        assert "older_than_retention" in partial.error_message
        assert len(running.trace(trace.hex())["spans"]) == 1
        metrics = running.call("GET", "/metrics")[1].decode()
        assert 'kansoku_dropped_total{reason="older_than_retention",signal="traces"} 1.0' in metrics
    finally:
        running.close()
