"""OpenTelemetry GenAI conventions, all generations of names, and Kansoku's own `kansoku.*` beside them."""

from typing import Any, NamedTuple

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Event, RawSpan, Span
from kansoku_collector.normalise import canonical, indexed
from kansoku_collector.normalise.counters import COUNTERS, take_counts
from kansoku_collector.normalise.frame import (
    put_content,
    put_finish,
    put_metadata,
    put_reasons,
    put_usage,
    texts,
)
from kansoku_collector.normalise.messages import Message, read_messages, read_parts, tool_definitions
from kansoku_collector.normalise.steps_by_name import ALWAYS, Step, Steps, concerns, needed
from kansoku_collector.normalise.whole import COMPLETION, PROMPT, read_whole
from kansoku_collector.values import (
    dump,
    first,
    items,
    load,
    number,
    plain,
    remembered,
    searchable,
    text,
    truth,
)

OPERATIONS = {
    "chat": "chat",
    "chat.completions": "chat",  # Semantic Kernel
    "text.completions": "text_completion",
    "text_completion": "text_completion",
    "completion": "text_completion",
    "generate_content": "generate_content",
    "embeddings": "embeddings",
    "embedding": "embeddings",
    "image_generation": "image",
    "rerank": "rerank",
    "retrieval": "retrieval",
    "vector_db_retrieve": "retrieval",
    "execute_tool": "execute_tool",
    "invoke_agent": "invoke_agent",
    "invoke_workflow": "chain",
    "agent_step": "chain",
    "create_agent": "invoke_agent",
    "workflow": "chain",
    "agent": "invoke_agent",
    "plan": "chain",
    "execute_task": "chain",
}
_KINDS = {
    "guardrail": "guardrail",
    "evaluation": "evaluation",
}  # kansoku.kind without an operation of its own
DETAILS = "gen_ai.client.inference.operation.details"
_PARAMETERS = {
    "max_tokens": "max_tokens",
    "stop_sequences": "stop",
    "choice.count": "n",
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "reasoning.level": "reasoning_effort",
}
_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.developer.message": "developer",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_BLOCKS = {"text", "toolUse", "toolResult", "reasoningContent", "image", "document", "video", "cachePoint"}
_CONTENT = {  # span events before 1.28: the event, and the attribute that holds every message
    "gen_ai.content.prompt": ("gen_ai.prompt", s.INPUT_MESSAGES),
    "gen_ai.content.completion": ("gen_ai.completion", s.OUTPUT_MESSAGES),
}
# One event a chunk, which says nothing but when it came.
_CHUNKS = frozenset({"gen_ai.content.completion.chunk", "llm.content.completion.chunk"})
_FINISH = (
    s.FINISH_REASONS,
    "gen_ai.response.finish_reason",
    "gen_ai.response.stop_reason",
    "llm.response.finish_reason",
    "llm.response.stop_reason",
    "anthropic.message.stop_reason",
)
_FINGERPRINT = (
    s.SYSTEM_FINGERPRINT,
    "gen_ai.openai.response.system_fingerprint",
    "gen_ai.response.system_fingerprint",
    "gen_ai.openai.system_fingerprint",
)
_STARTED = (
    s.TIME_TO_FIRST_CHUNK,
    "gen_ai.client.operation.time_to_first_chunk",
    "gen_ai.server.time_to_first_token",
    "gen_ai.response.time_to_first_token",
)
_STREAMING = (s.STREAM, "gen_ai.is_streaming", "llm.is_streaming")
_REMEMBERED = 4096
_plans: dict[tuple[str, ...], "_Plan"] = {}


def is_gen_ai(raw: RawSpan) -> bool:
    """Tell whether a span speaks this dialect."""
    return any(key.startswith(("gen_ai.", "kansoku.")) for key in raw.attributes) or any(
        event.name.startswith("gen_ai.") for event in raw.events
    )


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` from the attributes and events of `raw`; `left` loses what was read."""
    span.dialect = "kansoku" if raw.scope_name.startswith("kansoku") else "gen_ai"
    given: list[Message] = []
    answered: list[Message] = []
    chunks: list[int] = []
    if raw.events:
        given, answered = _read_events(raw, left)
        chunks = [event.time_ns for event in raw.events if event.name in _CHUNKS]
    if indexed.is_indexed(left):
        indexed.restore(left)
    plan = _plan_of(left)
    for step in plan.facts:
        step(left, span)
    if chunks:
        raw.events[:] = [event for event in raw.events if event.name not in _CHUNKS]
        span.streaming = True
        span.time_to_first_token = span.time_to_first_token or max(0, min(chunks) - raw.start_ns) / 1e9
    if plan.content or given or answered:
        _read_content(left, span, given, answered)
    for step in plan.rest:
        step(left, span)


def _read_kind(left: Attributes, span: Span) -> None:
    operation = text(left.get(s.OPERATION))
    span.operation = OPERATIONS.get(operation) or _KINDS.get(text(left.get(s.KIND)), "other")
    if not operation and span.operation == "other":
        span.operation = OPERATIONS.get(
            text(left.get("llm.request.type")), "chat" if s.REQUEST_MODEL in left else "other"
        )
    if operation in OPERATIONS:
        del left[s.OPERATION]


def _read_model(left: Attributes, span: Span) -> None:
    provider, system = left.pop(s.PROVIDER, None), left.pop("gen_ai.system", None)
    span.provider = text(provider or system).lower()
    span.request_model = text(left.pop(s.REQUEST_MODEL, None))
    span.response_model = text(left.pop(s.RESPONSE_MODEL, None))
    span.response_id = text(left.pop(s.RESPONSE_ID, None))


def _read_response(left: Attributes, span: Span) -> None:
    span.system_fingerprint = text(first(left, *_FINGERPRINT))
    started, streaming = first(left, *_STARTED), first(left, *_STREAMING)
    span.time_to_first_token = number(started)
    span.streaming = truth(streaming) or (streaming is None and span.time_to_first_token is not None)


def _read_parameters(left: Attributes, span: Span) -> None:
    for key in [key for key in left if key.startswith(s.REQUEST)]:
        name = key.removeprefix(s.REQUEST)
        span.parameters[_PARAMETERS.get(name, name)] = dump(left.pop(key))
    if (dimensions := left.pop(s.EMBEDDING_DIMENSIONS, None)) is not None:
        span.parameters["dimensions"] = dump(dimensions)


def _read_usage(left: Attributes, span: Span) -> None:
    put_usage(span, take_counts(left, span.provider), estimated=truth(left.pop(s.USAGE_ESTIMATED, False)))


def _read_content(left: Attributes, span: Span, given: list[Message], answered: list[Message]) -> None:
    span.system_instructions = _instructions(left.pop(s.SYSTEM_INSTRUCTIONS, None))
    span.tool_definitions = tool_definitions(left.pop(s.TOOL_DEFINITIONS, None))
    asked, answer = left.pop(s.INPUT_MESSAGES, None), left.pop(s.OUTPUT_MESSAGES, None)
    if known := canonical.read_given(asked):
        span.input_messages, span.input_text = known.json, searchable(known.words)
    else:
        put_content(span, [], read_messages(asked, "user") or given, [])
    reasons = [reason for reason in items(first(left, *_FINISH)) if reason]
    if said := canonical.read_answered(answer):
        span.output_messages, span.output_text = said.json, searchable(said.words)
        put_reasons(span, reasons or said.reasons, called=said.called)
    else:
        answered = read_messages(answer, "assistant") or answered
        put_content(span, [], [], answered)
        put_finish(span, reasons, answered)


@remembered
def _instructions(value: Any) -> str:
    parts = read_parts_of(value)
    return dump(parts) if parts else ""


def read_parts_of(value: Any) -> list[dict[str, Any]]:
    """Return system instructions: parts, JSON text of them, or plain text."""
    found = items(value)
    if found and all(isinstance(item, dict) and isinstance(item.get("parts"), list) for item in found):
        found = [part for item in found for part in item["parts"]]
    return read_parts(found)


def _read_tool(left: Attributes, span: Span) -> None:
    if span.operation != "execute_tool":
        return
    span.tool_name = text(left.pop(s.TOOL_NAME, None))
    span.tool_call_id = text(left.pop(s.TOOL_CALL_ID, None))
    span.tool_arguments = text(first(left, s.TOOL_ARGUMENTS, "gen_ai.tool.args", s.INPUT_VALUE))
    span.tool_result = text(first(left, s.TOOL_RESULT, s.OUTPUT_VALUE))
    span.input_text, span.output_text = searchable(span.tool_arguments), searchable(plain(span.tool_result))


def _read_retrieval(left: Attributes, span: Span) -> None:
    if s.RETRIEVAL_QUERY in left:
        span.retrieval_query = text(left.pop(s.RETRIEVAL_QUERY))
        span.input_text = span.input_text or searchable(span.retrieval_query)
    if s.RETRIEVAL_DOCUMENTS in left:
        span.documents = dump([d for d in items(left.pop(s.RETRIEVAL_DOCUMENTS)) if isinstance(d, dict)])


def _read_context(left: Attributes, span: Span) -> None:
    span.prompt_name = text(left.pop(s.PROMPT_NAME, None))
    span.prompt_version = text(left.pop(s.PROMPT_VERSION, None))
    span.experiment = text(left.pop(s.EXPERIMENT, None))
    span.tags = [*span.tags, *texts(left.pop(s.TAGS, None))]
    put_metadata(
        span,
        {
            key.removeprefix(s.METADATA): left.pop(key)
            for key in [k for k in left if k.startswith(s.METADATA)]
        },
    )
    # The whole value stays in `attributes`; here it becomes searchable.
    span.input_text = span.input_text or searchable(plain(left.get(s.INPUT_VALUE)))
    span.output_text = span.output_text or searchable(plain(left.get(s.OUTPUT_VALUE)))


class _Plan(NamedTuple):
    """What has to be done for a span of certain names: the other steps would find nothing."""

    facts: tuple[Step, ...]
    content: bool
    rest: tuple[Step, ...]


def _plan_of(left: Attributes) -> _Plan:
    """Return the plan of a span by the names of its attributes, as it was made for the first one of them."""
    names = tuple(left)
    try:
        return _plans[names]
    except KeyError:
        if len(_plans) >= _REMEMBERED:
            _plans.clear()
        plan = _Plan(needed(_FACTS, names), concerns(_CONTENT_NAMES, names), needed(_REST, names))
        _plans[names] = plan
        return plan


def _read_events(raw: RawSpan, left: Attributes) -> tuple[list[Message], list[Message]]:
    """Take content out of events: into `left` (1.37 and later), or as messages (before)."""
    given: list[Message] = []
    answered: list[Message] = []
    others: list[Event] = []
    for event in raw.events:
        if event.name == DETAILS:
            for key, value in event.attributes.items():
                left.setdefault(key, value)
        elif event.name in _ROLES:
            given += read_messages(_message(event), _ROLES[event.name])
        elif event.name in _CONTENT and _CONTENT[event.name][0] in event.attributes:
            source, target = _CONTENT[event.name]
            left.setdefault(target, event.attributes[source])
        elif event.name == "gen_ai.choice":
            answered += read_messages(_message(event), "assistant")
        else:
            others.append(event)
    raw.events[:] = others
    return given, answered


def _message(event: Event) -> Any:
    """Return the message of a legacy event: the record's body, or a span event's attributes."""
    role = _ROLES.get(event.name, "assistant")
    body = event.attributes.get("body") or load(event.attributes.get("gen_ai.event.content"))
    if isinstance(body, str):
        return {"role": role, "content": body}
    if not isinstance(body, dict):  # a span event: attributes hold no nested values, so they are JSON text
        body = {k: v for k, v in event.attributes.items() if k != "gen_ai.system"}
        body |= {name: load(body[name]) for name in ("message", "tool_calls") if name in body}
        if _is_blocks(content := load(body.get("content"))):
            body["content"] = content
    if isinstance(body.get("message"), list | str):
        body = {**body, "message": {"role": role, "content": body["message"]}}
    return {"role": role, **body}


def _is_blocks(value: Any) -> bool:
    """Tell whether a text was a list of Bedrock's content blocks: Strands writes them so."""
    return isinstance(value, list) and all(
        isinstance(item, dict) and item.keys() <= _BLOCKS for item in value
    )


_FACTS: Steps = {
    _read_kind: ALWAYS,
    _read_model: (s.PROVIDER, "gen_ai.system", s.REQUEST_MODEL, s.RESPONSE_MODEL, s.RESPONSE_ID),
    _read_response: (*_FINGERPRINT, *_STARTED, *_STREAMING),
    _read_parameters: (s.REQUEST, s.EMBEDDING_DIMENSIONS),
    _read_usage: (*COUNTERS, s.USAGE_ESTIMATED),
    read_whole: (PROMPT, COMPLETION),
}
_CONTENT_NAMES = (
    *(s.SYSTEM_INSTRUCTIONS, s.INPUT_MESSAGES, s.OUTPUT_MESSAGES, s.TOOL_DEFINITIONS),
    *(PROMPT, COMPLETION, *_FINISH),
)
_REST: Steps = {
    _read_tool: ALWAYS,
    _read_retrieval: (s.RETRIEVAL_QUERY, s.RETRIEVAL_DOCUMENTS),
    _read_context: (
        *(s.PROMPT_NAME, s.PROMPT_VERSION, s.EXPERIMENT, s.TAGS, s.METADATA),
        *(s.INPUT_VALUE, s.OUTPUT_VALUE),
    ),
}
