"""Spans of NVIDIA's NeMo Agent Toolkit to the canonical row; as its version 1.9 wrote them over LangChain."""

import json

from tests.collector.test_normalise import buckets, row

AROUND = {"nat.event_type": "LLM_START", "nat.framework": "langchain", "nat.span.kind": "LLM"}
CALL = AROUND | {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-4o-mini",
    "llm.provider": "langchain",
    "llm.token_count.prompt": 5000,
    "llm.token_count.completion": 40,
    "llm.token_count.total": 5040,
    "input.mime_type": "application/json",
    "output.mime_type": "text/plain",
}
ASKED = [
    {"content": "Be brief.", "additional_kwargs": {}, "response_metadata": {}, "type": "system", "id": None},
    {"content": "Weather?", "additional_kwargs": {}, "response_metadata": {}, "type": "human", "id": None},
]
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {"properties": {}}}}]
USAGE = {
    "completion_tokens": 40,
    "prompt_tokens": 5000,
    "total_tokens": 5040,
    "completion_tokens_details": {"reasoning_tokens": 16},
    "prompt_tokens_details": {"cached_tokens": 4096},
}
PRINTED = (
    "\n\nTool calls: [{'name': 'get_weather', 'args': {'city': 'Kyoto'}, 'id': 'c1', 'type': 'tool_call'}]"
)


def told(words, reason, **fields):
    """Return what stands beside a call: what was asked, and LangChain's own answer."""
    facts = {"model_provider": "openai", "model_name": "gpt-4o-mini-2024-07-18", "finish_reason": reason}
    message = {"content": words, "additional_kwargs": {}, "type": "ai", "id": "lc_run--1"}
    answer = {"text": words, "message": message | {"response_metadata": facts | fields}}
    return json.dumps({"chat_responses": [answer], "chat_inputs": ASKED, "tools_schema": TOOLS})


def call(metadata, answer, name="nat.metadata"):
    """Return the row of a call."""
    values = {"input.value": json.dumps(ASKED), "input.value_obj": json.dumps(ASKED), "output.value": answer}
    return row(CALL | values | {name: metadata}, scope="nat")


def test_a_calls_caches_and_answer_are_in_the_frameworks_own_message():
    """Its own counts leave caches out, and it names the framework as who answered."""
    span = call(told("", "tool_calls", id="chatcmpl-abc", token_usage=USAGE), PRINTED)
    assert (span.dialect, span.operation, span.billed) == ("nat", "chat", True)
    assert buckets(span) == {"input_fresh": 904, "cache_read": 4096, "output_visible": 24, "reasoning": 16}
    assert (span.provider, span.request_model) == ("openai", "gpt-4o-mini")
    assert (span.response_model, span.response_id) == ("gpt-4o-mini-2024-07-18", "chatcmpl-abc")
    assert (span.input_text, span.finish_reasons) == ("Weather?", ["tool_calls"])
    assert [message["role"] for message in json.loads(span.input_messages)] == ["system", "user"]
    assert "get_weather" in span.tool_definitions


def test_a_tool_that_an_answer_calls_is_printed_behind_its_words():
    """The message beside them is kept without its calls."""
    span = call(told("", "tool_calls"), PRINTED)
    (answer,) = json.loads(span.output_messages)
    arguments = {"city": "Kyoto"}
    assert answer["parts"] == [
        {"type": "tool_call", "name": "get_weather", "arguments": arguments, "id": "c1"}
    ]
    assert span.output_text == ""


def test_a_choice_of_litellms_is_the_answer():
    """The toolkit keeps it for CrewAI and Agno; who answered is told by the model's name."""
    choice = {"finish_reason": "length", "index": 0, "message": {"role": "assistant", "content": "Sun"}}
    asked = [{"role": "user", "content": "Weather?"}]
    span = row(
        CALL
        | {"llm.provider": "crewai", "llm.model_name": "anthropic/claude-sonnet-4-5", "output.value": "Sun"}
        | {"nat.metadata": json.dumps({"chat_responses": choice, "chat_inputs": asked})},
        scope="nat",
    )
    assert (span.provider, span.output_text, span.finish_reasons) == ("anthropic", "Sun", ["length"])
    assert (span.input_text, buckets(span)) == ("Weather?", {"input_fresh": 5000, "output_visible": 40})


def test_a_framework_that_keeps_words_alone_has_its_words():
    """Strands' answers are texts, Semantic Kernel's prompts a history of another shape."""
    beside = {"chat_responses": ["Sun"], "chat_inputs": [{"messages": [{"items": [{"text": "Weather?"}]}]}]}
    span = row(
        CALL | {"nat.metadata": json.dumps(beside), "input.value": "Weather?", "output.value": "Sun"},
        scope="nat",
    )
    assert (span.output_text, span.provider, span.dialect) == ("Sun", "openai", "nat")
    assert span.input_text == "Weather?"


def test_the_toolkit_is_known_under_another_prefix_and_its_older_name():
    """`NAT_SPAN_PREFIX` renames all that is its own."""
    renamed = {"acme" + name.removeprefix("nat"): value for name, value in CALL.items() if name in AROUND}
    values = CALL | renamed | {"acme.metadata": told("Sun", "stop", token_usage=USAGE), "output.value": "Sun"}
    span = row({name: value for name, value in values.items() if name not in AROUND}, scope="nat")
    assert (span.dialect, span.cache_read, span.finish_reasons) == ("nat", 4096, ["stop"])
    older = {"aiq.event_type": "TOOL_START", "openinference.span.kind": "TOOL", "output.value": "sunny"}
    tool = row(older, scope="aiq")
    assert (tool.dialect, tool.operation, tool.tool_result) == ("nat", "execute_tool", "sunny")
