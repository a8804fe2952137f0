"""The schema: applied once, safe to apply again, and never counting a segment twice."""

import os
import subprocess
import sys

import pytest

from kansoku_collector.model import SPAN_COLUMNS
from kansoku_collector.store.connect import connect
from kansoku_collector.store.migrate import migrate, migrations, statements

TABLES = {"spans", "traces", "rollup_minute", "rollup_hour", "feedback", "incidents", "migrations"}
# The settings of the writer, and two rows in two months (two partitions).
SETTINGS = {
    "insert_deduplicate": 1,
    "insert_deduplication_token": "segment-1",
    "deduplicate_blocks_in_dependent_materialized_views": 1,
}
JANUARY, MARCH = 1_767_225_600_000_000_000, 1_772_323_200_000_000_000
FIELDS = [
    "project",
    "trace_id",
    "span_id",
    "start",
    "duration_ns",
    "billed",
    "cost_usd",
    "input_fresh",
    "usage_source",
]
COUNTS = """SELECT (SELECT count() FROM spans), (SELECT sum(spans) FROM traces),
(SELECT sum(spans) FROM rollup_minute), (SELECT sum(spans) FROM rollup_hour),
(SELECT toUInt64(sum(cost_usd) * 1000000000000) FROM rollup_hour),
(SELECT sum(input_fresh) FROM rollup_minute)"""


def insert(client, token="segment-1", count=2):
    """Insert one segment of `count` spans in two months, as the writer does."""
    rows = [
        ["p", f"{n:032x}", f"{n:016x}", (JANUARY, MARCH)[n % 2] + n, 5, 1, "0.000000000001", 3, "reported"]
        for n in range(count)
    ]
    settings = SETTINGS | {"insert_deduplication_token": token}
    client.insert("spans", rows, column_names=FIELDS, settings=settings)


def counted(client):
    """Count what each table says about the spans stored."""
    return tuple(client.query(COUNTS).result_rows[0])


def once(spans=2):
    """Say what the tables must say after `spans` spans."""
    return (spans, spans, spans, spans, spans, 3 * spans)


def test_the_schema_is_applied_once(store):
    """A second run finds nothing to do."""
    assert migrate(store) == []
    found = store.query("SELECT name FROM system.tables WHERE database = currentDatabase()").result_rows
    assert {row[0] for row in found} >= TABLES
    assert store.command("SELECT count() FROM migrations") == len(migrations())


def test_a_run_cut_off_in_the_middle_is_completed_by_the_next(store):
    """A file half applied has no mark in the ledger and is applied again, leaving what is there."""
    insert(store)
    store.command("DROP TABLE rollup_hour_mv")
    store.command("DELETE FROM migrations WHERE name >= '0002'")
    assert migrate(store) == [name for name, _ in migrations() if name >= "0002"]
    assert store.command("EXISTS TABLE rollup_hour_mv") == 1
    assert counted(store) == once()


def test_the_columns_of_spans_are_those_of_the_model(store):
    """The canonical row has one definition."""
    sql = """SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'spans'
    AND default_kind NOT IN ('ALIAS', 'MATERIALIZED') ORDER BY position"""
    assert tuple(row[0] for row in store.query(sql).result_rows) == SPAN_COLUMNS


def test_statements_are_split_outside_comments_strings_and_names():
    """A semicolon in a comment or a string ends nothing."""
    text = """-- first; not second
CREATE TABLE a (`x;y` UInt8 DEFAULT ';') /* one; two */; ;
SELECT 'it''s;' -- the end;
;
-- only a comment;
SELECT "a;b" """
    assert [part.split("\n")[-1] for part in statements(text)] == [
        "CREATE TABLE a (`x;y` UInt8 DEFAULT ';') /* one; two */",
        "SELECT 'it''s;' -- the end;",
        'SELECT "a;b"',
    ]  # fmt: skip


def test_a_segment_inserted_twice_counts_once_everywhere(store):
    """The token guards the table and every view behind it, over two partitions."""
    insert(store)
    insert(store)
    assert counted(store) == once()
    insert(store, token="segment-2")
    assert counted(store) == once(4)


def test_a_segment_stored_but_not_in_the_views_is_completed_by_its_replay(store):
    """A crash between the table and its views leaves a gap that the same segment fills, without doubling."""
    for view in ("traces_mv", "rollup_minute_mv", "rollup_hour_mv"):
        store.command(f"DETACH TABLE {view}")
    insert(store)
    for view in ("traces_mv", "rollup_minute_mv", "rollup_hour_mv"):
        store.command(f"ATTACH TABLE {view}")
    assert counted(store)[:4] == (2, 0, 0, 0)
    insert(store)
    assert counted(store) == once()


def test_a_view_that_fails_fails_the_insert_and_the_replay_repairs_it(store):
    """The writer keeps a segment whose insert failed half-way; sending it again makes every table right."""
    store.command("ALTER TABLE rollup_hour ADD CONSTRAINT never CHECK spans = 0")
    with pytest.raises(Exception, match="never"):
        insert(store)
    store.command("ALTER TABLE rollup_hour DROP CONSTRAINT never")
    insert(store)
    assert counted(store) == once()


def in_process(code, directory):
    """Run `code` on the store in `directory` in another process; return what it printed."""
    from support import stores  # here: the other process runs this file as well, and has no `support`

    stores.prepare(directory)
    head = f"""import runpy, os, signal, sys, threading, time
from kansoku_collector.store.connect import connect
from kansoku_collector.store.migrate import migrate
here = runpy.run_path({__file__!r}); insert, counted = here["insert"], here["counted"]
client = connect("chdb://{directory}"); migrate(client)
"""
    command = [sys.executable, "-c", head + code]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"TZ": "Asia/Tokyo"}
    )


FEW = (0.05, 0.2)
MANY = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4)


@pytest.mark.parametrize("delays", [FEW, pytest.param(MANY, marks=pytest.mark.slow_proof)], ids=len)
def test_segments_replayed_after_a_kill_and_after_a_restart_count_once(tmp_path, delays):
    """Killed at moments of the insert, or ended politely: nothing is doubled and nothing lost."""
    stored, replay = 0, ""
    for attempt, delay in enumerate(delays):
        code = f"""{replay}
def kill(): time.sleep({delay}); os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=kill, daemon=True).start()
for n in range(10_000): print(n, flush=True); insert(client, token=f"{attempt}-{{n}}", count=500)"""
        killed = in_process(code, tmp_path / "store")
        assert killed.returncode == -9, killed.stderr
        lines = killed.stdout.splitlines()
        if replay:
            assert lines.pop(0) == str(once(stored))
        stored += 500 * len(lines)
        replay = f"""for n in range({len(lines)}): insert(client, token=f"{attempt}-{{n}}", count=500)
print(counted(client), flush=True)"""
    for _ in range(2):
        assert in_process(replay, tmp_path / "store").stdout.strip() == str(once(stored))


def test_a_search_of_text_uses_the_ngram_index(store):
    """The expression of docs/clickhouse.md reads a few granules of many."""
    store.command(
        """INSERT INTO spans (project, trace_id, start, input_text)
        SELECT 'p', toString(number), toDateTime64('2026-01-01 00:00:00', 9) + number,
        if(number = 77777, 'ごみの収集日を教えて', concat('Weather of ', toString(cityHash64(number))))
        FROM numbers(100000)"""
    )
    found = "SELECT trace_id FROM spans WHERE lowerUTF8(input_text) LIKE {q:String}"
    assert store.query(found, parameters={"q": "%収集日%"}).result_rows == [("77777",)]
    plan = store.query("EXPLAIN indexes = 1 " + found, parameters={"q": "%収集日%"}).result_rows
    text = "\n".join(row[0] for row in plan)
    assert "ix_input" in text
    kept = [line.split("Granules:")[1].strip() for line in text.split("\n") if "Granules:" in line][-1]
    read, total = map(int, kept.split("/"))
    assert read * 10 <= total


def test_the_tables_that_tests_copy_are_what_migrations_make(engine_url):
    """Other tests take a copy, because migrating takes far longer: it must not differ in a letter."""
    from support import schemas  # here, as above

    described = """SELECT name, create_table_query, comment FROM system.tables
    WHERE database = currentDatabase()"""
    made, copied = (connect(engine_url, database=f"schema_{word}") for word in ("made", "copied"))
    migrate(made)
    schemas.create(copied, engine_url)
    expected = {tuple(cell.replace("schema_made", "schema_copied") for cell in row)
                for row in made.query(described).result_rows}  # fmt: skip
    assert set(copied.query(described).result_rows) == expected
    assert migrate(copied) == []
