"""Logfire's feedback, a span beneath what it is about, and what Pydantic Evals' experiments say of a case."""

from typing import Any

from kansoku_collector.model import Attributes, Feedback, RawSpan
from kansoku_collector.values import mapping, number, text

_NAME, _COMMENT = "logfire.feedback.name", "logfire.feedback.comment"
_VERDICTS = {"evaluator": ("fail", "pass"), "user": ("false", "true")}
_KINDS = ("scores", "labels", "assertions")


def _read_case(raw: RawSpan, left: Attributes) -> list[Feedback]:
    """Return a score for each evaluator's result of a case; `left` loses them."""
    if "case_name" not in left:
        return []
    told = [item for kind in _KINDS for item in mapping(left.pop(kind, None)).items()]
    return [
        _feedback(raw, raw.span_id, "evaluator", name, found.get("value"), found.get("reason"))
        for name, result in told
        if (found := mapping(result))
    ]


def _read_feedback(raw: RawSpan, left: Attributes) -> list[Feedback]:
    """Return what a user said of the span around; `left` loses it."""
    if not (name := text(left.pop(_NAME, None))):
        return []
    comment, value = left.pop(_COMMENT, None), left.pop(name, None)
    return [_feedback(raw, raw.parent_span_id or raw.span_id, "user", name, value, comment)]


def _feedback(raw: RawSpan, about: str, source: str, name: str, value: Any, comment: Any) -> Feedback:
    """Return one score: a number, a word, or a verdict, which is both."""
    found = Feedback(
        time=raw.end_ns // 10**6,
        trace_id=raw.trace_id,
        span_id=about,
        name=name,
        source=source,
        comment=text(comment),
    )
    if isinstance(value, bool):
        found.value, found.label = float(value), _VERDICTS[source][value]
    elif isinstance(value, str):
        found.label = value
    else:
        found.value = number(value)
    return found


# By the scope of the spans that have them.
READERS = {"pydantic-evals": _read_case, "logfire.feedback": _read_feedback}
