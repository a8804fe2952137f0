"""Data health in a browser: the figures are those of the store, and no key is in the page."""

import json
import re

import pytest
from playwright.sync_api import expect

from .conftest import PATIENCE, Running
from .test_pages import Witness, witness

__all__ = ["witness"]
pytestmark = pytest.mark.browser


def test_the_figures_are_those_of_the_store(witness: Witness, running: Running) -> None:
    """Nothing of the demo is missing, its unpriced model is named, and storage is that of ClickHouse."""
    counted = "SELECT count() FROM spans WHERE billed AND cost_source = 'unpriced' AND start < now() - 120"
    client = running.client("admin")
    row = client.query("SELECT max(name) FROM migrations").result_rows[0]
    least = client.query(counted).result_rows[0][0]
    witness.open("/health?range=7d")
    page = witness.page
    expect(page.get_by_text("Every span that was sent is accounted for.")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text(str(row[0]).removesuffix(".sql"))).to_be_visible(timeout=PATIENCE)
    shown = page.locator('[data-testid="stMetric"]', has_text="Calls without a price")
    number = int(re.sub(r"\D", "", shown.locator('[data-testid="stMetricValue"]').inner_text()))
    most = client.query(counted.replace("now() - 120", "now() + 120")).result_rows[0][0]
    client.close()
    assert 0 < least <= number <= most  # the demo goes on
    witness.innocent()


def test_it_stands_on_a_narrow_screen_and_no_key_reaches_it(witness: Witness, running: Running) -> None:
    """Only tables scroll sideways; names and scopes of keys are sent, neither a key nor its hash."""
    witness.page.set_viewport_size({"width": 560, "height": 900})
    frames: list[bytes] = []
    witness.page.on(
        "websocket",
        lambda socket: socket.on(
            "framereceived", lambda data: frames.append(data if isinstance(data, bytes) else data.encode())
        ),
    )
    witness.open("/health?lang=ja")
    expect(witness.page.get_by_role("heading", name="データの健全性")).to_be_visible(timeout=PATIENCE)
    expect(witness.page.get_by_text("APIキー").first).to_be_visible(timeout=PATIENCE)
    sent = b"".join(frames)
    assert b"ingest" in sent
    hashes = [entry["hash"] for entry in json.loads((running.data / "keys.json").read_text())["keys"]]
    for secret in [*running.keys.values(), *hashes]:
        assert secret.encode() not in sent
    witness.page.wait_for_function("document.documentElement.scrollWidth <= innerWidth", timeout=PATIENCE)
    witness.innocent()
