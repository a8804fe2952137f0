"""OpenTelemetry's instrumentation of PHP's OpenAI client: requests and counts under `openai.*`, no words."""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.normalise.vendor import provider_of
from kansoku_collector.values import rename, text

_RESOURCE, _STREAMED = "openai.resource", "Streamed"
_OPERATIONS = {
    "chat": "chat",
    "completions": "text_completion",
    "edits": "text_completion",
    "embeddings": "embeddings",
    "images": "image_generation",
}
_NAMES = {
    "openai.model": s.REQUEST_MODEL,
    "openai.temperature": "gen_ai.request.temperature",
    "openai.frequency_penalty": "gen_ai.request.frequency_penalty",
    "openai.presence_penalty": "gen_ai.request.presence_penalty",
    "openai.max_tokens": s.MAX_TOKENS,
    "openai.n": "gen_ai.request.choice.count",
    "openai.seed": s.SEED,
    "openai.stream": s.STREAM,
    "openai.top_p": "gen_ai.request.top_p",
    "openai.user": s.USER_ID,
    "openai.usage.prompt_tokens": s.INPUT_TOKENS,
    "openai.usage.completion_tokens": s.OUTPUT_TOKENS,
    "openai.usage.total_tokens": "gen_ai.usage.total_tokens",
}


def is_openai_php(raw: RawSpan) -> bool:
    """Tell whether PHP's client was instrumented so, by what was asked of it: `chat/create` and its like."""
    return _RESOURCE in raw.attributes


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions; a list of models and a sound are no calls that tokens tell of."""
    resource, _, method = text(left[_RESOURCE]).partition("/")
    if operation := _OPERATIONS.get(resource):
        del left[_RESOURCE]
        left[s.OPERATION] = operation
    rename(left, _NAMES)
    span.user_id = span.user_id or text(left.pop(s.USER_ID, None))
    left.setdefault(s.PROVIDER, provider_of(text(left.get(s.REQUEST_MODEL))) or "openai")
    gen_ai.read(raw, left, span)
    span.dialect = "openai_php"
    span.streaming = span.streaming or method.endswith(_STREAMED)
