"""Logfire and Pydantic AI, which writes in Logfire's manner whether or not Logfire is there.

All generations: `request_data` / `response_data`, lists of events, and the messages of the conventions.
"""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Event, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai, logfire_agents
from kansoku_collector.normalise.frame import texts
from kansoku_collector.normalise.usage_parts import usage_parts
from kansoku_collector.values import first, items, load, mapping, number, rename, text

_SCOPES = ("logfire", "pydantic-ai", "pydantic-evals", "pydantic_ai")
_MARKS = frozenset({"logfire.span_type", "logfire.msg", "logfire.msg_template", "logfire.json_schema"})
_SCRUBBED = "[Scrubbed due to"
_ERROR_LEVEL = 17
_NAMES = {
    "pydantic_ai.all_messages": "messages",
    "tool_arguments": s.TOOL_ARGUMENTS,
    "tool_response": s.TOOL_RESULT,
    "agent_name": s.AGENT_NAME,
}
_REQUEST = {  # of `request_data`, where the SDK's own arguments are
    "model": s.REQUEST_MODEL,
    "temperature": s.TEMPERATURE,
    "top_p": s.TOP_P,
    "max_tokens": s.MAX_TOKENS,
    "max_completion_tokens": s.MAX_TOKENS,
    "max_output_tokens": s.MAX_TOKENS,
    "seed": s.SEED,
    "stop": s.STOP_SEQUENCES,
    "stop_sequences": s.STOP_SEQUENCES,
    "n": s.CHOICE_COUNT,
    "frequency_penalty": s.FREQUENCY_PENALTY,
    "presence_penalty": s.PRESENCE_PENALTY,
    "tools": s.TOOL_DEFINITIONS,
    "stream": s.STREAM,
}
_ANSWERS = ("message", "combined_chunk_content", "text")
_ADDRESSES = {
    **dict.fromkeys(("/images/edits", "/images/variations"), "image_generation"),
    **dict.fromkeys(("/audio/speech", "/audio/transcriptions", "/audio/translations"), "generate_content"),
}


def is_pending(raw: RawSpan) -> bool:
    """Tell whether this is the copy that announces a span, of any dialect, while it runs."""
    return raw.attributes.get("logfire.span_type") == "pending_span"


def is_logfire(raw: RawSpan) -> bool:
    """Tell whether Logfire or Pydantic AI wrote a span, by its scope or Logfire's own attributes."""
    if raw.scope_name.startswith(_SCOPES):
        return True
    return not _MARKS.isdisjoint(raw.attributes) and s.OPERATION not in raw.attributes


def read(raw: RawSpan, left: Attributes, span: Span) -> bool:
    """Fill `span`, and tell whether it only announces what another record reports."""
    left.pop("logfire.json_schema", None)  # it describes the other attributes, which say what they are
    _read_context(left, span)
    call = logfire_agents.take(left, span) if raw.scope_name == logfire_agents.SCOPE else None
    _read_calls(left)
    _read_events(raw, left)
    _read_kind(left)
    announces = is_pending(raw) or _is_half(left, span)
    gen_ai.read(raw, left, span)
    logfire_agents.put(call, span)
    span.dialect = "pydantic_ai" if raw.scope_name.startswith("pydantic") else "logfire"
    _read_stream(raw, left, span)
    if span.status == "unset" and (number(left.get("logfire.level_num")) or 0) >= _ERROR_LEVEL:
        span.status = "error"
    return announces


def _read_context(left: Attributes, span: Span) -> None:
    for name in ("session_id", "user_id"):
        value = text(left.get(name))
        if value and not value.startswith(_SCRUBBED):
            setattr(span, name, getattr(span, name) or value)
            del left[name]
    span.tags = texts(left.pop("logfire.tags", None))


def _read_calls(left: Attributes) -> None:
    """Take what the older records hold inside the request's and the response's objects."""
    request, response = mapping(left.get("request_data")), mapping(left.get("response_data"))
    for name, target in _REQUEST.items():
        if request.get(name) is not None:
            left.setdefault(target, request[name])
    system = request.get("system") or request.get("instructions")
    if system:
        left.setdefault(s.SYSTEM_INSTRUCTIONS, system)
    given = request.get("messages") or request.get("input") or request.get("prompt")
    if given and "events" not in left:
        left.setdefault(s.INPUT_MESSAGES, given)
    answer = next((response[name] for name in _ANSWERS if response.get(name)), None)
    if answer:
        left.setdefault(s.OUTPUT_MESSAGES, answer)
    usage = load(left.get("gen_ai.usage.raw") or response.get("usage"))
    for name, value in usage_parts(usage).items():
        left.setdefault(name, value)
    if seconds := number(mapping(usage).get("seconds")):  # by which some transcriptions are paid
        left.setdefault(s.AUDIO_SECONDS, seconds)


def _read_events(raw: RawSpan, left: Attributes) -> None:
    """Take messages out of lists of events, or of everything that an agent exchanged."""
    rename(left, _NAMES)
    events = items(first(left, "events", "all_messages_events"))
    named = [(_name(item), item) for item in events if isinstance(item, dict)]
    cut = len(named) if any(name == "gen_ai.choice" for name, _ in named) else _last_turn(events)
    for index, (name, item) in enumerate(named):
        answer = index >= cut
        body = {"message": item} if answer else item
        raw.events.append(Event("gen_ai.choice" if answer else name, raw.start_ns, {"body": body}))
    messages = items(left.pop("messages", None))
    if messages:
        cut = _last_turn(messages)
        left.setdefault(s.INPUT_MESSAGES, messages[:cut])
        left.setdefault(s.OUTPUT_MESSAGES, messages[cut:] or left.get("final_result"))


def _name(item: dict[str, Any]) -> str:
    """Return the name of an event in a list of them; the oldest name only the role."""
    return text(item.get("event.name")) or f"gen_ai.{text(item.get('role')) or 'user'}.message"


def _last_turn(messages: list[Any]) -> int:
    """Return where the answer starts: after the last message that is not the model's."""
    cut = len(messages)
    while cut and isinstance(messages[cut - 1], dict) and messages[cut - 1].get("role") == "assistant":
        cut -= 1
    return cut


def _read_kind(left: Attributes) -> None:
    """Name the operation where older generations did not."""
    if left.get(s.OPERATION) == "decide":  # a request beneath the call that reports it
        left[s.OPERATION] = "invoke_workflow"
    elif s.OPERATION not in left:
        if s.TOOL_NAME in left or s.TOOL_ARGUMENTS in left:
            left[s.OPERATION] = "execute_tool"
        elif s.AGENT_NAME in left or "final_result" in left:
            left[s.OPERATION] = "invoke_agent"
        elif "evaluator_name" in left:
            left[s.KIND] = "evaluation"
        elif (address := text(left.get("url"))) and s.REQUEST_MODEL in left:  # what it knows nothing else of
            left[s.OPERATION] = _ADDRESSES.get(address, "")
    if s.TOOL_DEFINITIONS not in left:
        parameters = mapping(left.get("model_request_parameters"))
        tools = [*items(parameters.get("function_tools")), *items(parameters.get("output_tools"))]
        if tools:
            left[s.TOOL_DEFINITIONS] = [_tool(tool) for tool in tools if isinstance(tool, dict)]
    if left.get(s.OPERATION) == "embeddings" and "inputs" in left:
        words = items(left.pop("inputs"))
        left.setdefault(s.INPUT_MESSAGES, [{"role": "user", "content": word} for word in words])


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    found = {"type": "function", "name": tool.get("name"), "description": tool.get("description")}
    return found | {"parameters": tool.get("parameters_json_schema")}


def _is_half(left: Attributes, span: Span) -> bool:
    """Tell whether this is the request of a stream, whose answer and usage come in a record of their own."""
    if span.status == "error" or not span.scope_name.startswith("logfire.") or "duration" in left:
        return False
    if span.scope_name == logfire_agents.SCOPE:  # it has one span for a stream
        return False
    if left.get(s.OPERATION) not in ("chat", "text_completion"):
        return False
    answered = (s.OUTPUT_MESSAGES, s.INPUT_TOKENS, s.OUTPUT_TOKENS, s.RESPONSE_ID, "response_data")
    return all(name not in left for name in answered)


def _read_stream(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Give the record of a finished stream the time that it took."""
    seconds = number(left.get("duration"))
    if raw.name.startswith("streaming response") and seconds is not None and seconds >= 0:
        span.streaming = True
        taken = min(int(seconds * 1e9), raw.start_ns)
        span.start, span.duration_ns = span.start - taken, taken
        del left["duration"]
