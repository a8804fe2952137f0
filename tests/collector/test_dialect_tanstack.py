"""Spans of TanStack AI's middleware to the canonical row."""

import json

from tests.collector.test_normalise import buckets, row

ASKED = '[{"role":"system","content":"短く"},{"role":"user","content":"東京の天気は?"}]'
SAID = '[{"role":"assistant","content":"晴れです"}]'
COUNTED = {
    "gen_ai.usage.input_tokens": 20,
    "gen_ai.usage.output_tokens": 12,
    "gen_ai.usage.total_tokens": 32,
    "gen_ai.usage.cache_read.input_tokens": 6,
}
MODEL = {"gen_ai.system": "openai-chat", "gen_ai.request.model": "gpt-4o"}
CALL = {"gen_ai.operation.name": "chat", "tanstack.ai.iteration": 0}


def test_a_call_of_tanstacks_is_read_by_the_conventions():
    """Its adapter for OpenAI's chats has a name of its own."""
    copies = {"langfuse.observation.input": ASKED, "langfuse.observation.output": SAID}
    content = {"gen_ai.input.messages": ASKED, "gen_ai.output.messages": SAID}
    span = row(MODEL | CALL | COUNTED | copies | content)
    assert (span.dialect, span.operation, span.billed) == ("tanstack", "chat", True)
    assert (span.provider, span.input_text, span.output_text) == ("openai", "東京の天気は?", "晴れです")
    assert buckets(span) == {"input_fresh": 14, "cache_read": 6, "output_visible": 12}
    assert not [name for name in span.attributes if name.startswith("langfuse.")]


def test_a_run_of_tanstacks_is_no_call():
    """It names no operation, and its usage is the sum of the calls beneath it."""
    copies = {"langfuse.observation.input": ASKED, "langfuse.trace.input": ASKED}
    for told in ({"tanstack.ai.iterations": 2}, {"tanstack.ai.completion.reason": "cancelled"}):
        span = row(MODEL | COUNTED | copies | told)
        assert (span.operation, span.billed, span.input_text) == ("invoke_agent", False, "東京の天気は?")
        assert span.attributes.get("langfuse.trace.input") is None


def test_a_tool_of_tanstacks_is_told_in_messages():
    """It names no operation either."""
    span = row(
        {
            "gen_ai.tool.name": "weather",
            "gen_ai.tool.call.id": "c1",
            "gen_ai.input.messages": json.dumps([{"role": "tool", "content": '{"city":"東京"}'}]),
            "langfuse.observation.input": json.dumps([{"role": "tool", "content": '{"city":"東京"}'}]),
            "gen_ai.output.messages": json.dumps([{"role": "tool", "content": '{"t":12}'}]),
            "tanstack.ai.tool.outcome": "success",
        }
    )
    assert (span.operation, span.tool_name, span.tool_call_id) == ("execute_tool", "weather", "c1")
    assert (span.tool_arguments, span.tool_result) == ('{"city":"東京"}', '{"t":12}')


def test_caches_of_claude_are_beside_tanstacks_input():
    """Its total leaves them out too."""
    told = {"gen_ai.system": "anthropic", "gen_ai.usage.cache_creation.input_tokens": 4}
    span = row(MODEL | CALL | COUNTED | told)
    assert buckets(span) == {"input_fresh": 20, "cache_read": 6, "cache_write_5m": 4, "output_visible": 12}
