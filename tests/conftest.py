"""What every room's tests share: one embedded ClickHouse a process, an empty database a test."""

import gc
import os
import sys
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from support import engines, rooms, stores

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

for name in [n for n in os.environ if n.startswith("KANSOKU_") or n.startswith("OTEL_")]:
    del os.environ[name]  # a developer's own settings must not decide what a test sees

# Containers often say so; the run's workers and its hundred processes would each compile everything anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A machine may be busy: no property fails for its seconds. The same examples in every run, or a change would
# be refused for what was there before it; `make fuzz` looks for others.
settings.register_profile(
    "kansoku",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="FUZZ_EXAMPLES" not in os.environ,
)
settings.load_profile("kansoku")

engines.interpret()


@pytest.hookimpl(optionalhook=True)  # known where pytest-xdist is
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give every worker whole files, and rooms whose tests share much to one worker."""
    return rooms.scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker is left alone with it at the end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: rooms.rank(item.nodeid))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import without looking for garbage, and leave what was imported out of every later look.

    The modules of two dozen vendors make millions of objects. Each `gc.collect()`, and Streamlit calls it
    after every run of a screen, took most of a second to look at them.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _migrated_store(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let the workers of a run share the store that the processes of their tests start with."""
    own = tmp_path_factory.getbasetemp()
    stores.keep_in((own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "stores")


@pytest.fixture(scope="session")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the URL of this process's only embedded engine: chDB opens one directory a process."""
    return f"chdb://{tmp_path_factory.mktemp('engine')}"


class Databases:
    """Databases with the schema, lent to one test after another: making it takes longer than most tests."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._spare: list[tuple[str, list[object]]] = []
        self._kept: Client | None = None

    def lend(self) -> tuple["Client", list[object]]:
        """Return a client on a migrated database without rows, and what its schema is."""
        from support import schemas

        from kansoku_collector.store.connect import connect

        # With its last client the engine ends, and the next test would wait for it to load every table again.
        self._kept = self._kept or connect(self._url)
        if self._spare:
            database, schema = self._spare.pop()
            return connect(self._url, database=database), schema
        client = connect(self._url, database=f"test_{uuid.uuid4().hex[:12]}")
        schemas.create(client, self._url)
        return client, self._schema(client)

    def take_back(self, client: "Client", schema: list[object]) -> None:
        """Empty the database for the next test, or drop it when the test has changed the schema."""
        if self._schema(client) == schema:
            for (table,) in client.query(
                """SELECT name FROM system.tables WHERE database = currentDatabase()
                AND engine LIKE '%MergeTree' AND name != 'migrations' AND (total_rows > 0 OR parts > 0)"""
            ).result_rows:
                client.command(f"TRUNCATE TABLE {table} SYNC")
            self._spare.append((str(client.database), schema))
        else:
            client.command(f"DROP DATABASE {client.database}")
        client.close()

    def _schema(self, client: "Client") -> list[object]:
        """Return what changes with any statement that makes or alters a table; reading those takes long."""
        tables = client.query(
            "SELECT name, metadata_path FROM system.tables WHERE database = currentDatabase() ORDER BY name"
        ).result_rows
        engine = Path(self._url.removeprefix("chdb://"))
        files = [(name, (found := (engine / path).stat()).st_ino, found.st_mtime_ns) for name, path in tables]
        if not client.command("EXISTS TABLE migrations"):
            return [files]
        return [files, client.query("SELECT name FROM migrations ORDER BY name").result_rows]


@pytest.fixture(scope="session")
def databases(engine_url: str) -> Databases:
    """Return the databases of this process's engine."""
    return Databases(engine_url)


@pytest.fixture
def store(databases: Databases) -> Iterator[object]:
    """Return a client on a migrated database without rows."""
    client, schema = databases.lend()
    yield client
    databases.take_back(client, schema)
