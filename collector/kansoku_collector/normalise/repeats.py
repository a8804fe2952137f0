"""One call described by several spans is billed once.

Three cases. A model call beneath another one that can be the same call (a framework's instrumentation around
a client's): the outer one is billed, unless only the inner one knows the usage. A span around several calls
that reports their sum: the inner ones are billed. Two instrumentations that report the same response id at
the same time, in whichever traces: one is billed, the vendor's own span last.

Spans of a call need not arrive together, and rows are never changed. So calls are remembered for a while, and
whichever description comes later is the one that is not billed; see docs/collector.md.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from kansoku_collector.model import Span
from kansoku_collector.normalise.frame import MODEL_OPERATIONS

ANTHROPIC = "com.anthropic."  # the scopes of Anthropic's SDKs, and of its servers
_REMEMBERED = 30_000
_DEPTH = 8  # spans between two descriptions of one call
_SLACK_NS = 2 * 10**9  # descriptions of one call overlap in time, but for the clocks
_LONG_ID = 20  # small servers count their answers from one; a shorter id proves nothing
V = TypeVar("V")
Key = tuple[str, str, str]  # project, trace id, span id


class Call(NamedTuple):
    """What is remembered of a model call: enough to recognise another description of it."""

    span_id: str
    scope: str
    embeds: bool
    counted: bool
    given: int
    answered: int
    response_id: str
    start: int
    end: int
    elsewhere: bool  # its dialect says that a record of its own reports the call


class Memory(OrderedDict[tuple[str, ...], V]):
    """A mapping that forgets its oldest entries."""

    def put(self, key: tuple[str, ...], value: V) -> None:
        """Remember a value."""
        self[key] = value
        if len(self) > _REMEMBERED:
            self.popitem(last=False)


class Repeats:
    """Recognises the further descriptions of a call, within a batch and across them."""

    def __init__(self) -> None:
        self._calls: Memory[Call] = Memory()  # by the span itself
        self._beneath: Memory[tuple[Call, ...]] = Memory()  # billed calls by a parent that had not come yet
        self._answers: Memory[Call] = Memory()  # by project and response id

    def mark(self, spans: list[Span]) -> None:
        """Clear `billed` of every span that repeats another one's call."""
        by_id = {_key(span): span for span in spans}
        calls = [(span, _describe(span)) for span in spans if span.operation in MODEL_OPERATIONS]
        inner: dict[Key, list[Call]] = {}
        for span, call in calls:
            for outer in _outer(span, by_id):
                inner.setdefault(_key(outer), []).append(call)
        for span, call in calls:
            if _is_sum(call, [*inner.get(_key(span), ()), *self._earlier(span)]):
                span.billed = False
        described = {_key(span): call for span, call in calls}
        for span, call in calls:
            for outer in _outer(span, by_id):
                _settle(span, call, outer, described[_key(outer)])
            self._compare(span, call, by_id)
        for span, call in sorted(calls, key=_least_sure):
            self._once(span, call)
        for span, call in calls:
            self._remember(span, call, by_id)

    def _earlier(self, span: Span) -> tuple[Call, ...]:
        return self._beneath.get(_key(span), ())

    def _compare(self, span: Span, call: Call, by_id: dict[Key, Span]) -> None:
        """Compare a span with what came before it: the call around it, and the calls beneath it."""
        outer = self._calls.get(_missing(span, by_id))
        knows = outer is not None and (outer.counted or outer.elsewhere or not call.counted)
        if outer is not None and knows and _same_call(call, outer):
            span.billed = False
        for earlier in self._earlier(span):
            if _same_call(earlier, call) and (earlier.counted or not call.counted):
                span.billed = False

    def _once(self, span: Span, call: Call) -> None:
        """Compare a span with the one that reported the same answer before."""
        short = not call.response_id.startswith("msg_") and len(call.response_id) < _LONG_ID
        if short or call.elsewhere:
            return
        key = (span.project, call.response_id)
        other = self._answers.get(key)
        if other is None:
            self._answers.put(key, call)
        elif _is_other_description(call, other) and (other.counted or not call.counted):
            span.billed = False

    def _remember(self, span: Span, call: Call, by_id: dict[Key, Span]) -> None:
        self._calls.put(_key(span), call)
        parent = _missing(span, by_id)
        if span.billed and parent[2]:
            known = self._beneath.get(parent, ())
            if len(known) < _DEPTH and call not in known:
                self._beneath.put(parent, (*known, call))


def _key(span: Span) -> Key:
    return span.project, span.trace_id, span.span_id


def _parents(span: Span, by_id: dict[Key, Span]) -> Iterator[Span]:
    """Yield the spans around a call that may be about the same call: others', and a client's HTTP request."""
    for _ in range(_DEPTH):
        parent = by_id.get((span.project, span.trace_id, span.parent_span_id))
        if parent is None or parent is span or not _is_transparent(parent):
            return
        yield parent
        span = parent


def _is_transparent(span: Span) -> bool:
    return span.operation in MODEL_OPERATIONS or span.operation == "other"


def _outer(span: Span, by_id: dict[Key, Span]) -> list[Span]:
    return [parent for parent in _parents(span, by_id) if parent.operation in MODEL_OPERATIONS]


def _missing(span: Span, by_id: dict[Key, Span]) -> Key:
    """Return the key of the nearest span around a call that did not arrive with it, if any."""
    top = span
    for parent in _parents(span, by_id):
        top = parent
    key = (top.project, top.trace_id, top.parent_span_id)
    return key if key not in by_id else (top.project, top.trace_id, "")


def _describe(span: Span) -> Call:
    given = span.input_fresh + span.cache_read + span.cache_write_5m + span.cache_write_1h
    return Call(
        span.span_id,
        span.scope_name,
        span.operation == "embeddings",
        span.usage_source != "none",
        given + span.audio_in + span.image,
        span.output_visible + span.reasoning + span.audio_out,
        span.response_id,
        span.start,
        span.start + span.duration_ns,
        not span.billed,
    )


def _same_call(inner: Call, outer: Call) -> bool:
    """Tell whether a call beneath another one is the same call."""
    if inner.scope.startswith(ANTHROPIC):
        return True
    if inner.response_id and inner.response_id == outer.response_id:
        return True
    if inner.embeds != outer.embeds:
        return False
    if not inner.counted or not outer.counted:
        return True
    # Instrumentations differ in how they count a streamed answer, never in what was asked.
    return inner.given == outer.given and (inner.given > 0 or inner.answered == outer.answered)


def _settle(span: Span, call: Call, outer: Span, around: Call) -> None:
    """Bill one of two spans that are one call: the outer one, unless only the inner one knows the usage."""
    if _same_call(call, around):
        if around.elsewhere:
            span.billed = False
        elif call.counted and not around.counted:
            outer.billed = False
        elif outer.billed or around.counted:
            span.billed = False


def _is_sum(call: Call, inner: list[Call]) -> bool:
    """Tell whether a span reports the sum of the calls beneath it."""
    counted = [other for other in inner if other.counted]
    return (
        len(counted) > 1
        and call.given > 0
        and call.given == sum(other.given for other in counted)
        and call.answered == sum(other.answered for other in counted)
    )


def _is_other_description(one: Call, other: Call) -> bool:
    """Tell whether two instrumentations report one answer, which they do at about the same time."""
    if one.span_id == other.span_id or one.scope == other.scope:
        return False
    return one.start <= other.end + _SLACK_NS and other.start <= one.end + _SLACK_NS


def _least_sure(pair: tuple[Span, Call]) -> tuple[bool, bool, bool]:
    """Order descriptions of one answer: those that know usage and content first, the vendor's own last."""
    span, call = pair
    return not call.counted, call.scope.startswith(ANTHROPIC), not span.output_messages
