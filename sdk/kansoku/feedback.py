"""Feedback on a trace: queued here, sent to the collector in the background."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kansoku import runtime
from kansoku.guard import guard, warn_once
from kansoku.spans import clock


@guard
def feedback(  # noqa: PLR0913 - one argument a fact
    trace_id: str | None = None,
    *,
    like: bool | None = None,
    score: float | None = None,
    name: str | None = None,
    label: str | None = None,
    comment: str | None = None,
    correction: str | None = None,
    user_id: str | None = None,
    span_id: str | None = None,
    session_id: str | None = None,
    time: float | datetime | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Say what somebody thought of an answer: a like, a score with its name, a comment, a correction.

    `trace_id` defaults to the current trace; keep `kansoku.current_trace_id()` to give feedback later, from
    any process. `time` is when it was given: Unix seconds or a datetime, default now. Never blocks or raises.
    """
    running = runtime.current()
    if running is None:
        warn_once("feedback", "kansoku.feedback() was called without kansoku.init(): it is not sent")
        return
    if not trace_id and not session_id:
        trace_id = _current_trace()
    if not trace_id and not session_id:
        warn_once(
            "feedback-trace", "kansoku.feedback() outside of a trace needs a trace_id; this one is not sent"
        )
        return
    when = (
        clock.now() / 1e9 if time is None else time.timestamp() if isinstance(time, datetime) else float(time)
    )
    given = {
        "trace_id": trace_id,
        "span_id": span_id,
        "session_id": session_id,
        "like": None if like is None else bool(like),
        "score": None if score is None else float(score),
        "name": name,
        "label": label,
        "comment": comment,
        "correction": correction,
        "user_id": user_id,
        "metadata": {str(k): str(v) for k, v in metadata.items()} if metadata else None,
        "time": when,
        "id": _new_id(),
    }
    running.feedback.put({key: value for key, value in given.items() if value is not None})


def _current_trace() -> str:
    from kansoku.trace import current_trace_id  # noqa: PLC0415

    return current_trace_id()


def _new_id() -> str:
    """Return an idempotency key: a batch that is sent twice must count once."""
    from uuid import uuid4  # noqa: PLC0415

    return uuid4().hex
