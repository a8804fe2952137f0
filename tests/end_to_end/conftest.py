"""A whole Kansoku, started as a user starts it: `kansoku up --demo` on free ports, and a browser."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright
from support.ports import free_port

from .browser import chromium, launch

PATIENCE = 60_000  # ms: a busy two-core machine
expect.set_options(timeout=PATIENCE)
SETTLED = "[data-testid=stApp][data-test-script-state=notRunning]"  # what Streamlit says of its script


@dataclass(frozen=True)
class Running:
    """Where a started Kansoku is, and its keys."""

    collector: str
    dashboard: str
    gateway_port: int
    keys: dict[str, str]
    data: Path

    def client(self, user: str) -> Client:
        """Return a client of its ClickHouse: `reader`, or `admin`, who may write."""
        key = {"reader": "read"}.get(user, user)
        return clickhouse_connect.get_client(
            host="127.0.0.1",
            port=self.gateway_port,
            username=user,
            password=self.keys[key],
            database="kansoku",
        )


@pytest.fixture(scope="package")  # not longer: its demo would go on beside the tests of other rooms
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Start collector, dashboard and demo with one day of history; stop them at the end with Ctrl-C."""
    data = tmp_path_factory.mktemp("up")
    names = ("KANSOKU_PORT", "KANSOKU_GATEWAY_PORT", "KANSOKU_DASHBOARD_PORT")
    ports = {name: free_port() for name in names}
    log = (data / "log.txt").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "kansoku_cli", "up", "--demo", "--days", "1", "--data", str(data / "store")],
        env=os.environ | {name: str(port) for name, port in ports.items()},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        collector, gateway, dashboard = (ports[name] for name in names)
        secrets = data / "store" / "secrets.json"
        wait_for(lambda: secrets.exists() and _spans(collector, secrets) > 200, process, data / "log.txt")
        wait_for(lambda: _answers(f"http://127.0.0.1:{dashboard}/"), process, data / "log.txt")
        yield Running(
            f"http://127.0.0.1:{collector}",
            f"http://127.0.0.1:{dashboard}",
            gateway,
            json.loads(secrets.read_text()),
            data / "store",
        )
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(180)
        log.close()
    assert code == 0, (data / "log.txt").read_text()[-3000:]


@pytest.fixture(scope="package")  # its event loop runs until it stops: no test of another room could run one
def browser() -> Iterator[Browser]:
    """Start Chromium without a window and without calls of its own."""
    path = chromium()
    if path is None:
        pytest.skip("no Chromium on this machine: run tests/end_to_end/install_browser.sh")
    with sync_playwright() as playwright:
        started = launch(playwright, path)
        yield started
        started.close()


@pytest.fixture(scope="package")
def visitor(browser: Browser, running: Running) -> Iterator[BrowserContext]:
    """Return one visitor, who has been here before: the scripts of the pages are loaded and compiled once.

    A page that stays open keeps the site's process, with what it has compiled, for the pages of all tests.
    """
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    context.set_default_timeout(PATIENCE)
    context.new_page().goto(f"{running.dashboard}/_stcore/health")
    yield context
    context.close()


def wait_for(condition: object, process: "subprocess.Popen[bytes]", log: Path, seconds: float = 300) -> None:
    """Wait until `condition()` holds; fail with the log when the process ends or time is up."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()[-3000:]
        if condition():
            return
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} s:\n{log.read_text()[-3000:]}")


def _spans(port: int, secrets: Path) -> int:
    key = json.loads(secrets.read_text())["read"]
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/stats", headers={"Authorization": f"Bearer {key}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(json.load(answer)["spans_stored"])
    except OSError:
        return 0


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
