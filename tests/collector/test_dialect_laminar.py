"""Laminar's and Claude Code's spans to the canonical row."""

import json

from tests.collector.test_dialect_logfire import row
from tests.collector.test_normalise import buckets


def test_messages_in_the_vendors_own_shape_are_understood():
    """An OpenAI choice and Anthropic blocks stand in the attribute of the conventions."""
    choice = [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Nine."}}]
    span = row(
        {
            "lmnr.span.type": "LLM",
            "gen_ai.system": "openai",
            "gen_ai.input.messages": json.dumps([{"role": "user", "content": "Hours?"}]),
            "gen_ai.output.messages": json.dumps(choice),
            "gen_ai.usage.cache_read_input_tokens": 4,
            "gen_ai.usage.input_tokens": 10,
            "lmnr.association.properties.session_id": "s1",
            "lmnr.association.properties.tags": ["a"],
            "lmnr.association.properties.metadata.user_id": "theirs",
            "lmnr.span.tags": ["b"],
        },
        scope="lmnr.tracer",
    )
    assert (span.dialect, span.operation, span.billed, span.finish_reasons) == (
        "laminar",
        "chat",
        True,
        ["stop"],
    )
    assert (span.input_text, span.output_text) == ("Hours?", "Nine.")
    assert (span.session_id, span.user_id, span.tags) == ("s1", "", ["b", "a"])
    assert (span.metadata, buckets(span)) == ({"user_id": "theirs"}, {"input_fresh": 6, "cache_read": 4})


def test_flattened_messages_are_restored():
    """Some of its instrumentations flatten messages by index."""
    span = row({"lmnr.span.type": "LLM", "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Hours?"})
    assert span.input_text == "Hours?"


def test_observed_functions_and_tools_keep_what_they_were_given():
    """Input and output are a tool's arguments and result, a model's messages, a function's values."""
    given = {"lmnr.span.input": '{"city":"Oslo"}', "lmnr.span.output": '"sunny"'}
    tool = row(given | {"lmnr.span.type": "TOOL"}, name="weather")
    assert (tool.operation, tool.tool_name, tool.tool_arguments) == (
        "execute_tool",
        "weather",
        '{"city":"Oslo"}',
    )
    assert (tool.output_text, tool.billed) == ("sunny", False)
    function = row(given | {"lmnr.span.type": "DEFAULT"})
    assert (function.operation, function.output_text) == ("chain", "sunny")
    model = row({"lmnr.span.type": "LLM", "lmnr.span.input": '[{"role":"user","content":"Hours?"}]'})
    assert (model.operation, model.input_text) == ("chat", "Hours?")
    assert row({"lmnr.span.type": "EVALUATOR"}).operation == "evaluation"


def test_an_answer_from_its_cache_costs_nothing():
    """A replayed answer is shown as a call and is not billed."""
    span = row({"lmnr.span.type": "CACHED", "gen_ai.usage.input_tokens": 10})
    assert (span.operation, span.billed) == ("chat", False)


def test_a_request_of_claude_code_includes_its_caches():
    """Its short names mean the conventions' counters, with an input that leaves caches out."""
    span = row(
        {
            "model": "claude-sonnet-4-5",
            "input_tokens": 2,
            "output_tokens": 1200,
            "cache_read_tokens": 84562,
            "cache_creation_tokens": 7096,
            "stop_reason": "tool_use",
            "ttft_ms": 500,
            "success": True,
            "session.id": "s1",
        },
        name="claude_code.llm_request",
    )
    assert (span.dialect, span.operation, span.provider, span.billed) == (
        "claude_code",
        "chat",
        "anthropic",
        True,
    )
    assert (span.request_model, span.session_id, span.finish_reasons) == (
        "claude-sonnet-4-5",
        "s1",
        ["tool_calls"],
    )
    assert (span.time_to_first_token, span.status) == (0.5, "unset")
    assert buckets(span) == {
        "input_fresh": 2,
        "cache_read": 84562,
        "cache_write_5m": 7096,
        "output_visible": 1200,
    }


def test_small_caches_of_claude_code_are_added_too():
    """Fewer cached tokens than fresh ones do not tell that they are counted apart; the dialect does."""
    counts = {"input_tokens": 100, "output_tokens": 1, "cache_read_tokens": 40}
    assert buckets(row(counts, name="claude_code.llm_request")) == {
        "input_fresh": 100,
        "cache_read": 40,
        "output_visible": 1,
    }


def test_other_spans_of_claude_code_are_not_billed():
    """A tool is a tool, an interaction contains requests, and a failure says so."""
    tool = row({"tool_name": "Bash", "tool_use_id": "toolu_1"}, name="claude_code.tool")
    assert (tool.operation, tool.tool_name, tool.tool_call_id, tool.billed) == (
        "execute_tool",
        "Bash",
        "toolu_1",
        False,
    )
    whole = row({"user_prompt": "Fix it.", "success": False, "error": "cut"}, name="claude_code.interaction")
    assert (whole.operation, whole.billed, whole.input_text) == ("invoke_agent", False, "Fix it.")
    assert (whole.status, whole.error_message) == ("error", "cut")


GEMINI = {"lmnr.span.type": "LLM", "gen_ai.system": "gemini", "gen_ai.request.model": "gemini-2.5-flash"}


def test_geminis_candidates_are_messages():
    """Parts are inside of a content object; a thought is reasoning, a function call a tool call."""
    parts = [
        {"text": "Hm.", "thought": True},
        {"text": "Wait."},
        {"function_call": {"name": "weather", "args": {"city": "Oslo"}}},
    ]
    candidate = {"content": {"parts": parts, "role": "model"}, "finish_reason": "STOP", "index": 0}
    span = row(GEMINI | {"gen_ai.output.messages": json.dumps([candidate])}, scope="lmnr.tracer")
    assert json.loads(span.output_messages)[0]["parts"] == [
        {"type": "reasoning", "content": "Hm."},
        {"type": "text", "content": "Wait."},
        {"type": "tool_call", "name": "weather", "arguments": {"city": "Oslo"}},
    ]
    assert (span.output_text, span.finish_reasons) == ("Wait.", ["tool_calls"])


def test_the_total_of_a_stream_of_gemini_counts_its_answer_twice():
    """What is left of it beside input and answer is thinking."""
    counts = {"gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 3}
    for total, thought in ((13, {}), (18, {"reasoning": 5})):
        span = row(
            GEMINI | counts | {"llm.usage.total_tokens": total},
            name="gemini.generate_content_stream",
            scope="lmnr.tracer",
        )
        assert buckets(span) == {"input_fresh": 7, "output_visible": 3} | thought


def test_choices_of_a_text_completion_are_answers():
    """They have words and an index, and no message."""
    choices = [{"index": n, "text": f"Nine {n}.", "finish_reason": "stop"} for n in range(2)]
    span = row({"lmnr.span.type": "LLM", "gen_ai.output.messages": json.dumps(choices)}, scope="lmnr.tracer")
    assert (span.output_text, span.finish_reasons) == ("Nine 0.\nNine 1.", ["stop", "stop"])


def test_items_of_the_responses_api_are_the_messages_that_they_stand_for():
    """Instructions are flattened only; a result is a tool's; the last item tells the end."""
    given = [
        {"role": "user", "content": "Weather?"},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city":"Oslo"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "12 C"},
    ]
    said = [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {
            "type": "message",
            "role": "assistant",
            "status": "incomplete",
            "content": [{"type": "output_text", "text": "12"}],
        },
    ]
    span = row(
        {
            "lmnr.span.type": "LLM",
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "Be brief.",
            "gen_ai.input.messages": json.dumps(given),
            "gen_ai.output.messages": json.dumps(said),
        },
        scope="lmnr.tracer",
    )
    assert json.loads(span.system_instructions) == [{"type": "text", "content": "Be brief."}]
    assert [message["role"] for message in json.loads(span.input_messages)] == ["user", "assistant", "tool"]
    assert (span.input_text, span.output_text, span.finish_reasons) == ("Weather?", "12", ["length"])
    assert [part["type"] for part in json.loads(span.output_messages)[0]["parts"]] == ["reasoning", "text"]


def test_a_function_that_returns_documents_with_scores_is_a_search():
    """Laminar has no type for one; JavaScript's functions have none at all."""
    found = [{"id": "doc-1", "content": "9:00", "score": 0.9}]
    told = {"lmnr.span.input": '["Hours?"]', "lmnr.span.output": json.dumps(found)}
    span = row(told, scope="lmnr.tracer")
    assert (span.operation, span.retrieval_query, json.loads(span.documents)) == (
        "retrieval",
        "Hours?",
        found,
    )
    other = row(told | {"lmnr.span.output": '[{"id": 1, "content": "9:00"}]'}, scope="lmnr.tracer")
    assert (other.operation, other.documents) == ("chain", "")


ITEMS = [
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
    {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": "{}"},
]


def _kinds(answered):
    """Return of which kinds the parts of an answer are."""
    compact = json.dumps(answered, separators=(",", ":"))
    span = row({"lmnr.span.type": "LLM", "gen_ai.output.messages": compact}, scope="lmnr.tracer")
    return [part["type"] for part in json.loads(span.output_messages)[0]["parts"]]


def test_calls_of_the_agents_sdk_are_read_though_each_item_has_a_role():
    """Laminar gives one to every item, thoughts and calls of tools too; these were lost."""
    answered = [{**item, "role": "assistant", "status": "completed"} for item in ITEMS]
    assert _kinds(answered) == ["reasoning", "tool_call"]


def test_a_stream_of_the_agents_sdk_is_read_out_of_the_vendors_object():
    """Of a stream over chat completions Laminar tells the whole response as the only message."""
    answered = [{"id": "__fake_id__", "object": "response", "status": None, "output": ITEMS}]
    assert _kinds(answered) == ["reasoning", "tool_call"]
