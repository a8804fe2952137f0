"""The Quality screen in a browser, on the demo's data."""

import pytest
from playwright.sync_api import expect

from .conftest import PATIENCE
from .test_pages import Witness, witness

__all__ = ["witness"]
pytestmark = pytest.mark.browser


def test_the_panels_are_drawn_and_the_split_stands_in_the_address_by_its_value(witness: Witness) -> None:
    """Six tiles, likes and outcomes; a link in Japanese opens the same split for a reader of English."""
    witness.open("/quality?range=24h&lang=ja")
    expect(witness.page.locator("[data-testid=stMetric]")).to_have_count(6, timeout=PATIENCE)
    expect(witness.page.locator(".js-plotly-plot").nth(2)).to_be_attached(timeout=PATIENCE)
    witness.choose("言語", "**split=language**")
    witness.innocent()
