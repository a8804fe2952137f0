"""Haystack's own tracing: components, pipelines and agents."""

import json

from tests.collector.test_dialect_logfire import row
from tests.collector.test_normalise import buckets

USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 30,
    "completion_tokens_details": {"reasoning_tokens": 9},
    "prompt_tokens_details": {"cached_tokens": 40},
}
META = {"model": "gpt-5-mini-2025-08-07", "finish_reason": "tool_calls", "usage": USAGE}
CALL = {"tool_name": "weather", "arguments": {"city": "Oslo"}, "id": "c1"}


def message(role, *content, meta=None):
    """Return a message as Haystack writes it."""
    return {"role": role, "meta": meta or {}, "name": None, "content": list(content)}


def component(kind, given=None, answered=None):
    """Return the row of a component's span."""
    attributes = {"haystack.component.type": kind, "haystack.component.name": "part"}
    values = {"haystack.component.input": given, "haystack.component.output": answered}
    attributes |= {name: json.dumps(value) for name, value in values.items() if value is not None}
    return row(attributes, name="haystack.component.run", scope="my_application")


def test_a_generator_is_a_call_with_the_metadata_of_its_reply():
    """Model, reason and usage are in the reply; the class tells the vendor."""
    tool = {
        "type": "haystack.tools.tool.Tool",
        "data": {"name": "weather", "description": "Sky", "parameters": {}},
    }
    asked = [message("system", {"text": "Be brief."}), message("user", {"text": "天気は？"})]
    given = {"messages": asked, "tools": [tool], "generation_kwargs": {"temperature": 0.4}}
    span = component(
        "OpenAIChatGenerator", given, {"replies": [message("assistant", {"tool_call": CALL}, meta=META)]}
    )
    assert (span.dialect, span.operation, span.provider, span.billed) == ("haystack", "chat", "openai", True)
    assert (span.response_model, span.finish_reasons) == ("gpt-5-mini-2025-08-07", ["tool_calls"])
    assert buckets(span) == {"input_fresh": 60, "cache_read": 40, "output_visible": 21, "reasoning": 9}
    assert (span.input_text, span.parameters) == ("天気は?", {"temperature": "0.4"})
    part = json.loads(span.output_messages)[0]["parts"][0]
    assert (part["type"], part["name"], part["arguments"]) == ("tool_call", "weather", {"city": "Oslo"})
    assert json.loads(span.tool_definitions)[0]["name"] == "weather"


def test_older_messages_and_plain_replies_are_read():
    """Names of fields began with an underscore, and of plain replies the metadata is beside them."""
    older = {"_role": "assistant", "_content": [{"text": "Sunny."}], "_name": None, "_meta": META}
    assert component("AnthropicChatGenerator", {}, {"replies": [older]}).output_text == "Sunny."
    plain = component("OpenAIGenerator", {"prompt": "Weather?"}, {"replies": ["Sunny."], "meta": [META]})
    assert (plain.input_text, plain.output_text, plain.input_fresh) == ("Weather?", "Sunny.", 60)


def test_without_traced_content_a_generator_is_a_step():
    """The client's own instrumentation reports the call then; a call that failed has its input."""
    assert (component("OpenAIChatGenerator").operation, component("OpenAITextEmbedder").billed) == (
        "chain",
        False,
    )
    assert (
        component("OpenAIChatGenerator", {"messages": [message("user", {"text": "?"})]}).operation == "chat"
    )


def test_other_components_are_what_their_class_is_called():
    """Embedders count, retrievers find, the tool invoker runs tools."""
    meta = {"model": "text-embedding-3-small", "usage": {"prompt_tokens": 12, "total_tokens": 12}}
    embedder = component("OpenAITextEmbedder", {"text": "glass"}, {"embedding": [0.1], "meta": meta})
    assert (embedder.operation, buckets(embedder), embedder.input_text) == (
        "embeddings",
        {"input_fresh": 12},
        "glass",
    )
    found = {"documents": [{"id": "d1", "content": "Monday", "score": 0.5}]}
    retriever = component("InMemoryBM25Retriever", {"query": "glass"}, found)
    assert (retriever.operation, retriever.retrieval_query) == ("retrieval", "glass")
    assert json.loads(retriever.documents) == [{"id": "d1", "score": 0.5, "content": "Monday"}]
    result = {"tool_call_result": {"result": "sunny", "origin": CALL, "error": False}}
    tool = component("ToolInvoker", {}, {"tool_messages": [message("tool", result)]})
    assert (tool.operation, tool.tool_name, tool.tool_call_id) == ("execute_tool", "weather", "c1")
    assert (tool.tool_arguments, tool.tool_result) == ('{"city":"Oslo"}', "sunny")
    both = component("ToolInvoker", {}, {"tool_messages": [message("tool", result), message("tool", result)]})
    assert (both.tool_name, both.tool_result) == ("weather", '["sunny","sunny"]')
    assert component("PromptBuilder", {"q": "?"}, {"prompt": "?"}).operation == "chain"


def test_pipelines_and_agents_are_around_components():
    """Their input and output stay as they came, and are searchable."""
    pipeline = row({"haystack.pipeline.input_data": '{"q": "glass"}'}, name="haystack.pipeline.run")
    assert (pipeline.dialect, pipeline.operation, "glass" in pipeline.input_text) == (
        "haystack",
        "chain",
        True,
    )
    agent = row({"haystack.agent.max_steps": 9, "haystack.agent.output": '{"a": "Sunny."}'})
    assert (agent.operation, "Sunny." in agent.output_text, agent.billed) == ("invoke_agent", True, False)


def test_objects_of_another_shape_lose_nothing():
    """What is no message is text, and what is no list is one."""
    for odd in (
        {"replies": "x"},
        {"replies": [7, None, {"content": "y"}]},
        {"replies": {"meta": 3}},
        {"meta": [4]},
    ):
        assert component("OpenAIChatGenerator", {"messages": [None, {}]}, odd).operation == "chat"
    assert component("ToolInvoker", {}, {"tool_messages": [3, {"content": 4}]}).tool_name == ""
