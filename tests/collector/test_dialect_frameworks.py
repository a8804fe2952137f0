"""Frameworks that put objects of their own around the conventions: ADK, Genkit, Spring AI, and others."""

import json

import pytest
from tests.collector.test_dialect_logfire import row
from tests.collector.test_normalise import NOW_MS, buckets, raw

from kansoku_collector.model import Event
from kansoku_collector.normalise import normalise

GEMINI = {
    "gen_ai.system": "gcp.vertex.agent",
    "gen_ai.request.model": "gemini-2.5-flash",
    "gcp.vertex.agent.session_id": "s1",
    "gcp.vertex.agent.llm_request": json.dumps(
        {
            "model": "gemini-2.5-flash",
            "config": {"system_instruction": "Be brief.", "temperature": 0.2},
            "contents": [{"role": "user", "parts": [{"text": "開館時間は？"}]}],
        }
    ),
    "gcp.vertex.agent.llm_response": json.dumps(
        {
            "content": {"role": "model", "parts": [{"text": "9時です。"}]},
            "finish_reason": "STOP",
            "usage_metadata": {"prompt_token_count": 9, "candidates_token_count": 4, "total_token_count": 13},
        }
    ),
}


def test_the_agent_development_kit_keeps_geminis_own_objects():
    """Messages, parameters and usage come from request and answer; counts in attributes go before them."""
    span = row(GEMINI, name="call_llm", scope="gcp.vertex.agent")
    assert (span.dialect, span.operation, span.billed, span.session_id) == ("adk", "chat", True, "s1")
    assert (span.input_text, span.output_text, span.finish_reasons) == ("開館時間は?", "9時です。", ["stop"])
    assert buckets(span) == {"input_fresh": 9, "output_visible": 4}
    assert span.parameters == {"temperature": "0.2"}
    counted = {"gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 2}
    assert buckets(row(GEMINI | counted)) == {"input_fresh": 7, "output_visible": 2}


def test_spans_of_the_kit_that_are_no_calls_are_known_by_their_names():
    """A tool has arguments and result; agent and invocation are no model calls, and nobody is billed."""
    given = {
        "gcp.vertex.agent.tool_call_args": '{"city":"Oslo"}',
        "gcp.vertex.agent.tool_response": '"sunny"',
    }
    tool = row(given, name="execute_tool weather", scope="gcp.vertex.agent")
    assert (tool.operation, tool.tool_name, tool.tool_arguments, tool.output_text, tool.billed) == (
        "execute_tool",
        "weather",
        '{"city":"Oslo"}',
        "sunny",
        False,
    )
    assert row({}, name="agent_run [weather]", scope="gcp.vertex.agent").operation == "invoke_agent"
    assert row({}, name="invocation", scope="gcp.vertex.agent").operation == "chain"
    merged = row(
        {"gen_ai.tool.name": "(merged tools)"}, name="execute_tool (merged)", scope="gcp.vertex.agent"
    )
    assert (merged.operation, merged.tool_name) == ("chain", "")
    hidden = {"gcp.vertex.agent.llm_request": "{}", "gcp.vertex.agent.llm_response": "{}"}
    assert row(hidden, name="call_llm").input_text == ""


def test_actions_of_genkit_are_calls_tools_and_chains():
    """A model's name holds its vendor; the flow around it and the step that repeats it are not billed."""
    asked = {"messages": [{"role": "user", "content": [{"text": "Hours?"}]}], "config": {"temperature": 0}}
    said = {
        "message": {"role": "model", "content": [{"text": "Nine."}]},
        "finishReason": "stop",
        "usage": {"inputTokens": 3, "outputTokens": 2},
    }
    model = {
        "genkit:name": "googleai/gemini-2.0-flash",
        "genkit:metadata:subtype": "model",
        "genkit:input": json.dumps(asked),
        "genkit:output": json.dumps(said),
    }
    span = row(model)
    assert (span.dialect, span.provider, span.request_model) == ("genkit", "gcp.gemini", "gemini-2.0-flash")
    assert (span.operation, span.billed, buckets(span)) == (
        "chat",
        True,
        {"input_fresh": 3, "output_visible": 2},
    )
    assert (span.input_text, span.output_text, span.finish_reasons) == ("Hours?", "Nine.", ["stop"])
    around = row(model | {"genkit:name": "generate", "genkit:metadata:subtype": "", "genkit:type": "util"})
    assert (around.operation, around.billed) == ("chain", False)
    tool = row(
        {
            "genkit:name": "weather",
            "genkit:metadata:subtype": "tool",
            "genkit:input": '{"city":"Oslo"}',
            "genkit:output": '"sunny"',
        }
    )
    assert (tool.operation, tool.tool_name, tool.tool_result) == ("execute_tool", "weather", "sunny")


def test_what_spring_ai_puts_around_calls_is_named_by_its_kind():
    """All of it says `framework` for an operation: a tool is one, a query is a retrieval, adding is not."""
    tool = row(
        {
            "gen_ai.operation.name": "framework",
            "gen_ai.system": "spring_ai",
            "spring.ai.kind": "tool_call",
            "spring.ai.tool.definition.name": "weather",
            "spring.ai.tool.call.arguments": '{"city":"Oslo"}',
            "spring.ai.tool.call.result": "sunny",
        }
    )
    assert (tool.operation, tool.tool_name, tool.output_text) == ("execute_tool", "weather", "sunny")
    store = {"spring.ai.kind": "vector_store", "db.vector.query.content": "Hours?"}
    query = row(store | {"db.operation.name": "query"})
    assert (query.operation, query.retrieval_query) == ("retrieval", "Hours?")
    assert row(store | {"db.operation.name": "add"}).operation == "chain"
    assert row({"spring.ai.kind": "chat_client"}).operation == "chain"


def test_semantic_kernel_counts_under_names_of_its_own():
    """Its operation and its counters were named before the conventions had settled."""
    span = row(
        {
            "gen_ai.operation.name": "chat.completions",
            "gen_ai.request.model": "gpt-4",
            "gen_ai.response.prompt_tokens": 7,
            "gen_ai.response.completion_tokens": 9,
        }
    )
    assert (span.operation, buckets(span)) == ("chat", {"input_fresh": 7, "output_visible": 9})


def test_content_blocks_written_as_text_are_read_as_blocks():
    """Strands writes Bedrock's blocks into the events; words that only look like JSON stay words."""
    for content, words in (('[{"text": "Hours?"}]', "Hours?"), ('[{"city": "Oslo"}]', '[{"city": "Oslo"}]')):
        found = raw({"gen_ai.operation.name": "chat"}, scope="strands.telemetry.tracer")
        found.events[:] = [Event("gen_ai.user.message", found.start_ns, {"content": content})]
        assert normalise(found, "default", NOW_MS)[0].input_text == words


def test_a_whole_request_in_one_attribute_is_read():
    """OpenRouter and the first conventions: a list of messages within an object, an answer beside it."""
    asked = {
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.prompt": '{"messages":[{"role":"user","content":"Hi?"}]}',
    }
    for answer in (
        {"completion": "Yo."},
        {"choices": [{"message": {"content": "Yo."}, "finish_reason": "stop"}]},
        "Yo.",
    ):
        span = row(asked | {"gen_ai.completion": json.dumps(answer)})
        assert (span.input_text, span.output_text) == ("Hi?", "Yo.")


def test_genkits_model_tells_what_its_vendor_answered():
    """Tool calls are parts of its own; who answered, and the cached tokens, are in the vendor's response."""
    call = {"toolRequest": {"name": "weather", "ref": "c1", "input": {"city": "Oslo"}}}
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    response = {"id": "chatcmpl-1", "model": "gpt-5-mini-2025", "system_fingerprint": "fp_1", "usage": usage}
    output = {
        "finishReason": "stop",
        "message": {"role": "model", "content": [{"reasoning": "Hm."}, call]},
        "usage": {"inputTokens": 9, "outputTokens": 5},
        "raw": response,
    }
    answered = {"toolResponse": {"name": "weather", "ref": "c0", "output": "12 C"}}
    asked = {"messages": [{"role": "tool", "content": [answered]}]}
    span = row(
        {
            "genkit:name": "openai/gpt-5-mini",
            "genkit:metadata:subtype": "model",
            "genkit:input": json.dumps(asked),
            "genkit:output": json.dumps(output),
        }
    )
    assert (span.response_id, span.response_model, span.system_fingerprint) == (
        "chatcmpl-1",
        "gpt-5-mini-2025",
        "fp_1",
    )
    assert json.loads(span.output_messages)[0]["parts"] == [
        {"type": "reasoning", "content": "Hm."},
        {"type": "tool_call", "name": "weather", "arguments": {"city": "Oslo"}, "id": "c1"},
    ]
    assert json.loads(span.input_messages)[0]["parts"][0]["id"] == "c0"
    assert span.finish_reasons == ["tool_calls"]
    assert buckets(span) == {"input_fresh": 5, "cache_read": 4, "output_visible": 3, "reasoning": 2}
    output["raw"] = {}
    output["usage"] |= {"thoughtsTokens": 7, "cachedContentTokens": 3}
    told = {"genkit:name": "googleai/gemini", "genkit:metadata:subtype": "model"}
    thinking = row(told | {"genkit:output": json.dumps(output)})
    assert buckets(thinking) == {"input_fresh": 6, "cache_read": 3, "output_visible": 5, "reasoning": 7}


def test_a_call_of_spring_ais_is_read_out_of_texts():
    """Micrometer knows text alone: `none` is nothing, and tools are told by their names."""
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.response.model": "none",
        "gen_ai.request.presence_penalty": "0.5",
        "gen_ai.request.stream": "true",
        "gen_ai.request.stop_sequences": '["END"]',
        "gen_ai.response.finish_reasons": '["TOOL_USE"]',
        "spring.ai.model.request.tool.names": '["weather"]',
        "gen_ai.usage.input_tokens": "65",
        "gen_ai.usage.output_tokens": "4",
        "gen_ai.usage.total_tokens": "69",
        "gen_ai.usage.cache_read.input_tokens": "18",
    }
    span = row(told, scope="org.springframework.boot")
    assert (span.dialect, span.billed, span.response_model, span.streaming) == ("spring_ai", True, "", True)
    assert (span.parameters["presence_penalty"], span.parameters["stop"]) == ("0.5", '["END"]')
    assert (span.finish_reasons, json.loads(span.tool_definitions)[0]["name"]) == (["tool_calls"], "weather")
    assert buckets(span) == {"input_fresh": 65, "cache_read": 18, "output_visible": 4}


def test_documents_that_spring_ai_found_are_documents():
    """They are told by their words alone."""
    span = row(
        {
            "spring.ai.kind": "vector_store",
            "db.operation.name": "query",
            "db.vector.query.content": "rain?",
            "db.vector.query.response.documents": '["It rains.", "It does not."]',
        }
    )
    assert (span.operation, span.retrieval_query) == ("retrieval", "rain?")
    assert [document["content"] for document in json.loads(span.documents)] == ["It rains.", "It does not."]


@pytest.mark.parametrize(("sent", "kept"), [(0.4000000059604645, "0.4"), (0.123456789012, "0.123456789012")])
def test_a_number_of_four_bytes_is_the_one_that_was_set(sent, kept):
    """.NET and Go have such numbers, and send the eight bytes that are next to them."""
    told = {"gen_ai.operation.name": "chat", "gen_ai.request.temperature": sent}
    assert row(told).parameters == {"temperature": kept}


def test_an_exception_of_a_call_without_an_answer_is_its_error():
    """Quarkus records it, and says nothing of the status; LangChain4j's names of vendors are mapped."""
    event = Event("exception", 1, {"exception.type": "RateLimit", "exception.message": "429"})
    call = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "open_ai",
        "gen_ai.request.model": "gpt-4o",
    }
    span = normalise(raw(call, [event]), "default", NOW_MS)[0]
    assert (span.status, span.error_type, span.error_message) == ("error", "RateLimit", "429")
    assert span.provider == "openai"
    counted = raw(call | {"gen_ai.usage.input_tokens": 3}, [event])
    assert normalise(counted, "default", NOW_MS)[0].status == "unset"


@pytest.mark.parametrize("told", [{}, {"arguments": None}, {"arguments": ""}])
def test_a_tool_call_that_was_given_nothing_has_an_empty_object(told):
    """.NET leaves them out, and streams of Claude's have an empty text."""
    parts = [{"type": "tool_call", "id": "c1", "name": "now", **told}]
    answered = json.dumps([{"role": "assistant", "parts": parts}])
    span = row({"gen_ai.operation.name": "chat", "gen_ai.output.messages": answered})
    assert json.loads(span.output_messages)[0]["parts"][0]["arguments"] == {}


@pytest.mark.parametrize(
    ("name", "usage", "raw"),
    [
        ("anthropic/claude-sonnet-4-5", {"custom": {"cache_read_input_tokens": 40}}, {}),  # JavaScript
        ("anthropic/claude-sonnet-4-5", {}, {"input_tokens": 50, "cache_read_input_tokens": 40}),
        ("anthropic/claude-sonnet-4-5", {"cachedContentTokens": 40}, {}),  # Go
        ("vertexai/claude-sonnet-4-5", {"cachedContentTokens": 40}, {}),
    ],
)
def test_genkit_leaves_caches_of_claude_out_of_the_input(name, usage, raw):
    """Go tells those that were read under its own name, JavaScript all under the vendor's."""
    said = {"message": {"role": "model", "content": [{"text": "Hi."}]}}
    said["usage"] = {"inputTokens": 50, "outputTokens": 5} | usage
    said["raw"] = {"usage": raw | {"output_tokens": 5}} if raw else {}
    told = {"genkit:name": name, "genkit:metadata:subtype": "model", "genkit:output": json.dumps(said)}
    assert buckets(row(told)) == {"input_fresh": 50, "cache_read": 40, "output_visible": 5}


def test_a_step_of_genkits_around_a_failed_one_failed():
    """Go tells the failure as an error of the innermost step alone, and of those around it as their state."""
    told = {"genkit:name": "flow", "genkit:metadata:subtype": "flow"}
    assert row(told | {"genkit:state": "error"}).status == "error"
    assert row(told | {"genkit:state": "success"}).status == "unset"
