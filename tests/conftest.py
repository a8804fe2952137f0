"""What every room's tests share: one embedded ClickHouse a process, a fresh database a test."""

import os
import uuid
from collections.abc import Iterator

import pytest

for name in [n for n in os.environ if n.startswith("KANSOKU_") or n.startswith("OTEL_")]:
    del os.environ[name]  # a developer's own settings must not decide what a test sees


@pytest.fixture(scope="session")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the URL of this process's only embedded engine: chDB opens one directory a process."""
    return f"chdb://{tmp_path_factory.mktemp('engine')}"


@pytest.fixture
def store(engine_url: str) -> Iterator[object]:
    """Return a client on a fresh, migrated database that is dropped after the test."""
    from kansoku_collector.store.connect import connect
    from kansoku_collector.store.migrate import migrate

    name = f"test_{uuid.uuid4().hex[:12]}"
    client = connect(engine_url, database=name)
    migrate(client)
    yield client
    client.command(f"DROP DATABASE {name}")
    client.close()
