"""The login in a browser: a password, a project that is closed, and the way out."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Error, Page, expect
from support.ports import free_port

from .conftest import PATIENCE, Running, _answers, wait_for

pytestmark = pytest.mark.browser
PASSWORD = "hana-no-iro"


@dataclass(frozen=True)
class Guarded:
    """A second dashboard on the same store, for viewers of one project who know the password."""

    url: str


@pytest.fixture(scope="module")
def guarded(running: Running) -> Iterator[Guarded]:
    """Start the dashboard with a password and a role."""
    port, log = free_port(), running.data / "guarded.txt"
    reader = f"http://reader:{quote(running.keys['read'])}@127.0.0.1:{running.gateway_port}/kansoku"
    own = {
        "KANSOKU_DASHBOARD_PORT": str(port),
        "KANSOKU_DASHBOARD_PASSWORD": PASSWORD,
        "KANSOKU_ACCESS": "password=viewer:default",
        "KANSOKU_CLICKHOUSE_READ_URL": reader,
        "KANSOKU_COLLECTOR_URL": running.collector,
        "KANSOKU_API_KEY": running.keys["ingest"],
        "KANSOKU_ADMIN_KEY": running.keys["admin"],
    }
    with log.open("w") as out:
        command = [sys.executable, "-m", "kansoku_cli", "dashboard"]
        process = subprocess.Popen(command, env=os.environ | own, stdout=out, stderr=out)
        try:
            wait_for(lambda: _answers(f"http://127.0.0.1:{port}/login"), process, log)
            yield Guarded(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(180)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open a page without cookies."""
    context = browser.new_context(locale="en-GB")
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def enter(page: Page, url: str) -> None:
    """Open an address and give the password that is asked for."""
    page.goto(url)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector(".st-key-footer", timeout=PATIENCE)


def leave(page: Page) -> None:
    """Click the way out until it leads out: a click on a link that is being replaced is lost."""
    for _ in range(3):
        try:
            page.get_by_role("link", name="Log out").click(timeout=PATIENCE / 4)
            page.wait_for_url("**/login**", timeout=PATIENCE / 4)
        except Error:
            continue
        return


def test_the_password_leads_to_the_wanted_screen_and_the_way_out_closes_it(
    page: Page, guarded: Guarded
) -> None:
    """Viewers see the data and no keys; after the way out the next page asks again."""
    enter(page, f"{guarded.url}/health?range=7d")
    expect(page.get_by_role("heading", name="Data health")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("are shown to admins")).to_be_visible(timeout=PATIENCE)
    page.wait_for_url("**range=7d**", timeout=PATIENCE)
    assert page.get_by_text("API keys", exact=False).count() == 0
    leave(page)
    expect(page.get_by_label("Password")).to_be_visible(timeout=PATIENCE)
    page.goto(f"{guarded.url}/traces")
    expect(page.get_by_label("Password")).to_be_visible(timeout=PATIENCE)


def test_a_closed_project_is_a_sentence_with_a_way_back(page: Page, guarded: Guarded) -> None:
    """Whether it exists is not said."""
    enter(page, guarded.url)
    page.goto(f"{guarded.url}/traces?project=payroll")
    expect(page.get_by_text("no such project, or it is not open to you")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="To your own project").click()
    page.wait_for_selector(".st-key-footer", timeout=PATIENCE)
    expect(page.get_by_text("no such project, or it is not open to you")).not_to_be_visible()
    page.wait_for_url(lambda address: "payroll" not in address, timeout=PATIENCE)
