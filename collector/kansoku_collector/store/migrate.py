"""Apply the numbered files of `store/sql` in order, once each, and remember which were applied."""

from importlib.resources import files

from clickhouse_connect.driver.client import Client

LEDGER = """CREATE TABLE IF NOT EXISTS migrations (name String, applied DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = MergeTree ORDER BY name"""


def migrate(client: Client) -> list[str]:
    """Bring the schema up to date; return the names of the files applied now."""
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
    """Split a migration at the semicolons that end a line."""
    return [part.strip() for part in text.split(";\n") if part.strip().strip(";")]
