"""OpenLIT: the conventions, with defaults written for what was never set."""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise import gen_ai
from kansoku_collector.values import count, first, rename, text, truth

_SCOPE = "openlit"
_NAMES = {
    "gen_ai.request.is_stream": s.STREAM,
    "gen_ai.request.embedding_dimension": s.EMBEDDING_DIMENSIONS,
    "gen_ai.request.tool_args": s.TOOL_ARGUMENTS,
    "gen_ai.content.prompt": s.INPUT_MESSAGES,
    "gen_ai.content.completion": s.OUTPUT_MESSAGES,
    "gen_ai.workflow.input": s.INPUT_VALUE,
    "gen_ai.workflow.output": s.OUTPUT_VALUE,
}
_OPERATIONS = {  # of its oldest versions, which used words of their own
    "embedding": "embeddings",
    "image": "image_generation",
    "framework": "invoke_workflow",
    "task": "execute_task",
    "tools": "execute_tool",
    "tool": "execute_tool",
    "retrieve": "retrieval",
}
# What it writes where the application gave nothing, and what no application gives.
_DEFAULTS: dict[str, tuple[object, ...]] = {
    "gen_ai.request.seed": (0, "", "0"),
    "gen_ai.request.max_tokens": (-1, "-1"),
    "gen_ai.request.stop_sequences": ([], "", "[]"),
}


def is_openlit(raw: RawSpan) -> bool:
    """Tell whether OpenLIT wrote a span, by its scope or the name it puts on every span of its own."""
    return raw.scope_name.startswith(_SCOPE) or raw.attributes.get("telemetry.sdk.name") == _SCOPE


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` from the attributes and events of `raw`; `left` loses what was read."""
    rename(left, _NAMES)
    span.user_id = span.user_id or text(left.pop("gen_ai.request.user", None))
    span.environment = span.environment or text(left.get("gen_ai.environment"))
    operation = text(left.get(s.OPERATION) or left.pop("gen_ai.type", None))
    if operation:
        left[s.OPERATION] = _OPERATIONS.get(operation, operation)
    for name, values in _DEFAULTS.items():
        if left.get(name) in values:
            del left[name]
    stream = truth(left.get(s.STREAM))
    if stream and text(left.get(s.PROVIDER) or left.get("gen_ai.system")) == "anthropic":
        _include_caches(left)
    if not stream:  # it is the whole duration then
        first(left, "gen_ai.server.time_to_first_token", "gen_ai.server.ttft")
    gen_ai.read(raw, left, span)
    span.dialect = "openlit"


def _include_caches(left: Attributes) -> None:
    """Add cached tokens to the input: on streams of Anthropic this dialect leaves them out."""
    fresh = count(left.get(s.INPUT_TOKENS))
    if fresh is not None:
        names = (s.CACHE_READ_TOKENS, s.CACHE_WRITE_TOKENS, "gen_ai.usage.cache_creation.input_tokens")
        left[s.INPUT_TOKENS] = fresh + sum(count(left.get(name)) or 0 for name in names)
