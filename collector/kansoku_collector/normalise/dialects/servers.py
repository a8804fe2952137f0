"""Servers of models, vLLM and SGLang: a span of each request, with counts and times but no operation."""

from kansoku_collector.model import Attributes
from kansoku_collector.values import count, text

STARTED = "gen_ai.latency.time_to_first_token"  # of every answer, streamed or not
WHOLE = "gen_ai.latency.e2e"
_GIVEN, _ANSWERED = "gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens"
_STOPPED = "abort"  # before the first token


def is_pooling(left: Attributes) -> bool:
    """Tell whether a request was for vectors: it came to its end, and no token was made."""
    if WHOLE not in left or _GIVEN not in left or count(left.get(_ANSWERED)):
        return False
    return not any(_STOPPED in text(value) for name, value in left.items() if "finish_reason" in name)
