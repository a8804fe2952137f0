"""feedback(): queued, sent later, in the shape that the collector takes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

import kansoku
from kansoku import guard
from kansoku.spans import clock


def sent(recorder: Any) -> list[dict[str, Any]]:
    """Return all feedback that arrived."""
    return [item for body in recorder.bodies("/v1/feedback") for item in json.loads(body)]


def test_feedback_on_the_current_trace(start: Callable[..., Any], recorder: Any) -> None:
    """Inside a span the trace is known; time is the clock's; the key goes along."""
    start(endpoint=recorder.url)
    clock.use(lambda: 1_700_000_000_500_000_000)
    with kansoku.span("answer") as span:
        kansoku.feedback(like=True)
    assert kansoku.flush(60)
    (item,) = sent(recorder)
    assert len(item.pop("id")) == 32
    assert item == {"trace_id": span.trace_id, "like": True, "time": 1_700_000_000.5}
    headers = next(h for path, h, _ in recorder.requests if path == "/v1/feedback")
    assert (headers["Authorization"], headers["Content-Type"]) == ("Bearer ksk_test", "application/json")


def test_feedback_later_with_only_the_trace_id(start: Callable[..., Any], recorder: Any) -> None:
    """Score, name, label, comment, correction, user, span, session, metadata and time all arrive."""
    start(endpoint=recorder.url)
    when = datetime(2026, 1, 2, tzinfo=UTC)
    kansoku.feedback(
        "a" * 32, score=0.5, name="helpful", label="half", comment="惜しい", correction="火曜日", user_id="u",
        span_id="b" * 16, session_id="s", time=when, metadata={"ward": 3},
    )  # fmt: skip
    assert kansoku.flush(60)
    (item,) = sent(recorder)
    assert item.pop("id")
    assert item == {
        "trace_id": "a" * 32, "score": 0.5, "name": "helpful", "label": "half", "comment": "惜しい",
        "correction": "火曜日", "user_id": "u", "span_id": "b" * 16, "session_id": "s",
        "time": when.timestamp(), "metadata": {"ward": "3"},
    }  # fmt: skip


def test_a_dislike_is_not_left_out(start: Callable[..., Any], recorder: Any) -> None:
    """like=False and score=0 are values, not absences."""
    start(endpoint=recorder.url)
    kansoku.feedback("a" * 32, like=False)
    kansoku.feedback("a" * 32, score=0)
    assert kansoku.flush(60)
    assert [(item.get("like"), item.get("score")) for item in sent(recorder)] == [(False, None), (None, 0.0)]


def test_a_refusal_for_now_is_tried_again_with_the_same_id(start: Callable[..., Any], recorder: Any) -> None:
    """After 503 the same items are posted again; their ids let the collector count them once."""
    recorder.status[:] = [503]
    start(endpoint=recorder.url)
    kansoku.feedback("a" * 32, like=True)
    assert kansoku.flush(60)
    first, second = recorder.bodies("/v1/feedback")
    assert first == second


def test_feedback_outside_of_a_trace_is_told_not_raised(
    spans: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any trace there is nothing to attach to; the log says so once."""
    monkeypatch.setattr("kansoku.guard._warned", set())
    kansoku.feedback(like=True)
    kansoku.feedback(like=True)
    assert caplog.text.count("needs a trace_id") == 1


def test_a_value_that_is_none_of_its_kind_is_swallowed(spans: Any) -> None:
    """A score that is no number costs this feedback, never the program."""
    kansoku.feedback("a" * 32, score="high")  # type: ignore[arg-type]
    assert guard.failures["kansoku.feedback.feedback"] == 1
    guard.failures.clear()
