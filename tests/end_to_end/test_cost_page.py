"""Cost in a browser: what is shown is what the store holds, and every way leads on."""

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from clickhouse_connect.driver.client import Client
from playwright.sync_api import Browser, expect

from kansoku_collector.model import SPAN_COLUMNS, Span

from .conftest import PATIENCE, Running
from .test_pages import Witness, witness

__all__ = ["witness"]
pytestmark = pytest.mark.browser

CALLS, UNPRICED = 40, 10  # of an environment of their own: the demo goes on while a test looks
PAGE = "/cost?env=cost-page&range=1h"


def client(running: Running) -> Client:
    """Return a client that may write."""
    return running.client("admin")


@pytest.fixture(scope="module", autouse=True)
def stored(running: Running) -> None:
    """Store calls of a dollar each, a quarter of them without a price."""
    store = client(running)
    now = store.query("SELECT toUnixTimestamp64Nano(now64(9))").result_rows[0][0]
    spans = []
    for number in range(CALLS):
        span = Span(trace_id=f"c057{number:028x}", span_id="a" * 16, start=now - (number + 60) * 10**9)
        span.name, span.operation, span.environment, span.billed = "chat", "chat", "cost-page", True
        span.provider, span.usage_source, span.duration_ns = "vendor", "reported", 10**9
        span.request_model = "secret-model" if number < UNPRICED else "dear-model"
        span.cost_source = "unpriced" if number < UNPRICED else "reported"
        span.cost_usd = span.cost_usd + (number >= UNPRICED)
        span.input_fresh, span.output_visible = 900, 100
        span.session_id, span.user_id = f"page-session-{number % 5}", f"page-user-{number % 4}"
        spans.append(span)
    rows = [[getattr(span, name) for name in SPAN_COLUMNS] for span in spans]
    store.insert("spans", rows, column_names=SPAN_COLUMNS)
    store.close()


def test_the_figures_are_lower_bounds_and_the_calls_without_a_price_a_click_away(witness: Witness) -> None:
    """Thirty calls of a dollar; ten are in no sum: the line names their model and leads to their traces."""
    witness.open(PAGE)
    tile = witness.page.locator("[data-testid=stMetric]", has_text="Cost")
    expect(tile.first).to_contain_text("≥ $30.00", timeout=PATIENCE)
    expect(witness.page.locator("[data-testid=stMetric]", has_text="Per request")).to_contain_text(
        "≥ $0.7500"
    )
    expect(witness.page.locator("[data-testid=stMetric]", has_text="Per session")).to_contain_text("≥ $6.00")
    line = witness.page.locator(".st-key-cost_unpriced_line")
    expect(line).to_contain_text("secret-model (10)")
    expect(line).to_contain_text("10 calls (25%)")
    steps = witness.page.evaluate("window.history.length")
    witness.page.get_by_role("link", name="Their traces").click()
    witness.page.wait_for_url("**/traces**", timeout=PATIENCE)
    expect(witness.page.get_by_text(f"{UNPRICED} traces", exact=True)).to_be_visible(timeout=PATIENCE)
    # One click, one step: the link empties the address in several goes.
    assert witness.page.evaluate("window.history.length") == steps + 1
    witness.page.go_back()
    expect(tile.first).to_contain_text("≥ $30.00", timeout=PATIENCE)
    assert parse_qs(urlsplit(witness.page.url).query)["range"] == ["1h"]
    witness.innocent()


def test_a_chosen_range_is_in_the_address_and_shows_everybody_the_same(
    witness: Witness, browser: Browser
) -> None:
    """The address of one browser opens the same figures in another."""
    witness.open(PAGE)
    witness.choose("7d", "**range=7d**")
    other = browser.new_page(locale="ja-JP")
    other.set_default_timeout(PATIENCE)
    other.goto(f"{witness.page.url}&lang=en")
    here, there = (page.locator("[data-testid=stMetric]") for page in (witness.page, other))
    for tiles in (there, here):
        expect(tiles.first).to_contain_text("≥ $30.00", timeout=PATIENCE)
    deadline = time.monotonic() + PATIENCE / 1_000
    while here.all_inner_texts() != there.all_inner_texts():  # here the old range may still stand
        assert time.monotonic() < deadline, (here.all_inner_texts(), there.all_inner_texts())
        witness.page.wait_for_timeout(250)
    other.close()
    witness.innocent()


def test_another_split_is_in_the_address_and_its_row_leads_to_its_traces(witness: Witness) -> None:
    """By user: the code of the choice and not its word; a click on the first row filters Traces by it."""
    witness.open(PAGE)
    witness.choose("User", "**by=user**")
    # The address changes before the table does: a click on what is being replaced is lost.
    panel = witness.page.locator(".st-key-panel_cost_by")
    expect(panel).to_contain_text("Breakdown · User", timeout=PATIENCE)
    witness.settle()
    # For a moment the table that goes and the one that comes are both there.
    table = panel.locator("[data-testid=stDataFrame]")
    expect(table).to_have_count(1, timeout=PATIENCE)
    witness.click_row(table, "**/traces**")
    expect(witness.page.get_by_text("10 traces", exact=True)).to_be_visible(timeout=PATIENCE)
    witness.innocent()
