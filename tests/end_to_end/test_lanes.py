"""The lanes of the waterfall, as the browser computes them: any length fits, and idle time can be folded."""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from kansoku_dashboard.figures.style import seconds

pytestmark = pytest.mark.browser

SCALE = (files("kansoku_dashboard") / "waterfall" / "scale.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """Return an empty page."""
    opened = browser.new_page()
    yield opened
    opened.close()


def ask(page: Page, question: str) -> Any:
    """Return what a question to the functions of the lanes gives."""
    return page.evaluate(f"() => {{ {SCALE}\nreturn {question}; }}")


@pytest.mark.parametrize(
    ("length", "last"),
    [(2e6, "2 ms"), (7200e9, "2 h"), (1, "1 ns"), (90e9, "1:30 min"), (30 * 86400e9, "672 h")],
)
def test_a_trace_of_any_length_fits_its_lane(page: Page, length: float, last: str) -> None:
    """The end is the right edge, ticks are few, and the last one has the unit of the length."""
    found = ask(
        page,
        f"(() => {{ const map = timeMap({length}, []), all = ticks({length}, 6);"
        f" return [map.at(0), map.at({length}), all.length, tickLabel(all.at(-1), {length})]; }})()",
    )
    assert found[:2] == [0, 1]
    assert 2 <= found[2] <= 14
    assert found[3] == last


@pytest.mark.parametrize(
    ("ns", "english", "japanese"),
    [
        (740e6, "740 ms", "740 ms"),
        (3.31e9, "3.31 s", "3.31 s"),
        (125e9, "2 min 05 s", "2分05秒"),
        (4800e9, "1 h 20 min", "1時間20分"),
    ],
)
def test_a_duration_is_written_as_the_reader_does(page: Page, ns: float, english: str, japanese: str) -> None:
    """The lanes say the same as the chips beside them, in both languages."""
    names = "{hours: '時間', minutes: '分', seconds: '秒'}"
    assert ask(page, f"[durationLabel({ns}), durationLabel({ns}, {names})]") == [english, japanese]
    assert [seconds(ns / 1e9), seconds(ns / 1e9, "ja")] == [english, japanese]
    assert ask(page, f"tickLabel(90e9, 120e9, {names})") == "1:30分"


def test_folded_idle_time_leaves_a_seam_and_gives_the_rest_the_width(page: Page) -> None:
    """Two seconds of work around two hours of waiting: both stand, in order, inside the lane."""
    second = 10**9
    length, gap = 7202 * second, [second, 7201 * second]
    before, start, end, after = ask(
        page,
        f"(() => {{ const map = timeMap({length}, [[{gap[0]}, {gap[1]}]]);"
        f" return [map.at({second / 2}), map.at({gap[0]}), map.at({gap[1]}), map.at({length})]; }})()",
    )
    assert 0.2 < before < start < end < 0.6
    assert 0.005 < end - start < 0.03
    assert after == pytest.approx(1)
