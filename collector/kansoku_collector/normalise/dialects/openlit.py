"""OpenLIT: the conventions, with defaults written for what was never set."""

import re

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.counters import include_caches
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.normalise.dialects.memories import MEMORY, read_memory
from kansoku_collector.normalise.dialects.openlit_content import put_calls, put_reasoning, take_events
from kansoku_collector.normalise.messages import text_of
from kansoku_collector.normalise.operations import OPERATIONS
from kansoku_collector.normalise.printed import read_printed, tool_message
from kansoku_collector.normalise.vendor import provider_of
from kansoku_collector.values import count, dump, first, items, rename, searchable, text, truth

_SDK = "openlit"
_SCOPES = ("openlit", "@openlit/")  # the second: JavaScript's
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
    s.REQUEST_MODEL: ("unknown",),
    s.RESPONSE_MODEL: ("unknown",),
}
_TASK = "execute_task "
_GOOGLE = ("gemini", "gcp.gemini", "gcp.gen_ai", "gcp.vertex_ai", "vertexai", "google")
_SEARCHES = ("QUERY", "SEARCH", "GET", "SELECT")
_TEXTS = re.compile(r"texts=\[['\"](.*)['\"]\]")  # Chroma's questions
_ROLE = 40  # characters around the words of a message
_FAILED = 2  # the status of a span
_CLIENTS = {"google_ai_studio": "gemini"}  # a client whose module has another name than who answers
# Clients whose own count of the input leaves caches out: Python's modules, JavaScript's packages.
_DISJOINT = (".anthropic", ".bedrock", "-anthropic", "-bedrock")
_LANGCHAIN = "openlit.instrumentation.langchain"  # whose counts include caches, as LangChain's own do
_ROUTERS = ("litellm",)  # who passes a call on is not who answered


def is_openlit(raw: RawSpan) -> bool:
    """Tell whether OpenLIT wrote a span, by its scope or the name it puts on every span of its own."""
    return raw.scope_name.startswith(_SCOPES) or raw.attributes.get("telemetry.sdk.name") == _SDK


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` from the attributes and events of `raw`; `left` loses what was read."""
    rename(left, _NAMES)
    span.user_id = span.user_id or text(left.pop("gen_ai.request.user", None))
    span.environment = span.environment or text(left.get("gen_ai.environment"))
    _read_kind(raw, left)
    for name, values in _DEFAULTS.items():
        if left.get(name) in values:
            del left[name]
    if text(left.get(s.REQUEST_MODEL)).startswith("<"):  # an agent's model, an object, as Python prints it
        del left[s.REQUEST_MODEL]
    stream = truth(left.get(s.STREAM))
    streams = stream and text(left.get(s.PROVIDER) or left.get("gen_ai.system")) == "anthropic"
    if (streams and raw.scope_name != _LANGCHAIN) or raw.scope_name.endswith(_DISJOINT):
        include_caches(left)
    if text(left.get(s.PROVIDER)) in _GOOGLE:
        _include_thoughts(left)
    if not stream:  # it is the whole duration then
        first(left, "gen_ai.server.time_to_first_token", "gen_ai.server.ttft")
    take_events(raw, left)
    gen_ai.read(raw, left, span)
    span.dialect = "openlit"
    put_reasoning(left, span)
    put_calls(left, span)
    if span.request_model and span.request_model == span.provider:  # LangChain's models of Anthropic
        answered = span.response_model if span.response_model != span.provider else ""
        span.request_model = span.response_model = answered
    if span.provider in _ROUTERS:
        span.provider = provider_of(span.request_model) or provider_of(span.response_model) or span.provider
    if span.operation == "execute_tool":
        _read_tool(span)
    if span.usage_source == "reported" and _is_guess(span):
        _forget_usage(left, span)


def _read_kind(raw: RawSpan, left: Attributes) -> None:
    operation = text(left.get(s.OPERATION) or left.pop("gen_ai.type", None)) or _read_name(raw, left)
    if operation == "vectordb":
        operation = _read_store(left)
    elif operation == MEMORY:
        operation = read_memory(raw, left)
    elif operation == "chat" and raw.name.startswith(_TASK):  # AG2's messages between agents are no calls
        operation = "execute_task"
    if operation:
        left[s.OPERATION] = _OPERATIONS.get(operation, operation)


def _read_name(raw: RawSpan, left: Attributes) -> str:
    """Return the operation in a span's name: of some calls that failed there is nothing else."""
    operation, _, model = raw.name.partition(" ")
    if raw.status_code != _FAILED or operation not in OPERATIONS or not model:
        return ""
    if s.PROVIDER not in left:
        client = raw.scope_name.rpartition(".")[2]
        left[s.PROVIDER] = _CLIENTS.get(client, client)
    left.setdefault(s.REQUEST_MODEL, model)
    return operation


def _read_store(left: Attributes) -> str:
    """Return what was done in a vector database, and take the question of a search."""
    if text(left.get("db.operation.name")) not in _SEARCHES:
        return "invoke_workflow"
    asked = text(left.get("db.query.text"))
    if found := _TEXTS.fullmatch(asked):
        asked = found[1]
    left[s.RETRIEVAL_QUERY] = asked
    return "retrieval"


def _read_tool(span: Span) -> None:
    """Read what LangChain's tools are given and answer, which is printed."""
    if span.tool_arguments.startswith("{'") and (given := read_printed(span.tool_arguments)) is not None:
        span.tool_arguments = dump(given)
        span.input_text = searchable(span.tool_arguments)
    if (words := tool_message(span.tool_result)) is not None:
        span.tool_result = words
        span.output_text = searchable(words)


def _is_guess(span: Span) -> bool:
    """Tell whether counts are OpenLIT's own guess, half of the characters: of streams that reported none."""
    answered = span.output_visible
    if span.reasoning or span.cache_read or answered != (len(span.output_text) + 1) // 2:
        return False
    if span.operation == "embeddings":  # whose output is never counted
        return False
    messages = items(span.input_messages)
    words = sum(len(text_of(message)) for message in messages)
    # Each message counts with its role and what is between the two.
    return words <= 2 * span.input_fresh <= words + _ROLE * max(1, len(messages))


def _forget_usage(left: Attributes, span: Span) -> None:
    """Make a guess unknown usage again; the numbers stay attributes."""
    left[s.INPUT_TOKENS], left[s.OUTPUT_TOKENS] = span.input_fresh, span.output_visible
    span.input_fresh = span.output_visible = 0
    span.usage_source = "none"


def _include_thoughts(left: Attributes) -> None:
    """Add thoughts to the output: of Gemini's answers this dialect counts them beside it."""
    visible = count(left.get(s.OUTPUT_TOKENS))
    if visible is not None:
        left[s.OUTPUT_TOKENS] = visible + (count(left.get("gen_ai.usage.reasoning_tokens")) or 0)
