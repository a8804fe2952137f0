"""Pydantic Evals' experiments: what the evaluators said of each case, which is told on the case's span."""

from kansoku_collector.model import Attributes, Feedback, RawSpan
from kansoku_collector.values import mapping, number, text

SCOPE = "pydantic-evals"
_KINDS = ("scores", "labels", "assertions")


def read_case(raw: RawSpan, left: Attributes) -> list[Feedback]:
    """Return a score for each evaluator's result of a case; `left` loses them."""
    if "case_name" not in left:
        return []
    return [
        _feedback(raw, name, mapping(result))
        for kind in _KINDS
        for name, result in mapping(left.pop(kind, None)).items()
    ]


def _feedback(raw: RawSpan, name: str, result: dict[str, object]) -> Feedback:
    """Return one result: a number, a word, or a verdict, which is told as its events tell it."""
    value = result.get("value")
    verdict = isinstance(value, bool)
    label = ("pass" if value else "fail") if verdict else text(value) if isinstance(value, str) else ""
    return Feedback(
        time=raw.end_ns // 10**6,
        trace_id=raw.trace_id,
        span_id=raw.span_id,
        name=name,
        source="evaluator",
        value=float(value) if isinstance(value, bool) else None if label else number(value),
        label=label,
        comment=text(result.get("reason")),
    )
