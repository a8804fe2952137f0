"""docs/sdk/delivery.md: its blocks run as they stand."""

from collections.abc import Callable
from typing import Any

import pytest
from support.pages import run_page


def test_the_page_runs_and_its_counts_add_up(
    start: Callable[..., Any], recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The span of the page arrives, and the sum that it asserts holds."""
    start()
    monkeypatch.setenv("KANSOKU_ENDPOINT", recorder.url)
    monkeypatch.setenv("KANSOKU_API_KEY", "ksk_test")
    monkeypatch.setenv("KANSOKU_SPOOL_DIR", "")
    monkeypatch.delenv("KANSOKU_SPOOL_DIR")
    found = run_page("sdk/delivery.md")
    assert found["arrived"] is True
    assert len(recorder.bodies("/v1/traces")) == 1
