"""Spans of agents that write code (Codex, Gemini CLI, Copilot) to the canonical row."""

import json

from tests.collector.test_normalise import buckets, row

CALL = {"gen_ai.operation.name": "llm_call", "gen_ai.request.model": "gemini-2.5-pro"}
COUNTED = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}
TURN = {
    "thread.id": "t1",
    "turn.id": "u1",
    "model": "gpt-5.4",
    "codex.turn.reasoning_effort": "low",
    "codex.turn.token_usage.input_tokens": 900,
    "codex.turn.token_usage.cached_input_tokens": 600,
    "codex.turn.token_usage.cache_write_input_tokens": 0,
    "codex.turn.token_usage.non_cached_input_tokens": 300,
    "codex.turn.token_usage.output_tokens": 60,
    "codex.turn.token_usage.reasoning_output_tokens": 40,
    "codex.turn.token_usage.total_tokens": 960,
}


def test_a_turn_of_codex_is_billed():
    """Nothing else says both the tokens and the model."""
    span = row(TURN, scope="codex_cli_rs")
    assert (span.dialect, span.operation, span.billed, span.session_id) == ("codex", "chat", True, "t1")
    assert (span.provider, span.request_model) == ("openai", "gpt-5.4")
    assert buckets(span) == {"input_fresh": 300, "cache_read": 600, "output_visible": 20, "reasoning": 40}
    assert span.parameters == {"reasoning_effort": '"low"'}


def test_an_answer_within_a_turn_of_codex_is_not_billed_again():
    """Its tokens are in the turn's; a piece of it says no tokens, a turn that was cut short none either."""
    told = {"codex.request.reasoning_effort": "low"} | COUNTED
    answer = row(told | {"codex.usage.reasoning_output_tokens": 3, "codex.usage.total_tokens": 15})
    assert (answer.dialect, answer.operation, answer.billed) == ("codex", "chain", False)
    assert buckets(answer) == {"input_fresh": 10, "output_visible": 2, "reasoning": 3}
    assert not row({"codex.request.reasoning_effort": "low"}).billed
    cut = row({"thread.id": "t1", "model": "gpt-5.4", "codex.turn.reasoning_effort": "low"})
    assert (cut.dialect, cut.billed, cut.session_id) == ("codex", False, "t1")


def test_a_call_of_gemini_clis_is_billed_and_its_stream_is_one_answer():
    """It has a word of its own for the operation, and keeps Gemini's contents, one a chunk."""
    pieces = [
        {"role": "model", "parts": [{"text": "Hm.", "thought": True}]},
        {"role": "model", "parts": [{"text": "Y"}]},
        None,
        {"role": "model", "parts": [{"text": "o."}]},
        {"role": "model", "parts": [{"functionCall": {"name": "ls", "args": {"path": "/"}}}]},
    ]
    told = {
        "gen_ai.conversation.id": "s",
        "gen_ai.system_instructions": json.dumps({"role": "user", "parts": [{"text": "Be brief."}]}),
        "gen_ai.tool.definitions": json.dumps([{"functionDeclarations": [{"name": "ls"}]}]),
        "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"text": "Hi?"}]}]),
        "gen_ai.output.messages": json.dumps(pieces),
    }
    span = row(CALL | COUNTED | told, scope="gemini-cli")
    assert (span.operation, span.billed, span.provider) == ("chat", True, "gcp.gemini")
    assert (span.input_text, span.output_text, span.session_id) == ("Hi?", "Yo.", "s")
    assert json.loads(span.output_messages) == [
        {
            "role": "model",
            "parts": [
                {"type": "reasoning", "content": "Hm."},
                {"type": "text", "content": "Yo."},
                {"type": "tool_call", "name": "ls", "arguments": {"path": "/"}},
            ],
        }
    ]
    assert row(CALL | {"gen_ai.request.model": "gemini-embedding-001"}).operation == "embeddings"


def test_candidates_of_gemini_stay_several_answers():
    """Each of them says why it ended."""
    two = [{"role": "model", "parts": [{"text": word}], "finish_reason": "STOP"} for word in ("Yo.", "Hey.")]
    span = row({"gen_ai.operation.name": "chat", "gen_ai.output.messages": json.dumps(two)})
    assert len(json.loads(span.output_messages)) == 2


def test_a_tool_of_gemini_clis_has_its_arguments_and_result():
    """Both are objects where the conventions have messages."""
    asked = {"callId": "c1", "name": "ls", "args": {"path": "/"}}
    told = {"gen_ai.tool.name": "ls", "gen_ai.tool.call.id": "c1", "gen_ai.input.messages": json.dumps(asked)}
    answer = json.dumps({"status": "success", "response": {"shown": "etc"}})
    span = row({"gen_ai.operation.name": "tool_call", "gen_ai.output.messages": answer} | told)
    assert (span.operation, span.tool_name, span.tool_call_id) == ("execute_tool", "ls", "c1")
    assert span.tool_arguments == '{"path":"/"}'
    assert json.loads(span.tool_result)["response"] == {"shown": "etc"}


def test_what_gemini_cli_does_around_calls_is_a_step():
    """An agent is one, and none of it is billed."""
    for told, operation in (("agent_call", "invoke_agent"), ("schedule_tool_calls", "chain")):
        span = row({"gen_ai.operation.name": told})
        assert (span.operation, span.billed) == (operation, False)


def test_copilots_first_token_is_told_in_milliseconds():
    """In a name of its own."""
    span = row({"gen_ai.operation.name": "chat", "copilot_chat.time_to_first_token": 450} | COUNTED)
    assert (span.streaming, span.time_to_first_token) == (True, 0.45)


def test_zeros_for_counts_that_nobody_told_are_no_usage():
    """Copilot, Gemini CLI and Koog's streams write them; the call is unmetered, not free."""
    told = {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}
    span = row({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"} | told)
    assert (span.billed, span.usage_source) == (True, "none")


def test_qwen_codes_thoughts_and_first_token_are_read():
    """It has the conventions' names but for these; thoughts are in the output already."""
    span = row(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "dashscope",
            "gen_ai.request.model": "qwen3-coder-plus",
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 8,
            "thoughts_token_count": 3,
            "ttft_ms": 250,
        }
    )
    assert buckets(span) == {"input_fresh": 10, "output_visible": 5, "reasoning": 3}
    assert (span.streaming, span.time_to_first_token) == (True, 0.25)


def test_events_of_hooks_are_calls_only_where_they_count():
    """The hooks for coding agents call each event a chat that is no tool, and the agent the provider."""
    told = {"gen_ai.system": "cursor", "gen_ai.client.name": "cursor", "gen_ai.request.model": "gpt-5"}
    chat = told | {"gen_ai.operation.name": "chat"}
    asked = row(chat | {"gen_ai.client.hook.event": "UserPromptSubmit"}, scope="ide-hooks")
    assert (asked.operation, asked.billed) == ("chain", False)
    counts = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}
    ended = row(chat | counts | {"gen_ai.client.hook.event": "Stop"}, scope="ide-hooks")
    assert (ended.operation, ended.billed, ended.provider) == ("chat", True, "openai")


def test_a_tool_that_hooks_tell_before_and_after_is_one():
    """The end of it is the tool, with its name."""
    told = {"gen_ai.operation.name": "execute_tool", "gen_ai.client.tool_name": "Bash"}
    told["gen_ai.client.tool_use_id"] = "toolu_1"
    before, after = (
        row(told | {"gen_ai.client.hook.event": event}, scope="ide-hooks")
        for event in ("PreToolUse", "PostToolUse")
    )
    assert (before.operation, after.operation) == ("chain", "execute_tool")
    assert (after.tool_name, after.tool_call_id) == ("Bash", "toolu_1")
