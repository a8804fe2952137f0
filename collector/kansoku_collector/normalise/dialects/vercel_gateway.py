"""Vercel's AI gateway: a span of each request in the conventions' names, and one of each attempt beneath it.

An attempt says the model and no tokens; of a request the gateway says what it cost, and who asked.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes

_PREFIX = "vercel.ai_gateway."
_ATTEMPT, _REQUEST = f"{_PREFIX}attempt.id", f"{_PREFIX}request.id"
MARKS = (_ATTEMPT, _REQUEST)
_NAMES = {
    f"{_PREFIX}cost.total": s.VENDOR_COST,
    f"{_PREFIX}generation.id": s.RESPONSE_ID,
    f"{_PREFIX}service_tier": s.RESPONSE_TIER,
}


def restore(left: Attributes) -> None:
    """Make an attempt a step, and give what the gateway says of a request the conventions' names."""
    if _ATTEMPT in left:
        left.setdefault(s.OPERATION, "invoke_workflow")
        return
    if left.get(s.OPERATION) == "retrieval":
        left[s.OPERATION] = "rerank"
    for source, name in _NAMES.items():
        if source in left:
            left.setdefault(name, left.pop(source))
