"""Stores for the dashboard's tests: one embedded engine a process, one database a state of the store."""

import socket
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from pydantic import SecretStr
from starlette.testclient import TestClient
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash
from support import schemas
from support.openid import Provider, chosen, serving

from kansoku_collector.store.connect import connect
from kansoku_dashboard import data, settings
from kansoku_dashboard.paths import MAIN
from kansoku_dashboard.settings import DashboardSettings

sys.path.insert(0, str(Path(__file__).parent))  # seed.py is a script as well as a module of these tests
import seed
import trace_samples

OpenApp = Callable[..., AppTest]
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@pytest.fixture(scope="session", autouse=True)
def _no_way_out() -> Iterator[None]:
    """Fail when anything here calls another host: a dashboard must work offline, and tells nobody."""
    left: list[object] = []
    connect_to = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
            left.append(address)
        connect_to(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        yield
    assert left == []


@pytest.fixture(scope="session", autouse=True)
def _components_known() -> Iterator[None]:
    """Look for Streamlit's components once: it reads the metadata of all 230 packages for each new app."""
    with pytest.MonkeyPatch.context() as patch:
        found = manifest_scanner.scan_component_manifests()
        patch.setattr(manifest_scanner, "scan_component_manifests", lambda: found)
        yield


@pytest.fixture(scope="session")
def seeded(engine_url: str) -> Client:
    """Return a client on a store with two days of traffic up to now."""
    client = schemas.create(connect(engine_url, database="dashboard_seeded"), engine_url)
    seed.fill(client, seed.Plan(datetime.now(UTC), days=2.0, per_hour=30.0, until_hour=17.0))
    return client


@pytest.fixture
def empty(engine_url: str) -> Client:
    """Return a client on a store that has its tables and no row."""
    client = connect(engine_url, database="dashboard_empty")
    schemas.create(client, engine_url)
    for table in ("spans", "errors", "traces", "rollup_minute", "rollup_hour", "feedback", "incidents"):
        client.command(f"TRUNCATE TABLE {table}")
    return client


@pytest.fixture
def open_app(engine_url: str, seeded: Client, monkeypatch: pytest.MonkeyPatch) -> OpenApp:
    """Return `run(screen="", **query)`: the whole dashboard on the seeded store."""
    return _opener(engine_url, "dashboard_seeded", monkeypatch)


@pytest.fixture(scope="session")
def _seen() -> dict[tuple[str, ...], AppTest]:
    """Keep the screens that were looked at."""
    return {}


@pytest.fixture
def look(open_app: OpenApp, _seen: dict[tuple[str, ...], AppTest]) -> OpenApp:
    """Return `open_app` for who only reads the screen: the same address is run once a session."""

    def run(screen: str = "", **query: str) -> AppTest:
        address = (screen, *(f"{name}={value}" for name, value in sorted(query.items())))
        if address not in _seen:
            _seen[address] = open_app(screen, **query)
        return _seen[address]

    return run


@pytest.fixture
def open_empty(engine_url: str, empty: Client, monkeypatch: pytest.MonkeyPatch) -> OpenApp:
    """Return `run(screen="", **query)`: the whole dashboard on a store without rows."""
    data.forget()
    return _opener(engine_url, "dashboard_empty", monkeypatch)


@pytest.fixture(scope="session")
def sampled(engine_url: str) -> str:
    """Fill a database with the sample traces, and return the address of its engine."""
    client = connect(engine_url, database=trace_samples.DATABASE)
    schemas.create(client, engine_url)
    trace_samples.fill(client)
    return engine_url


@pytest.fixture
def open_trace(sampled: str, open_app: OpenApp, monkeypatch: pytest.MonkeyPatch) -> OpenApp:
    """Return `run(trace_id, **query)` on the sample traces."""
    monkeypatch.setattr(data, "connect", lambda _: connect(sampled, database=trace_samples.DATABASE))
    settings.use(DashboardSettings(read_url=SecretStr(f"{sampled}?{trace_samples.DATABASE}")))
    return lambda trace_id, **query: open_app("trace", trace=trace_id, **query)


def _opener(engine_url: str, database: str, monkeypatch: pytest.MonkeyPatch) -> OpenApp:
    monkeypatch.setattr(data, "connect", lambda url: connect(url, database=database))
    settings.use(DashboardSettings(read_url=SecretStr(f"{engine_url}?{database}")))

    def run(screen: str = "", **query: str) -> AppTest:
        app = AppTest.from_file(str(MAIN), default_timeout=120)
        for name, value in query.items():
            app.query_params[name] = value
        if screen:
            app._page_hash = calc_hash(screen)  # switch_page knows files only, and our screens are functions
        return app.run()

    return run


@pytest.fixture(scope="module")
def openid_server() -> Iterator[Provider]:
    """Run a provider of logins by name on loopback."""
    found = Provider()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def provider(openid_server: Provider) -> Provider:
    """Return the provider as it is at the start."""
    openid_server.reset()
    return openid_server


@pytest.fixture
def client(provider: Provider) -> Iterator[TestClient]:
    """Return a client of a dashboard with a login by name."""
    with serving(chosen(provider)) as found:
        yield found
