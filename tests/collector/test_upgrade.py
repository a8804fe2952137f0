"""Schemas of the past brought forward: with rows, interrupted anywhere, by two at once, never backwards."""

import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from kansoku_collector.errors import StoreError
from kansoku_collector.model import Span
from kansoku_collector.store import lock, migrate
from kansoku_collector.store.cluster import Statement
from kansoku_collector.store.connect import connect
from kansoku_collector.store.migrate import migrations, missing, statements
from kansoku_collector.store.read import overview
from kansoku_collector.store.scope import Period, Scope
from kansoku_collector.store.write import Writer

HOUR = 1_790_000_000_000_000_000 // 3_600_000_000_000 * 3_600_000_000_000
COUNTS = """SELECT (SELECT count() FROM spans), (SELECT sum(spans) FROM traces),
(SELECT sum(spans) FROM rollup_minute), (SELECT sum(spans) FROM rollup_hour),
(SELECT sum(spans) FROM rollup_day), (SELECT toUInt64(sum(cost_usd) * 1000) FROM rollup_hour),
(SELECT toUInt64(sum(cost_usd) * 1000) FROM traces),
(SELECT sum(calls) FROM rollup_session), (SELECT count() FROM priced_calls)"""


@pytest.fixture
def empty(engine_url):
    """Return a client on a database without a schema."""
    client = connect(engine_url, database=f"test_{uuid.uuid4().hex[:12]}")
    yield client
    client.command(f"DROP DATABASE {client.database}")
    client.close()


def insert(client, number):
    """Insert three calls as a version of the past would, in the columns that every version has."""
    names = ["project", "trace_id", "span_id", "start", "duration_ns", "billed", "cost_usd", "cost_source"]
    rows = [
        [
            "p",
            f"{number:032x}",
            f"{number * 10 + n:016x}",
            HOUR + n,
            10**9,
            1,
            "0.5",
            "computed",
            "openai",
            "m",
            "s",
        ]
        for n in range(3)
    ]
    token = {"insert_deduplicate": 1, "insert_deduplication_token": f"segment-{number}"}
    token["deduplicate_blocks_in_dependent_materialized_views"] = 1
    client.insert(
        "spans", rows, column_names=[*names, "provider", "request_model", "session_id"], settings=token
    )


def counted(client):
    """Say what each table knows of the calls."""
    return [int(value) for value in client.query(COUNTS).result_rows[0]]


def expected(calls):
    """Say what each table has to know of so many calls at half a dollar."""
    return [calls] * 5 + [calls * 500] * 2 + [calls] * 2


def test_rows_of_every_version_are_in_every_table_of_the_latest(empty, monkeypatch):
    """A store filled at each version in turn and migrated step by step has all rows in tables and rollups."""
    everything = migrations()
    for number in range(1, len(everything) + 1):
        monkeypatch.setattr(migrate, "migrations", lambda n=number: everything[:n])
        assert migrate.migrate(empty) == [everything[number - 1][0]]
        insert(empty, number)
    calls = 3 * len(everything)
    assert counted(empty) == expected(calls)
    Writer(empty).spans(
        [Span(project="p", trace_id="f" * 32, span_id="f" * 16, start=HOUR, duration_ns=1, billed=True,
              session_id="s", cost_source="computed", cost_usd="0.5", usage_source="reported")],
        "segment-new",
    )  # fmt: skip
    assert counted(empty) == expected(calls + 1)


def test_a_store_of_the_first_version_is_readable_after_one_step(empty, monkeypatch):
    """From the oldest schema straight to the latest: what a new store answers, this one answers."""
    everything = migrations()
    monkeypatch.setattr(migrate, "migrations", lambda: everything[:1])
    migrate.migrate(empty)
    insert(empty, 1)
    monkeypatch.setattr(migrate, "migrations", lambda: everything)
    assert migrate.migrate(empty) == [name for name, _ in everything[1:]]
    assert counted(empty) == expected(3)
    start = datetime.fromtimestamp(HOUR / 1e9, UTC)
    found = overview.totals(empty, Scope("p"), Period(start, start + timedelta(hours=1)))
    assert found.calls == 3


def twice(parts):
    """Cut a file in its middle, and where only the note that it was applied is missing."""
    return [(len(parts) + 1) // 2, len(parts)]


def everywhere(parts):
    """Cut a file after each of its statements in turn."""
    return range(1, len(parts) + 1)


@pytest.mark.parametrize("cuts", [twice, pytest.param(everywhere, marks=pytest.mark.slow_proof)])
def test_a_migration_cut_off_after_any_statement_is_completed_by_the_next_start(empty, cuts):
    """Every file is begun again after some of its statements; rows are neither lost nor doubled."""
    number = 0
    for name, text in migrations():
        parts = statements(text)
        for end in cuts(parts):
            for statement in parts[:end]:
                empty.command(statement)
        if "insert into" not in text.lower():
            number += 1
            insert(empty, number)
        with lock.exclusive(empty, "") as held:
            migrate._apply(empty, None, text, held)
        assert name not in migrate.applied(empty)
    for table in ("rollup_day", "rollup_session", "traces", "rollup_minute", "rollup_hour"):
        assert empty.command(f"EXISTS TABLE {table}_mv") == 1 or table == "rollup_session"
    before = counted(empty)
    insert(empty, 99)
    assert [after - b for after, b in zip(counted(empty), before, strict=True)] == expected(3)
    migrate.migrate(empty)
    assert missing(empty) == []
    assert counted(empty) == expected(3 * (number + 1))


def test_a_schema_newer_than_the_code_is_refused(store):
    """A collector of yesterday must not write into the schema of tomorrow; it names both."""
    store.command("INSERT INTO migrations (name) VALUES ('0999_tomorrow.sql')")
    with pytest.raises(StoreError, match=r"0999_tomorrow.*does not know.*its last is 0\d\d\d"):
        migrate.migrate(store)


@pytest.fixture
def few(monkeypatch):
    """Leave only the first migrations: a lock does not care for how many there are."""
    first = migrations()[:3]
    monkeypatch.setattr(migrate, "migrations", lambda: first)
    return [name for name, _ in first]


def test_two_that_migrate_at_once_apply_each_file_once(engine_url, empty, few):
    """The second waits for the first and finds nothing left to do."""
    done, failed = [], []

    def run():
        client = connect(engine_url, database=empty.database)
        try:
            done.append(migrate.migrate(client))
        except StoreError as error:
            failed.append(error)
        finally:
            client.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    names = [row[0] for row in empty.query("SELECT name FROM migrations ORDER BY name").result_rows]
    assert names == few
    assert empty.command("EXISTS TABLE migration_lock") == 0


def test_the_lock_of_a_process_that_is_gone_is_taken_over(empty, few):
    """An embedded store belongs to one process: a lock of another one is a remnant."""
    empty.command(lock._LOCK.format(holder="elsewhere 1 abc def"))
    assert migrate.migrate(empty) == few


def test_the_lock_of_a_collector_that_gives_no_sign_is_taken_over(empty, monkeypatch):
    """On a server a lock without a sign of life does not keep everybody out for ever."""
    monkeypatch.setattr(lock, "embedded", lambda _: False)
    empty.command(lock._LOCK.format(holder="elsewhere 1 abc def"))
    with lock.exclusive(empty, "", stale=0.5) as held:
        assert lock._holder(empty) == held.holder


def test_who_lost_the_lock_stops_before_the_next_statement(empty, monkeypatch):
    """A collector that was taken for dead must not go on beside the one that took over."""
    monkeypatch.setattr(lock, "_BEAT_SECONDS", 0.0)
    with lock.exclusive(empty, "") as held:
        held.beat()
        empty.command("DROP TABLE migration_lock SYNC")
        empty.command(lock._LOCK.format(holder="elsewhere"))
        with pytest.raises(StoreError, match="took the migration over"):
            held.beat()
    assert lock._holder(empty) == "elsewhere"


def test_every_statement_of_a_migration_can_be_taken_apart():
    """What the files contain is what the cluster's schema and the filling of rollups can read."""
    for name, text in migrations():
        for statement in statements(text):
            assert Statement.read(statement).name.isidentifier(), name
