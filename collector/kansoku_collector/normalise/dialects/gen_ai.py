"""OpenTelemetry GenAI conventions, all generations of names, and Kansoku's own `kansoku.*` beside them."""

from typing import NamedTuple

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise import canonical
from kansoku_collector.normalise.counters import COUNTERS, take_counts
from kansoku_collector.normalise.dialects import bifrost, indexed, openllmetry_langchain, servers
from kansoku_collector.normalise.dialects.by_scope import BY_SCOPE
from kansoku_collector.normalise.dialects.gen_ai_events import read_events
from kansoku_collector.normalise.dialects.gen_ai_parameters import read_parameters
from kansoku_collector.normalise.dialects.other_names import KINDS, OTHER_NAMES, SPAN_KIND, read_other_names
from kansoku_collector.normalise.dialects.whole import COMPLETION, PROMPT, read_whole
from kansoku_collector.normalise.frame import (
    MODEL_OPERATIONS,
    put_content,
    put_finish,
    put_metadata,
    put_reasons,
    put_usage,
    texts,
)
from kansoku_collector.normalise.instructions import instructions
from kansoku_collector.normalise.messages import Message, read_messages, tool_definitions
from kansoku_collector.normalise.operations import OPERATIONS, meaning_of
from kansoku_collector.normalise.pieces import join_pieces
from kansoku_collector.normalise.remembered import Remembered
from kansoku_collector.normalise.response_items import answer_of, is_items
from kansoku_collector.normalise.steps_by_name import ALWAYS, Step, Steps, concerns, needed
from kansoku_collector.normalise.tool_facts import put_tool_facts
from kansoku_collector.normalise.vendor import is_embedding_model, provider_of
from kansoku_collector.values import (
    dump,
    first,
    items,
    load,
    number,
    plain,
    searchable,
    text,
    truth,
)

_FRAMEWORKS = frozenset(
    {"strands-agents", "microsoft.agent_framework", "semantic_kernel", "crewai", "agno", "eino", "unknown"}
)
_LANGCHAIN, _CALLBACKS = "opentelemetry.instrumentation.genai.langchain", openllmetry_langchain.SCOPE
_KINDS = {
    "guardrail": "guardrail",
    "evaluation": "evaluation",
}  # kansoku.kind without an operation of its own
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
_STARTED_MS = (
    *("copilot_chat.time_to_first_token", "gen_ai.response.time_to_first_token_ms"),
    "ttft_ms",  # Qwen Code
)
_NO_SECONDS = 1e6  # a first token that comes after more is told in nanoseconds: Bifrost's
# Servers of models name no operation, and vLLM's newest no model.
_ANSWERED = (s.REQUEST_MODEL, s.RESPONSE_MODEL, servers.STARTED, servers.WHOLE)
_COMPONENT = "runinfo.component"  # Eino's, where the kind of the outermost span hides it
_METHOD = "rpc.method"
_VALUES = ((s.INPUT_VALUE, "input.value"), (s.OUTPUT_VALUE, "output.value"))  # of steps; Dify's, Alibaba's
_START = 200  # characters in which a vector says what it is
_STREAMING = (s.STREAM, "gen_ai.is_streaming", "llm.is_streaming")
_plans: Remembered["_Plan"] = Remembered()


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
        given, answered, chunks = read_events(raw, left)
        span.user_id = span.user_id or text(left.pop(s.USER_ID, None))
    if adjust := BY_SCOPE.get(raw.scope_name):
        adjust(left, span)
    if indexed.is_indexed(left):
        indexed.restore(left)
    plan = _plan_of(left)
    if plan.renames:
        read_other_names(left, span)
        plan = _plan_of(left)
    for step in plan.facts:
        step(left, span)
    if chunks:
        span.streaming = True
        span.time_to_first_token = span.time_to_first_token or max(0, min(chunks) - raw.start_ns) / 1e9
    if plan.content or given or answered:
        _read_content(left, span, given, answered)
    for step in plan.rest:
        step(left, span)


def _read_kind(left: Attributes, span: Span) -> None:
    operation = text(left.get(s.OPERATION)).lower()
    span.operation = OPERATIONS.get(operation) or _KINDS.get(text(left.get(s.KIND)), "other")
    if span.operation == "other" and SPAN_KIND in left:
        kind = text(left.get(_COMPONENT) or left[SPAN_KIND]).upper()
        span.operation = KINDS.get(kind, "other")
    meant = meaning_of(operation) if span.operation == "other" else ""
    if meant:
        called = any(name in left for name in _ANSWERED) and not bifrost.is_request(left)
        span.operation = OPERATIONS.get(
            text(left.get("llm.request.type")), _kind_of_call(left, meant) if called else "other"
        )
        if left.get("mcp.method.name") == "tools/call":
            span.operation = "execute_tool"
    if operation in OPERATIONS or (meant and span.operation != "other"):
        left.pop(s.OPERATION, None)
    span.streaming = "stream" in operation


def _kind_of_call(left: Attributes, meant: str) -> str:
    model = left.get(s.REQUEST_MODEL) or left.get(s.RESPONSE_MODEL)
    return "embeddings" if is_embedding_model(text(model)) or servers.is_pooling(left) else meant


def _read_method(left: Attributes, span: Span) -> None:
    """Tell a stream by the method that was called: OpenTelemetry's AWS SDKs say it nowhere else."""
    span.streaming = span.streaming or text(left[_METHOD]).endswith("Stream")


def _read_model(left: Attributes, span: Span) -> None:
    provider, system = left.pop(s.PROVIDER, None), left.pop("gen_ai.system", None)
    span.provider = text(provider or system).lower()
    span.request_model = text(left.pop(s.REQUEST_MODEL, None))
    if span.provider in _FRAMEWORKS:  # who asked, or nobody, is not who answered
        span.provider = provider_of(span.request_model) or span.provider
    if span.operation == "text_completion" and is_embedding_model(span.request_model):
        span.operation = "embeddings"  # Bedrock's calls, whose bodies nobody looks into
    span.response_model = text(left.pop(s.RESPONSE_MODEL, None))
    span.response_id = text(left.pop(s.RESPONSE_ID, None))


def _read_response(left: Attributes, span: Span) -> None:
    span.system_fingerprint = text(first(left, *_FINGERPRINT))
    started, streaming = number(first(left, *_STARTED)), first(left, *_STREAMING)
    if started is not None and started > _NO_SECONDS:
        started /= 1e9
    if started is None and (milliseconds := number(first(left, *_STARTED_MS))) is not None:
        started = milliseconds / 1000
    told = truth(streaming) or (streaming is None and started is not None)
    span.streaming = span.streaming or told
    span.time_to_first_token = started if started is not None else number(left.pop(servers.STARTED, None))


def _read_usage(left: Attributes, span: Span) -> None:
    counts, estimated = take_counts(left, span.provider), truth(left.pop(s.USAGE_ESTIMATED, False))
    # Several senders write zeros where nobody told them: Koog's streams, Gemini CLI, Copilot.
    if any(counts.values()) or span.dialect == "kansoku":
        put_usage(span, counts, estimated=estimated)


def _read_content(left: Attributes, span: Span, given: list[Message], answered: list[Message]) -> None:
    span.system_instructions = instructions(left.pop(s.SYSTEM_INSTRUCTIONS, None))
    span.tool_definitions = tool_definitions(left.pop(s.TOOL_DEFINITIONS, None))
    asked, answer = left.pop(s.INPUT_MESSAGES, None), left.pop(s.OUTPUT_MESSAGES, None)
    if span.operation == "embeddings" and '"embedding"' in text(answer)[:_START]:
        answer = None  # numbers, which Portkey's gateway passes on as well
    if known := canonical.read_given(asked):
        span.input_messages, span.input_text = known.json, searchable(known.words)
    else:
        put_content(span, [], read_messages(asked, "user") or given, [])
    reasons = [reason for reason in items(first(left, *_FINISH)) if reason]
    if said := canonical.read_answered(answer):
        span.output_messages, span.output_text = said.json, searchable(said.words)
        put_reasons(span, reasons or said.reasons, called=said.called)
    else:
        found = load(answer)
        said_now = [answer_of(found)] if is_items(found) else read_messages(found, "assistant")
        answered = join_pieces(said_now) or answered
        put_content(span, [], [], answered)
        put_finish(span, reasons, answered)
    if span.scope_name == _CALLBACKS and not span.finish_reasons and '"tool_call"' in span.output_messages:
        span.finish_reasons = ["tool_calls"]  # of Responses and streams it tells no reason
    if span.finish_reasons[:1] == ["error"] and span.scope_name == _LANGCHAIN and span.status != "error":
        # What it writes where LangChain gave no reason, as of every answer of the Responses API.
        span.finish_reasons = ["tool_calls"] if '"tool_call"' in span.output_messages else []


def _read_tool(left: Attributes, span: Span) -> None:
    if span.operation != "execute_tool":
        return
    span.tool_name = text(left.pop(s.TOOL_NAME, None))
    span.tool_call_id = text(left.pop(s.TOOL_CALL_ID, None))
    span.tool_arguments = text(first(left, s.TOOL_ARGUMENTS, "gen_ai.tool.args", *_VALUES[0]))
    span.tool_result = text(first(left, s.TOOL_RESULT, *_VALUES[1]))
    if not (span.tool_arguments and span.tool_result) and (span.input_messages or span.output_messages):
        put_tool_facts(span)
        return
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
    called = span.operation in MODEL_OPERATIONS
    given, returned = (left.get(name, None if called else left.get(beside)) for name, beside in _VALUES)
    span.input_text = span.input_text or searchable(plain(given))
    span.output_text = span.output_text or searchable(plain(returned))


class _Plan(NamedTuple):
    """What has to be done for a span of certain names: the other steps would find nothing."""

    renames: bool
    facts: tuple[Step, ...]
    content: bool
    rest: tuple[Step, ...]


def _plan_of(left: Attributes) -> _Plan:
    """Return the plan of a span by the names of its attributes, as it was made for the first one of them."""
    names = tuple(left)
    try:
        return _plans[names]
    except KeyError:
        plan = _Plan(
            concerns(OTHER_NAMES, names),
            needed(_FACTS, names),
            concerns(_CONTENT_NAMES, names),
            needed(_REST, names),
        )
        return _plans.keep(names, plan)


_FACTS: Steps = {
    _read_kind: ALWAYS,
    _read_model: (s.PROVIDER, "gen_ai.system", s.REQUEST_MODEL, s.RESPONSE_MODEL, s.RESPONSE_ID),
    _read_response: (*_FINGERPRINT, *_STARTED, *_STARTED_MS, servers.STARTED, *_STREAMING),
    _read_method: (_METHOD,),
    read_parameters: (s.REQUEST, s.EMBEDDING_DIMENSIONS),
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
        *(name for names in _VALUES for name in names),
    ),
}
