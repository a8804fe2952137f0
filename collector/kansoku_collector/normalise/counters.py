"""Token counters of the conventions under every name that they have had."""

from kansoku import semconv as s
from kansoku_collector.model import Attributes
from kansoku_collector.values import count, text

_NAMES = {  # the surest name first
    "input_tokens": (
        *(s.INPUT_TOKENS, "gen_ai.usage.prompt_tokens", "gen_ai.response.prompt_tokens"),
        "gen_ai.response.input_tokens",  # Portkey
        s.ESTIMATED_INPUT_TOKENS,
    ),
    "output_tokens": (
        *(s.OUTPUT_TOKENS, "gen_ai.usage.completion_tokens", "gen_ai.response.completion_tokens"),
        "gen_ai.response.output_tokens",  # Portkey
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
        "gen_ai.usage.input_cached_tokens",  # LiveKit, Browser Use
        "gen_ai.usage.cached_tokens",  # Langtrace
        "gen_ai.usage.cache_read_tokens",  # traceAI
        "gen_ai.usage.input_tokens.cache_read",
        "gen_ai.usage.prompt_tokens_details.cached_tokens",
        "gen_ai.usage.prompt_tokens_details.cache_read",
        "gen_ai.usage.prompt_token_details.cached_read_tokens",  # Bifrost
        "gen_ai.usage.input_token_details.cached_read_tokens",
        "gen_ai.usage.prompt_token_details.cached_tokens",
        "gen_ai.usage.token_details.cached_tokens",
        "gen_ai.usage.input_tokens_details.cached_tokens",
        "gen_ai.usage.input_tokens_details.cached",
        "gen_ai.usage.input_tokens.cached_tokens",
    ),
    "cache_write": (
        s.CACHE_WRITE_TOKENS,
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.details.cache_creation_input_tokens",
        "gen_ai.usage.details.cache_write_tokens",
        "gen_ai.usage.input_tokens.cache_write",
        "gen_ai.usage.cache_write_input_tokens",  # Strands
        "gen_ai.usage.cache_write_tokens",
        "gen_ai.usage.cache_creation_tokens",
        "gen_ai.usage.input_cache_creation_tokens",
        "gen_ai.usage.prompt_tokens_details.cache_creation_tokens",
        "gen_ai.usage.prompt_tokens_details.cache_write",
        "gen_ai.usage.prompt_token_details.cached_write_tokens",  # Bifrost
        "gen_ai.usage.input_token_details.cached_write_tokens",
        "gen_ai.usage.input_tokens.cache_write_tokens",
    ),
    "cache_write_1h": (
        s.CACHE_WRITE_1H_TOKENS,
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
        "gen_ai.usage.cache_creation.1h_input_tokens",  # Mastra
        "gen_ai.usage.cache_creation_1h.input_tokens",  # LangWatch
        "gen_ai.usage.cache_creation.ephemeral_1h_input_tokens",  # WSO2
        "gen_ai.usage.input_tokens.cache_write_1h",  # OpenRouter
        "gen_ai.usage.prompt_token_details.cached_write_tokens_1h",  # Bifrost
        "gen_ai.usage.input_token_details.cached_write_tokens_1h",
        "dash0.gen_ai.usage.cache_creation.ephemeral_1h.input_tokens",
    ),
    "reasoning": (
        s.REASONING_TOKENS,
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.details.reasoning_tokens",
        "gen_ai.usage.details.thoughts_tokens",
        "gen_ai.usage.thinking_tokens",
        "thoughts_token_count",  # Qwen Code
        "llm.usage.reasoning_tokens",
        "gen_ai.usage.output_tokens.reasoning",
        "gen_ai.usage.output_tokens.reasoning_tokens",
        "gen_ai.usage.output_reasoning_tokens",
        "gen_ai.usage.reasoning_output_tokens",  # Laminar
        "gen_ai.usage.completion_tokens_details.reasoning_tokens",
        "gen_ai.usage.completion_tokens_details.reasoning",
        "gen_ai.usage.completion_token_details.reasoning_tokens",  # Bifrost
        "gen_ai.usage.output_token_details.reasoning_tokens",
        "gen_ai.usage.output_tokens_details.reasoning_tokens",
        "gen_ai.usage.output_tokens_details.reasoning",
    ),
    "audio_in": (
        s.AUDIO_INPUT_TOKENS,
        "gen_ai.usage.details.input_audio_tokens",
        "gen_ai.usage.audio_input_tokens",
        "gen_ai.usage.input_audio_tokens",
        "gen_ai.usage.input_tokens.audio",
        "gen_ai.usage.prompt_token_details.audio_tokens",  # Bifrost
        "gen_ai.usage.input_token_details.audio_tokens",
    ),
    "audio_out": (
        s.AUDIO_OUTPUT_TOKENS,
        "gen_ai.usage.details.output_audio_tokens",
        "gen_ai.usage.audio_output_tokens",
        "gen_ai.usage.output_audio_tokens",
        "gen_ai.usage.output_tokens.audio",
        "gen_ai.usage.completion_tokens_details.audio_tokens",
        "gen_ai.usage.completion_tokens_details.audio",
        "gen_ai.usage.completion_token_details.audio_tokens",  # Bifrost
    ),
    "image": (
        *(s.IMAGE_INPUT_TOKENS, "gen_ai.usage.details.input_image_tokens"),
        "gen_ai.usage.prompt_token_details.image_tokens",  # Bifrost
        "gen_ai.usage.input_token_details.image_tokens",
    ),
}
COUNTERS = {name: (counter, rank) for counter, names in _NAMES.items() for rank, name in enumerate(names)}
# Sounds and images among the cached tokens, which are counted as cached.
_CACHED = {"audio_in": s.CACHE_READ_AUDIO_TOKENS, "image": s.CACHE_READ_IMAGE_TOKENS}
_BESIDE = ("anthropic", "bedrock", "claude")
_TOTALS = ("gen_ai.usage.total_tokens", "llm.usage.total_tokens", "agento11y.gen_ai.usage.total_tokens")
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
    for counter, name in _CACHED.items():
        if name in left and (told := counts.get(counter)):  # the ledger reads the name itself
            counts[counter] = max(0, told - (count(left[name]) or 0))
    if provider.startswith(_GOOGLE):
        _add_thoughts(counts, _total(left))
    elif counts.get("cache_read") or counts.get("cache_write"):
        _add_caches(counts, _total(left))
    return counts


def include_caches(left: Attributes) -> None:
    """Add cached tokens to the input of a sender that leaves them out, as Anthropic's own count does."""
    fresh = count(left.get(s.INPUT_TOKENS))
    if fresh is not None:
        left[s.INPUT_TOKENS] = fresh + _told(left, "cache_read") + _told(left, "cache_write")


def include_thoughts(left: Attributes) -> None:
    """Add thoughts to the output of a sender that leaves them out, as Google does, and tells no total."""
    answered = count(left.get(s.OUTPUT_TOKENS))
    if answered is not None and _total(left) is None:
        left[s.OUTPUT_TOKENS] = answered + _told(left, "reasoning")


def _told(left: Attributes, counter: str) -> int:
    return next((count(left[name]) or 0 for name in _NAMES[counter] if name in left), 0)


def pass_on(left: Attributes) -> None:
    """Add cached tokens to the input of a call whose vendor counts them beside it."""
    named = (s.PROVIDER, "gen_ai.system", s.REQUEST_MODEL)
    if any(word in text(left.get(name)).lower() for name in named for word in _BESIDE):
        include_caches(left)


def _total(left: Attributes) -> int | None:
    return next((count(left[name]) for name in _TOTALS if name in left), None)


def _add_caches(counts: dict[str, int | None], total: int | None) -> None:
    """Count caches into the input where the total tells that they are beside it, as Bedrock does."""
    given, answered = counts.get("input_tokens"), counts.get("output_tokens")
    cached = (counts.get("cache_read") or 0) + (counts.get("cache_write") or 0)
    if total and given is not None and answered is not None and total == given + answered + cached:
        counts["input_tokens"] = given + cached


def _add_thoughts(counts: dict[str, int | None], total: int | None) -> None:
    given, answered = counts.get("input_tokens"), counts.get("output_tokens")
    if total and given is not None and answered is not None and (missing := total - given - answered) > 0:
        counts["output_tokens"] = answered + missing
        counts["reasoning"] = max(counts.get("reasoning") or 0, missing)
