"""The program that a newcomer copies from the READMEs runs, and does all that it shows."""

import json
from typing import Any

import pytest
from support.pages import run_page
from support.vendor import Vendor

import kansoku


@pytest.mark.parametrize("page", ["../README.md", "../README.ja.md"])
def test_the_program_of_the_readme_leaves_a_trace_and_its_feedback(
    page: str, monkeypatch: pytest.MonkeyPatch, vendor: Vendor, recorder: Any, start: Any
) -> None:
    """One trace of function, search and call; the thumb names that trace and is not dropped on the way."""
    message = {"role": "assistant", "content": "On Thursday."}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    vendor.answer({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})
    monkeypatch.setenv("OPENAI_BASE_URL", f"{vendor.url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    spans = start(endpoint=recorder.url)
    monkeypatch.setattr(kansoku, "init", lambda **_: None)
    run_page(page)
    kansoku.flush(60)
    traces = {format(span.context.trace_id, "032x") for span in spans.all()}
    items = [item for body in recorder.bodies("/v1/feedback") for item in json.loads(body)]
    assert (len(spans.all()), len(traces)) == (4, 1)
    assert [(item["trace_id"], item["like"]) for item in items] == [(*traces, True)]
