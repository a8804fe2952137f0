"""Text is readable in both themes: 4.5 to 1 or more, and no figure brings an ink of its own."""

import json
import tomllib
from datetime import UTC, datetime, timedelta

import pytest

from kansoku_collector.store.read.drift import DriftCell, VersionChange
from kansoku_collector.store.read.drift_detail import Both
from kansoku_collector.store.scope import Period
from kansoku_dashboard.figures import cost_ranking, drift, quality, shift
from kansoku_dashboard.figures.backdrop import Backdrop
from kansoku_dashboard.paths import ROOM

THEMES = tomllib.loads((ROOM / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
INKS = ("textColor", "linkColor", "redTextColor", "greenTextColor", "grayTextColor")
GROUNDS = ("backgroundColor", "secondaryBackgroundColor", "dataframeHeaderBackgroundColor")
HOUR = timedelta(hours=1)
START = datetime(2026, 11, 20, tzinfo=UTC)


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_has_the_contrast_that_the_standard_gives():
    """The scale itself: 21 for black on white, 4.48 for #777777."""
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_every_ink_is_readable_on_every_ground(theme, ground):
    """Text, links, red, green and grey."""
    chosen = THEMES[theme]
    found = {ink: contrast(chosen[ink], chosen[ground]) for ink in INKS}
    assert {ink: value for ink, value in found.items() if value < 4.5} == {}


def test_texts_of_figures_take_the_ink_of_the_theme():
    """A figure does not know the theme: a colour of its own is readable on one background at most."""
    change = VersionChange(START, "prompt", "guide", "v1", "v2")
    cells = [
        DriftCell("output_length", START + place * HOUR, 0.0, 30, 900, "before", HOUR) for place in (0, 1)
    ]
    times = [cell.time for cell in cells]
    full = Backdrop(times, HOUR, START + 2 * HOUR, [Period(START, START + HOUR)], [change])
    made = [
        drift.strip(cells, full, {name: name for name in drift.SIGNALS}),
        quality.side_by_side([("a", 9, 10), ("b", 1, 2)], {}, "{name}", "nothing"),
        shift.distribution(Both({}, {}), str, {"before": "", "now": "", "nothing": "n", "hover": ""}),
        cost_ranking.ranking([], [], [], "#4A6FDC", "nothing"),
    ]
    annotations = [note for figure in made for note in figure["layout"].get("annotations", [])]
    assert len(annotations) >= 4
    assert [note for note in annotations if "color" in note.get("font", {})] == []
    assert "◆" in json.dumps(annotations, ensure_ascii=False)
