"""AG2: the conventions on calls of models, and what was spent told once more in spans of its own."""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise.counters import include_thoughts, pass_on
from kansoku_collector.values import text

SCOPE = "opentelemetry.instrumentation.ag2"
KIND = "ag2.usage.kind"
TASK = "subtask"
_CALL = "model_call"


def adjust(left: Attributes, _: Span) -> None:
    """Say what a span of usage is, and count as the conventions do: AG2 passes on what the vendor counts."""
    if kind := text(left.get(KIND)):
        left[s.OPERATION] = "chain" if kind == _CALL else "chat"
    if kind == TASK:
        left[s.USAGE_ESTIMATED] = True
    pass_on(left)
    if text(left.get(s.PROVIDER)) == "google":
        include_thoughts(left)
