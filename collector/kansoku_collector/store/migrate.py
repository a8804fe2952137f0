"""Apply the numbered files of `store/sql` in order, once each, and remember which were applied."""

import logging
from importlib.resources import files

from clickhouse_connect.driver.client import Client

from kansoku_collector.errors import StoreError
from kansoku_collector.store.cluster import Topology
from kansoku_collector.store.fill import fill
from kansoku_collector.store.gateway_text import tokens
from kansoku_collector.store.lock import Lock, exclusive

LEDGER = """CREATE TABLE IF NOT EXISTS migrations (name String, applied DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = MergeTree ORDER BY name"""
log = logging.getLogger("kansoku")


def migrate(client: Client, cluster: str = "") -> list[str]:
    """Bring the schema up to date; return the names of the files applied now.

    One at a time, whoever starts at the same moment waits. A crash in the middle leaves no mark: every
    statement may be run again, so the next start runs the file from its beginning. A schema that is newer
    than this code is refused.
    """
    check_layout(client, cluster)
    if not missing(client):
        return []
    if cluster:
        client.command(f"CREATE DATABASE IF NOT EXISTS {client.database} ON CLUSTER '{cluster}'")
    with exclusive(client, cluster) as lock:
        topology = Topology(cluster, str(client.database)) if cluster else None
        _run(client, topology, LEDGER)
        waiting = missing(client)
        for name, text in migrations():
            if name in waiting:
                log.info("migration %s", name)
                _apply(client, topology, text, lock)
                client.command(
                    "INSERT INTO migrations (name) VALUES ({name:String})", parameters={"name": name}
                )
            elif topology:  # what is there already decides how later statements are written
                for statement in statements(text):
                    topology.render(statement)
    return waiting


def missing(client: Client) -> list[str]:
    """Return the names of the files that are not applied yet; raise StoreError when the schema is newer."""
    known = [name for name, _ in migrations()]
    found = applied(client)
    newer = sorted(found - set(known))
    if newer:
        raise StoreError(
            f"the schema in ClickHouse has {newer[-1].removesuffix('.sql')}, which this version of Kansoku"
            f" does not know (its last is {known[-1].removesuffix('.sql')}): start the version that wrote it,"
            " or a newer one; a schema does not go back"
        )
    return [name for name in known if name not in found]


def applied(client: Client) -> set[str]:
    """Return the names of the files that were applied."""
    if not client.command("EXISTS TABLE migrations"):
        return set()
    return {str(row[0]) for row in client.query("SELECT name FROM migrations").result_rows}


def migrations() -> list[tuple[str, str]]:
    """Return (file name, text) of every migration, in order."""
    folder = files("kansoku_collector.store") / "sql"
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return [(entry.name, entry.read_text(encoding="utf-8")) for entry in sorted(found, key=lambda e: e.name)]


def statements(text: str) -> list[str]:
    """Split a migration at its semicolons, except those in comments, strings and quoted names."""
    found, start, empty = [], 0, True
    for token in tokens(text):
        if token.text != ";":
            empty = False
            continue
        if not empty:
            found.append(text[start : token.start].strip())
        start, empty = token.end, True
    return found if empty else [*found, text[start:].strip()]


def check_layout(client: Client, cluster: str) -> None:
    """Raise StoreError when the tables are those of a cluster and the settings are not, or the reverse."""
    found = client.query(
        "SELECT engine FROM system.tables WHERE database = currentDatabase() AND name = 'spans'"
    ).result_rows
    if not found or (found[0][0] == "Distributed") == bool(cluster):
        return
    if cluster:
        raise StoreError(
            f"the database {client.database} holds the tables of a single server: give the cluster a database"
            " of its own in KANSOKU_CLICKHOUSE_URL and move the data (docs/collector/cluster.md)"
        )
    raise StoreError(
        f"the database {client.database} is that of a cluster: set KANSOKU_CLICKHOUSE_CLUSTER to its name"
    )


def _apply(client: Client, topology: Topology | None, text: str, lock: Lock) -> None:
    def run(statement: str) -> None:
        lock.beat()
        _run(client, topology, statement)

    parts = statements(text)
    for statement in parts:
        run(statement)
    fill(client, parts, run)


def _run(client: Client, topology: Topology | None, statement: str) -> None:
    for part in topology.render(statement) if topology else [statement]:
        client.command(part)
