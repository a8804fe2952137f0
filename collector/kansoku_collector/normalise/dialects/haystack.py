"""Haystack's own tracing: pipelines, agents and components, whose input and output are JSON.

A component is what its class is called. One that generates or embeds is a model's call where its content is
traced; without content it says nothing of the call, which the client's instrumentation may report.
"""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.counts import vendor_counts
from kansoku_collector.normalise.documents import put_retrieval
from kansoku_collector.normalise.exchange import read_parameters
from kansoku_collector.normalise.frame import put_content, put_finish, put_usage
from kansoku_collector.normalise.messages import Message, Part, tool_call, tool_definitions
from kansoku_collector.normalise.vendor import provider_of
from kansoku_collector.values import dump, load, mapping, searchable, text

_TYPE, _INPUT, _OUTPUT = (f"haystack.component.{name}" for name in ("type", "input", "output"))
_MARKS = frozenset((_TYPE, "haystack.pipeline.input_data", "haystack.agent.max_steps"))
_OPERATIONS = {  # by how a class is called
    "Generator": "chat",
    "Embedder": "embeddings",
    "Retriever": "retrieval",
    "ToolInvoker": "execute_tool",
    "Agent": "invoke_agent",
}
_VENDORS = {
    "Azure": "azure.ai.openai",
    "OpenAI": "openai",
    "Anthropic": "anthropic",
    "AmazonBedrock": "aws.bedrock",
    "GoogleGenAI": "gcp.gemini",
    "GoogleAI": "gcp.gemini",
    "VertexAI": "gcp.vertex_ai",
    "Cohere": "cohere",
    "Mistral": "mistral_ai",
    "Ollama": "ollama",
}


def is_haystack(raw: RawSpan) -> bool:
    """Tell whether Haystack's tracer wrote a span, by what it says of components, pipelines and agents."""
    return not _MARKS.isdisjoint(raw.attributes)


def read(_raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` from a component, or from the pipeline or the agent around some."""
    span.dialect = "haystack"
    kind = text(left.get(_TYPE))
    if not kind:
        agent = "haystack.agent.max_steps" in left
        span.operation = "invoke_agent" if agent else "chain"
        _keep(left, span, f"haystack.{'agent' if agent else 'pipeline'}.")
        return
    operation = next((found for end, found in _OPERATIONS.items() if kind.endswith(end)), "chain")
    traced = _INPUT in left or _OUTPUT in left
    span.operation = operation if traced or operation not in ("chat", "embeddings") else "chain"
    given, answered = mapping(left.pop(_INPUT, None)), mapping(left.pop(_OUTPUT, None))
    if span.operation in ("chat", "embeddings"):
        _read_call(kind, given, answered, span)
    elif span.operation == "execute_tool":
        _read_tools(answered, span)
    elif span.operation == "retrieval":
        put_retrieval(span, given.get("query"), answered)
    elif traced:
        left[s.INPUT_VALUE], left[s.OUTPUT_VALUE] = given, answered
        span.input_text, span.output_text = searchable(text(given)), searchable(text(answered))


def _keep(left: Attributes, span: Span, prefix: str) -> None:
    given, answered = left.get(f"{prefix}input"), left.get(f"{prefix}output")
    given, answered = given or left.get(f"{prefix}input_data"), answered or left.get(f"{prefix}output_data")
    span.input_text, span.output_text = searchable(text(given)), searchable(text(answered))


def _read_call(kind: str, given: dict[str, Any], answered: dict[str, Any], span: Span) -> None:
    replies, metas = _list(answered.get("replies")), answered.get("meta")
    said = [_message(reply, "assistant") for reply in replies]
    told = [_meta(reply) for reply in replies] if not metas else _list(metas)
    told = [found for found in told if isinstance(found, dict)]
    asked = given.get("messages") or given.get("prompt") or given.get("text") or given.get("documents")
    put_content(span, [], [_message(item, "user") for item in _list(asked)], said)
    put_finish(span, [found.get("finish_reason") for found in told], said)
    span.tool_definitions = tool_definitions([_tool(tool) for tool in _list(given.get("tools"))])
    span.parameters = read_parameters(mapping(given.get("generation_kwargs")))
    for found in told[:1]:
        span.response_model = text(found.get("model"))
        put_usage(span, vendor_counts(found.get("usage")))
    vendor = next((vendor for begin, vendor in _VENDORS.items() if kind.startswith(begin)), "")
    span.provider = vendor or provider_of(span.response_model)


def _list(value: Any) -> list[Any]:
    found = load(value)
    return found if isinstance(found, list) else [] if found in (None, "", {}) else [found]


def _meta(message: Any) -> Any:
    return (message.get("meta") or message.get("_meta")) if isinstance(message, dict) else None


def _tool(value: Any) -> Any:
    """Return a tool's definition, which the class of the tool is around."""
    found = value.get("data") if isinstance(value, dict) else None
    if not isinstance(found, dict):
        return value
    return {"type": "function", **{key: found.get(key) for key in ("name", "description", "parameters")}}


def _message(value: Any, role: str) -> Message:
    if not isinstance(value, dict):
        return {"role": role, "parts": [{"type": "text", "content": text(value)}]}
    content = value.get("content") or value.get("_content")
    parts = [_part(item) for item in content] if isinstance(content, list) else [_part({"text": content})]
    return {"role": text(value.get("role") or value.get("_role")) or role, "parts": parts}


def _part(item: Any) -> Part:
    if not isinstance(item, dict):
        return {"type": "text", "content": text(item)}
    if isinstance(call := item.get("tool_call"), dict):
        return tool_call(call.get("tool_name"), call.get("arguments"), call.get("id"))
    if isinstance(result := item.get("tool_call_result"), dict):
        origin = mapping(result.get("origin"))
        return {"type": "tool_call_response", "id": origin.get("id"), "response": result.get("result")}
    if isinstance(thought := item.get("reasoning"), dict):
        return {"type": "reasoning", "content": text(thought.get("reasoning_text"))}
    return {"type": "text", "content": text(item.get("text"))} if "text" in item else {"type": "data", **item}


def _read_tools(answered: dict[str, Any], span: Span) -> None:
    """Read which tools ran: of several in one step the names, and lists of arguments and results."""
    blocks = [item for message in _list(answered.get("tool_messages")) for item in _blocks(message)]
    results = [mapping(item.get("tool_call_result")) for item in blocks if isinstance(item, dict)]
    origins = [mapping(result.get("origin")) for result in results]
    span.tool_name = ", ".join(dict.fromkeys(text(origin.get("tool_name")) for origin in origins))
    if len(results) == 1:
        span.tool_call_id = text(origins[0].get("id"))
        span.tool_arguments = dump(origins[0].get("arguments"))
        span.tool_result = text(results[0].get("result"))
    elif results:
        span.tool_arguments = dump([origin.get("arguments") for origin in origins])
        span.tool_result = dump([result.get("result") for result in results])
    span.input_text, span.output_text = searchable(span.tool_arguments), searchable(span.tool_result)


def _blocks(message: Any) -> list[Any]:
    return _list(message.get("content") or message.get("_content")) if isinstance(message, dict) else []
