"""One migration at a time: a table that only one can create is the lock, its rows are signs of life."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from kansoku_collector.errors import StoreError
from kansoku_collector.store.cluster import Topology
from kansoku_collector.store.process import PROCESS, process_name

STALE_SECONDS = 120.0  # without a sign of life; a statement of a migration takes less
WAIT_SECONDS = 900.0
_BEAT_SECONDS = 5.0
_PAUSE = 0.2
_EXISTS, _UNKNOWN_TABLE = "57", "60"
_LOCK = """CREATE TABLE migration_lock (beat DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = MergeTree ORDER BY beat COMMENT '{holder}'"""


@dataclass(slots=True)
class Lock:
    """The lock while it is held."""

    client: Client
    holder: str
    beaten: float = field(default_factory=time.monotonic)

    def beat(self) -> None:
        """Give a sign of life before the next statement; raise StoreError when another took the lock over."""
        if time.monotonic() - self.beaten < _BEAT_SECONDS:
            return
        if _holder(self.client) != self.holder:
            raise StoreError("another collector took the migration over: start this one again")
        self.client.command("INSERT INTO migration_lock VALUES (now64(3))")
        self.beaten = time.monotonic()


@contextmanager
def exclusive(client: Client, cluster: str, *, stale: float = STALE_SECONDS) -> Iterator[Lock]:
    """Hold the lock of a database's schema; wait for who has it, and take it over from who is gone."""
    lock = Lock(client, f"{process_name()} {uuid.uuid4().hex[:8]}")
    _acquire(client, cluster, lock.holder, stale)
    try:
        yield lock
    finally:
        if _holder(client) == lock.holder:
            _run(client, cluster, "DROP TABLE IF EXISTS migration_lock SYNC")


def _acquire(client: Client, cluster: str, holder: str, stale: float) -> None:
    began = seen_at = time.monotonic()
    seen: tuple[str, str] | None = None
    while True:
        try:
            _run(client, cluster, _LOCK.format(holder=holder))
        except ClickHouseError as error:
            if f"Code: {_EXISTS}." not in str(error):
                raise
        else:
            return
        sign = (_holder(client), _last_beat(client))
        if sign != seen:
            seen, seen_at = sign, time.monotonic()
        if _gone(client, sign[0]) or time.monotonic() - seen_at > stale:
            if _holder(client) == sign[0]:
                _run(client, cluster, "DROP TABLE IF EXISTS migration_lock SYNC")
        elif time.monotonic() - began > WAIT_SECONDS:
            raise StoreError(
                f"the schema is being migrated by {sign[0].split(' ')[0]} for too long: look there"
            )
        else:
            time.sleep(_PAUSE)


def _gone(client: Client, holder: str) -> bool:
    """Tell whether the holder cannot be alive: an embedded store belongs to this process alone."""
    return embedded(client) and bool(holder) and PROCESS not in holder


def embedded(client: Client) -> bool:
    """Tell whether a client talks to the engine in this process."""
    return str(client.uri).startswith("chdb:")


def _holder(client: Client) -> str:
    found = client.query(
        "SELECT comment FROM system.tables WHERE database = currentDatabase() AND name = 'migration_lock'"
    ).result_rows
    return str(found[0][0]) if found else ""


def _last_beat(client: Client) -> str:
    try:
        return str(client.command("SELECT toString(max(beat)) FROM migration_lock"))
    except ClickHouseError as error:
        if f"Code: {_UNKNOWN_TABLE}." in str(error):
            return ""
        raise


def _run(client: Client, cluster: str, statement: str) -> None:
    if cluster:
        (statement,) = Topology(cluster, str(client.database)).render(statement)
    client.command(statement)
