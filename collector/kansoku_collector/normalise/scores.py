"""Evaluations and annotations that travel in telemetry, as feedback rows."""

import hashlib
from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Event, Feedback, RawSpan
from kansoku_collector.normalise import flattened
from kansoku_collector.normalise.dialects import logfire_scores
from kansoku_collector.normalise.flattened import at, listed
from kansoku_collector.values import load, mapping, number, text

_ROOTS = ("evaluations", "annotations")
_PREFIXES = tuple(f"{scope}{root}." for scope in ("", "trace.", "session.") for root in _ROOTS)
_LANGWATCH = "langwatch.evaluation.custom"
_EVENTS = (s.EVALUATION_EVENT, _LANGWATCH)
_EVALUATION = "gen_ai.evaluation."
_SOURCES = {"HUMAN": "user", "LLM": "evaluator", "CODE": "evaluator"}


def read_scores(raw: RawSpan, left: Attributes, project: str, received_ms: int) -> list[Feedback]:
    """Return the scores on a span; `left` and the span's events lose them."""
    found = []
    if "evaluation" in (keys := "\n".join(left)) or "annotations." in keys:
        tree = flattened.take(left, _PREFIXES)
        for scope in ("", "trace", "session"):
            for root in _ROOTS:
                nodes = listed(at(tree, f"{scope}.{root}" if scope else root))
                found += [_openinference(raw, at(node, root[:-1]), scope, left) for node in nodes]
        found += _on_span(raw, left)
    for event in [event for event in raw.events if event.name in _EVENTS]:
        raw.events.remove(event)
        told = _langwatch(event) if event.name == _LANGWATCH else event
        found.append(from_event(told, raw.trace_id, raw.span_id))
    if read := logfire_scores.READERS.get(raw.scope_name):
        found += [_identified(row) for row in read(raw, left)]
    for row in found:
        row.project, row.received = project, received_ms
    return found


def _on_span(raw: RawSpan, left: Attributes) -> list[Feedback]:
    """Return the evaluation that a span itself is: of the one that it names, or of the one around it."""
    if s.EVALUATION_NAME not in left or not {s.EVALUATION_SCORE, s.EVALUATION_LABEL} & left.keys():
        return []
    names = [name for name in left if name.startswith(_EVALUATION)]
    event = Event(s.EVALUATION_EVENT, raw.end_ns, {name: left.pop(name) for name in names})
    target = text(event.attributes.pop("gen_ai.evaluation.target_span_id", None)) or raw.parent_span_id
    return [from_event(event, raw.trace_id, target or raw.span_id)]


def _langwatch(event: Event) -> Event:
    """Return LangWatch's evaluation, which is JSON, as one of the conventions."""
    told = mapping(event.attributes.get("json_encoded_event"))
    passed = told.get("passed")
    label = told.get("label") or (None if passed is None else "pass" if passed else "fail")
    values = {
        s.EVALUATION_NAME: told.get("name"),
        s.EVALUATION_SCORE: told.get("score"),
        s.EVALUATION_LABEL: label,
        s.EVALUATION_EXPLANATION: told.get("details"),
    }
    return Event(
        event.name, event.time_ns, {name: value for name, value in values.items() if value is not None}
    )


def from_event(event: Event, trace_id: str, span_id: str) -> Feedback:
    """Return the row of one evaluation event."""
    attributes = event.attributes
    known = {s.EVALUATION_NAME, s.EVALUATION_SCORE, s.EVALUATION_LABEL, s.EVALUATION_EXPLANATION, "body"}
    row = Feedback(
        time=event.time_ns // 10**6,
        trace_id=trace_id,
        span_id=span_id,
        name=text(attributes.get(s.EVALUATION_NAME)) or "evaluation",
        source="evaluator",
        value=number(attributes.get(s.EVALUATION_SCORE)),
        label=text(attributes.get(s.EVALUATION_LABEL)),
        comment=text(attributes.get(s.EVALUATION_EXPLANATION)),
        metadata={key: text(value) for key, value in attributes.items() if key not in known},
    )
    return _identified(row)


def _openinference(raw: RawSpan, node: Any, scope: str, left: Attributes) -> Feedback:
    row = Feedback(
        time=raw.end_ns // 10**6,
        trace_id=raw.trace_id,
        span_id="" if scope else raw.span_id,
        session_id=text(left.get(s.SESSION_ID)) if scope == "session" else "",
        name=text(at(node, "name")) or "annotation",
        source=_SOURCES.get(text(at(node, "annotator_kind")).upper(), "evaluator"),
        value=number(at(node, "score")),
        label=text(at(node, "label")),
        comment=text(at(node, "explanation")),
        user_id=text(at(node, "identifier")),
    )
    metadata = load(at(node, "metadata"))
    if isinstance(metadata, dict):
        row.metadata = {key: text(value) for key, value in metadata.items()}
    return _identified(row)


def _identified(row: Feedback) -> Feedback:
    """Give the row an id that a second export of the same score shares."""
    parts = [
        row.trace_id,
        row.span_id,
        row.session_id,
        row.name,
        str(row.value),
        row.label,
        row.user_id,
        str(row.time),
    ]
    row.feedback_id = hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()
    return row
