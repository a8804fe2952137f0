"""The schema of a cluster: every statement parsed by the engine; and, on one shard, the tables in use."""

import json
import os
import subprocess
import sys

import pytest

from kansoku_collector.errors import StoreError
from kansoku_collector.store.cluster import Topology
from kansoku_collector.store.migrate import LEDGER, check_layout, migrate, migrations, statements

CONFIG = """<clickhouse>
<tcp_port>9000</tcp_port>
<zookeeper><implementation>testkeeper</implementation></zookeeper>
<remote_servers><acme><shard><internal_replication>true</internal_replication>
<replica><host>127.0.0.1</host><port>9000</port></replica></shard></acme></remote_servers>
<macros><shard>01</shard><replica>a</replica></macros>
</clickhouse>"""
# Embedded ClickHouse has no queue for ON CLUSTER, so those two words alone are taken out of what it runs.
HEAD = """import os, re, sys, runpy, json
import clickhouse_connect
from kansoku_collector.store.cluster import Topology
from kansoku_collector.store.migrate import LEDGER, migrations, statements
client = clickhouse_connect.get_client(
    interface="chdb", path="store", chdb_options={"session_timezone": "UTC", "config-file": "config.xml"})
client.command("CREATE DATABASE kansoku"); client.database = "kansoku"
topology = Topology("acme", "kansoku")
def run(change=lambda text: text):
    for text in [LEDGER, *(s for _, t in migrations() for s in statements(t))]:
        for part in topology.render(text):
            client.command(change(part.replace(" ON CLUSTER 'acme'", "")))
def create():
    for text in [LEDGER, *(s for _, t in migrations() for s in statements(t) if "CREATE TABLE" in s)]:
        for part in topology.render(text):
            client.command(part.replace(" ON CLUSTER 'acme'", ""))
def engines():
    return dict(client.query("SELECT name, engine FROM system.tables WHERE database = 'kansoku'").result_rows)
def done(result):
    print(json.dumps(result)); sys.stdout.flush(); os._exit(0)
"""


def rendered():
    """Return every statement of every migration as it would run on the cluster `acme`."""
    topology = Topology("acme", "kansoku")
    texts = [LEDGER, *(statement for _, text in migrations() for statement in statements(text))]
    return [part for text in texts for part in topology.render(text)]


def in_cluster(code, directory):
    """Run `code` on a cluster of one shard in a process of its own; return what it reported."""
    (directory / "config.xml").write_text(CONFIG)
    found = subprocess.run(
        [sys.executable, "-c", HEAD + code],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    return json.loads(found.stdout.splitlines()[-1])


def test_the_engine_parses_every_statement_of_every_migration(store):
    """What is written for a cluster is ClickHouse's SQL, and every table of it is on the whole cluster."""
    for statement in rendered():
        assert store.query(f"EXPLAIN AST {statement}").result_rows
        if "\nINSERT INTO" not in f"\n{statement}":
            assert "ON CLUSTER 'acme'" in statement


def test_no_table_of_a_cluster_is_left_unreplicated():
    """A MergeTree that only one host has would lose rows with the host."""
    for statement in rendered():
        engine = statement.partition("ENGINE = ")[2]
        assert not engine or engine.startswith(("Replicated", "Distributed")), statement[:200]


def test_views_feed_and_read_the_tables_of_their_own_shard():
    """A view that read the distributed table would see the rows of every shard on each of them."""
    views = [s for s in rendered() if "CREATE MATERIALIZED VIEW" in s or "MODIFY QUERY" in s]
    assert len(views) > 8
    for view in views:
        assert " FROM spans " not in view.replace("\n", " ")
        assert "FROM spans_local" in view or "_local AS" in view


def test_the_spans_of_a_trace_lie_on_one_shard():
    """Whatever knows its trace is spread by it; sums are spread by their key; small tables are everywhere."""
    topology = Topology("acme", "kansoku")
    for _, text in migrations():
        for statement in statements(text):
            topology.render(statement)
    for table in ("spans", "traces", "feedback", "corrections"):
        assert topology.keys[table] == "cityHash64(trace_id)"
    assert topology.keys["rollup_hour"].startswith("cityHash64(project, time")
    assert not {"migrations", "incidents", "retention"} & set(topology.keys)


def test_every_kind_of_statement_is_written_for_the_cluster():
    """Changes go to the local table, the distributed one takes them over, drops take both."""
    topology = Topology("acme", "kansoku")
    topology.render(
        "CREATE TABLE t (trace_id String, x Int8) ENGINE = MergeTree PARTITION BY x ORDER BY (trace_id)"
    )
    assert topology.render("ALTER TABLE t DELETE WHERE x = 1") == [
        "ALTER TABLE t_local ON CLUSTER 'acme' DELETE WHERE x = 1",
        "CREATE OR REPLACE TABLE t ON CLUSTER 'acme' AS t_local\n"
        "ENGINE = Distributed('acme', 'kansoku', 't_local', cityHash64(trace_id))",
    ]
    assert topology.render("TRUNCATE TABLE t") == ["TRUNCATE TABLE t_local ON CLUSTER 'acme'"]
    assert topology.render("OPTIMIZE TABLE t FINAL") == ["OPTIMIZE TABLE t_local ON CLUSTER 'acme' FINAL"]
    assert topology.render("DROP TABLE IF EXISTS t") == [
        "DROP TABLE IF EXISTS t ON CLUSTER 'acme'",
        "DROP TABLE IF EXISTS t_local ON CLUSTER 'acme'",
    ]
    assert topology.render("DELETE FROM t WHERE x = 1") == [
        "DELETE FROM t_local ON CLUSTER 'acme' WHERE x = 1"
    ]


@pytest.mark.parametrize("text", ["RENAME TABLE a TO b", "SYSTEM STOP MERGES", "KILL QUERY WHERE 1"])
def test_a_statement_that_cannot_be_written_for_a_cluster_is_refused(text):
    """Better no migration than half of one on half of the hosts."""
    with pytest.raises(StoreError, match="cluster"):
        Topology("acme", "kansoku").render(text)


@pytest.mark.parametrize("name", ["a'b", "a b", "", "1a"])
def test_a_name_that_would_need_quotes_is_refused(name):
    """The cluster's name becomes part of DDL."""
    with pytest.raises(StoreError, match="name"):
        Topology(name, "kansoku")


def test_a_single_servers_tables_are_not_taken_for_a_clusters(store):
    """Switching the setting on an existing database says what to do instead of mixing two layouts."""
    with pytest.raises(StoreError, match="single server"):
        check_layout(store, "acme")
    with pytest.raises(StoreError, match="single server"):
        migrate(store, "acme")


def test_the_replicated_tables_can_be_created(tmp_path):
    """Engine, path, replica and settings of every table are accepted by ClickHouse with a keeper."""
    engines = in_cluster("create(); done(engines())", tmp_path)
    assert engines["spans_local"] == engines["corrections_local"] == "ReplicatedMergeTree"
    assert engines["traces_local"] == engines["rollup_hour_local"] == "ReplicatedAggregatingMergeTree"
    assert engines["incidents"] == "ReplicatedReplacingMergeTree"
    assert engines["spans"] == engines["rollup_hour"] == engines["rollup_day"] == "Distributed"


def test_segments_sent_twice_through_the_distributed_tables_count_once(tmp_path):
    """Writer, views, rollups and the ledger's join work with the names of a single server."""
    code = """
from kansoku_collector.store.connect import use_distributed
plain = re.compile(r"Replicated(\\w*MergeTree)\\('[^']*', '[^']*'(?:, )?")
window = re.compile(r"replicated_deduplication_window = (\\d+), \\w+_seconds = \\d+")
run(lambda text: window.sub(r"non_replicated_deduplication_window = \\1", plain.sub(r"\\1(", text)))
use_distributed(client)
from kansoku_collector.model import Span
from kansoku_collector.store.write import Writer
rows = [Span(project="p", trace_id=f"{n:032x}", span_id=f"{n:016x}", start=1_790_000_000_000_000_000 + n,
    duration_ns=5, billed=True, operation="chat", provider="openai", request_model="m") for n in range(50)]
for _ in range(2): Writer(client).spans(rows, "segment-1")
one = lambda sql: int(client.command(sql))
done([one("SELECT count() FROM spans"), one("SELECT count() FROM spans_local"),
  one("SELECT sum(spans) FROM traces"), one("SELECT sum(calls) FROM rollup_hour"),
  one("SELECT sum(calls) FROM rollup_day"), one("SELECT count() FROM priced_calls"),
  one("SELECT count() FROM spans WHERE trace_id IN (SELECT trace_id FROM traces WHERE calls = 1)")])
"""
    assert in_cluster(code, tmp_path) == [50] * 7
