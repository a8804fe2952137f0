"""The pages of a whole Kansoku with the demo's data, as a person sees them in a browser."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, expect

from .conftest import PATIENCE, SETTLED, Running

pytestmark = pytest.mark.browser
NO_WIDER = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@dataclass
class Witness:
    """What a page asked for and complained about."""

    page: Page
    host: str
    errors: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Open a path and wait until the screen has drawn."""
        self.page.goto(f"{self.host}{path}")
        self.settle()

    def settle(self) -> None:
        """Wait until no script runs and nothing is a skeleton."""
        self.page.wait_for_selector(".st-key-footer", timeout=PATIENCE)
        for waiting in ("stStatusWidget", "stSkeleton"):
            self.page.wait_for_selector(f"[data-testid={waiting}]", state="detached", timeout=PATIENCE)
        self.page.wait_for_selector(SETTLED, timeout=PATIENCE)

    def click_row(self, table: Locator, address: str, *, x: int = 60, y: int = 52) -> None:
        """Click a table's row until its address opens: a click on a table that is being replaced is lost."""
        for last in (False, False, True):
            expect(table).to_be_visible(timeout=PATIENCE)
            try:
                table.click(position={"x": x, "y": y}, force=True, timeout=PATIENCE / 4)
                self.page.wait_for_url(address, timeout=PATIENCE if last else PATIENCE / 4)
            except Error:
                if last:
                    raise
            else:
                return

    def choose(self, name: str, address: str) -> None:
        """Click one choice of several until the address has it: a click on what is being replaced is lost."""
        choice = self.page.get_by_role("radio", name=name).or_(self.page.get_by_role("button", name=name))
        for last in (False, False, True):
            try:
                choice.first.click(timeout=PATIENCE / 4)
                self.page.wait_for_url(address, timeout=PATIENCE if last else PATIENCE / 4)
            except Error:
                if last:
                    raise
            else:
                return

    def innocent(self) -> None:
        """Assert that nothing was complained about and that nothing left this machine."""
        assert self.errors == []
        assert self.left == []


@pytest.fixture
def witness(visitor: BrowserContext, running: Running) -> Iterator[Witness]:
    """Open an empty page that notes console errors, failed scripts and requests to other hosts."""
    page = visitor.new_page()
    seen = Witness(page, running.dashboard)
    own = urlsplit(running.dashboard).netloc

    def request(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob"} and parts.netloc != own:
            seen.left.append(url)

    def console(kind: str, text: str) -> None:
        # A deep path asks for its own health first; Streamlit answers 404 and goes on.
        if kind == "error" and "404" not in text:
            seen.errors.append(text)

    page.on("request", lambda r: request(r.url))
    page.on("websocket", lambda w: request(w.url.replace("ws", "http", 1)))
    page.on("console", lambda m: console(m.type, m.text))
    page.on("pageerror", lambda e: seen.errors.append(str(e)))
    yield seen
    page.close()


def test_the_overview_shows_tiles_charts_and_drift(witness: Witness) -> None:
    """The overview draws its six tiles and its charts from the demo's spans; nothing leaves the host."""
    witness.open("/?range=24h")
    for tile in ("Requests", "Cost", "Latency p95", "Error rate", "Liked", "Tokens"):
        expect(witness.page.locator("[data-testid=stMetric]", has_text=tile)).to_be_visible(timeout=PATIENCE)
    expect(witness.page.locator(".js-plotly-plot").first).to_be_visible(timeout=PATIENCE)
    expect(witness.page.locator(".js-plotly-plot").nth(3)).to_be_attached(timeout=PATIENCE)
    witness.innocent()


def test_a_chart_that_cannot_be_drawn_is_told_in_words(browser: Browser, running: Running) -> None:
    """Where the library does not arrive, the place of a chart says what it would show."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.route("**/plotly-*.js", lambda route: route.abort())
    page.goto(f"{running.dashboard}/?range=24h")
    chart = page.locator(".kansoku-chart").first
    expect(chart).to_be_attached(timeout=PATIENCE)
    words = chart.get_attribute("aria-label")
    assert words
    expect(chart).to_have_text(words, timeout=PATIENCE)
    page.close()


def test_a_click_leads_from_the_overview_over_the_list_to_a_trace(witness: Witness) -> None:
    """Overview → Traces → a row → the trace with its waterfall and its messages."""
    witness.open("/?range=24h")
    witness.page.get_by_role("link", name="Traces", exact=True).first.click()
    witness.page.wait_for_url("**/traces**", timeout=PATIENCE)
    witness.settle()
    table = witness.page.locator("[data-testid=stDataFrame]").first
    witness.click_row(table, "**/trace?**", x=300, y=60)
    witness.settle()
    grid = witness.page.get_by_role("treegrid").or_(witness.page.get_by_role("grid"))
    expect(grid.get_by_text("answer_question").first).to_be_visible(timeout=PATIENCE)
    assert len(parse_qs(urlsplit(witness.page.url).query)["trace"][0]) == 32
    witness.innocent()


def test_a_trace_opens_by_its_link_and_shows_a_model_call(witness: Witness, running: Running) -> None:
    """A link to a trace and a span opens that span's conversation in a fresh browser; its id copies."""
    client = running.client("reader")
    # The messages, not output_text: that one is normalised for the search, and shows other brackets.
    trace, span, answer = client.query(
        "SELECT trace_id, span_id, JSONExtractString(output_messages, 1, 'parts', 1, 'content') AS said "
        "FROM spans WHERE operation = 'chat' AND said != '' AND provider = 'openai' "
        "ORDER BY start DESC LIMIT 1"
    ).result_rows[0]
    client.close()
    witness.open(f"/trace?trace={trace}&span={span}")
    # The folded system prompt may quote the same sentence.
    shown = witness.page.get_by_text(answer.split("\n")[0][:20]).filter(visible=True).first
    expect(shown).to_be_visible(timeout=PATIENCE)
    witness.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    witness.page.get_by_role("button", name=f"Copy {trace}").click()
    expect(witness.page.get_by_text("Copied", exact=True)).to_be_visible(timeout=PATIENCE)
    assert witness.page.evaluate("navigator.clipboard.readText()") == trace
    witness.innocent()


@pytest.mark.parametrize("path", ["/alerts", "/start", "/traces?q=%E5%8F%8E%E9%9B%86"])
def test_every_other_page_opens_without_a_complaint(witness: Witness, path: str) -> None:
    """Alerts, Start and a Japanese search draw without an error and without another host."""
    witness.open(path)
    expect(witness.page.locator("[data-testid=stException]")).to_have_count(0)
    witness.innocent()


def test_the_overview_speaks_japanese_and_does_not_scroll_sideways_when_narrow(witness: Witness) -> None:
    """With ?lang=ja it is in Japanese, and at 560 pixels the page is as wide as the window."""
    witness.page.set_viewport_size({"width": 560, "height": 900})
    witness.open("/?range=24h&lang=ja")
    expect(witness.page.get_by_text("モデル別コスト").first).to_be_visible(timeout=PATIENCE)
    witness.page.wait_for_function(NO_WIDER, timeout=PATIENCE)
    witness.innocent()


def test_range_and_filters_stay_from_screen_to_screen_and_on_the_way_back(witness: Witness) -> None:
    """Whoever looks at a week of production does not choose it again on every screen."""
    shown = witness.page.locator(".st-key-range [aria-checked=true]")

    def holds(path: str) -> None:
        witness.page.wait_for_url(
            re.compile(rf"^(?=[^?]*{path}[?])(?=.*range=7d)(?=.*env=production)"), timeout=PATIENCE
        )
        expect(shown).to_have_text("7d", timeout=PATIENCE)
        expect(witness.page.locator(".st-key-env input").first).to_have_value("production", timeout=PATIENCE)

    witness.open("/?range=7d&env=production")
    for name in ("Cost", "Latency"):
        witness.page.get_by_role("link", name=name).first.click()
        holds(f"/{name.lower()}")
    witness.page.go_back()
    holds("/cost")
    witness.innocent()
