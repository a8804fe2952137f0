"""Spans of agent platforms (AgentOps, LangWatch, LiveKit, Azure and others) to the canonical row."""

import json
from decimal import Decimal

import pytest
from tests.collector.conftest import START_NS
from tests.collector.test_normalise import NOW_MS, buckets, raw, row

from kansoku.pricing.prices import Prices
from kansoku_collector.enrich.cost import put_cost
from kansoku_collector.model import Event
from kansoku_collector.normalise import normalise

SAID = (("user", "Hi?"), ("assistant", "Yo."))
COUNTED = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}


def with_contents(attributes, *events):
    """Return the row of a span with these events, each a name and its content."""
    found = raw(attributes)
    found.events[:] = [
        Event(name, START_NS, {"gen_ai.event.content": json.dumps(content)}) for name, content in events
    ]
    return normalise(found, "default", NOW_MS)[0]


@pytest.mark.parametrize(
    ("kind", "operation"),
    [("agent", "invoke_agent"), ("workflow.step", "chain"), ("session", "chain"), ("guardrail", "guardrail")],
)
def test_agentops_kinds_are_operations_and_their_content_is_searched(kind, operation):
    """What a step was given and answered is under the name of its kind."""
    told = {"agentops.span.kind": kind, f"agentops.{kind}.input": "Hi?", "agentops.entity.output": "Yo."}
    span = row(told | {"agentops.tags": ["a"]})
    assert (span.dialect, span.operation, span.tags) == ("agentops", operation, ["a"])
    assert (span.input_text, span.output_text) == ("Hi?", "Yo.")


def test_agentops_tools_have_their_arguments_and_result():
    """A decorated function has no name but its entity's."""
    told = {"agentops.tool.input": '{"a":1}', "agentops.tool.output": "2", "agentops.entity.name": "add"}
    span = row({"agentops.span.kind": "tool"} | told)
    assert (span.tool_name, span.tool_arguments, span.tool_result) == ("add", '{"a":1}', "2")


def test_the_type_of_a_request_names_the_operation():
    """AgentOps and the first conventions have no other name for it, and it is no parameter."""
    span = row(
        {"gen_ai.request.type": "embedding", "gen_ai.request.model": "text-embedding-3-small"} | COUNTED
    )
    assert (span.operation, span.parameters) == ("embeddings", {})


def test_trace_ais_messages_are_flattened_under_names_of_the_conventions():
    """Messages, tools and parameters have OpenInference's shapes, counters the names of the conventions."""
    span = row(
        {
            "gen_ai.span.kind": "LLM",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.model": "gpt-4o-2024",
            "gen_ai.request.parameters": '{"temperature": 0.1, "stream": true}',
            "gen_ai.usage.input_tokens.cache_read": 4,
            "gen_ai.input.messages.0.message.role": "user",
            "gen_ai.input.messages.0.message.content": "Hi?",
            "gen_ai.output.messages.0.message.role": "assistant",
            "gen_ai.output.messages.0.message.content": "Yo.",
            "gen_ai.tool.definitions.0.tool.json_schema": '{"name": "weather"}',
            "gen_ai.response.finish_reasons": '["stop"]',
            "gen_ai.response.id": "c1",
            "metadata": '{"plan": "pro"}',
        }
        | COUNTED,
        scope="traceai_openai",
    )
    assert (span.dialect, span.operation, span.provider, span.billed) == ("traceai", "chat", "openai", True)
    assert (span.request_model, span.response_model, span.response_id) == ("gpt-4o", "gpt-4o-2024", "c1")
    assert (span.input_text, span.output_text, span.finish_reasons) == ("Hi?", "Yo.", ["stop"])
    assert buckets(span) == {"input_fresh": 6, "cache_read": 4, "output_visible": 5}
    assert (span.parameters, span.streaming, span.metadata) == ({"temperature": "0.1"}, True, {"plan": "pro"})
    assert json.loads(span.tool_definitions) == [{"name": "weather"}]


def test_trace_ais_older_kind_is_openinferences():
    """JavaScript's packages keep OpenInference's names beside it."""
    document = "retrieval.documents.0.document."
    told = {f"{document}id": "d1", f"{document}content": "Rain.", f"{document}score": 0.4}
    span = row({"fi.span.kind": "RETRIEVER", "input.value": "Rain?"} | told)
    assert (span.operation, span.retrieval_query) == ("retrieval", "Rain?")
    assert json.loads(span.documents) == [{"id": "d1", "score": 0.4, "content": "Rain."}]


def test_a_run_of_azures_agents_answers_in_its_last_messages():
    """It has no choices, its words are inside of an object, and the thread is the session."""
    told = {"gen_ai.operation.name": "process_thread_run", "gen_ai.thread.id": "t1"}
    span = with_contents(
        told | COUNTED,
        ("gen_ai.user.message", {"role": "user", "content": "Hi?"}),
        ("gen_ai.assistant.message", {"role": "assistant", "content": {"text": {"value": "Yo."}}}),
    )
    assert (span.input_text, span.output_text, span.session_id) == ("Hi?", "Yo.", "t1")
    assert [message["role"] for message in json.loads(span.input_messages)] == ["user"]


def test_all_messages_of_one_side_can_be_an_event():
    """Azure's projects give it the name of the attribute, and put calls and results inside of parts."""
    call = {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Oslo"}}
    result = {"type": "tool_call_response", "id": "c1", "result": "12 C"}
    span = with_contents(
        {"gen_ai.operation.name": "responses", "gen_ai.request.model": "gpt-4o"},
        ("gen_ai.system.instructions", [{"type": "text", "content": "Be brief."}]),
        (
            "gen_ai.input.messages",
            [{"role": "tool", "parts": [{"type": "tool_call_output", "content": result}]}],
        ),
        (
            "gen_ai.output.messages",
            [{"role": "assistant", "parts": [{"type": "tool_call", "content": call}]}],
        ),
    )
    assert json.loads(span.output_messages)[0]["parts"] == [call]
    answer = {"type": "tool_call_response", "id": "c1", "response": "12 C"}
    assert json.loads(span.input_messages)[0]["parts"] == [answer]
    assert json.loads(span.system_instructions) == [{"type": "text", "content": "Be brief."}]


def test_langwatchs_content_is_without_its_types():
    """Input, output and contexts are wrapped with what they are; its counts are one object."""
    asked, said = ({"type": "chat_messages", "value": [{"role": r, "content": w}]} for r, w in SAID)
    span = row(
        {
            "langwatch.span.type": "llm",
            "gen_ai.request.model": "gpt-4o",
            "langwatch.input": json.dumps(asked),
            "langwatch.output": json.dumps(said),
            "langwatch.metrics": '{"prompt_tokens":5,"completion_tokens":2,"cost":0.1,"first_token_ms":250}',
            "langwatch.params": '{"temperature":0.2}',
            "langwatch.thread.id": "s",
            "langwatch.user.id": "u",
            "langwatch.labels": ["a"],
            "langwatch.prompt.handle": "p",
            "langwatch.prompt.version.number": 3,
        }
    )
    assert (span.dialect, span.billed, span.input_text, span.output_text) == ("langwatch", True, "Hi?", "Yo.")
    assert buckets(span) == {"input_fresh": 5, "output_visible": 2}
    assert (span.time_to_first_token, span.parameters) == (0.25, {"temperature": "0.2"})
    assert (span.session_id, span.user_id, span.tags) == ("s", "u", ["a"])
    assert (span.prompt_name, span.prompt_version) == ("p", "3")
    found = {"type": "json", "value": [{"document_id": "d1", "chunk_id": "c1", "content": "Rain."}]}
    asked = {"langwatch.input": '{"type":"text","value":"Wet?"}', "langwatch.rag_contexts": json.dumps(found)}
    search = row({"langwatch.span.type": "rag"} | asked)
    assert (search.operation, search.retrieval_query) == ("retrieval", "Wet?")
    assert json.loads(search.documents) == [{"id": "d1", "score": None, "content": "Rain."}]


def test_livekits_context_is_messages_and_calls():
    """Older versions have it as items; newer ones mark names that hold what people said."""
    call = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city":"Oslo"}'}
    context = {
        "items": [
            {"type": "message", "role": "user", "content": ["Hi?"]},
            call,
            {"type": "function_call_output", "call_id": "c1", "output": "12 C"},
        ]
    }
    for mark in ("lk.", "lk.pii."):
        told = {f"{mark}chat_ctx": json.dumps(context), f"{mark}response.text": "Yo."}
        told["gen_ai.request.model"] = "gpt-4o"
        started = {"langfuse.observation.completion_start_time": '"2026-09-21T14:13:20.500000+00:00"'}
        span = row(told | started | COUNTED, scope="livekit-agents")
        assert (span.operation, span.billed, span.input_text, span.output_text) == (
            "chat",
            True,
            "Hi?",
            "Yo.",
        )
        assert [message["role"] for message in json.loads(span.input_messages)] == [
            "user",
            "assistant",
            "tool",
        ]
        assert span.time_to_first_token == 0.5
        names = {"lk.function_tool.name": "weather", "lk.function_tool.id": "c1"}
        tool = row(names | {f"{mark}function_tool.output": "12 C"}, scope="livekit-agents")
        assert (tool.operation, tool.tool_name, tool.tool_result) == ("execute_tool", "weather", "12 C")


@pytest.mark.parametrize(
    ("name", "counted", "operation"),
    [
        ("llm_fallback_adapter", {}, "chain"),
        ("keyterm_detection", {}, "chain"),
        ("decision_model.evaluate", {}, "chat"),
        ("llm_request", {}, "chat"),
        ("my_model", COUNTED, "chat"),
    ],
)
def test_what_livekit_puts_around_a_call_names_its_model_and_is_none(name, counted, operation):
    """An adapter that falls back names no operation; its calls are beneath it."""
    found = raw({"gen_ai.request.model": "gpt-4o"} | counted, scope="livekit-agents")
    found.name = name
    span = normalise(found, "default", NOW_MS)[0]
    assert (span.operation, span.billed) == (operation, operation == "chat")


@pytest.mark.parametrize(
    ("told", "fresh"),
    [
        ({"gen_ai.provider.name": "anthropic"}, 10),
        ({"gen_ai.provider.name": "aws.bedrock"}, 10),
        ({"gen_ai.system": "awsbedrock"}, 10),
        ({"gen_ai.provider.name": "openai"}, 4),
    ],
)
def test_caches_of_claude_are_beside_pipecats_input(told, fresh):
    """Its services pass on what the vendor counts; OpenAI's count has them inside."""
    cached = {"gen_ai.usage.cache_read.input_tokens": 4, "gen_ai.usage.cache_creation.input_tokens": 2}
    span = row({"gen_ai.operation.name": "chat"} | told | COUNTED | cached, scope="pipecat")
    assert buckets(span) == {
        "input_fresh": fresh,
        "cache_read": 4,
        "cache_write_5m": 2,
        "output_visible": 5,
    }


@pytest.mark.parametrize("scope", ["pipecat", "livekit-agents", "any"])
def test_a_sound_that_was_cached_is_counted_as_cached(scope):
    """Sounds are told with those from the cache; how many those were stays on the row, for the ledger."""
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-realtime-mini",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 80,
        "gen_ai.usage.cache_read.input_tokens": 600,
        "gen_ai.usage.audio.input_tokens": 800,
        "gen_ai.usage.audio.cache_read.input_tokens": 500,
        "gen_ai.usage.audio.output_tokens": 80,
    }
    span = row(told, scope=scope)
    assert buckets(span) == {"input_fresh": 100, "cache_read": 600, "audio_in": 300, "audio_out": 80}
    put_cost(span, Prices())
    # 0.60 text, 0.06 text and 0.30 sound cached, 10 sound, 20 sound answered
    dollars = 100 * Decimal("0.6") + 100 * Decimal("0.06") + 500 * Decimal("0.3") + 300 * 10 + 80 * 20
    assert span.cost_usd == dollars / 1_000_000


def test_langfuses_names_on_a_span_of_another_dialect_are_read():
    """A program names its prompt and its notes so, on spans that its own instrumentation wrote."""
    told = {"langfuse.observation.prompt.name": "p", "langfuse.observation.prompt.version": 2}
    told |= {"langfuse.observation.metadata.plan": "pro", "gen_ai.operation.name": "chat"}
    span = row(told)
    assert (span.dialect, span.prompt_name, span.prompt_version) == ("gen_ai", "p", "2")
    assert span.metadata == {"plan": "pro"}


def test_an_evaluation_can_be_a_span_or_an_event_of_langwatchs():
    """Both become feedback: of the span around it, or of the one that it names."""
    told = {
        "gen_ai.operation.name": "evaluation",
        "gen_ai.evaluation.name": "relevance",
        "gen_ai.evaluation.score.value": 0.7,
        "gen_ai.evaluation.score.label": "good",
        "gen_ai.evaluation.target_span_id": "ab" * 8,
    }
    span, (score,) = normalise(raw(told), "default", NOW_MS)
    assert (span.operation, score.span_id, score.name) == ("evaluation", "ab" * 8, "relevance")
    assert (score.value, score.label, score.source) == (0.7, "good", "evaluator")
    found = raw({"langwatch.span.type": "llm"})
    event = {"name": "toxic", "passed": False, "score": 0.1, "details": "Rude."}
    content = {"json_encoded_event": json.dumps(event)}
    found.events[:] = [Event("langwatch.evaluation.custom", START_NS, content)]
    _, (score,) = normalise(found, "default", NOW_MS)
    assert (score.name, score.value, score.label, score.comment) == ("toxic", 0.1, "fail", "Rude.")


def test_pipecats_content_has_names_without_a_prefix():
    """Its times are seconds, a turn of the conversation is a step, and speech is no chat."""
    asked = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]
    told = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "stream": True}
    content = {"input": json.dumps(asked), "output": "Yo.", "tools": '[{"type":"function"}]'}
    span = row(told | content | COUNTED | {"metrics.ttfb": 0.4, "conversation.id": "c"}, scope="pipecat")
    assert (span.dialect, span.billed, span.input_text, span.output_text) == ("pipecat", True, "Hi?", "Yo.")
    assert (span.streaming, span.time_to_first_token, span.session_id) == (True, 0.4, "c")
    assert span.tool_definitions == '[{"type":"function"}]'
    assert row({"turn.number": 1}, scope="pipecat.turn").operation == "chain"
    assert not row({"gen_ai.operation.name": "tts", "gen_ai.request.model": "sonic"}, scope="pipecat").billed


def test_a_client_that_prompt_flow_traced_is_a_call():
    """The call's arguments and the vendor's response are JSON; of a stream there is the message alone."""
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi?"}], "temperature": 0.2}
    message = {"role": "assistant", "content": "Yo."}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}
    response = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4o-2024",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": usage,
    }
    told = {"framework": "promptflow", "span_type": "LLM", "inputs": json.dumps(asked)}
    counted = {"llm.usage.prompt_tokens": 10, "llm.usage.completion_tokens": 5}
    span = row(told | counted | {"output": json.dumps(response)}, scope="promptflow")
    assert (span.dialect, span.billed, span.input_text, span.output_text) == (
        "promptflow",
        True,
        "Hi?",
        "Yo.",
    )
    assert (span.request_model, span.response_model, span.response_id) == (
        "gpt-4o",
        "gpt-4o-2024",
        "chatcmpl-1",
    )
    assert buckets(span) == {"input_fresh": 6, "cache_read": 4, "output_visible": 5}
    assert (span.finish_reasons, span.parameters) == (["stop"], {"temperature": "0.2"})
    stream = {"output": '["Y", "o."]', "llm.generated_message": json.dumps(message)}
    span = row(told | counted | stream, scope="promptflow")
    assert (span.output_text, buckets(span)) == ("Yo.", {"input_fresh": 10, "output_visible": 5})
    step = row({"framework": "promptflow", "span_type": "Function", "output": '"y"'}, scope="promptflow")
    assert (step.operation, step.output_text, step.billed) == ("chain", "y", False)


def test_voltagents_calls_tools_and_agents_are_what_they_are():
    """Only the calls of models are billed; their agent repeats the sum."""
    ours = {"entity.id": "a1", "entity.type": "agent", "conversation.id": "c"}
    span = row(
        ours
        | {
            "span.type": "llm",
            "llm.model": "openai/gpt-4o",
            "llm.messages": '[{"role":"user","content":"Hi?"}]',
            "llm.temperature": 0.2,
            "llm.finish_reason": "stop",
            "llm.usage.prompt_tokens": 10,
            "llm.usage.completion_tokens": 5,
            "llm.usage.cached_tokens": 4,
            "llm.usage.reasoning_tokens": 2,
            "output": "Yo.",
        }
    )
    assert (span.dialect, span.billed, span.input_text, span.output_text) == ("voltagent", True, "Hi?", "Yo.")
    assert (span.provider, span.request_model, span.session_id) == ("openai", "gpt-4o", "c")
    assert buckets(span) == {"input_fresh": 6, "cache_read": 4, "output_visible": 3, "reasoning": 2}
    assert (span.finish_reasons, span.parameters) == (["stop"], {"temperature": "0.2"})
    told = {"span.type": "tool", "tool.name": "add", "input": '{"a":1}', "output": "2"}
    tool = row(ours | told)
    assert (tool.tool_name, tool.tool_arguments, tool.tool_result) == ("add", '{"a":1}', "2")
    agent = row(ours | {"span.type": "agent", "usage.prompt_tokens": 10, "input": "Hi?"})
    assert (agent.operation, agent.billed, agent.input_text) == ("invoke_agent", False, "Hi?")


CLAUDE = {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5"}
CLAUDES = {
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 5,
    "gen_ai.usage.cache_read_input_tokens": 40,
    "gen_ai.usage.cache_write_input_tokens": 20,
    "gen_ai.usage.cache_creation_input_tokens": 20,
}


@pytest.mark.parametrize(
    ("told", "fresh"),
    [
        ({"sigil.generation.id": "g"}, 100),
        ({"agento11y.generation.id": "g"}, 100),
        ({"agento11y.generation.id": "g", "gen_ai.token.semantics": "inclusive"}, 40),
    ],
)
def test_a_generation_of_grafanas_is_billed_with_its_caches_once(told, fresh):
    """Its SDKs name operations after functions, and say whether a count is the vendor's own."""
    span = row({"gen_ai.operation.name": "streamText"} | CLAUDE | CLAUDES | told)
    assert (span.operation, span.billed, span.streaming) == ("chat", True, True)
    assert buckets(span) == {
        "input_fresh": fresh,
        "cache_read": 40,
        "cache_write_5m": 20,
        "output_visible": 5,
    }


@pytest.mark.parametrize("total", [{}, {"agento11y.gen_ai.usage.total_tokens": 170}])
def test_thoughts_under_grafanas_sdk_are_in_the_output_once(total):
    """Of Google's models it passes on answer and thoughts as they are, with or without a total."""
    told = {"gen_ai.operation.name": "generateText", "agento11y.generation.id": "g"}
    asked = {"gen_ai.provider.name": "gcp.gemini", "gen_ai.request.model": "gemini-2.5-pro"}
    counts = {
        "gen_ai.usage.input_tokens": 120,
        "gen_ai.usage.output_tokens": 40,
        "gen_ai.usage.reasoning.output_tokens": 10,
    }
    span = row(told | asked | counts | total)
    assert buckets(span) == {"input_fresh": 120, "output_visible": 40, "reasoning": 10}


def test_the_span_around_a_run_of_voltagents_agent_has_its_words():
    """It has no kind, unlike those beneath it, and its usage is the sum of theirs."""
    told = {
        "entity.type": "agent",
        "entity.name": "helper",
        "agent.state": "completed",
        "user.id": "u",
        "conversation.id": "s",
        "input": "Hi?",
        "output": "Yo.",
        "ai.model.name": "gpt-4o",
        "usage.prompt_tokens": 10,
        "usage.completion_tokens": 5,
    }
    span = row(told)
    assert (span.dialect, span.operation, span.billed) == ("voltagent", "invoke_agent", False)
    assert (span.input_text, span.output_text) == ("Hi?", "Yo.")
    assert (span.user_id, span.session_id) == ("u", "s")
    assert span.attributes["gen_ai.agent.name"] == "helper"
    assert row(told | {"subagent.name": "scout"}).attributes["gen_ai.agent.name"] == "scout"
