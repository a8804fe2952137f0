"""Live screens in a browser: figures move on, and nothing that the reader did or looks at is taken away."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_connect.driver.client import Client
from playwright.sync_api import Browser, Page, expect

from kansoku_collector.model import SPAN_COLUMNS, Span
from kansoku_collector.store.incidents import save_incidents
from kansoku_collector.store.read.incidents import Incident

from .conftest import PATIENCE, SETTLED, Running

pytestmark = pytest.mark.browser

REFRESHES = 3
ENVIRONMENT = "live-page"
CHARTS = "document.querySelectorAll('.kansoku-chart, .js-plotly-plot')"
MARK = f"() => {CHARTS}.forEach((node) => {{ node.seenBefore = true; }})"
MARKED = f"() => [[...{CHARTS}].filter((node) => node.seenBefore).length, {CHARTS}.length]"
COUNT_DRAWINGS = """() => { window.drawings = 0;
    for (const node of document.querySelectorAll('.js-plotly-plot'))
        node.on('plotly_afterplot', () => { window.drawings += 1; }); }"""
PAINTED = """[...document.querySelectorAll('.kansoku-chart')].every(
    (box) => !box.clientWidth || box.querySelector('.js-plotly-plot'))"""
DOWN = "() => document.querySelector('.stMain').scrollTo(0, 300)"
WHERE = "() => document.querySelector('.stMain').scrollTop"
# What the reader looks at: the browser scrolls along when a banner above it grows by a line.
SEEN = """() => [...document.querySelectorAll('.js-plotly-plot')]
    .map((chart) => chart.getBoundingClientRect().top).filter((top) => top > 0)[0]"""


@pytest.fixture
def client(running: Running) -> Iterator[Client]:
    """Return a client that may write; what was stored goes with it."""
    made = running.client("admin")
    yield made
    # The newest of all traces would stand on top of the list that the tests of other screens click into.
    for table in ("traces", "spans"):
        made.command(
            f"ALTER TABLE {table} DELETE WHERE environment = {{name:String}} SETTINGS mutations_sync = 1",
            parameters={"name": ENVIRONMENT},
        )
    made.close()


@pytest.fixture
def incident(client: Client) -> Iterator[None]:
    """Open an incident with a limit that can be held against history; resolve it at the end.

    It is the gravest and latest: whatever the demo's alerts open meanwhile stands below, and moves nothing.
    """
    now = datetime.now(UTC)
    one = Incident(
        "live-page", "refusals", "refusal_rate", "page", now, now, 0.05, 0.06, 0.02,
        "above", 300, timedelta(minutes=15), scope={"environment": ENVIRONMENT},
    )  # fmt: skip
    save_incidents(client, [one])
    yield
    end = datetime.now(UTC)
    save_incidents(client, [replace(one, updated=end, resolved=end)])


def store(client: Client, first: int, number: int) -> None:
    """Store so many calls of the last minutes, in an environment of their own."""
    spans = []
    for place in range(first, first + number):
        began = time.time_ns() - (place % 600) * 10**9
        span = Span(trace_id=f"117e{place:028x}", span_id="a" * 16, start=began)
        span.name, span.operation, span.environment, span.billed = "chat", "chat", ENVIRONMENT, True
        span.request_model, span.cost_source = "live-model", "reported"
        span.duration_ns = 10**9 + place * 10**7
        span.cost_usd = span.cost_usd + 1
        spans.append(span)
    rows = [[getattr(span, name) for name in SPAN_COLUMNS] for span in spans]
    client.insert("spans", rows, column_names=SPAN_COLUMNS)


def opened(browser: Browser, running: Running, path: str, asked: Counter[str]) -> Page:
    """Open a live screen; count in `asked` what it asks of the server."""
    page = browser.new_page(viewport={"width": 1280, "height": 700}, locale="en-GB")
    page.set_default_timeout(PATIENCE)
    page.on("websocket", lambda socket: socket.on("framesent", lambda _: asked.update([path])))
    page.goto(f"{running.dashboard}{path}")
    page.wait_for_selector(".st-key-footer", timeout=PATIENCE)
    page.wait_for_selector("[data-testid=stSkeleton]", state="detached", timeout=PATIENCE)
    page.wait_for_selector(SETTLED, timeout=PATIENCE)
    return page


def unfold(page: Page, title: str) -> None:
    """Open the first expander of a title and wait for its chart: a click while it is replaced is lost."""
    fold = page.locator("details", has=page.get_by_text(title)).first
    for last in (False, False, True):
        if fold.get_attribute("open") is None:
            fold.locator("summary").click()
        try:
            expect(page.locator(".js-plotly-plot")).to_have_count(
                1, timeout=PATIENCE if last else PATIENCE / 4
            )
        except AssertionError:
            if last:
                raise
        else:
            return


@pytest.mark.usefixtures("incident")
def test_three_refreshes_replace_no_chart_and_keep_what_the_reader_did(
    browser: Browser, running: Running, client: Client
) -> None:
    """Charts are redrawn in their places; scroll position, an open expander and a typed text stay."""
    asked: Counter[str] = Counter()
    home, quality = f"/?env={ENVIRONMENT}&range=1h&live=true", "/quality?range=24h&live=true"
    alerts = "/alerts?range=24h&live=true"
    store(client, 0, 40)
    watching = opened(browser, running, home, asked)
    expect(watching.locator(".js-plotly-plot")).to_have_count(4, timeout=PATIENCE)
    tile = watching.locator("[data-testid=stMetric]", has_text="Requests").first
    expect(tile).to_contain_text("40", timeout=PATIENCE)
    typing = opened(browser, running, quality, asked)
    field = typing.get_by_role("spinbutton", name="Difference to tell (pp)")
    field.fill("7.5")  # and no Enter: nobody has sent it yet
    reading = opened(browser, running, alerts, asked)
    unfold(reading, "The rule on this range")

    for page in (watching, typing, reading):
        page.wait_for_function(PAINTED, timeout=PATIENCE)
        page.evaluate(MARK)
    watching.evaluate(COUNT_DRAWINGS)
    watching.evaluate(DOWN)
    assert watching.evaluate(WHERE) > 0
    seen = watching.evaluate(SEEN)
    asked.clear()
    for refresh in range(1, REFRESHES + 1):
        store(client, 40 * refresh, 40)
        expect(tile).to_contain_text(str(40 * (refresh + 1)), timeout=PATIENCE)

    for page in (watching, typing, reading):
        kept, all_of_them = page.evaluate(MARKED)
        assert kept == all_of_them >= 2, page.url
    drawn = f"window.drawings >= {REFRESHES}"  # the figures really changed; the last may still be on its way
    watching.wait_for_function(drawn, timeout=PATIENCE)
    deadline = time.monotonic() + PATIENCE / 1_000
    while min(asked[home], asked[quality], asked[alerts]) < REFRESHES:  # each page has a clock of its own
        assert time.monotonic() < deadline, asked
        watching.wait_for_timeout(250)
    assert watching.evaluate(SEEN) == pytest.approx(seen, abs=1)
    assert field.input_value() == "7.5"
    expect(reading.locator(".js-plotly-plot")).to_be_visible()  # inside of what was opened
    for page in (watching, typing, reading):
        page.close()
