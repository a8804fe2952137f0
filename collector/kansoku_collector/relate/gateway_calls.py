"""A call that a coding agent tells, and the gateway behind it as well, in traces that nothing connects.

Agents that write log records have no trace to pass on, and none of them tells the id of an answer that the
gateway tells. What both tell are the counts: what such an agent asks is thousands of tokens long, so that two
calls of one model with the same counts to the token, of which the caches too, ended at the same moment in two
services, are one. Below that length answers of a busy hour agree by chance, and are left as they are.
"""

from kansoku_collector.relate.alike import same_model
from kansoku_collector.relate.call_facts import Facts, Key, Memory

_LONG = 1_000  # tokens of input; the shortest prompt of such an agent is its instructions
_SLACK_NS = 2 * 10**9  # between the ends: two machines' clocks, and the way of the last words
_MOST = 16  # calls at once that are the same to the token


class GatewayCalls:
    """Finds for a call of a coding agent what another service tells of it, and the other way round."""

    def __init__(self) -> None:
        self._waiting: Memory[tuple[Facts, ...]] = Memory()

    def find(self, facts: Facts) -> Key | None:
        """Return the description that came before, or remember this one for the next."""
        if facts.elsewhere or not _is_telling(facts):
            return None
        if (other := self.pair(facts)) is None:
            mark = _mark(facts)
            known = self._waiting.get(mark, ())
            if facts not in known:
                self._waiting.put(mark, (*known, facts)[-_MOST:])
        return other

    def pair(self, facts: Facts) -> Key | None:
        """Return the description that came before, which has found its other one by that."""
        mark = _mark(facts)
        for other in self._waiting.get(mark, ()):
            if _is_one(facts, other):
                if left := tuple(one for one in self._waiting[mark] if one.key != other.key):
                    self._waiting[mark] = left
                else:
                    del self._waiting[mark]
                return other.key
        return None


def _mark(facts: Facts) -> tuple[object, ...]:
    return facts.key[0], facts.given, facts.answered


def _is_telling(facts: Facts) -> bool:
    return facts.counted and facts.given >= _LONG and facts.answered > 0 and not facts.embeds


def _is_one(one: Facts, other: Facts) -> bool:
    """Tell whether an agent and another service tell the same call; some gateways count no caches."""
    if one.agent == other.agent or one.service == other.service or not same_model(one, other):
        return False
    if one.cached != other.cached and (other if one.agent else one).cached:
        return False
    together = one.start <= other.end + _SLACK_NS and other.start <= one.end + _SLACK_NS
    return together and abs(one.end - other.end) <= _SLACK_NS
