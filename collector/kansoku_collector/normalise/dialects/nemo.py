"""NeMo Guardrails: the conventions on calls of models, whose operation is its task; rails and actions around.

An answer from its cache is told with the tokens of the call that it once was.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.normalise.operations import OPERATIONS
from kansoku_collector.values import rename, text, truth

_CACHED, _RAIL, _ACTION = "llm.cache.hit", "rail.type", "action.has_llm_calls"
_MARKS = frozenset((_CACHED, _RAIL, _ACTION))
_SCOPES = frozenset(("nemo_guardrails", "nemo-guardrails"))
_STEPS = ("dialog", "generation")  # rails that answer, and guard nothing
_UNKNOWN = "unknown"  # what it writes for a model or provider that it does not know
_NAMES = {
    "guardrails.request.input": s.INPUT_VALUE,
    "guardrails.request.output": s.OUTPUT_VALUE,
    "guardrails.rail.input": s.INPUT_VALUE,
}
_CONTENT = {"gen_ai.content.prompt": s.INPUT_MESSAGES, "gen_ai.content.completion": s.OUTPUT_MESSAGES}


def is_nemo(raw: RawSpan) -> bool:
    """Tell whether NeMo Guardrails wrote a span, by its own names or its scope."""
    return raw.scope_name in _SCOPES or not _MARKS.isdisjoint(raw.attributes)


def read(raw: RawSpan, left: Attributes, span: Span) -> bool:
    """Fill `span` by the conventions; tell whether the answer came from the cache."""
    operation = text(left.get(s.OPERATION))
    if _RAIL in left:
        kind = "chain" if text(left[_RAIL]) in _STEPS else "guardrail"
    elif _CACHED in left or s.REQUEST_MODEL in left:
        kind = "" if operation in OPERATIONS else "chat"
    else:
        kind = "" if operation in OPERATIONS else "chain"
    for name in (s.PROVIDER, s.REQUEST_MODEL, s.RESPONSE_MODEL):
        if left.get(name) == _UNKNOWN:
            del left[name]
    if raw.events:
        _take_content(raw, left)
    rename(left, _NAMES)
    cached = truth(left.get(_CACHED))
    gen_ai.read(raw, left, span)
    span.dialect = "nemo"
    span.operation = kind or span.operation
    return cached


def _take_content(raw: RawSpan, left: Attributes) -> None:
    """Take words out of events whose body the tracer has put into their attributes."""
    for event in raw.events:
        if event.name in _CONTENT and (content := event.attributes.get("content")) is not None:
            left.setdefault(_CONTENT[event.name], content)
    raw.events[:] = [event for event in raw.events if event.name not in _CONTENT]
