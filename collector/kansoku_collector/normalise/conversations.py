"""A conversation that Codex tells in spans and in log records at once is billed by whichever came first.

The spans of a turn hold the sum of its calls, its log records each of them, and neither names the other.
"""

from kansoku_collector.model import Span
from kansoku_collector.normalise.call_facts import Memory
from kansoku_collector.normalise.codex import is_recorded


class Conversations:
    """What each conversation of Codex' is billed by, within a batch and across them."""

    def __init__(self) -> None:
        self._recorded: Memory[bool] = Memory()

    def settle(self, spans: list[Span]) -> None:
        """Clear `billed` of what the other source of a conversation told before."""
        for span in spans:
            if span.dialect != "codex" or not span.billed or not span.session_id:
                continue
            key, recorded = (span.project, span.session_id), is_recorded(span.scope_name)
            if self._recorded.setdefault(key, recorded) != recorded:
                span.billed = False
            self._recorded.put(key, self._recorded[key])
