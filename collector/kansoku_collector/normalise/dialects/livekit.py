"""LiveKit's agents: the conventions on calls of models, its own names around them and in older versions."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.values import first, items, load, mapping, rename, text, truth

_SCOPE = "livekit"
_PERSONAL = "lk.pii."  # what newer versions mark as such has the same name behind it
_TOOL = {
    "lk.function_tool.name": s.TOOL_NAME,
    "lk.function_tool.id": s.TOOL_CALL_ID,
    "lk.function_tool.arguments": s.TOOL_ARGUMENTS,
    "lk.function_tool.output": s.TOOL_RESULT,
}
_STARTED = "lk.response.ttft"  # seconds
_STEPS = frozenset(("agent_session", "agent_turn", "user_turn", "llm_node", "tts_node", "llm_request_run"))
_CALLS = frozenset(("llm_request", "decision_model.evaluate"))  # also without counts, or an operation


def is_livekit(raw: RawSpan) -> bool:
    """Tell whether LiveKit's agents wrote a span, by its scope."""
    return raw.scope_name.startswith(_SCOPE)


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions; `left` loses what was read."""
    for key in [key for key in left if key.startswith(_PERSONAL)]:
        left.setdefault(f"lk.{key.removeprefix(_PERSONAL)}", left.pop(key))
    if "lk.function_tool.name" in left:
        left.setdefault(s.OPERATION, "execute_tool")
        rename(left, _TOOL)
    elif s.OPERATION not in left and (raw.name in _STEPS or _is_around(raw)):
        left[s.OPERATION] = "invoke_workflow"
    answer = _answer(left)
    given = first(left, "lk.chat_ctx") or left.get("lk.user_input")
    if given is not None:
        left.setdefault(s.INPUT_MESSAGES, _messages(given))
    if answer:
        left.setdefault(s.OUTPUT_MESSAGES, [answer])
    if _STARTED in left:
        left.setdefault(s.TIME_TO_FIRST_CHUNK, left.pop(_STARTED))
    gen_ai.read(raw, left, span)
    span.dialect = "livekit"
    if truth(left.get("lk.function_tool.is_error")) and span.status == "unset":
        span.status, span.error_message = "error", span.tool_result


def _is_around(raw: RawSpan) -> bool:
    """Tell whether a span names a model that others ask: a fallback adapter's, the keyterms' detection."""
    attributes = raw.attributes
    return s.REQUEST_MODEL in attributes and s.INPUT_TOKENS not in attributes and raw.name not in _CALLS


def _messages(value: Any) -> Any:
    """Return the items of a context: messages, and the calls and results of tools between them."""
    found = load(value)
    listed = found.get("items") if isinstance(found, dict) else None
    return listed if isinstance(listed, list) else found


def _answer(left: Attributes) -> dict[str, Any]:
    words, calls = left.pop("lk.response.text", None), items(left.pop("lk.response.function_calls", None))
    parts: list[Any] = [{"type": "text", "content": text(words)}] if words else []
    parts += [{**mapping(call), "type": "function_call"} for call in calls if mapping(call)]
    return {"role": "assistant", "parts": parts} if parts else {}
