"""Spans of DeepEval, Langtrace's first versions, NeMo Guardrails and memories to the canonical row."""

import json

import pytest
from tests.collector.conftest import START_NS
from tests.collector.test_normalise import buckets, row

from kansoku_collector.model import Event

ASKED = [{"role": "user", "content": "観測とは?"}]
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}


def langtrace(path="/chat/completions", **more):
    """Return the row of a call as Langtrace 1.3 wrote it; dots of names are written as __."""
    told = {
        "langtrace.service.name": "OpenAI",
        "langtrace.service.type": "llm",
        "llm.api": path,
        "llm.model": "gpt-4-0613",
        "llm.prompts": json.dumps(ASKED),
        "llm.token.counts": '{"input_tokens": 12, "output_tokens": 7, "total_tokens": 19}',
    }
    events = (
        [Event("stream.output", START_NS + 10**9, {"response": "It "})] if more.get("llm__stream") else []
    )
    return row(told | {name.replace("__", "."): value for name, value in more.items()}, events)


def test_langtraces_first_names_are_a_call():
    """Messages, counts and tools are JSON; one message that only calls tools is the list of its calls."""
    answer = json.dumps([{"message": {"role": "assistant", "content": "It watches."}}])
    history = json.dumps([*ASKED, [CALL], {"role": "tool", "tool_call_id": "c1", "content": "sunny"}])
    span = langtrace(
        llm__prompts=history,
        llm__responses=answer,
        llm__tools=json.dumps([json.dumps([TOOL])]),
        llm__temperature=0.2,
        llm__system__fingerprint="fp_1",
        llm__user="u1",
    )
    assert (span.dialect, span.operation, span.billed, span.provider) == ("langtrace", "chat", True, "openai")
    assert (span.request_model, span.system_fingerprint, span.user_id) == ("gpt-4-0613", "fp_1", "u1")
    assert (span.input_text, span.output_text) == ("観測とは?", "It watches.")
    assert buckets(span) == {"input_fresh": 12, "output_visible": 7}
    assert (span.usage_source, span.parameters) == ("reported", {"temperature": "0.2"})
    assert json.loads(span.input_messages)[1]["parts"][0]["name"] == "weather"
    assert json.loads(span.tool_definitions) == [TOOL]


def test_langtrace_guesses_the_tokens_of_a_stream():
    """It counts the pieces by a tokenizer; the first of them is when the answer began."""
    span = langtrace(llm__stream=True)
    assert (span.usage_source, span.streaming, span.time_to_first_token) == ("estimated", True, 1.0)
    assert span.events == ""
    assert langtrace(llm__token__counts='{"input_tokens": 0, "output_tokens": 0}').usage_source == "none"


@pytest.mark.parametrize(
    ("path", "service", "expected"),
    [
        ("/embeddings", "OpenAI", ("embeddings", "openai")),
        ("/images/generations", "OpenAI", ("image", "openai")),
        ("/v1/messages", "Anthropic", ("chat", "anthropic")),
        ("/chat/completions", "Azure", ("chat", "azure.ai.openai")),
    ],
)
def test_langtraces_path_is_the_operation(path, service, expected):
    """Nothing else says it."""
    span = langtrace(path, langtrace__service__name=service)
    assert (span.operation, span.provider) == expected


def test_deepevals_call_of_a_model_is_read():
    """Content is in names of the span, counts and model in the call's, who and which in the trace's."""
    told = {
        "confident.span.type": "llm",
        "confident.llm.model": "gpt-5-mini",
        "confident.span.provider": "OpenAI",
        "confident.span.input": json.dumps(ASKED),
        "confident.span.output": "It watches.",
        "confident.llm.input_token_count": 12,
        "confident.llm.output_token_count": 7,
        "confident.llm.cost_per_input_token": 0.000001,
        "confident.llm.cost_per_output_token": 0.000002,
        "confident.span.prompt_alias": "greeting",
        "confident.span.prompt_version": "00.00.01",
        "confident.trace.user_id": "u1",
        "confident.trace.thread_id": "t1",
        "confident.trace.tags": ["a"],
        "confident.trace.metadata": '{"tenant": "x"}',
        "confident.trace.name": "greet",
    }
    span = row(told)
    assert (span.dialect, span.operation, span.billed, span.provider) == ("deepeval", "chat", True, "openai")
    assert (span.request_model, span.input_text, span.output_text) == (
        "gpt-5-mini",
        "観測とは?",
        "It watches.",
    )
    assert buckets(span) == {"input_fresh": 12, "output_visible": 7}
    assert float(span.attributes["kansoku.cost.reported_usd"]) == pytest.approx(0.000026)
    assert (span.prompt_name, span.prompt_version) == ("greeting", "00.00.01")
    assert (span.user_id, span.session_id, span.tags, span.metadata) == ("u1", "t1", ["a"], {"tenant": "x"})
    assert span.attributes["confident.trace.name"] == "greet"


def test_deepevals_tools_and_retrievers_are_read():
    """A retriever's passages are texts; what has no kind is a step."""
    tool = row(
        {
            "confident.span.type": "tool",
            "confident.tool.name": "weather",
            "confident.span.input": '{"city":"Oslo"}',
            "confident.span.output": "sunny",
        }
    )
    assert (tool.operation, tool.tool_name, tool.tool_result) == ("execute_tool", "weather", "sunny")
    told = {"confident.span.input": "hours?", "confident.span.retrieval_context": ["9:00", "10:00"]}
    found = row(told | {"confident.span.type": "retriever"})
    assert (found.operation, found.retrieval_query) == ("retrieval", "hours?")
    assert [document["content"] for document in json.loads(found.documents)] == ["9:00", "10:00"]
    step = row({"confident.span.input": "hours?", "confident.span.output": "9:00"})
    assert (step.operation, step.billed, step.input_text, step.output_text) == (
        "chain",
        False,
        "hours?",
        "9:00",
    )


def test_what_deepeval_says_of_a_trace_is_read_on_spans_of_others():
    """Its processors write it on spans of any instrumentation, and their kind beside the conventions'."""
    told = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5-mini"}
    span = row(told | {"confident.trace.user_id": "u1", "confident.trace.environment": "staging"})
    assert (span.dialect, span.user_id, span.environment) == ("gen_ai", "u1", "staging")
    both = row(told | {"confident.span.type": "agent", "gen_ai.usage.input_tokens": 3})
    assert (both.operation, both.input_fresh) == ("chat", 3)


def nemo(**more):
    """Return the row of a call of a model as NeMo Guardrails' tracer writes it."""
    told = {
        "gen_ai.operation.name": "self_check_input",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5-mini",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 7,
        "llm.cache.hit": False,
    }
    events = [
        Event("gen_ai.content.prompt", START_NS, {"content": "Is this fine?"}),
        Event("gen_ai.content.completion", START_NS, {"content": "No"}),
    ]
    return row(told | {name.replace("__", "."): value for name, value in more.items()}, events)


def test_a_call_of_nemos_is_billed_unless_its_cache_answered():
    """Its operation is the task that it was for; a cached answer repeats the tokens of the first one."""
    span = nemo()
    assert (span.dialect, span.operation, span.billed) == ("nemo", "chat", True)
    assert (span.input_text, span.output_text, span.events) == ("Is this fine?", "No", "")
    cached = nemo(llm__cache__hit=True)
    assert (cached.operation, cached.billed, cached.input_fresh) == ("chat", False, 12)
    unknown = nemo(gen_ai__provider__name="unknown", gen_ai__request__model="unknown")
    assert (unknown.provider, unknown.request_model, unknown.billed) == ("", "", True)


@pytest.mark.parametrize(
    ("told", "operation"),
    [
        ({"rail.type": "input", "rail.name": "self check input"}, "guardrail"),
        ({"rail.type": "dialog", "rail.name": "generate"}, "chain"),
        ({"action.name": "self_check_input", "action.has_llm_calls": True}, "chain"),
        ({"gen_ai.operation.name": "guardrails"}, "chain"),
    ],
)
def test_rails_of_nemos_are_guardrails(told, operation):
    """Those that answer, actions and the request around all of them are steps."""
    span = row(told, scope="nemo_guardrails")
    assert (span.dialect, span.operation, span.billed) == ("nemo", operation, False)


def memory(what, **more):
    """Return the row of an operation of mem0's as OpenLIT writes it."""
    told = {"gen_ai.operation.name": "memory", "gen_ai.provider.name": "mem0", "gen_ai.endpoint": what}
    told |= {name.replace("__", "."): value for name, value in more.items()}
    return row(told, name=what, scope="openlit.instrumentation.mem0")


def test_a_search_of_mem0s_is_a_retrieval():
    """What is remembered is a document."""
    hits = {"results": [{"id": "m1", "memory": "Likes tea.", "score": 0.9}]}
    span = memory(
        "memory search",
        gen_ai__memory__search__query="drinks",
        gen_ai__output__messages=json.dumps(hits),
        gen_ai__user__id="u1",
    )
    assert (span.operation, span.retrieval_query, span.user_id) == ("retrieval", "drinks", "u1")
    assert json.loads(span.documents) == [{"id": "m1", "score": 0.9, "content": "Likes tea."}]
    assert span.output_messages == ""


def test_what_is_added_to_mem0_is_a_tool():
    """It changes what is remembered; nobody retrieves anything."""
    span = memory("memory add", gen_ai__input__messages=json.dumps(ASKED))
    assert (span.operation, span.tool_name) == ("execute_tool", "memory add")
    assert json.loads(span.tool_arguments) == ASKED
    assert memory("memory delete_all").operation == "execute_tool"


def test_a_conversation_of_claudes_agent_sdk_is_billed_and_its_turns_are_not():
    """Under traceAI the sums of the SDK are on the conversation alone; its input leaves out caches."""
    asked = {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5"}
    counts = {
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.total_tokens": 105,
        "gen_ai.usage.cache_read_tokens": 40,
        "gen_ai.usage.cache_creation_tokens": 20,
    }
    kind = {"fi.span.kind": "CHAIN", "claude_agent.span_kind": "conversation"}
    whole = row(kind | asked | counts | {"input.value": "Hi?", "output.value": "Yo.", "session.id": "s"})
    assert (whole.billed, whole.provider, whole.request_model) == (True, "anthropic", "claude-sonnet-4-5")
    assert buckets(whole) == {
        "input_fresh": 100,
        "cache_read": 40,
        "cache_write_5m": 20,
        "output_visible": 5,
    }
    assert (whole.input_text, whole.output_text, whole.session_id) == ("Hi?", "Yo.", "s")
    assert row(kind | asked | {"input.value": "Hi?"}).operation == "invoke_agent"
    turn = row({"fi.span.kind": "LLM", "claude_agent.span_kind": "assistant_turn"} | asked)
    assert (turn.operation, turn.billed) == ("chain", False)


def test_a_stream_of_trace_ais_has_the_facts_of_the_raw_response():
    """Its package for JavaScript has the words as the output, and the response beside them."""
    response = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-20250514",
        "content": [{"type": "text", "text": "Yo."}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }
    span = row(
        {
            "fi.span.kind": "LLM",
            "gen_ai.request.model": "claude-sonnet-4",
            "gen_ai.output.messages.0.message.role": "assistant",
            "gen_ai.output.messages.0.message.content": "Yo.",
            "output.value": "Yo.",
            "raw.output": json.dumps(response),
        }
    )
    assert (span.response_id, span.response_model) == ("msg_1", "claude-sonnet-4-20250514")
    assert (span.output_text, span.finish_reasons) == ("Yo.", ["stop"])
