"""Open the store for a command: a running collector's gateway, a server, or the directory itself."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from kansoku.errors import KansokuError
from kansoku_cli import parts

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


def reader(args: argparse.Namespace) -> "Client | None":
    """Return a client to read with; None where nothing was ever stored."""
    from kansoku_collector.store.connect import connect  # noqa: PLC0415 - the SDK alone has no store

    url = parts.read_url(args)
    if url.startswith("chdb://") and not Path(url.removeprefix("chdb://")).exists():
        return None
    client = connect(url)
    require(client)
    return client


def writer(args: argparse.Namespace) -> "Client":
    """Return a client to write with: of the store, or of the collector that holds it."""
    from kansoku_collector.store.connect import connect  # noqa: PLC0415

    chosen = parts.settings(args)
    url = chosen.store_url
    secrets = chosen.data / "secrets.json"
    if chosen.embedded and secrets.exists() and parts.listens(chosen.gateway_port):
        key = json.loads(secrets.read_text(encoding="utf-8"))["admin"]
        url = f"http://admin:{quote(key)}@127.0.0.1:{chosen.gateway_port}/kansoku"
    client = connect(url)
    require(client)
    return client


def require(client: "Client") -> None:
    """Raise KansokuError where the schema is not the one of this version."""
    from kansoku_collector.store.migrate import missing  # noqa: PLC0415

    if missing(client):
        raise KansokuError("the schema is older than this version: run `kansoku migrate`")
