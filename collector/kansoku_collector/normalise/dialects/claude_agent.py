"""Claude's Agent SDK under traceAI: a conversation that counts, around turns that say their model alone.

The conversation passes on the SDK's own sums, whose input leaves caches out, so it is what is billed.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes
from kansoku_collector.normalise.counters import include_caches

KIND = "claude_agent.span_kind"
_SDK = ("claude_agent_sdk", "claude-agent-sdk")
_COUNTS = (s.INPUT_TOKENS, s.OUTPUT_TOKENS)


def is_agent_sdk(scope: str) -> bool:
    """Tell whether an instrumentation is one of Claude's Agent SDK."""
    return any(word in scope for word in _SDK)


def restore(left: Attributes, kinds: tuple[str, ...]) -> None:
    """Give a conversation that counts the kind of a call, and a turn that does not the one of a step."""
    told = left[KIND]
    counted = any(left.get(name) for name in _COUNTS)
    if told == "conversation":
        kind = "LLM" if counted else "AGENT"
        include_caches(left)
    elif told == "assistant_turn" and not counted:
        kind = "CHAIN"
    else:
        return
    left.update({name: kind for name in kinds if name in left})
