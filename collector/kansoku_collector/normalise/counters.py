"""Token counters of the conventions under every name that they have had."""

from kansoku import semconv as s
from kansoku_collector.model import Attributes
from kansoku_collector.values import count

_NAMES = {  # the surest name first
    "input_tokens": (
        *(s.INPUT_TOKENS, "gen_ai.usage.prompt_tokens", "gen_ai.response.prompt_tokens"),
        s.ESTIMATED_INPUT_TOKENS,
    ),
    "output_tokens": (
        *(s.OUTPUT_TOKENS, "gen_ai.usage.completion_tokens", "gen_ai.response.completion_tokens"),
        s.ESTIMATED_OUTPUT_TOKENS,
    ),
    "cache_read": (
        s.CACHE_READ_TOKENS,
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.details.cache_read_input_tokens",
        "gen_ai.usage.details.cache_read_tokens",
        "gen_ai.usage.details.cached_tokens",
        "gen_ai.usage.details.cached_content_tokens",
        "gen_ai.usage.cached_input_tokens",
        "gen_ai.usage.input_tokens.cached",
    ),
    "cache_write": (
        s.CACHE_WRITE_TOKENS,
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.details.cache_creation_input_tokens",
        "gen_ai.usage.details.cache_write_tokens",
        "gen_ai.usage.input_tokens.cache_write",
    ),
    "cache_write_1h": (
        s.CACHE_WRITE_1H_TOKENS,
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
    ),
    "reasoning": (
        s.REASONING_TOKENS,
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.details.reasoning_tokens",
        "gen_ai.usage.details.thoughts_tokens",
        "llm.usage.reasoning_tokens",
        "gen_ai.usage.output_tokens.reasoning",
    ),
    "audio_in": (
        s.AUDIO_INPUT_TOKENS,
        "gen_ai.usage.details.input_audio_tokens",
        "gen_ai.usage.audio_input_tokens",
    ),
    "audio_out": (
        s.AUDIO_OUTPUT_TOKENS,
        "gen_ai.usage.details.output_audio_tokens",
        "gen_ai.usage.audio_output_tokens",
    ),
    "image": (s.IMAGE_INPUT_TOKENS,),
}
COUNTERS = {name: (counter, rank) for counter, names in _NAMES.items() for rank, name in enumerate(names)}
_TOTALS = ("gen_ai.usage.total_tokens", "llm.usage.total_tokens")
# Thinking that these vendors count beside the answer, and some instrumentation leaves out: only the total
# shows it.
_GOOGLE = ("gcp", "google", "gemini", "vertex")


def take_counts(left: Attributes, provider: str) -> dict[str, int | None]:
    """Take the counters out of `left`, as `put_usage` wants them."""
    ranked: dict[str, tuple[int, int | None]] = {}
    for name in [name for name in left if name in COUNTERS]:
        counter, rank = COUNTERS[name]
        value = left.pop(name)
        if value is not None and rank < ranked.get(counter, (len(COUNTERS), None))[0]:
            ranked[counter] = rank, count(value)
    counts = {counter: value for counter, (_, value) in ranked.items()}
    if provider.startswith(_GOOGLE):
        _add_thoughts(counts, next((count(left[name]) for name in _TOTALS if name in left), None))
    return counts


def _add_thoughts(counts: dict[str, int | None], total: int | None) -> None:
    given, answered = counts.get("input_tokens"), counts.get("output_tokens")
    if total and given is not None and answered is not None and (missing := total - given - answered) > 0:
        counts["output_tokens"] = answered + missing
        counts["reasoning"] = (counts.get("reasoning") or 0) + missing
