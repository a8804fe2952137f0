"""Spans of `opentelemetry-hooks`, which coding agents run at each step: one for each event of theirs.

Whatever is no tool and no agent calls itself a chat: what the user asked, and the end of an answer, which
alone may count. A tool is told before and after it ran, and the agent's name stands for the provider's.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise.counters import COUNTERS
from kansoku_collector.values import first, text

SCOPE = "ide-hooks"
_EVENT = "gen_ai.client.hook.event"
_BEFORE = ("Pre", "Before", "Permission")
_NAMES = ("gen_ai.client.tool_name", "gen_ai.client.mcp_tool")
_IDS = ("gen_ai.client.tool_use_id", "gen_ai.client.tool_id")


def adjust(left: Attributes, _: Span) -> None:
    """Make a step of an event that is neither a call of a model nor the end of a tool's."""
    left.pop("gen_ai.system", None)
    operation = left.get(s.OPERATION)
    if operation == "execute_tool" and not text(left.get(_EVENT)).startswith(_BEFORE):
        for name, told in ((s.TOOL_NAME, first(left, *_NAMES)), (s.TOOL_CALL_ID, first(left, *_IDS))):
            if told:
                left.setdefault(name, told)
    elif operation == "execute_tool" or (operation == "chat" and not any(n in left for n in COUNTERS)):
        left[s.OPERATION] = "invoke_workflow"
