"""Two descriptions of one call that share neither a parent nor the id of an answer.

LangChain's callbacks do not make their span the current one, so the client's span is no child of it, and of a
stream they know no id. The Anthropic SDK's span of a call that failed has no id either. Such descriptions are
recognised by what they say: by different instrumentations of one service, one within the time of the other,
of the same model, with the same counts or, where one of them has none, the same words or failure. MLflow's
span of a stream of Anthropic's ends when the stream is opened, and says nothing of the answer; LlamaIndex's
span of a stream ends before it is opened, and says all of it.

Two services that ask the same at once ask twice: short answers of a busy hour agree in all of that.
"""

import re
from collections import deque

from kansoku_collector.relate.call_facts import ANTHROPIC, Facts, Memory

_REGION = re.compile(r"^(?:us|eu|apac|jp|au|global|us-gov)\.(?=\w+\.)")  # in front of a name of Bedrock's
_DATE = re.compile(r"-20\d\d-?\d\d-?\d\d$")  # of a version, at the end of a model's name
_CLOCK_NS = 50 * 10**6  # the outer one starts first and ends last, but for what its bookkeeping takes
_SEVERAL = "\0"  # no scope's name
_LATEST = 2_000  # calls of services with one instrumentation, until another one tells of the latest of them
_Home = tuple[str, str]  # project, service
_MOST = 16  # calls at once that are alike but for who describes them


class Alike:
    """Finds for a call the first description of it; each instrumentation tells of a call once."""

    def __init__(self) -> None:
        self._waiting: Memory[tuple[Facts, ...]] = Memory()
        self._told: Memory[set[str]] = Memory()  # by a first description: whose others have come
        self._scopes: Memory[str] = Memory()  # the only one of a service's instrumentations, or `_SEVERAL`
        self._latest: deque[Facts] = deque(maxlen=_LATEST)

    def find(self, facts: Facts) -> Facts | None:
        """Return the description that came before, or remember this one for the next."""
        if facts.elsewhere or not self._may_repeat(facts):
            return None
        if (other := self.pair(facts)) is None:
            self._remember(facts)
        return other

    def pair(self, facts: Facts) -> Facts | None:
        """Return the first description of the call, for which this instrumentation has told of it by that."""
        for mark in _marks(facts):
            for other in self._waiting.get(mark, ()):
                told = self._told.get(other.key, set())
                if facts.scope not in told and is_alike(facts, other):
                    self._told.put(other.key, told | {facts.scope})
                    return other
        return None

    def _may_repeat(self, facts: Facts) -> bool:
        """Tell whether a service has several instrumentations; most have one, whose calls are only put by."""
        home = _home(facts)
        only = self._scopes.get(home)
        if only is None:
            self._scopes.put(home, facts.scope)
        if only in (None, facts.scope):
            self._latest.append(facts)
            return False
        if only != _SEVERAL:
            self._scopes[home] = _SEVERAL
            for other in self._latest:
                if _home(other) == home:
                    self._remember(other)
        return True

    def _remember(self, facts: Facts) -> None:
        for mark in _marks(facts):
            known = self._waiting.get(mark, ())
            if facts in known:
                continue
            if len(known) >= _MOST:  # what still waits for another description goes last
                spare = next((other for other in known if other.key in self._told), known[0])
                known = tuple(other for other in known if other is not spare)
            self._waiting.put(mark, (*known, facts))


def _home(facts: Facts) -> _Home:
    return facts.key[0], facts.service


def is_alike(one: Facts, other: Facts) -> bool:
    """Tell whether two descriptions can be of one call, and agree in more than its time."""
    return _can_be_one(one, other) and _agree(one, other)


def _can_be_one(one: Facts, other: Facts) -> bool:
    if one.key == other.key or one.scope == other.scope or one.embeds != other.embeds:
        return False
    if one.response_id and other.response_id and one.response_id != other.response_id:
        return False
    if one.asked and other.asked and one.asked != other.asked:
        return False
    if one.failed != other.failed or not same_model(one, other):
        return False
    return _within(one, other) or any(
        lead(*pair) for lead in (_opens, _leads) for pair in ((one, other), (other, one))
    )


def _agree(one: Facts, other: Facts) -> bool:
    """Tell whether counts are the same, or words where one has none, or there is neither: a failure."""
    same_words = one.asked == other.asked != 0
    if one.counted and other.counted:
        # Of Claude's streams LangChain's JavaScript adds the answer's first count to its last.
        if same_words and one.said == other.said != 0 and one.given == other.given > 0:
            return True
        # Of a stream LangChain may know the answer's tokens alone: a count of 0 contradicts nothing.
        known = one.answered > 0 or same_words
        given = len({one.given, other.given, 0}) < 3 or _leaves_caches_out(one, other)
        return known and one.answered == other.answered and (given or _leaves_caches_out(other, one))
    if one.failed:
        return not one.counted and not other.counted
    if _opens(one, other) or _opens(other, one):
        return True
    return same_words and one.said == other.said != 0


def _leaves_caches_out(one: Facts, other: Facts) -> bool:
    """Tell whether a description counts what was given without caches, as LangChain's of Bedrock's bodies."""
    return one.given == one.fresh == other.fresh > 0


def _marks(facts: Facts) -> list[tuple[object, ...]]:
    """Return what a description is found by."""
    home = _home(facts)
    marks: list[tuple[object, ...]] = []
    if facts.failed:
        marks += [(home, "failed", model) for model in sorted(_names(facts))]
    elif facts.counted:
        marks.append((home, "counts", facts.answered or -facts.given))
    if not facts.failed and (facts.scope.startswith(ANTHROPIC) or not (facts.counted or facts.said)):
        marks += [(home, "opened", model) for model in sorted(_names(facts))]
    if facts.said and facts.asked:
        marks.append((home, "words", facts.asked, facts.said))
    return marks


def _opens(one: Facts, own: Facts) -> bool:
    """Tell whether a description ends as the stream opens that the vendor's own span follows to its end."""
    if one.counted or one.said or not own.scope.startswith(ANTHROPIC) or one.scope.startswith(ANTHROPIC):
        return False
    return one.start - _CLOCK_NS <= own.start <= one.end


def _leads(one: Facts, own: Facts) -> bool:
    """Tell whether a description ends before its call begins, as LlamaIndex's of streams, which are lazy.

    So little of its time is known that all of its words have to be the same, and its counts if it has any.
    """
    if not one.said or not one.asked or (one.said, one.asked) != (own.said, own.asked):
        return False
    if one.counted and (one.given, one.answered) != (own.given, own.answered):
        return False
    return one.start - _CLOCK_NS <= own.start <= one.end + _CLOCK_NS


def same_model(one: Facts, other: Facts) -> bool:
    """Tell whether a model was asked or answered in both; LiteLLM's names have a vendor in front.

    Langfuse's wrapper tells the model that answered alone, its handler of a stream the one that was asked.
    """
    return not _names(one).isdisjoint(_names(other))


def _names(facts: Facts) -> set[str]:
    names = {_REGION.sub("", name[name.rfind("/") + 1 :]) for name in facts.models if name}
    return names | {_DATE.sub("", name) for name in names}


def _within(one: Facts, other: Facts) -> bool:
    """Tell whether one call happened within the time of the other."""
    inner, outer = sorted((one, other), key=lambda facts: facts.end - facts.start)
    if inner.start > outer.end or outer.start > inner.end:
        return False
    return inner.start >= outer.start - _CLOCK_NS and inner.end <= outer.end + _CLOCK_NS
