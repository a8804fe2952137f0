"""Frameworks of agents under their own and others' instrumentations: ADK, Semantic Kernel, DSPy, CrewAI."""

import json

from tests.collector.test_dialect_logfire import row
from tests.collector.test_normalise import NOW_MS, buckets, raw

from kansoku_collector.model import Event
from kansoku_collector.normalise import normalise

DETAILS = "gen_ai.client.inference.operation.details"
KIT = "gcp.vertex.agent"
CALL = {"gen_ai.operation.name": "generate_content", "gen_ai.request.model": "gemini-2.5-flash"}


def text(words):
    """Return the one part of a message."""
    return {"type": "text", "content": words}


def said(words, reason=""):
    """Return an answer, or a piece of one."""
    return {"role": "assistant", "parts": [text(words)], "finish_reason": reason}


def with_events(attributes, *events, scope=KIT):
    """Return the row of a span that has these events."""
    found = raw(attributes, scope=scope)
    found.events[:] = [Event(name, found.start_ns, dict(given)) for name, given in events]
    return normalise(found, "default", NOW_MS)[0]


def details(counts, answered, **more):
    """Return the event that holds a call of the kit's."""
    return DETAILS, {
        "gen_ai.usage.input_tokens": counts[0],
        "gen_ai.usage.output_tokens": counts[1],
        "gen_ai.output.messages": answered,
        **more,
    }


def test_the_kits_event_names_the_user_and_a_stream_in_pieces_is_one_answer():
    """Gemini's pieces add up to the answer; LiteLLM's are followed by the whole of it."""
    for answered in (
        [said("9時"), said("です。", "stop")],
        [said("9時"), said("です。"), said("9時です。", "stop")],
    ):
        span = with_events(CALL, details((9, 4), answered, **{"user.id": "u1"}))
        assert (span.output_text, span.streaming, span.finish_reasons) == ("9時です。", True, ["stop"])
        assert (len(json.loads(span.output_messages)), span.user_id) == (1, "u1")
    whole = with_events(CALL, details((9, 4), [said("9時です。", "stop")]))
    assert (whole.output_text, whole.streaming) == ("9時です。", False)


def test_several_calls_in_the_span_of_an_agent_lose_no_tokens():
    """OpenInference leaves one span for all calls of a turn: each has its event, attributes the last."""
    calls = (details((100, 20), [said("", "stop")]), details((150, 7), [said("Sunny.", "stop")]))
    last = {"gen_ai.usage.input_tokens": 150, "gen_ai.usage.output_tokens": 7}
    span = with_events(CALL | last, *calls)
    assert (buckets(span), span.output_text) == ({"input_fresh": 250, "output_visible": 27}, "Sunny.")


def test_the_kits_first_versions_name_themselves_and_leave_thoughts_and_caches_to_geminis_object():
    """The vendor is in the model's name; what the attributes count is less than Gemini's own object tells."""
    usage = {"prompt_token_count": 100, "candidates_token_count": 30, "thoughts_token_count": 12}
    usage |= {"cached_content_token_count": 40, "total_token_count": 142}
    answer = {"content": {"role": "model", "parts": [{"text": "ok"}]}, "usage_metadata": usage}
    given = {
        "gen_ai.system": KIT,
        "gen_ai.request.model": "gemini-2.5-flash",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 30,
        "gcp.vertex.agent.llm_response": json.dumps(answer),
    }
    span = row(given, name="call_llm", scope=KIT)
    counted = {"input_fresh": 60, "cache_read": 40, "output_visible": 30, "reasoning": 12}
    assert (span.provider, buckets(span)) == ("gcp.gemini", counted)
    routed = row(given | {"gen_ai.request.model": "openai/gpt-5-mini"}, name="call_llm", scope=KIT)
    assert routed.provider == "openai"
    inside = json.dumps(answer | {"usage_metadata": usage | {"total_token_count": 130}})
    same = row(given | {"gcp.vertex.agent.llm_response": inside}, name="call_llm", scope=KIT)
    assert buckets(same) == {"input_fresh": 60, "cache_read": 40, "output_visible": 18, "reasoning": 12}


def test_the_kit_counts_thoughts_of_litellms_answers_twice():
    """It adds them to the answer, as of Gemini's; the answers of others hold them already."""
    counts = {"gen_ai.usage.output_tokens": 42, "gen_ai.usage.reasoning.output_tokens": 3}
    asked = CALL | counts | {"gen_ai.usage.input_tokens": 9}
    routed = row(asked | {"gen_ai.request.model": "openai/gpt-5-mini"}, scope=KIT)
    assert (routed.output_visible, routed.reasoning) == (36, 3)
    for model in ("gemini-2.5-flash", "projects/p/locations/l/publishers/google/models/gemini-2.5-flash"):
        own = row(asked | {"gen_ai.request.model": model}, scope=KIT)
        assert (own.output_visible, own.reasoning) == (39, 3)
    thoughts = {"gen_ai.usage.reasoning.output_tokens": 3}
    calls = [details((100, answered), [said("ok", "stop")], **thoughts) for answered in (51, 52)]
    turn = with_events(asked | {"gen_ai.request.model": "openai/gpt-5-mini"}, *calls)
    assert (turn.input_fresh, turn.output_visible, turn.reasoning) == (200, 91, 6)


def test_semantic_kernels_log_bodies_are_messages_in_json():
    """Bodies are JSON text, and reasons as Python prints them; words that look like JSON stay words."""
    call = {"function": {"name": "weather", "arguments": '{"city":"Oslo"}'}, "id": "c1", "type": "function"}
    choice = {"message": {"role": "assistant", "tool_calls": [call]}, "finish_reason": "tool_calls"}
    given = {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "openai",
        "gen_ai.response.finish_reason": "FinishReason.TOOL_CALLS",
    }
    span = with_events(
        given,
        ("gen_ai.system.message", {"body": json.dumps({"role": "system", "content": "Be brief."})}),
        ("gen_ai.user.message", {"body": json.dumps({"role": "user", "content": "天気は？"})}),
        ("gen_ai.choice", {"body": json.dumps(choice)}),
        scope="semantic_kernel.utils.telemetry",
    )
    assert (span.input_text, span.finish_reasons) == ("天気は?", ["tool_calls"])
    assert json.loads(span.output_messages)[0]["parts"][0]["name"] == "weather"
    words = with_events(given, ("gen_ai.user.message", {"body": '{"city":"Oslo"}'}))
    assert words.input_text == '{"city":"Oslo"}'


HAYSTACK = "openinference.instrumentation.haystack"
META = (
    "_meta={'model': 'gpt-5-mini-2025-08-07', 'index': 0, 'finish_reason': 'tool_calls', 'usage': "
    "{'prompt_tokens': 100, 'completion_tokens': 30, 'completion_tokens_details': {'reasoning_tokens': 9}, "
    "'prompt_tokens_details': {'cached_tokens': 40}}})"
)


def test_haystacks_printed_objects_tell_reasons_parts_of_usage_and_tools():
    """OpenInference prints Haystack's messages and tools; the words are in attributes besides."""
    reply = f"ChatMessage(_role=<ChatRole.ASSISTANT: 'assistant'>, _content=[], _name=None, {META}"
    tool = (
        "Tool(name='weather', description=\"It's the weather\", parameters={'type': 'object'}, function=<f>)"
    )
    printed = {"messages": ["ChatMessage(_role=<ChatRole.USER: 'user'>)"], "tools": [tool]}
    call = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-5-mini-2025-08-07",
        "llm.provider": "openai",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "Weather?",
        "llm.input_messages.1.message.role": "assistant",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "weather",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": "{}",
        "llm.token_count.prompt": 100,
        "llm.token_count.completion": 30,
        "input.value": json.dumps(printed),
        "output.value": json.dumps({"replies": [reply]}),
    }
    span = row(call, name="OpenAIChatGenerator.run", scope=HAYSTACK)
    assert (span.finish_reasons, span.response_model) == (["tool_calls"], "gpt-5-mini-2025-08-07")
    assert buckets(span) == {"input_fresh": 60, "cache_read": 40, "output_visible": 21, "reasoning": 9}
    assert span.input_text == "Weather?"
    assert json.loads(span.tool_definitions)[0]["description"] == "It's the weather"
    odd = call | {"output.value": json.dumps({"replies": ["ChatMessage(_meta={'usage': <object>})", 7]})}
    assert row(odd, scope=HAYSTACK).finish_reasons == []


def test_haystacks_embedder_tells_its_tokens_in_the_answer():
    """The span's attributes have none."""
    answer = {
        "embedding": "<3-dimensional vector>",
        "meta": {"usage": {"prompt_tokens": 12, "total_tokens": 12}},
    }
    call = {"openinference.span.kind": "EMBEDDING", "embedding.model_name": "text-embedding-3-small"}
    assert buckets(row(call | {"output.value": json.dumps(answer)}, scope=HAYSTACK)) == {"input_fresh": 12}


def test_agno_counts_caches_of_claude_beside_the_input():
    """Its figures are the vendor's: of OpenAI's the cached tokens are inside."""
    call = {
        "openinference.span.kind": "LLM",
        "llm.token_count.prompt": 100,
        "llm.token_count.completion": 5,
        "llm.token_count.prompt_details.cache_read": 30,
        "llm.token_count.prompt_details.cache_write": 20,
    }
    scope = "openinference.instrumentation.agno"
    claude = row(call | {"llm.model_name": "claude-sonnet-4-5", "llm.provider": "Anthropic"}, scope=scope)
    assert (claude.input_fresh, claude.cache_read, claude.cache_write_5m) == (100, 30, 20)
    openai = row(call | {"llm.model_name": "gpt-5-mini", "llm.provider": "OpenAI"}, scope=scope)
    assert openai.input_fresh == 50


def test_tools_of_dspy_and_smolagents_have_their_name_and_their_arguments():
    """DSPy names the method or the class, smolagents lists how the tool was called."""
    kind = {"openinference.span.kind": "TOOL"}
    dspy = row(
        kind | {"input.value": '{"kwargs": {"city": "Oslo"}}', "output.value": '"sunny"'},
        name="weather.__call__",
        scope="openinference.instrumentation.dspy",
    )
    assert (dspy.tool_name, dspy.tool_arguments, dspy.tool_result) == ("weather", '{"city":"Oslo"}', "sunny")
    called = '{"args": [], "sanitize_inputs_outputs": true, "kwargs": {"city": "Oslo"}}'
    smol = row(kind | {"tool.name": "weather", "input.value": called}, name="SimpleTool")
    assert smol.tool_arguments == '{"city":"Oslo"}'
    traced = {"mlflow.spanType": '"TOOL"', "mlflow.spanInputs": '{"city": "Oslo"}'}
    mlflow = row(traced, name="Tool.weather", scope="mlflow.tracing.provider")
    assert (mlflow.tool_name, mlflow.tool_arguments) == ("weather", '{"city":"Oslo"}')
    smolagents = {
        "mlflow.spanType": '"TOOL"',
        "mlflow.spanInputs": '{"sanitize_inputs_outputs": true, "kwargs": {"city": "Oslo"}}',
        "mlflow.spanOutputs": '{"_value": "sunny"}',
    }
    mlflow = row(smolagents, name="Weather.__call__", scope="mlflow.tracing.provider")
    assert (mlflow.tool_name, mlflow.tool_arguments, mlflow.tool_result) == (
        "Weather",
        '{"city":"Oslo"}',
        "sunny",
    )
    placed = '{"args": ["Oslo"], "kwargs": {}}'
    assert row(kind | {"tool.name": "weather", "input.value": placed}).tool_arguments == placed


def test_an_answer_of_dspys_is_words_and_not_the_object_around_them():
    """Of the Responses API it lists objects with a text."""
    call = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-5-mini"}
    span = row(call | {"output.value": json.dumps([{"text": "晴れです"}])})
    assert span.output_text == "晴れです"
    assert json.loads(span.output_messages)[0]["parts"] == [text("晴れです")]


AGENTS = "opentelemetry.instrumentation.openai_agents"
CALLED = '{"city":"Oslo"}'


def answered(*printed):
    """Return the row of a call whose answer OpenTelemetry's package printed."""
    message = {"role": "assistant", "parts": [text(words) for words in printed]}
    call = {"gen_ai.operation.name": "chat", "gen_ai.output.messages": json.dumps([message])}
    zeros = {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}
    return row(call | zeros, scope=AGENTS)


def test_printed_answers_of_the_agents_sdk_are_read():
    """A dict of chat completions, objects of the Responses API, the SDK's own response: each is printed."""
    chat = {"content": None, "role": "assistant", "tool_calls": [{"function": {"name": "weather"}}]}
    chat["tool_calls"] = [
        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": CALLED}}
    ]
    item = (
        f"ResponseFunctionToolCall(arguments='{CALLED}', call_id='c1', name='weather', type='function_call')"
    )
    stream = {"id": "__fake_id__", "object": "response", "output": []}
    stream["output"] = [
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": CALLED, "status": None}
    ]
    for printed in (str(chat), item, str(stream)):
        span = answered(printed)
        part = json.loads(span.output_messages)[0]["parts"][0]
        assert (part["type"], part["name"], part["id"]) == ("tool_call", "weather", "c1")
        assert (part["arguments"], span.output_text, span.usage_source) == ({"city": "Oslo"}, "", "none")
    function = f"Function(arguments='{CALLED}', name='weather')"
    crewai = f"[ChatCompletionMessageToolCall(function={function}, id='c1', type='function')]"
    assert json.loads(answered(crewai).output_messages) == json.loads(answered(str(chat)).output_messages)
    assert answered("{'a': <object>}").output_text == "{'a': <object>}"
    assert answered("Responses are fine.").output_text == "Responses are fine."


def test_turns_and_guardrails_of_the_agents_sdk_have_a_kind():
    """OpenTelemetry's package calls a turn unknown."""
    assert row({"gen_ai.operation.name": "unknown"}, scope=AGENTS).operation == "chain"
    assert row({"gen_ai.operation.name": "guardrail_check"}, scope=AGENTS).operation == "guardrail"


def test_printed_tools_of_langchain_are_read_under_openlit():
    """It prints the arguments and the message; what is no message stays as it is."""
    tool = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "weather",
        "gen_ai.tool.call.arguments": "{'city': 'Oslo', 'sure': True}",
        "gen_ai.tool.call.result": "content=\"It's sunny\" name='weather' tool_call_id='c1'",
    }
    span = row(tool, scope="openlit.instrumentation.langchain")
    assert (span.tool_arguments, span.tool_result, span.output_text) == (
        '{"city":"Oslo","sure":true}',
        "It's sunny",
        "It's sunny",
    )
    odd = {"gen_ai.tool.call.arguments": "{'f': <f>}", "gen_ai.tool.call.result": "content= unknown"}
    left = row(tool | odd, scope="openlit.instrumentation.langchain")
    assert (left.tool_arguments, left.tool_result) == ("{'f': <f>}", "content= unknown")


def test_tools_of_langchain_are_unwrapped_under_openllmetry():
    """Its callbacks' arguments and LangChain's message are around what was given and answered."""
    message = {"lc": 1, "kwargs": {"content": "sunny", "name": "weather", "tool_call_id": "c1"}}
    given = {"input_str": "{'city': 'Oslo'}", "tags": [], "inputs": {"city": "Oslo"}}
    span = row(
        {
            "traceloop.span.kind": "tool",
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "weather",
            "gen_ai.tool.call.arguments": json.dumps(given),
            "gen_ai.tool.call.result": json.dumps({"output": message, "kwargs": {}}),
        },
        scope="opentelemetry.instrumentation.langchain",
    )
    assert (span.tool_arguments, span.tool_result, span.tool_call_id) == (CALLED, "sunny", "c1")
    assert (span.input_text, span.output_text) == (CALLED, "sunny")


def test_tasks_of_crewai_are_steps():
    """OpenLLMetry tells them as agents; the agent inside is one."""
    call = {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "crewai"}
    scope = "opentelemetry.instrumentation.crewai.instrumentation"
    assert row(call | {"traceloop.span.kind": "task"}, scope=scope).operation == "chain"
    assert row(call | {"traceloop.span.kind": "agent"}, scope=scope).operation == "invoke_agent"
    assert row(call, name="crewai.workflow", scope=scope).operation == "chain"


def test_messages_between_agents_of_ag2_are_no_calls():
    """OpenLIT tells them as chats of an unknown model, with guessed tokens; the call has its own span."""
    message = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "ag2",
        "gen_ai.request.model": "unknown",
    }
    counts = {"gen_ai.usage.input_tokens": 16, "gen_ai.usage.output_tokens": 70}
    span = row(message | counts, name="execute_task helper", scope="openlit.instrumentation.ag2")
    assert (span.operation, span.billed, span.request_model) == ("chain", False, "")


def test_a_tool_that_is_called_over_mcp_is_a_tool():
    """Its spans name the method of the protocol and the tool; other methods are no tools."""
    call = {"mcp.method.name": "tools/call", "gen_ai.tool.name": "weather"}
    span = row(call, name="tools/call weather", scope="fastmcp")
    assert (span.operation, span.tool_name, span.billed) == ("execute_tool", "weather", False)
    assert row(call | {"mcp.method.name": "prompts/get"}, scope="fastmcp").operation == "other"
    for answer in ('{"result": "sunny"}', '[{"type": "text", "content": "sunny"}]'):
        traced = {
            "traceloop.span.kind": "tool",
            "traceloop.entity.name": "weather",
            "traceloop.entity.input": '{"tool_name": "weather", "arguments": {"city": "Oslo"}}',
            "traceloop.entity.output": answer,
        }
        tool = row(traced, scope="opentelemetry.instrumentation.mcp.instrumentation")
        assert (tool.tool_name, tool.tool_arguments, tool.tool_result) == ("weather", CALLED, "sunny")


def test_the_call_inside_of_a_guard_is_a_call():
    """Guardrails gives each of its spans the same kind; one of them is the model's call, with its tokens."""
    call = {
        "openinference.span.kind": "GUARDRAIL",
        "type": "guardrails/guard/step/call",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "Weather?",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "Sunny.",
        "llm.invocation_parameters": "{'model': 'openai/gpt-5-mini', 'temperature': 0.4, 'api_base': 'http://a'}",
        "llm.token_count.prompt": 100,
        "llm.token_count.completion": 7,
    }
    span = row(call, name="call", scope="guardrails-ai")
    assert (span.operation, span.provider, span.request_model) == ("chat", "openai", "openai/gpt-5-mini")
    assert (buckets(span), span.output_text) == ({"input_fresh": 100, "output_visible": 7}, "Sunny.")
    assert span.parameters == {"temperature": "0.4"}
    assert row(call | {"type": "guardrails/guard/step"}, scope="guardrails-ai").operation == "guardrail"


def test_the_kits_calls_and_tools_are_read_under_openinference():
    """Gemini stops where it calls a tool; LiteLLM's models have their vendor; tools' answers are wrapped."""
    scope = "openinference.instrumentation.google_adk"
    call = {
        "openinference.span.kind": "LLM",
        "llm.provider": "google",
        "llm.model_name": "gemini-2.5-flash",
        "llm.output_messages.0.message.role": "model",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "weather",
        "output.value": json.dumps({"content": {"role": "model", "parts": []}, "finish_reason": "STOP"}),
    }
    span = row(call, scope=scope)
    assert (span.provider, span.finish_reasons) == ("google", ["tool_calls"])
    assert row(call | {"llm.model_name": "openai/gpt-5-mini"}, scope=scope).provider == "openai"
    answer = {"id": "c1", "name": "weather", "response": {"sky": "clear"}}
    tool = {"openinference.span.kind": "TOOL", "tool.name": "weather", "output.value": json.dumps(answer)}
    assert row(tool, scope=scope).tool_result == '{"sky":"clear"}'
    other = json.dumps({"response": 7})
    assert row(tool | {"output.value": other}, scope=scope).tool_result == other


VEADK = {"openinference.instrumentation.veadk": "0.2.0", "gen_ai.system": "openai", "gen_ai.session.id": "s"}


def test_veadks_calls_count_a_cache_once_and_have_their_messages():
    """It tells tokens of a cache twice, messages in nested events, and words for what it does not know."""
    call = {
        "tool_calls.0.id": "c1",
        "tool_calls.0.type": "function",
        "tool_calls.0.function.name": "weather",
        "tool_calls.0.function.arguments": '{"city":"Oslo"}',
    }
    events = [
        Event("gen_ai.system.message", 1, {"role": "system", "content": "Be brief."}),
        Event("gen_ai.user.message", 1, {"role": "user", "parts.0.type": "text", "parts.0.text": "Hi?"}),
        Event("gen_ai.assistant.message", 1, {"role": "model"} | call),
        Event("gen_ai.choice", 1, {"message.role": "model", "message.content": "Yo."}),
    ]
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "openai/doubao-seed-1-6",
        "gen_ai.response.finish_reason": "<no_finish_reason_provided>",
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "Hi?",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_creation_input_tokens": 40,
        "gen_ai.usage.cache_read_input_tokens": 40,
    }
    span = normalise(raw(VEADK | told, events, scope=KIT), "default", NOW_MS)[0]
    assert buckets(span) == {"input_fresh": 60, "cache_read": 40, "output_visible": 20}
    given = json.loads(span.input_messages)
    assert [message["role"] for message in given] == ["system", "user", "assistant"]
    assert given[2]["parts"][0]["name"] == "weather"
    assert (span.input_text, span.output_text, span.finish_reasons) == ("Hi?", "Yo.", [])


def test_veadks_tools_and_agents_have_what_they_were_given():
    """A tool's is wrapped in what the tool is called; an agent's begins with who asked."""
    tool = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "weather",
        "gen_ai.tool.input": '{"name":"weather","description":"d","parameters":{"city":"Oslo"}}',
        "gen_ai.tool.output": '{"id":"c1","name":"weather","response":{"result":"sunny"}}',
    }
    span = row(VEADK | tool, scope=KIT)
    assert (span.tool_name, span.tool_call_id) == ("weather", "c1")
    assert (span.tool_arguments, span.tool_result) == ('{"city":"Oslo"}', '{"result":"sunny"}')
    events = [
        Event("gen_ai.user.message", 1, {"agent_name": "a", "user_id": "u"}),
        Event("gen_ai.user.message", 1, {"parts.0.type": "text", "parts.0.content": "Hi?"}),
        Event("gen_ai.choice", 1, {"message.parts.0.type": "text", "message.parts.0.text": "Yo."}),
    ]
    asked = raw(VEADK | {"gen_ai.operation.name": "agent"}, events, scope=KIT)
    agent = normalise(asked, "default", NOW_MS)[0]
    assert (agent.operation, agent.input_text, agent.output_text) == ("invoke_agent", "Hi?", "Yo.")
    assert len(json.loads(agent.input_messages)) == 1
