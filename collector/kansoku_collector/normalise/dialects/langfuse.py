"""Langfuse: `langfuse.observation.*` of its SDKs, and the trace's own facts on spans of any dialect."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.counts import flat_counts, vendor_counts
from kansoku_collector.normalise.dialects import langfuse_beside
from kansoku_collector.normalise.exchange import (
    Response,
    put_exchange,
    read_parameters,
    read_request,
    read_response,
)
from kansoku_collector.normalise.frame import (
    MODEL_OPERATIONS,
    put_content,
    put_metadata,
    put_usage,
    run_tags,
    texts,
)
from kansoku_collector.normalise.joined_calls import apart
from kansoku_collector.normalise.messages import read_parts, tool_definitions
from kansoku_collector.normalise.started import put_started
from kansoku_collector.normalise.steps import put_step
from kansoku_collector.normalise.terms import put_searches, put_tier, tier_of
from kansoku_collector.normalise.vendor import is_embedding_model, provider_of
from kansoku_collector.values import decode, first, items, load, mapping, number, plain, text, truth

_OBSERVATION = "langfuse.observation."
_METADATA = f"{_OBSERVATION}metadata."
_TRACE_METADATA = "langfuse.trace.metadata"
OPERATIONS = {
    "generation": "chat",
    "embedding": "embeddings",
    "retriever": "retrieval",
    "tool": "execute_tool",
    "agent": "invoke_agent",
    "chain": "chain",
    "evaluator": "evaluation",
    "guardrail": "guardrail",
}
_FRAMEWORK = (
    "ls_",
    "lc_",
    "langgraph_",
    "checkpoint_",
    "is_langchain_root",
)  # LangChain's own notes on a run
_KEYS = frozenset(_OBSERVATION + name for name in ("type", "input", "output", "model.name", "usage_details"))
# Spans of other dialects, which some senders (LiteLLM's) give these names too.
_OTHERS = frozenset(
    {"openinference.span.kind", "ai.operationId", "traceloop.span.kind", "lmnr.span.type", "mastra.span.type"}
)
_SDK = "langfuse-sdk"
_RESPONSE_NOTES = frozenset(
    {
        *("status", "error", "incomplete_details", "instructions", "tools", "reasoning"),
        *("metadata", "previous_response_id"),
    }
)
_FOUND = '[{"pageContent":'
_OF_TRACE = {"langfuse_session_id": "session_id", "langfuse_user_id": "user_id"}
_INSTRUCTING = ("system", "developer")


def is_langfuse(raw: RawSpan) -> bool:
    """Tell whether a span is an observation of Langfuse's SDK."""
    if raw.scope_name == _SDK:
        return True
    return not _KEYS.isdisjoint(raw.attributes) and _OTHERS.isdisjoint(raw.attributes)


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` from the observation; `left` loses what was read."""
    span.dialect = "langfuse"
    kind = text(left.pop(f"{_OBSERVATION}type", None)).lower()
    if not kind and f"{_OBSERVATION}model.name" in left:
        kind = "generation"
    if kind == "generation" and _only_embeds(left):
        kind = "embedding"
    if kind == "span" and text(left.get(f"{_OBSERVATION}output")).startswith(_FOUND):
        kind = "retriever"  # JavaScript's handler has no kind for LangChain's
    span.operation = OPERATIONS.get(kind, "other")
    _read_error(left, span)
    notes = _take_notes(left)
    given, answered = left.pop(f"{_OBSERVATION}input", None), left.pop(f"{_OBSERVATION}output", None)
    silent = given is None and answered is None
    if (silent or raw.scope_name != _SDK) and langfuse_beside.is_conventional(left):
        langfuse_beside.read(raw, left, span, given, answered)
        _read_usage(left, span, {})
        put_started(raw, span, plain(left.pop(f"{_OBSERVATION}completion_start_time", None)))
    elif span.operation in MODEL_OPERATIONS:
        _read_call(raw, left, span, (given, answered), notes)
    else:
        put_step(span, left, given, answered)
    prompt = first(left, f"{_OBSERVATION}prompt.name", "langfuse.prompt.name")
    version = first(left, f"{_OBSERVATION}prompt.version", "langfuse.prompt.version")
    span.prompt_name, span.prompt_version = (
        text(prompt) or span.prompt_name,
        text(version) or span.prompt_version,
    )
    _put_notes(left, span, notes)


def _only_embeds(left: Attributes) -> bool:
    """Tell whether a generation is an embedding; JavaScript's wrapper of OpenAI does not say it."""
    answered = text(left.get(f"{_OBSERVATION}output"))
    return not answered and is_embedding_model(plain(left.get(f"{_OBSERVATION}model.name")))


def read_trace(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill what Langfuse puts on every span of a trace: tags, metadata, environment, release, experiment."""
    ours = [key for key in left if key.startswith("langfuse.")]
    if not ours:
        return
    if span.dialect != "langfuse":
        _read_beside(raw, left, span)
    span.session_id = text(left.pop("langfuse.session.id", None)) or span.session_id
    span.user_id = text(left.pop("langfuse.user.id", None)) or span.user_id
    tags = texts(first(left, "langfuse.trace.tags", "langfuse.tags"))
    span.tags = list(dict.fromkeys([*span.tags, *tags]))
    environment = text(left.pop("langfuse.environment", None))
    if environment != "default":  # what the SDK says where nobody set one
        span.environment = span.environment or environment
    span.release = span.release or text(left.pop("langfuse.release", None))
    span.experiment = span.experiment or text(left.pop("langfuse.experiment.name", None))
    span.session_id = span.session_id or plain(left.get(f"{_TRACE_METADATA}.thread_id"))  # LangGraph's
    put_metadata(span, mapping(left.pop(_TRACE_METADATA, None)))
    for key in [key for key in ours if key.startswith(f"{_TRACE_METADATA}.")]:
        name = key.removeprefix(f"{_TRACE_METADATA}.")
        if not name.startswith(_FRAMEWORK):
            put_metadata(span, {name: load(left.pop(key))})


def _read_beside(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Read what a program or another SDK says of one of its own spans by Langfuse's names."""
    prompt, version = (
        left.pop(f"{_OBSERVATION}prompt.name", None),
        left.pop(f"{_OBSERVATION}prompt.version", None),
    )
    span.prompt_name = span.prompt_name or text(prompt)
    span.prompt_version = span.prompt_version or text(version)
    for name, value in _take_notes(left).items():
        put_metadata(span, {name: load(value)})
    started = plain(left.pop(f"{_OBSERVATION}completion_start_time", None))
    if started and span.time_to_first_token is None:
        put_started(raw, span, started)


def _read_error(left: Attributes, span: Span) -> None:
    message = left.pop(f"{_OBSERVATION}status_message", None)
    if text(left.get(f"{_OBSERVATION}level")).upper() == "ERROR":
        span.status = "error"
        span.error_message = text(message) or span.error_message
        del left[f"{_OBSERVATION}level"]
    elif message is not None:
        left[f"{_OBSERVATION}status_message"] = message


def _read_call(
    raw: RawSpan, left: Attributes, span: Span, content: tuple[Any, Any], notes: dict[str, Any]
) -> None:
    given, tools = _take_tools(content[0])
    request, response = read_request(given), read_response(content[1])
    if "}{" in text(content[1]):  # calls of JavaScript's streams
        response = _apart(response, request.tools)
    responded = _is_response(notes)
    span.tool_definitions = tool_definitions(tools or (notes.get("tools") if responded else None))
    if not notes.get("id"):
        whole = mapping(content[1])
        if not {"choices", "object", "candidates", "stop_reason"} & whole.keys():  # a message has an id too
            response.facts.pop("id", None)
    span.parameters = read_parameters(
        {k.removeprefix("ls_"): decode(v) for k, v in notes.items() if k[:3] == "ls_"}
    )
    settings = mapping(left.pop(f"{_OBSERVATION}model.parameters", None))
    span.parameters |= read_parameters(settings)
    span.streaming = span.streaming or truth(settings.get("stream"))  # JavaScript's
    # The SDK replaces the model that was asked by the one that answered; LangChain's notes keep the first.
    named = plain(left.pop(f"{_OBSERVATION}model.name", None))
    asked = plain(notes.get("ls_model_name")) or request.model or named
    span.request_model = asked
    known = named != asked or ("ls_model_name" not in notes and content[1] is not None)
    span.response_model = named if known else ""
    span.provider = (plain(notes.get("ls_provider")) or provider_of(asked or named)).lower()
    if responded:
        span.response_id = plain(notes.pop("id", None))
    put_exchange(span, request, response, _reasons(notes))
    if not span.system_instructions and not any(m["role"] in _INSTRUCTING for m in request.messages):
        put_content(span, read_parts(load(notes.get("instructions")) if responded else None), [], [])
    if span.operation == "embeddings":
        span.output_messages = span.output_text = ""
    tier = tier_of(mapping(left.get(f"{_OBSERVATION}usage_details")))
    noted = plain(notes.get("service_tier")) if responded else ""
    put_tier(left, response.facts.get("tier"), noted, tier, settings.get("service_tier"), request.tier)
    put_searches(left, load(content[1]))
    _read_usage(left, span, response.counts)
    put_started(raw, span, plain(left.pop(f"{_OBSERVATION}completion_start_time", None)))


def _apart(response: Response, tools: str) -> Response:
    """Return an answer with each call by itself where all are of the only tool."""
    if len(items(tools)) != 1:
        return response
    for message in response.messages:
        parts = message["parts"]
        message["parts"] = [
            call
            for part in parts
            for call in (apart(part, alone=True) if part.get("type") == "tool_call" else [part])
        ]
    return response


def _take_tools(value: Any) -> tuple[Any, list[Any]]:
    """Return an input without the tools that the LangChain handler puts among its messages, and those."""
    found = load(value)
    if not isinstance(found, list):
        return value, []
    tools = [
        item["content"]
        for item in found
        if isinstance(item, dict) and item.get("role") == "tool" and isinstance(item.get("content"), dict)
    ]
    known = [id(tool) for tool in tools]
    return [m for m in found if not (isinstance(m, dict) and id(m.get("content")) in known)], tools


def _read_usage(left: Attributes, span: Span, told: dict[str, int | None]) -> None:
    usage = mapping(first(left, f"{_OBSERVATION}usage_details", f"{_OBSERVATION}usage"))
    put_usage(span, flat_counts(usage) or vendor_counts(usage) or told)
    cost = {
        k: n for k, v in mapping(left.pop(f"{_OBSERVATION}cost_details", None)).items() if (n := number(v))
    }
    if cost:
        left[s.COST_STATED_USD] = cost.get("total") or round(sum(cost.values()), 12)


def _reasons(notes: dict[str, Any]) -> list[Any]:
    """Return the finish reason among the notes: of a stream, or of a response object."""
    if reason := plain(notes.pop("finish_reason", None)):
        return [reason]
    if not _is_response(notes):
        return []
    why = mapping(notes.get("incomplete_details")).get("reason")
    return [reason for reason in (why or plain(notes.get("status")),) if reason]


def _is_response(notes: dict[str, Any]) -> bool:
    """Tell whether notes are an object of the Responses API: all of it, or the part that JavaScript notes."""
    return plain(notes.get("object")) == "response" or {"status", "tools"} <= notes.keys()


def _take_notes(left: Attributes) -> dict[str, Any]:
    """Take the observation's metadata out of `left`."""
    notes = mapping(left.pop(f"{_OBSERVATION}metadata", None))
    for key in [key for key in left if key.startswith(_METADATA)]:
        notes[key.removeprefix(_METADATA)] = left.pop(key)
    return notes


def _put_notes(left: Attributes, span: Span, notes: dict[str, Any]) -> None:
    """Store what an application noted; what a framework or a vendor's response noted stays an attribute."""
    vendors = notes.keys() if plain(notes.get("object")) == "response" else _RESPONSE_NOTES
    vendors = vendors if _is_response(notes) else frozenset()
    for name, value in notes.items():
        if name in vendors or name.startswith(_FRAMEWORK):
            left[_METADATA + name] = value
        elif name == "tool_call_id" and span.operation == "execute_tool":
            span.tool_call_id = plain(value)
        elif name in _OF_TRACE:  # a handler's run whose root is the call itself
            setattr(span, _OF_TRACE[name], plain(load(value)) or getattr(span, _OF_TRACE[name]))
        elif name in ("tags", "langfuse_tags"):
            span.tags = list(dict.fromkeys([*span.tags, *run_tags(value)]))
        else:
            put_metadata(span, {name: load(value)})
