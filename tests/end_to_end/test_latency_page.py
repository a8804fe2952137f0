"""The Latency screen in a browser, on the demo's data."""

import pytest
from playwright.sync_api import expect

from .conftest import PATIENCE
from .test_pages import Witness, witness

__all__ = ["witness"]
pytestmark = pytest.mark.browser


def test_the_panels_are_drawn_and_a_narrow_screen_does_not_scroll_sideways(witness: Witness) -> None:
    """Five tiles and six charts, each at most as wide as a window of 560 pixels; nothing leaves the host."""
    witness.page.set_viewport_size({"width": 560, "height": 900})
    witness.open("/latency?range=24h&lang=ja")
    expect(witness.page.locator(".js-plotly-plot")).to_have_count(6, timeout=PATIENCE)
    expect(witness.page.locator("[data-testid=stMetric]")).to_have_count(5, timeout=PATIENCE)
    witness.page.wait_for_function("document.documentElement.scrollWidth <= 560", timeout=PATIENCE)
    witness.innocent()
