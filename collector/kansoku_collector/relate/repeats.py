"""One call described by several spans is billed once.

Six cases. A model call beneath another one that can be the same call (a framework's instrumentation around
a client's): the outer one is billed, unless only the inner one knows the usage. A span around several calls
that reports their sum: the inner ones are billed. Two instrumentations that report the same response id at
the same time, in whichever traces: one is billed, the vendor's own span last, whose counts it takes over.
Descriptions without such an id that agree in all they say (`alike`). What a coding agent tells, and a gateway
behind it (`gateway_calls`). An answer that was made in the background, and that several processes fetched:
the first one is billed.

Spans of a call need not arrive together, and rows are never changed. So calls are remembered for a while, and
whichever description comes later is the one that is not billed; see docs/collector.md.
"""

from dataclasses import dataclass, field

from kansoku import semconv
from kansoku.usage import Usage
from kansoku_collector.model import Span
from kansoku_collector.normalise.dialects import litellm_callbacks
from kansoku_collector.normalise.dialects.mlflow import FLAVOUR
from kansoku_collector.normalise.frame import MODEL_OPERATIONS
from kansoku_collector.normalise.lending import lend
from kansoku_collector.relate.alike import Alike
from kansoku_collector.relate.call_facts import ANTHROPIC, Facts, Key, Memory, facts_of
from kansoku_collector.relate.gateway_calls import GatewayCalls
from kansoku_collector.relate.ways import Ways

_MOST = 8  # descriptions of one call
_SLACK_NS = 2 * 10**9  # descriptions of one call overlap in time, but for the clocks
REMEMBERED_NAMES = (semconv.FETCHED, FLAVOUR)  # attributes of a call that its facts need
_LONG_ID = 20  # small servers count their answers from one; a shorter id proves nothing


@dataclass(slots=True)
class Call:
    """A model call of the batch at hand."""

    span: Span
    facts: Facts
    key: Key
    around: list[Key]  # the model calls around it that arrived with it
    missing: Key | None  # the nearest span around it that did not
    inner: list[Facts] = field(default_factory=list)
    same: Key | None = None  # the description that is billed instead of this one

    def repeat(self, other: Key) -> None:
        """Leave the bill to another description of the call."""
        self.span.billed = False
        self.same = self.same or other


class Repeats:
    """Recognises the further descriptions of a call, within a batch and across them."""

    def __init__(self) -> None:
        self._calls: Memory[Facts] = Memory()  # by the span itself
        self._beneath: Memory[tuple[Facts, ...]] = Memory()  # billed calls, by a parent that had not come yet
        self._ways = Ways()
        self._answers: Memory[Facts] = Memory()  # by project and response id
        self._alike = Alike()
        self._gateways = GatewayCalls()

    def mark(self, spans: list[Span]) -> None:
        """Clear `billed` of every span that repeats another one's call."""
        by_id = {(span.project, span.trace_id, span.span_id): span for span in spans}
        self._learn(by_id)
        calls = {
            key: self._describe(key, span, by_id)
            for key, span in by_id.items()
            if span.operation in MODEL_OPERATIONS
        }
        for call in calls.values():
            for key in call.around:
                calls[key].inner.append(call.facts)
        for call in calls.values():
            if _is_sum(call.facts, [*call.inner, *self._beneath.get(call.key, ())]):
                call.span.billed = False
        for call in calls.values():
            for key in call.around:
                _settle(call, calls[key])
            self._compare(call)
        surest = sorted(calls.values(), key=_least_sure)
        for call in surest:
            self._once(call)
        for call in surest:
            if call.span.billed and (other := self._alike.find(call.facts)):
                call.repeat(other.key)
            if call.span.billed and (first := self._gateways.find(call.facts)):
                call.repeat(first)
        _lend(calls)
        _take_own_counts(calls)
        for call in calls.values():
            self._remember(call)

    def recall(self, stored: list[Span]) -> None:
        """Remember the billed ones of stored spans.

        What is not billed was settled when it came, and whether by another description or by what its dialect
        says, its row does not tell: it leads to the spans around it, and may be the other one of a pair.
        """
        settled = [span for span in stored if span.operation in MODEL_OPERATIONS and not span.billed]
        others = [facts_of((span.project, span.trace_id, span.span_id), span) for span in settled]
        for span in settled:
            span.operation = "other"
        self.mark(stored)
        for facts in others:
            self._alike.pair(facts)
            self._gateways.pair(facts)

    def _compare(self, call: Call) -> None:
        """Compare a call with what came before it: the one around it, and those beneath it."""
        outer = self._calls.get(call.missing) if call.missing else None
        knows = outer is not None and (outer.counted or outer.elsewhere or not call.facts.counted)
        if outer is not None and knows and _same_call(call.facts, outer):
            call.repeat(outer.key)
        for inner in self._beneath.get(call.key, ()):
            if _same_call(inner, call.facts) and (inner.counted or not call.facts.counted):
                call.repeat(inner.key)

    def _once(self, call: Call) -> None:
        """Compare a call with the one that reported the same answer before."""
        facts = call.facts
        short = len(facts.response_id) < _LONG_ID and not facts.response_id.startswith("msg_")
        if short or facts.elsewhere:
            return
        key = (call.span.project, facts.response_id)
        other = self._answers.get(key)
        if other is None or (facts.fetched and not other.counted):
            self._answers.put(key, facts)
        elif _is_other_description(facts, other) and (other.counted or not facts.counted):
            call.repeat(other.key)

    def _remember(self, call: Call) -> None:
        self._calls.put(call.key, call.facts)
        if call.span.billed and call.missing:
            self._await(call.missing, call.facts)

    def _learn(self, by_id: dict[Key, Span]) -> None:
        """Remember where spans lead, and the calls that came before beneath what they lead to."""
        for key, end in self._ways.learn(by_id):
            for facts in self._beneath.get(key, ()):
                self._await(end, facts)

    def _await(self, parent: Key, facts: Facts) -> None:
        """Remember a call until the span comes that it is beneath."""
        known = self._beneath.get(parent, ())
        if len(known) < _MOST and facts not in known:
            self._beneath.put(parent, (*known, facts))

    def _describe(self, key: Key, span: Span, by_id: dict[Key, Span]) -> Call:
        around, missing = self._ways.surroundings(span, by_id)
        return Call(span, facts_of(key, span), key, around, missing)


def _same_call(inner: Facts, outer: Facts) -> bool:
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


def _settle(call: Call, outer: Call) -> None:
    """Bill one of two spans that are one call: the outer one, unless only the inner one knows the usage."""
    if not _same_call(call.facts, outer.facts):
        return
    if outer.facts.elsewhere:
        call.repeat(outer.key)
    elif call.facts.counted and not outer.facts.counted:
        outer.repeat(call.key)
    elif outer.span.billed or outer.facts.counted:
        call.repeat(outer.key)


def _is_sum(facts: Facts, inner: list[Facts]) -> bool:
    """Tell whether a span reports the sum of the calls beneath it."""
    counted = [other for other in inner if other.counted]
    return (
        len(counted) > 1
        and facts.given > 0
        and facts.given == sum(other.given for other in counted)
        and facts.answered == sum(other.answered for other in counted)
    )


def _is_other_description(one: Facts, other: Facts) -> bool:
    """Tell whether two instrumentations report one answer, which they do at about the same time.

    What was made in the background is told by every process that fetches it, whenever it does.
    """
    if one.fetched and other.fetched:
        return one.key != other.key
    if one.key[2] == other.key[2]:
        return False
    if one.scope == other.scope:  # LiteLLM calls a callback twice for some streams, and gives the same time
        return one.scope == litellm_callbacks.SCOPE and one.start == other.start
    return one.start <= other.end + _SLACK_NS and other.start <= one.end + _SLACK_NS


def _take_own_counts(calls: dict[Key, Call]) -> None:
    """Give the billed description of an answer the counts of the vendor's own span.

    They are the surest: instrumentors miscount streams, and do not know how long a cache is written for.
    """
    own = {
        (call.span.project, call.span.response_id): call.span
        for call in calls.values()
        if call.facts.scope.startswith(ANTHROPIC) and call.span.response_id and call.facts.counted
    }
    for call in calls.values() if own else ():
        source = own.get((call.span.project, call.span.response_id))
        if source is not None and source is not call.span and call.span.billed and not source.billed:
            call.span.usage_source = source.usage_source
            for name in Usage._fields:
                setattr(call.span, name, getattr(source, name))


def _lend(calls: dict[Key, Call]) -> None:
    """Give billed descriptions what only the others of the same batch say."""
    for call in calls.values():
        key = call.same
        for _ in range(_MOST):  # a description may be left for one that is itself left for another
            if key is None or key not in calls:
                break
            if calls[key].span.billed:
                lend(call.span, calls[key].span)
                break
            key = calls[key].same


def _least_sure(call: Call) -> tuple[bool, ...]:
    """Order descriptions of one answer: what is billed and counted, with its content; the vendor's own last.

    Of a stream a framework may know the answer's tokens alone: who knows what was asked goes before it, and
    who knows of caches before who leaves them out.

    What repeats a call around it must not be what that call is compared with: then neither would be billed.
    """
    uncounted, own = not call.facts.counted, call.facts.scope.startswith(ANTHROPIC)
    given, fresh = call.facts.given, call.facts.fresh
    return not call.span.billed, uncounted, own, not given, given == fresh, not call.span.output_messages
