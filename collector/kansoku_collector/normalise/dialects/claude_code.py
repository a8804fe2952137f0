"""Claude Code: `claude_code.*` spans with short names of its own; its input count leaves caches out.

Where it writes no spans its log records become the same ones (`decode.agent_logs`).
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.values import count, number, rename, text, truth

_SAID = "claude_code.assistant_response"  # an event of the logs, with the words of an answer
_OPERATIONS = {
    "claude_code.llm_request": "chat",
    "claude_code.tool": "execute_tool",
    "claude_code.interaction": "invoke_agent",
}
_NAMES = {
    "model": s.REQUEST_MODEL,
    "input_tokens": s.INPUT_TOKENS,
    "output_tokens": s.OUTPUT_TOKENS,
    "cache_read_tokens": s.CACHE_READ_TOKENS,
    "cache_creation_tokens": s.CACHE_WRITE_TOKENS,
    "stop_reason": "anthropic.message.stop_reason",
    "tool_name": s.TOOL_NAME,
    "tool_use_id": s.TOOL_CALL_ID,
    "tool_input": s.TOOL_ARGUMENTS,
    "user_prompt": s.INPUT_VALUE,
    "prompt": s.INPUT_VALUE,
    "cost_usd": s.VENDOR_COST,
    "effort": s.REASONING_LEVEL,
}


def is_claude_code(raw: RawSpan) -> bool:
    """Tell whether Claude Code wrote a span, by its name."""
    return raw.name.startswith("claude_code.")


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` from the attributes of `raw`; `left` loses what was read."""
    if operation := _OPERATIONS.get(raw.name):
        left.setdefault(s.OPERATION, operation)
    rename(left, _NAMES)
    left.setdefault("gen_ai.system", "anthropic")
    fresh = count(left.get(s.INPUT_TOKENS))
    if fresh is not None and raw.name == "claude_code.llm_request":
        cached = (s.CACHE_READ_TOKENS, s.CACHE_WRITE_TOKENS)
        left[s.INPUT_TOKENS] = fresh + sum(count(left.get(name)) or 0 for name in cached)
    for event in raw.events:
        if event.name == _SAID:
            left.setdefault(
                s.OUTPUT_MESSAGES, [{"role": "assistant", "content": event.attributes["response"]}]
            )
    milliseconds = number(left.pop("ttft_ms", None))
    gen_ai.read(raw, left, span)
    span.dialect = "claude_code"
    if milliseconds is not None:
        span.streaming, span.time_to_first_token = True, milliseconds / 1000
    if "success" in left and not truth(left["success"]) and span.status == "unset":
        span.status, span.error_message = "error", text(left.get("error"))
