"""The screens as somebody in Japan sees them: their language, their clock, and their phone."""

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from .conftest import PATIENCE, Running
from .test_pages import Witness

pytestmark = pytest.mark.browser
TOKYO = ZoneInfo("Asia/Tokyo")
CUT_OFF = """() => {
  const notes = [...document.querySelectorAll('.kansoku-chart .annotation-text')];
  return notes.filter((note) => /[▼◆●]/.test(note.textContent)).map((note) => {
    const [words, chart] = [note, note.closest('.kansoku-chart')].map((one) => one.getBoundingClientRect());
    return words.left < chart.left - 1 || words.right > chart.right + 1;
  });
}"""


@pytest.fixture
def tokyo(browser: Browser) -> Iterator[BrowserContext]:
    """Return a visitor with a Japanese browser in Japan."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, locale="ja-JP", timezone_id="Asia/Tokyo"
    )
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


def test_a_trace_says_when_it_was_on_the_readers_clock(tokyo: BrowserContext, running: Running) -> None:
    """The list shows Japanese times: header, parameters and votes of a trace show the same ones."""
    rows = running.client("reader").query(
        "SELECT trace_id, min(start) FROM spans WHERE trace_id IN"
        " (SELECT trace_id FROM feedback WHERE name = 'like') GROUP BY trace_id LIMIT 1"
    )
    ((trace_id, start),) = rows.result_rows
    began = start.astimezone(TOKYO).strftime("%Y-%m-%d %H:%M:%S")
    seen = Witness(tokyo.new_page(), running.dashboard)
    seen.open(f"/trace?trace={trace_id}")
    header = seen.page.locator(".st-key-trace_header")
    expect(header).to_contain_text(f"{began} JST", timeout=PATIENCE)
    for tab in ("details", "feedback"):
        seen.open(f"/trace?trace={trace_id}&tab={tab}")
        box = seen.page.locator(".st-key-span_box")
        expect(box).to_contain_text(re.compile(r"\d\d:\d\d(:\d\d\.\d+)? JST"), timeout=PATIENCE)
        assert "UTC" not in box.inner_text()


def test_a_screen_is_told_from_others_by_its_title(tokyo: BrowserContext, running: Running) -> None:
    """A row of tabs, bookmarks and the history of a browser show nothing else."""
    seen = Witness(tokyo.new_page(), running.dashboard)
    for path, title in (("/cost", "コスト · Kansoku"), ("/?range=24h", "概要 · Kansoku")):
        seen.open(path)
        expect(seen.page).to_have_title(title, timeout=PATIENCE)


def test_the_changes_above_the_drift_strip_are_whole_on_a_phone(
    tokyo: BrowserContext, running: Running
) -> None:
    """On call with a phone, the version that answers since last night can be read."""
    seen = Witness(tokyo.new_page(), running.dashboard)
    seen.page.set_viewport_size({"width": 390, "height": 844})
    seen.open("/drift?range=24h")
    seen.page.wait_for_function(f"({CUT_OFF})().length > 0", timeout=PATIENCE)
    assert not any(seen.page.evaluate(CUT_OFF))


def test_a_view_that_is_kept_leaves_the_page_as_it_is(tokyo: BrowserContext, running: Running) -> None:
    """Drawn by the click itself, its message took the place of the page's styles, and everything moved."""
    seen = Witness(tokyo.new_page(), running.dashboard)
    seen.open("/traces?range=24h")
    more = seen.page.get_by_role("button", name="ほかの条件")
    before = more.bounding_box()
    seen.page.get_by_role("button", name="ビュー").click()
    seen.page.get_by_placeholder("例: 本番の遅い回答").fill("東京")
    seen.page.get_by_role("button", name="保存").click()
    expect(seen.page.locator("[data-testid=stToast]")).to_contain_text("東京", timeout=PATIENCE)
    seen.settle()
    assert more.bounding_box() == before
    seen.page.close()
