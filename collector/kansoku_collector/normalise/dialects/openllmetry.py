"""OpenLLMetry (Traceloop): flattened messages at first, then the conventions; `traceloop.*` around both."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.counters import include_caches
from kansoku_collector.normalise.dialects import gen_ai, llama_index, openllmetry_bedrock
from kansoku_collector.normalise.dialects.openllmetry_blocks import unfolded
from kansoku_collector.normalise.dialects.ranked import read_ranking
from kansoku_collector.normalise.dialects.vector_hits import (
    is_search,
    is_vector_store,
    take_hits,
    take_numbered,
)
from kansoku_collector.normalise.frame import run_tags
from kansoku_collector.normalise.vendor import provider_of
from kansoku_collector.values import (
    dump,
    first,
    items,
    load,
    mapping,
    number,
    plain,
    rename,
    searchable,
    text,
)

KIND = "traceloop.span.kind"
_JAVASCRIPT = "@traceloop/"
_SCOPES = ("traceloop.", _JAVASCRIPT, openllmetry_bedrock.PYTHON)
_DISJOINT = "@traceloop/instrumentation-anthropic"  # it passes on the vendor's input, which leaves caches out
_MARKS = frozenset(
    {KIND, "traceloop.entity.name", "llm.request.type", "llm.is_streaming", "gen_ai.is_streaming"}
)
_OTHERS = frozenset({"openinference.span.kind", "lmnr.span.type", "lmnr.span.path"})
_OPERATIONS = {
    "chat": "chat",
    "completion": "text_completion",
    "embedding": "embeddings",
    "rerank": "rerank",
    "workflow": "invoke_workflow",
    "task": "execute_task",
    "agent": "invoke_agent",
    "tool": "execute_tool",
}
_NAMES = {
    "llm.vendor": "gen_ai.system",
    "llm.request.model": s.REQUEST_MODEL,
    "llm.response.model": s.RESPONSE_MODEL,
    "llm.request.max_tokens": s.MAX_TOKENS,
    "llm.temperature": s.TEMPERATURE,
    "llm.top_p": s.TOP_P,
    "llm.top_k": s.TOP_K,
    "llm.frequency_penalty": s.FREQUENCY_PENALTY,
    "llm.presence_penalty": s.PRESENCE_PENALTY,
    "llm.chat.stop_sequences": s.STOP_SEQUENCES,
    "llm.request.reasoning_effort": s.REASONING_LEVEL,
    "gen_ai.request.reasoning_effort": s.REASONING_LEVEL,
    "llm.request.repetition_penalty": "gen_ai.request.repetition_penalty",
    "llm.usage.prompt_tokens": s.INPUT_TOKENS,
    "llm.usage.completion_tokens": s.OUTPUT_TOKENS,
    "traceloop.prompt.key": s.PROMPT_NAME,
    "traceloop.prompt.version": s.PROMPT_VERSION,
    "gen_ai.task.input": "traceloop.entity.input",
    "gen_ai.task.output": "traceloop.entity.output",
}
_GOOGLE = {"google": "gcp.gen_ai"}  # its name for Gemini, by whichever way it was asked
_CALLBACKS = "opentelemetry.instrumentation.langchain"
_LANGCHAIN = ('{"input_str"', '{"inputs"')  # what its callbacks put around a tool's arguments


def is_openllmetry(raw: RawSpan) -> bool:
    """Tell whether OpenLLMetry wrote a span, by its scope or by names that only it uses."""
    attributes = raw.attributes
    if not _OTHERS.isdisjoint(attributes):
        # Laminar's JavaScript has no instrumentations of its own.
        return raw.scope_name.startswith(_JAVASCRIPT)
    return raw.scope_name.startswith(_SCOPES) or not _MARKS.isdisjoint(attributes) or is_vector_store(raw)


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` from the attributes and events of `raw`; `left` loses what was read."""
    rename(left, _NAMES)
    span.user_id = span.user_id or text(first(left, "llm.user", "gen_ai.user"))
    _read_kind(left)
    documents = take_hits(raw) if raw.events else []
    if "db.vector.query.result.0.id" in left:
        documents = take_numbered(raw, left)
    for name in (s.INPUT_MESSAGES, s.OUTPUT_MESSAGES):
        if name in left:
            left[name] = unfolded(left[name])
    if raw.scope_name == _DISJOINT:
        include_caches(left)
    openllmetry_bedrock.restore(left, raw.scope_name)
    gen_ai.read(raw, left, span)
    span.dialect = "openllmetry"
    if span.provider in ("", "langchain"):  # the framework is not who answered
        span.provider = text(left.get("traceloop.association.properties.ls_provider")) or span.provider
    span.provider = _GOOGLE.get(span.provider, span.provider) or provider_of(span.request_model)
    if span.operation == "text_completion" and _is_conversation(raw):
        span.operation = "chat"
    if documents or (span.operation == "other" and is_search(raw)):
        span.operation, span.documents = "retrieval", dump(documents) if documents else ""
    _read_entity(left, span)


def _is_conversation(raw: RawSpan) -> bool:
    """Tell whether a "completion" has roles: Anthropic's messages were given that type."""
    return raw.attributes.get("gen_ai.prompt.0.role") is not None


def _read_kind(left: Attributes) -> None:
    requested, entity = left.pop("llm.request.type", None), left.get(KIND)
    if entity in ("task", "workflow") and left.get(s.OPERATION) == "invoke_agent":
        del left[s.OPERATION]  # CrewAI's tasks are told as agents
    operation = left.get(s.OPERATION)
    if operation is None and (operation := _OPERATIONS.get(text(requested or entity))):
        left[s.OPERATION] = operation
    if operation == "rerank":
        read_ranking(left)


def _read_entity(left: Attributes, span: Span) -> None:
    """Read what a workflow, task, agent or tool was given and answered; containers keep it as it came."""
    given, answered = left.get("traceloop.entity.input"), left.get("traceloop.entity.output")
    if span.operation == "chat" and span.scope_name == llama_index.SCOPE:
        llama_index.put_response(span, given, answered)
    if span.operation == "chain" and llama_index.is_tool_output(answered):
        span.operation, span.tool_name = "execute_tool", text(mapping(answered)["tool_name"])
        given, answered = llama_index.arguments(given), llama_index.tool_output(answered)
    if span.operation == "execute_tool":
        if span.tool_arguments.startswith(_LANGCHAIN):
            given = span.tool_arguments = _arguments(span.tool_arguments)
            span.input_text = ""
        if span.tool_result.startswith('{"output"'):
            answered, span.tool_result, span.output_text = span.tool_result, "", ""
            answered = _unwrapped(answered, ("output",))
        answered = _read_tool_message(answered, span)
        named = left.pop("tool.name", None) or left.get("traceloop.entity.name")  # the first of LlamaIndex's
        span.tool_name = span.tool_name or text(named)
        told = text(left.pop("tool.arguments", None))
        span.tool_arguments = span.tool_arguments or told or _arguments(given)
        span.tool_result = span.tool_result or text(_said(_unwrapped(answered, ("output", "outputs"))))
    elif span.operation == "chain" and llama_index.put_nodes(span, given, answered):
        span.operation = "retrieval"
    elif span.operation == "retrieval" or _is_retriever(given, answered):
        span.operation = "retrieval"
        _read_retrieval(span, given, answered)
    elif span.scope_name == _CALLBACKS and left.get(KIND) == "workflow":
        span.tags = list(dict.fromkeys([*span.tags, *run_tags(mapping(given).get("tags"))]))
    span.input_text = span.input_text or searchable(plain(given))
    span.output_text = span.output_text or searchable(plain(answered))


def _is_retriever(given: Any, answered: Any) -> bool:
    """Tell whether a task is LangChain's retriever, which older versions do not say."""
    if not isinstance(answered, str) or '"documents"' not in answered[:100]:
        return False
    return "query" in mapping(given) and isinstance(mapping(answered).get("documents"), list)


def _arguments(given: Any) -> str:
    """Return a tool's arguments without what the framework wraps around them."""
    found = mapping(given)
    if found.keys() == {"tool_name", "arguments"}:  # of an MCP server
        return text(found["arguments"])
    if found.keys() <= {"args", "kwargs"}:  # a decorated function
        if found.get("kwargs") and not found.get("args"):
            return dump(found["kwargs"])
        if not found.get("kwargs") and len(only := items(found.get("args"))) == 1 and mapping(only[0]):
            return text(only[0])  # JavaScript's LangChain: the arguments, as JSON
        return text(given)
    if found.keys() == {"tool_name", "arguments"}:  # a tool that is called over MCP
        return text(found["arguments"])
    return text(_unwrapped(given, ("inputs", "input_str")))


def _read_tool_message(answered: Any, span: Span) -> Any:
    """Return what a tool answered; where that is LangChain's message, it names the tool and the call too."""
    message = mapping(answered).get("kwargs")
    if not isinstance(message, dict) or "tool_call_id" not in message:
        return answered
    span.tool_name = span.tool_name or text(message.get("name"))
    span.tool_call_id = span.tool_call_id or text(message["tool_call_id"])
    return message.get("content")


def _said(value: Any) -> Any:
    """Return what a tool answered over MCP: its only result, or the words of its only block."""
    if isinstance(value, list) and len(value) == 1 and mapping(value[0]).keys() == {"type", "content"}:
        return value[0]["content"]
    return value["result"] if isinstance(value, dict) and value.keys() == {"result"} else value


def _unwrapped(value: Any, names: tuple[str, ...]) -> Any:
    found = mapping(value)
    return next((found[name] for name in names if found.get(name) is not None), load(value))


def _read_retrieval(span: Span, given: Any, answered: Any) -> None:
    query = _unwrapped(given, ("query", "inputs"))
    span.retrieval_query = span.retrieval_query or text(query)
    span.input_text = span.input_text or searchable(span.retrieval_query)
    found = _unwrapped(answered, ("documents", "outputs"))
    if not span.documents and isinstance(found, list):
        span.documents = dump([_document(item) for item in found if isinstance(item, dict)])


def _document(item: dict[str, Any]) -> dict[str, Any]:
    inner = item.get("kwargs")
    source: dict[str, Any] = inner if isinstance(inner, dict) else item
    metadata = source.get("metadata")
    known = metadata if isinstance(metadata, dict) else {}
    found = {
        "id": source.get("id") or known.get("id") or known.get("document_id") or known.get("doc_id"),
        "score": number(source.get("score", known.get("score"))),
        "content": text(source.get("page_content") or source.get("content") or source.get("text")),
    }
    return found | {"metadata": metadata} if metadata else found
