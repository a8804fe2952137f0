"""Google's Agent Development Kit: the conventions' names, and Gemini's own objects as JSON beside them."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Event, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai, veadk
from kansoku_collector.normalise.dialects.gen_ai_events import DETAILS
from kansoku_collector.normalise.exchange import Response, put_exchange, read_request, read_response
from kansoku_collector.normalise.frame import MODEL_OPERATIONS, put_usage
from kansoku_collector.normalise.vendor import provider_of
from kansoku_collector.values import count, load, rename, text

_SCOPE = "gcp.vertex.agent"
_UNKNOWN = "<not specified>"
_NAMES = {
    "gen_ai.tool_call.id": s.TOOL_CALL_ID,
    "gcp.vertex.agent.tool_call_args": s.TOOL_ARGUMENTS,
    "gcp.vertex.agent.tool_response": s.TOOL_RESULT,
    "gcp.vertex.agent.data": s.INPUT_VALUE,
}
# Spans of its first versions say what they are in their name alone: `agent_run [weather]`.
_OPERATIONS = {
    "invocation": "invoke_workflow",
    "call_llm": "chat",
    "agent_run": "invoke_agent",
    "invoke_agent": "invoke_agent",
    "execute_tool": "execute_tool",
}
_GOOGLES = (
    "projects",
    "models",
    "publishers",
    "apigee",
)  # what is in front of a model that LiteLLM does not call
_COUNTS = (s.INPUT_TOKENS, s.OUTPUT_TOKENS, s.CACHE_READ_TOKENS, s.REASONING_TOKENS)
_CANDIDATE = frozenset({"content", "usageMetadata", "usage_metadata"})


def is_adk(raw: RawSpan) -> bool:
    """Tell whether the kit wrote a span, by its scope or the objects that it keeps."""
    return raw.scope_name == _SCOPE or "gcp.vertex.agent.llm_request" in raw.attributes


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions, then with what only the kit's own objects say."""
    request, response = (load(left.pop(f"{_SCOPE}.{name}", None)) for name in ("llm_request", "llm_response"))
    session = text(left.pop("gcp.vertex.agent.session_id", None))
    verb, _, rest = raw.name.partition(" ")
    verb = text(left.get(s.OPERATION, verb))  # Java's says it there
    if verb in _OPERATIONS:
        left[s.OPERATION] = _OPERATIONS[verb]
    rename(left, _NAMES)
    if veadk.MARK in left:
        veadk.restore(raw, left)
    if raw.events:
        _read_details(raw, left)
    _count_thoughts_once(left)
    streamed = _join(left)
    gen_ai.read(raw, left, span)
    span.dialect = "adk"
    span.streaming = span.streaming or streamed
    span.session_id = span.session_id or session
    if span.provider == _SCOPE:  # the kit's first versions named themselves
        span.provider = provider_of(span.request_model)
    if span.operation == "execute_tool":
        span.tool_name = span.tool_name or rest
        span.tool_call_id = span.tool_call_id.replace(_UNKNOWN, "")
    if span.tool_name == "(merged tools)":  # the step that puts the results of several together
        span.operation, span.tool_name = "chain", ""
    if span.operation in MODEL_OPERATIONS and response is not None:
        _read_call(span, request, response)


def _count_thoughts_once(left: Attributes) -> None:
    """Take thoughts out of a count that holds them twice: LiteLLM's answers hold them already.

    The kit adds them to every answer, because Gemini counts them beside it. Versions that do not add them
    (2.0 and before) have another name for thoughts.
    """
    before, slash, _ = text(left.get(s.REQUEST_MODEL)).partition("/")
    thoughts, answered = count(left.get(s.REASONING_TOKENS)), count(left.get(s.OUTPUT_TOKENS))
    if slash and before not in _GOOGLES and thoughts and answered and answered >= thoughts:
        left[s.OUTPUT_TOKENS] = answered - thoughts


def _read_details(raw: RawSpan, left: Attributes) -> None:
    """Prepare the events that hold a call: of several calls in one span, the last one's words and all tokens.

    OpenInference's instrumentation of the kit puts every call of an agent's turn into the span of the agent.
    """
    details = [event for event in raw.events if event.name == DETAILS]
    if len(details) > 1:
        for name in _COUNTS:
            found = [value for event in details if (value := count(event.attributes.get(name))) is not None]
            if found:
                left[name] = sum(found)
        raw.events[:] = [event for event in raw.events if event.name != DETAILS]
        raw.events.append(details[-1])
    for event in details[-1:]:
        _lift(event, left)


def _lift(event: Event, left: Attributes) -> None:
    """Take the answer out of an event where the span has none."""
    if s.OUTPUT_MESSAGES not in left and (answered := event.attributes.pop(s.OUTPUT_MESSAGES, None)):
        left[s.OUTPUT_MESSAGES] = answered


def _join(left: Attributes) -> bool:
    """Put the pieces of a streamed answer together; tell whether there were any.

    The kit lists each piece as a message without a finish reason, and after LiteLLM's the whole of it too.
    """
    found = load(left.get(s.OUTPUT_MESSAGES))
    if not isinstance(found, list) or len(found) < 2 or not all(_is_piece(message) for message in found[:-1]):
        return False
    *pieces, last = found
    if not _has_parts(last):
        return False
    said = "".join(_words(message) for message in pieces)
    if not said or _words(last) != said:
        parts = [part for message in found for part in message["parts"] if isinstance(part, dict)]
        words = "".join(_words(message) for message in found)
        others = [part for part in parts if part.get("type") != "text"]
        last = {**last, "parts": [*([{"type": "text", "content": words}] if words else []), *others]}
    left[s.OUTPUT_MESSAGES] = [last]
    return True


def _is_piece(message: Any) -> bool:
    return _has_parts(message) and message.get("finish_reason") == ""


def _has_parts(message: Any) -> bool:
    return isinstance(message, dict) and isinstance(message.get("parts"), list)


def _words(message: Any) -> str:
    parts = message.get("parts") if isinstance(message, dict) else None
    texts = [part for part in parts or () if isinstance(part, dict) and part.get("type") == "text"]
    return "".join(text(part.get("content")) for part in texts)


def _read_call(span: Span, request: Any, response: Any) -> None:
    """Read Gemini's own objects, of the kit's first versions: their counts say more than the attributes."""
    # One candidate, not a list of them; JavaScript's stream that called a tool ends with one without content.
    if isinstance(response, dict) and not _CANDIDATE.isdisjoint(response):
        response = {**response, "candidates": [response]}
    answer = read_response(response)
    if not span.input_messages and not span.output_messages:
        put_exchange(span, read_request(request), answer, [])
    if span.usage_source == "none" or _says_more(span, answer):
        put_usage(span, answer.counts)


def _says_more(span: Span, answer: Response) -> bool:
    """Tell whether an answer's counts are of the same call, and know thoughts or caches besides."""
    given = span.input_fresh + span.cache_read
    known = answer.counts.get("cache_read") or answer.counts.get("reasoning")
    return bool(known) and answer.counts.get("input_tokens") == given
