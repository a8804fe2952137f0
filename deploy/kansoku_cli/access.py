"""Open the store for a command: a running collector's gateway, a server, or the directory itself."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kansoku.errors import KansokuError
from kansoku_cli import parts

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

CHOOSE = "name the collector's data with --data or KANSOKU_DATA"


def reader(args: argparse.Namespace) -> "Client | None":
    """Return a client to read with; None where nothing was ever stored."""
    url = parts.read_url(args)
    if _empty(url):
        return None
    client = connect(args, url)
    require(client)
    return client


def filled(args: argparse.Namespace) -> "Client":
    """Return a client to read with; raise KansokuError where nothing was ever stored."""
    url = parts.read_url(args)
    if _empty(url):
        raise KansokuError(f"nothing is stored in {parts.settings(args).data}: {CHOOSE}")
    return connect(args, url)


def writer(args: argparse.Namespace) -> "Client":
    """Return a client to write with: of the store, or of the collector that holds it."""
    chosen = parts.settings(args)
    url = chosen.store_url
    secrets = chosen.data / "secrets.json"
    if chosen.embedded and secrets.exists() and parts.listens(chosen.gateway_port):
        key = json.loads(secrets.read_text(encoding="utf-8"))["admin"]
        url = f"http://admin:{quote(key)}@127.0.0.1:{chosen.gateway_port}/kansoku"
    if _empty(url):  # opening it would make a store where nobody looks
        raise KansokuError(f"nothing is stored in {chosen.data}: {CHOOSE}")
    client = connect(args, url)
    require(client)
    return client


def connect(args: argparse.Namespace, url: str) -> "Client":
    """Open a store; where a collector with other data holds the gateway, say that and not its password."""
    from kansoku_collector.store import connect as store  # noqa: PLC0415 - the SDK alone has no store

    chosen = parts.settings(args)
    try:
        return store.connect(url)
    except KansokuError as error:
        own = f"@127.0.0.1:{chosen.gateway_port}/kansoku"
        if chosen.embedded and url.endswith(own) and "refuses the user" in str(error):
            raise KansokuError(
                f"the collector on port {chosen.gateway_port} does not know the keys of {chosen.data}:"
                f" {CHOOSE}, or its port with KANSOKU_GATEWAY_PORT"
            ) from error
        if chosen.embedded and "in use by another process" in str(error):
            raise KansokuError(
                f"a collector holds {chosen.data}, but not with its gateway on port {chosen.gateway_port}:"
                " set KANSOKU_GATEWAY_PORT (and KANSOKU_PORT) as that collector has it"
            ) from error
        raise


def with_keys(args: argparse.Namespace) -> Any:
    """Return the settings; raise KansokuError where the data directory has no keys."""
    chosen = parts.settings(args)
    if not (chosen.data / "keys.json").exists():
        raise KansokuError(f"there are no keys in {chosen.data}: {CHOOSE}")
    return chosen


def _empty(url: str) -> bool:
    return url.startswith("chdb://") and not Path(url.removeprefix("chdb://")).exists()


def require(client: "Client") -> None:
    """Raise KansokuError where the schema is not the one of this version."""
    from kansoku_collector.store.migrate import missing  # noqa: PLC0415

    if missing(client):
        raise KansokuError("the schema is older than this version: run `kansoku migrate`")
