"""A conversation that is told in spans and in log records at once is billed by whichever came first.

The spans of Codex' turns hold the sum of their calls, its log records each of them. Gemini CLI tells a call
in both where content is traced. Neither names the other.
"""

from kansoku_collector.model import Span
from kansoku_collector.normalise.dialects.codex import ANSWERED as CODEX
from kansoku_collector.normalise.dialects.gemini_cli import ANSWERED as GEMINI
from kansoku_collector.relate.call_facts import Memory

DIALECTS = frozenset({"codex", "gemini_cli"})
_RECORDED = frozenset({CODEX, GEMINI})


class Conversations:
    """What each such conversation is billed by, within a batch and across them."""

    def __init__(self) -> None:
        self._recorded: Memory[bool] = Memory()

    def settle(self, spans: list[Span]) -> None:
        """Clear `billed` of what the other source of a conversation told before."""
        for span in spans:
            if span.dialect not in DIALECTS or not span.billed or not span.session_id:
                continue
            key, recorded = (span.project, span.session_id), span.name in _RECORDED
            if self._recorded.setdefault(key, recorded) != recorded:
                span.billed = False
            self._recorded.put(key, self._recorded[key])
