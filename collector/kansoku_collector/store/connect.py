"""Open ClickHouse by URL: embedded in this process (`chdb:///path`), or a server over HTTP."""

import fcntl
import os
import re
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, ProgrammingError

from kansoku_collector.errors import StoreAwayError, StoreError
from kansoku_collector.files import private_directory

DATABASE = "kansoku"
_DISTRIBUTED = {"distributed_foreground_insert": 1, "distributed_product_mode": "global"}
_AWAY = ("Failed to establish", "Failed to resolve", "timed out", "Connection aborted", "Connection reset")
_QUERY_PASSWORD = re.compile(r"([?&]password=)[^&#]*")
_FORMS = "use chdb:///path or http(s)://user:password@host:8123/database"


def connect(url: str, *, database: str | None = None, config: Path | None = None) -> Client:
    """Open one client on `url`; `database` (the URL's own, else `kansoku`) is selected and created.

    A client serialises its calls: give each thread its own. Clients on one embedded path share the engine,
    but only inside one process, and `config` is a file for the first of them. Times are UTC, whatever the
    host's zone. Raise StoreError, in one sentence.
    """
    parts = _parts(url)
    name = database or ("" if parts.scheme == "chdb" else unquote(parts.path.strip("/"))) or DATABASE
    try:
        client = _embedded(url, config) if parts.scheme == "chdb" else _server(parts)
        # Asked first, because a reader may not create what is already there.
        if not client.command("EXISTS DATABASE {name:Identifier}", parameters={"name": name}):
            client.command("CREATE DATABASE IF NOT EXISTS {name:Identifier}", parameters={"name": name})
    except (ClickHouseError, ImportError, OSError, RuntimeError, ValueError) as error:
        if parts.scheme != "chdb" and is_away(str(error)):
            raise StoreAwayError(_sentence(url, error)) from error
        raise StoreError(_sentence(url, error)) from error
    client.database = name
    if parts.scheme != "chdb":
        use_distributed(client)
    return client


def use_distributed(client: Client) -> None:
    """Make a client read and write through the tables of a cluster, where the database has such.

    An insert is then over when every shard has its rows, and a condition on another table sees all of it.
    """
    found = client.query(
        "SELECT 1 FROM system.tables WHERE database = currentDatabase() AND engine = 'Distributed' LIMIT 1"
    )
    if found.result_rows:
        with suppress(ProgrammingError):  # a user whose profile forbids settings
            for name, value in _DISTRIBUTED.items():
                client.set_client_setting(name, value)


def redact(url: str) -> str:
    """Return `url` without its password, for logs and messages."""
    url = _QUERY_PASSWORD.sub(r"\1***", url)
    head, at, tail = url.rpartition("@")
    scheme, slashes, user = head.rpartition("://")
    if not at or ":" not in user:
        return url
    return f"{scheme}{slashes}{user.partition(':')[0]}:***@{tail}"


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("chdb", "http", "https")
        complete = (
            bool(parts.path.strip("/"))
            if parts.scheme == "chdb"
            else bool(parts.hostname) and parts.port != 0
        )
    except ValueError:  # its words may quote a part of the password
        raise StoreError(
            f"{redact(url)!r} is not a ClickHouse URL (host and port cannot be told;"
            f" / : @ and # of a password are written %2F %3A %40 %23): {_FORMS}"
        ) from None
    if {"user", "username", "password"} & parse_qs(parts.query).keys():
        raise StoreError(f"{redact(url)!r} has the user or the password behind the ?: {_FORMS}")
    if not known or not complete or (parts.scheme == "chdb" and parts.netloc):
        raise StoreError(f"{redact(url)!r} is not a ClickHouse URL: {_FORMS}")
    return parts


def _embedded(url: str, config: Path | None) -> Client:
    path = _path(url)
    private_directory(path)
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(13, "Permission denied", str(path))
    _have_temporary(path.parent / "scratch")
    _load_engine()
    # An index that leaves rows out is asked before they are read: beside the reading it costs twice as much.
    # A trace by its id is dozens of columns, a few kilobytes of each: handing every reading to another thread
    # costs more than the reading.
    options = {
        "session_timezone": "UTC",
        "use_skip_indexes_on_data_read": "0",
        "local_filesystem_read_method": "pread",
    } | ({"config-file": str(config)} if config else {})
    return clickhouse_connect.get_client(interface="chdb", path=str(path), chdb_options=options)


def _load_engine() -> None:
    """Load the engine, which refuses to in a time zone that it has no file of, such as JST-9.

    What it stores is in UTC whatever the zone is; this process keeps its own, for the times of its log.
    """
    if "chdb" in sys.modules:
        return
    zone = os.environ.get("TZ")
    try:
        ZoneInfo((zone or "UTC").removeprefix(":"))
    except (KeyError, ValueError, OSError):
        os.environ["TZ"] = "UTC"
    try:
        import_module("chdb")
    finally:
        if zone is not None:
            os.environ["TZ"] = zone
            time.tzset()


def _have_temporary(folder: Path) -> None:
    """Let temporary files lie in `folder` where the machine's own place for them cannot be written.

    The engine does not open without such a place; a container whose root is read-only may have none.
    """
    if not os.access(os.environ.get("TMPDIR") or "/tmp", os.W_OK | os.X_OK):  # noqa: S108 - the engine's own
        folder.mkdir(mode=0o700, exist_ok=True)
        os.environ["TMPDIR"] = str(folder)


def _path(url: str) -> Path:
    return Path("/" + url.partition("?")[0].removeprefix("chdb:").lstrip("/"))


def _server(parts: SplitResult) -> Client:
    # Without the database of the URL: the handshake would fail when it has not been created yet.
    client = clickhouse_connect.get_client(dsn=parts._replace(path="").geturl())
    with suppress(ProgrammingError):  # a user whose profile forbids settings
        client.set_client_setting("session_timezone", "UTC")
    return client


def _sentence(url: str, error: Exception) -> str:
    text, code = str(error), getattr(error, "code", None)
    place = redact(url)
    if url.startswith("chdb:"):
        return _embedded_sentence(_path(url), error, text)
    if code == 516:
        return f"ClickHouse at {place} refuses the user or the password: correct them in the URL"
    if code in (164, 497):
        return (
            f"ClickHouse at {place} lacks the database and the user may not create it: run `kansoku migrate`"
        )
    if is_away(text):
        return f"ClickHouse at {place} cannot be reached: start it, or correct the URL"
    if code is None and "HTTP driver received HTTP status" in text:
        return f"what answers at {place} is not ClickHouse: correct host and port in the URL"
    return f"ClickHouse at {place} cannot be used: {_first_line(text)}"


def is_away(text: str) -> bool:
    """Tell whether an error says that nobody answers at the address."""
    return any(words in text for words in _AWAY)


def _embedded_sentence(path: Path, error: Exception, text: str) -> str:
    if isinstance(error, ModuleNotFoundError):
        how = "pip install 'path/to/kansoku[embedded]'"
        return f"embedded ClickHouse is not installed: {how}, or give a server's URL"
    if isinstance(error, OSError):
        return f"the data directory {path} is not writable ({error.strerror}): choose another"
    if "already initialized with path" in text:
        return f"this process has embedded ClickHouse open in another directory than {path}: use one"
    if "Error initializing EmbeddedServer: ." in text:
        if _is_locked(path):
            return (
                f"the data directory {path} is in use by another process: stop that collector, or connect to"
                " its gateway (http://reader:KEY@127.0.0.1:8123/kansoku)"
            )
        return (
            f"embedded ClickHouse cannot load what is in {path}, it says why on standard error: repair that"
            " file, restore the directory from a backup, or choose another"
        )
    return f"embedded ClickHouse cannot open {path}: {_first_line(text)}"


def _is_locked(path: Path) -> bool:
    """Tell whether another process has the directory: the engine locks this file while it runs."""
    with suppress(FileNotFoundError), (path / "status").open(encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _first_line(text: str) -> str:
    return text.partition(", Stack trace")[0].strip().partition("\n")[0][:300]
