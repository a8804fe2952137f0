"""The pages about one's own code and about feedback say what is true: their blocks run."""

import json
from typing import Any

import pytest
from support.pages import run_page

import kansoku


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, recorder: Any, start: Any) -> Any:
    """Start the SDK on the recorder, make the page's own init do nothing, and give the spans."""
    spans = start(endpoint=recorder.url)
    monkeypatch.setattr(kansoku, "init", lambda **_: None)
    return spans


def test_the_page_about_ones_own_code(page: Any) -> None:
    """Its agent has a search, a check and a tool; threads and called services go on in the trace."""
    run_page("sdk/own-code.md")
    names = {span.context.span_id: span.name for span in page.all()}
    tree = {(s.name, names.get(s.parent.span_id) if s.parent else None) for s in page.all()}
    assert tree == {
        ("guide", None),
        ("search", "guide"),
        ("no personal data", "guide"),
        ("weather", "guide"),
        ("ask", None),
        ("judge", None),
        ("request", None),
        ("weather", "request"),
        ("in the called service", "request"),
    }


def test_the_page_about_feedback(page: Any, recorder: Any) -> None:
    """Its three opinions arrive, each with an id."""
    run_page("sdk/feedback.md")
    kansoku.flush(60)
    items = [item for body in recorder.bodies("/v1/feedback") for item in json.loads(body)]
    assert [(i.get("like"), i.get("score"), i.get("session_id")) for i in items] == [
        (False, None, None),
        (None, 0.8, None),
        (None, 4.0, "s-1"),
    ]
    assert len({item["id"] for item in items}) == 3
