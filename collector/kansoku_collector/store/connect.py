"""Open ClickHouse by URL: embedded in this process (`chdb:///path`), or a server over HTTP."""

from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from kansoku_collector.errors import StoreError

DATABASE = "kansoku"


def connect(url: str, *, database: str | None = None) -> Client:
    """Open one client on `url`, with `database` (the URL's own, else `kansoku`) selected and created if missing.

    A client serialises its calls: give each thread its own. Several clients on one embedded path share the engine,
    but only inside one process.
    """
    name = database or _database(url)
    try:
        client = clickhouse_connect.get_client(dsn=url.split("?")[0] if url.startswith("chdb:") else url)
        if not client.command("SELECT count() FROM system.databases WHERE name = {name:String}", {"name": name}):
            client.command(f"CREATE DATABASE IF NOT EXISTS {name}")  # a reader may not, and need not
        client.database = name
    except (ClickHouseError, OSError) as error:
        raise StoreError(f"ClickHouse at {redact(url)} cannot be used: {error}") from error
    return client


def redact(url: str) -> str:
    """Return `url` without its password, for logs and messages."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return url.replace(f":{parts.password}@", ":***@", 1)


def _database(url: str) -> str:
    path = "" if url.startswith("chdb:") else urlsplit(url).path.strip("/")
    return path or DATABASE
