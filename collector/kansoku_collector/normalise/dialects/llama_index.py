"""What LlamaIndex puts around the arguments, results and nodes that instrumentations write as they came."""

from typing import Any

from kansoku_collector.model import Span
from kansoku_collector.normalise.documents import put_retrieval
from kansoku_collector.normalise.exchange import read_response
from kansoku_collector.normalise.frame import put_content, put_finish, put_usage
from kansoku_collector.normalise.messages import tool_definitions
from kansoku_collector.values import load, mapping

SCOPE = "opentelemetry.instrumentation.llamaindex"
_NODES, _ENGINE = '[{"node":{"id_":', "query_engine.retrieve"  # JavaScript's
_CALLED_WITH = frozenset({"args", "kwargs", "sanitize_inputs_outputs"})  # the last one by smolagents


def is_tool_output(value: Any) -> bool:
    """Tell whether a value is the output of one of its tools."""
    told = isinstance(value, dict) or (isinstance(value, str) and '"raw_output"' in value)
    return told and {"tool_name", "raw_output"} <= mapping(value).keys()


def tool_output(value: Any) -> Any:
    """Return what a tool answered, without what it is wrapped in."""
    return mapping(value)["raw_output"] if is_tool_output(value) else value


def arguments(value: Any) -> Any:
    """Return the arguments that a tool was called with by name."""
    if not isinstance(value, str) or not value.startswith(('{"kwargs"', '{"args": []')):
        return value
    found = mapping(value)
    named = found.keys() <= _CALLED_WITH and not found.get("args")
    return found["kwargs"] if named and isinstance(found.get("kwargs"), dict) else value


def put_nodes(span: Span, asked: Any, returned: Any) -> bool:
    """Store a retrieval of nodes, each of them JSON; return whether it was one.

    The method that is called from outside names its argument for both of the types that it takes; the one
    inside it returns the same nodes and is no further retrieval. JavaScript's engines repeat their retriever.
    """
    if isinstance(returned, str) and returned.startswith(_NODES):
        return not span.name.endswith(_ENGINE) and put_retrieval(span, asked, returned)
    if not isinstance(asked, str) or not asked.startswith('{"str_or_query_bundle"'):
        return False
    given = mapping(asked)
    query = given.get("str_or_query_bundle")
    nodes = load(returned)
    found = [load(node) for node in nodes] if isinstance(nodes, list) else []
    return put_retrieval(span, mapping(query).get("query_str") or query, found)


def put_response(span: Span, given: Any, answered: Any) -> None:
    """Fill what the span of a call leaves out: calls of tools, how it ended, caches and thoughts, tools."""
    tools = mapping(mapping(given).get("kwargs")).get("tools")
    span.tool_definitions = span.tool_definitions or tool_definitions(tools)
    told = mapping(answered)
    if not isinstance(told.get("raw"), dict):
        return  # a stream
    response = read_response(told["raw"])
    calls = any(part.get("type") == "tool_call" for message in response.messages for part in message["parts"])
    if '"parts":[{' not in span.output_messages or (calls and '"tool_call"' not in span.output_messages):
        put_content(span, [], [], response.messages)
    if not span.finish_reasons:
        put_finish(span, response.reasons, response.messages)
    counts = response.counts
    sums = span.input_fresh + span.cache_read, span.output_visible + span.reasoning
    if span.usage_source == "none" or sums == (counts.get("input_tokens"), counts.get("output_tokens")):
        put_usage(span, counts)
    span.response_id = span.response_id or response.facts.get("id", "")
    span.response_model = span.response_model or response.facts.get("model", "")
    span.system_fingerprint = span.system_fingerprint or response.facts.get("system_fingerprint", "")
