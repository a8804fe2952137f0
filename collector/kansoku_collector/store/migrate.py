"""Apply the numbered files of `store/sql` in order, once each, and remember which were applied."""

from importlib.resources import files

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.gateway_text import tokens

LEDGER = """CREATE TABLE IF NOT EXISTS migrations (name String, applied DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = MergeTree ORDER BY name"""

# Table, the column that its rows age by, and how many times longer than raw spans they are kept.
_AGEING = (
    ("spans", "start", 1),
    ("corrections", "start", 1),
    ("traces", "hour", 10),
    ("rollup_minute", "time", 10),
    ("rollup_hour", "time", 10),
)


def migrate(client: Client) -> list[str]:
    """Bring the schema up to date; return the names of the files applied now.

    A crash in the middle leaves no mark: statements are IF NOT EXISTS, so the next start runs the file again.
    """
    client.command(LEDGER)
    applied = {row[0] for row in client.query("SELECT name FROM migrations").result_rows}
    done = []
    for name, text in migrations():
        if name in applied:
            continue
        for statement in statements(text):
            client.command(statement)
        client.command("INSERT INTO migrations (name) VALUES ({name:String})", parameters={"name": name})
        done.append(name)
    return done


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


def apply_retention(client: Client, days: int) -> list[str]:
    """Keep raw spans for `days`, traces and rollups ten times as long; return the tables that were altered.

    Nothing is altered when the tables keep that long already, so it may run at every start.
    """
    found = client.query("SELECT name, engine_full FROM system.tables WHERE database = currentDatabase()")
    engines = {str(name): str(engine) for name, engine in found.result_rows}
    altered = []
    for table, column, factor in _AGEING:
        wanted = f"TTL toDateTime({column}) + toIntervalDay({days * factor})"
        if f"{wanted} " not in f"{engines[table]} ":
            client.command(f"ALTER TABLE {table} MODIFY {wanted}")
            altered.append(table)
    return altered
