"""Qwen Code before it wrote spans of its calls: records of answers, failures, tools, or spans made of them.

Its own spans are the conventions'. Where it has both, a record names its span, and a span that is made of a
record is beneath the one that it repeats.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.values import count, rename, text

_SCOPE = "qwen-code"
_OPERATIONS = {
    "qwen-code.api_response": "chat",
    "qwen-code.api_error": "chat",
    "qwen-code.tool_call": "execute_tool",
}
_PROVIDERS = {"anthropic": "anthropic", "gemini": "gcp.gemini", "vertex-ai": "gcp.vertex_ai"}
_NAMES = {
    "model": s.REQUEST_MODEL,
    "response_id": s.RESPONSE_ID,
    "input_token_count": s.INPUT_TOKENS,
    "output_token_count": s.OUTPUT_TOKENS,
    "cached_content_token_count": s.CACHE_READ_TOKENS,
    "thoughts_token_count": s.REASONING_TOKENS,
    "function_name": s.TOOL_NAME,
    "function_args": s.TOOL_ARGUMENTS,
}
_TEXT = "response_text"


def is_qwen_code(raw: RawSpan) -> bool:
    """Tell whether a span is a record of Qwen Code's, by its name, and no span tells the same."""
    return raw.name in _OPERATIONS and raw.scope_name == _SCOPE and not raw.parent_span_id


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span`: an answer or a failure is a call; thoughts are counted in it, or the total says so."""
    left[s.OPERATION] = operation = _OPERATIONS[raw.name]
    if operation == "chat":
        if provider := _PROVIDERS.get(text(left.get("auth_type"))):
            left[s.PROVIDER] = provider
        thoughts = count(left.get("thoughts_token_count")) or 0
        given, answered = count(left.get("input_token_count")), count(left.get("output_token_count"))
        total = count(left.pop("total_token_count", None))
        if given is not None and answered is not None and total == given + answered + thoughts:
            left["output_token_count"] = answered + thoughts
        if words := left.pop(_TEXT, None):
            left[s.OUTPUT_MESSAGES] = [{"role": "assistant", "content": text(words)}]
    rename(left, _NAMES)
    gen_ai.read(raw, left, span)
    span.dialect = "qwen_code"
    if operation == "execute_tool" and left.get("status") == "error":
        span.status, span.error_message = "error", text(left.get("error"))
