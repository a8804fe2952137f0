"""Coding agents that write log records and no spans: their calls, tools and prompts are rows all the same.

The records are as Claude Code 2.1, Codex 0.169 and Gemini CLI 0.61 wrote them to a collector of ours.
"""

import json

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from tests.collector.conftest import START_NS, put, request_of
from tests.collector.test_normalise import NOW_MS, buckets, row
from tests.collector.test_pipeline import Sink, entry, journal, metrics, pipeline, segment_of, traces

from kansoku_collector.decode import logs
from kansoku_collector.entries import Kind

__all__ = ["journal", "metrics", "pipeline"]  # fixtures
TURN = {"session.id": "sess-1", "user.id": "u1", "prompt.id": "p1"}
REQUEST = "req_011CTestAbCdEfGhIjKlMn"
PROMPT = ("claude_code.user_prompt", {"event.name": "user_prompt", "prompt": "東京の天気は?", **TURN})
COUNTED = {"input_tokens": 11, "output_tokens": 7, "cache_read_tokens": 2000, "cache_creation_tokens": 300}
CALL = (
    "claude_code.api_request",
    {"event.name": "api_request", "model": "claude-sonnet-4-5", "duration_ms": 30, "request_id": REQUEST}
    | COUNTED
    | TURN,
)
ANSWER = (
    "claude_code.assistant_response",
    {"event.name": "assistant_response", "response": "晴れです", "request_id": REQUEST, **TURN},
)
TOOL = (
    "claude_code.tool_result",
    {
        **{"event.name": "tool_result", "tool_name": "Bash", "tool_use_id": "toolu_1", "success": "true"},
        **{"duration_ms": "70", "tool_input": '{"command":"date"}', **TURN},
    },
)
ERROR = (
    "claude_code.api_error",
    {"event.name": "api_error", "model": "claude-sonnet-4-5", "error": "no such thing", "status_code": 400}
    | TURN,
)
THREAD = {"conversation.id": "thread-1", "model": "gpt-5-codex"}
ASKED = ("", {"event.name": "codex.api_request", "duration_ms": "60", **THREAD})
DONE = {
    **{"event.name": "codex.sse_event", "event.kind": "response.completed", "ttft_ms": 40, **THREAD},
    **{"input_token_count": "20", "output_token_count": "9", "cached_token_count": 8},
    **{"reasoning_token_count": 4, "tool_token_count": "29"},
}
COMPLETED = ("", DONE)
RAN = (
    "",
    {
        **{"event.name": "codex.tool_result", "tool_name": "exec_command", "call_id": "call_1", **THREAD},
        **{"arguments": '{"cmd":"date"}', "output": "exit 1", "success": "false", "duration_ms": "100"},
    },
)
TOLD = {
    "codex.turn.token_usage.input_tokens": 40,
    "codex.turn.token_usage.output_tokens": 18,
    "codex.turn.token_usage.total_tokens": 58,
}


def export(*records, scope="com.anthropic.claude_code.events", span=b""):
    """Return an export of records, each by its body and attributes, 10 ms apart."""
    request = ExportLogsServiceRequest()
    part = request.resource_logs.add().scope_logs.add()
    part.scope.name = scope
    for number, (body, attributes) in enumerate(records):
        record = part.log_records.add(observed_time_unix_nano=START_NS + number * 10**7)
        if body:
            record.body.string_value = body
        else:
            record.event_name = "event otel/src/events/session_telemetry.rs:1153"
        if span:
            record.trace_id, record.span_id = b"\1" * 16, span
        for key, value in attributes.items():
            put(record.attributes.add(key=key).value, value)
    return request


@pytest.fixture
def written(journal, pipeline):
    """Return a function that writes an export, and gives its rows by their operation."""

    def write(request):
        sink = Sink()
        content = entry(Kind.LOGS, request.SerializeToString())
        segment = segment_of(journal, content)
        pipeline.write(segment, sink)
        return {row.operation: row for row in sink.all}

    return write


def test_a_call_that_claude_code_tells_in_a_record_is_billed(written):
    """Its answer is in another record, its prompt in a third, and all are one trace."""
    rows = written(export(PROMPT, ANSWER, CALL, TOOL))
    call, prompt, tool = rows["chat"], rows["invoke_agent"], rows["execute_tool"]
    assert (call.billed, call.provider, call.request_model) == (True, "anthropic", "claude-sonnet-4-5")
    expected = {"input_fresh": 11, "cache_read": 2000, "cache_write_5m": 300, "output_visible": 7}
    assert buckets(call) == expected
    assert (call.session_id, call.user_id, call.output_text) == ("sess-1", "u1", "晴れです")
    assert (call.duration_ns, call.response_id) == (30 * 10**6, REQUEST)
    assert (prompt.input_text, prompt.billed) == ("東京の天気は?", False)
    assert (tool.tool_name, tool.tool_call_id, tool.tool_arguments) == (
        "Bash",
        "toolu_1",
        '{"command":"date"}',
    )
    assert {call.trace_id, tool.trace_id} == {prompt.trace_id}
    assert {call.parent_span_id, tool.parent_span_id} == {prompt.span_id}


def test_a_call_that_failed_is_an_error(written):
    """No tokens are known of it."""
    call = written(export(ERROR))["chat"]
    assert (call.status, call.error_type, call.error_message) == ("error", "400", "no such thing")
    assert (call.request_model, call.usage_source) == ("claude-sonnet-4-5", "none")


def test_an_answer_that_codex_tells_in_a_record_is_billed(written):
    """The request before it tells when it began; a tool that failed says so."""
    rows = written(export(ASKED, COMPLETED, RAN, scope="codex_otel.log_only"))
    call, tool = rows["chat"], rows["execute_tool"]
    assert (call.billed, call.provider, call.request_model) == (True, "openai", "gpt-5-codex")
    assert buckets(call) == {"input_fresh": 12, "cache_read": 8, "output_visible": 5, "reasoning": 4}
    assert (call.session_id, call.duration_ns) == ("thread-1", 70 * 10**6)
    assert (call.streaming, call.time_to_first_token) == (True, 0.04)
    assert (tool.tool_name, tool.tool_arguments, tool.status) == ("exec_command", '{"cmd":"date"}', "error")


def test_a_request_of_codex_without_an_answer_is_an_error(written):
    """One that was answered is told by the end of its answer."""
    body, told = ASKED
    failed = (body, told | {"error.message": "no such thing", "http.response.status_code": 400})
    call = written(export(failed, scope="codex_otel.log_only"))["chat"]
    assert (call.status, call.error_type, call.error_message) == ("error", "400", "no such thing")
    assert (call.request_model, call.usage_source, call.duration_ns) == ("gpt-5-codex", "none", 60 * 10**6)
    models = (body, failed[1] | {"endpoint": "/models"})
    assert written(export(ASKED, models, scope="codex_otel.log_only")) == {}


def test_the_same_record_is_the_same_row(written):
    """An exporter that tries again bills nothing twice."""
    request = export(CALL)
    assert written(request)["chat"].span_id
    assert written(request) == {}


def test_records_that_name_a_span_are_told_by_spans():
    """Somebody switched spans on: these are billed, and the words of an answer join them."""
    request = export(PROMPT, CALL, TOOL, ANSWER, span=b"\2" * 8)
    assert list(logs.read_steps(request, NOW_MS)) == []
    reasons = [logs.fault(record, NOW_MS) for record in logs.records_of(request)]
    assert [bool(reason) for reason in reasons] == [True, True, True, False]
    assert [(e.trace_id, e.span_id) for e in logs.read_events(request, NOW_MS)] == [("", REQUEST)]


def test_words_that_were_kept_back_are_no_event():
    """Claude Code writes a placeholder unless it was told to send them."""
    body, told = ANSWER
    request = export((body, told | {"response": "<REDACTED>"}))
    assert list(logs.read_events(request, NOW_MS)) == []


@pytest.mark.parametrize("spans_first", [True, False])
def test_a_conversation_of_codex_is_billed_by_one_of_its_sources(journal, pipeline, spans_first):
    """With spans switched on some of its records name none: a turn and its calls are not both billed."""
    turn = {"model": "gpt-5-codex", "thread.id": "thread-1", "turn.id": "t1", **TOLD}
    other = DONE | {"event.timestamp": "2026-11-23T04:11:49.175Z"}
    records = export(COMPLETED, ("", other), scope="codex_otel.log_only").SerializeToString()
    entries = [traces({"attributes": turn}), entry(Kind.LOGS, records)]
    sink = Sink()
    for content in entries if spans_first else entries[::-1]:
        pipeline.write(segment_of(journal, content), sink)
    given = sum(row.input_fresh + row.cache_read for row in sink.all if row.billed)
    assert (len(sink.all), given) == (3, 40)


def test_a_thread_of_the_system_is_no_conversation(journal, pipeline):
    """Codex writes its number under the name that a conversation has on other spans."""
    sink = Sink()
    pipeline.write(
        segment_of(
            journal, traces({"attributes": {"codex.request.reasoning_effort": "low", "thread.id": 4}})
        ),
        sink,
    )
    assert [(row.dialect, row.session_id) for row in sink.all] == [("codex", "")]


GEMINI = (
    "API response from gemini-2.5-pro-x. Status: 200.",
    {
        **{"session.id": "sess-2", "event.name": "gemini_cli.api_response", "prompt_id": "p2"},
        **{"model": "gemini-2.5-pro-x", "duration_ms": 134, "auth_type": "gemini-api-key"},
        **{"input_token_count": 20, "output_token_count": 5, "cached_content_token_count": 8},
        **{"thoughts_token_count": 4, "tool_token_count": 3, "total_token_count": 32},
        "finish_reasons": ["stop"],
        "response_text": json.dumps(
            [
                {"candidates": [{"content": {"role": "model", "parts": [{"text": "晴れ"}]}}]},
                {"candidates": [{"content": {"role": "model", "parts": [{"text": "です"}]}}]},
            ]
        ),
    },
)
SPAN = {
    **{"gen_ai.operation.name": "llm_call", "gen_ai.request.model": "gemini-2.5-pro"},
    "gen_ai.conversation.id": "sess-2",
}


def test_an_answer_that_gemini_cli_tells_in_a_record_is_the_call(written):
    """Thoughts and the input of tools are counted beside the rest."""
    call = written(export(GEMINI, scope="gemini-cli"))["chat"]
    assert (call.billed, call.provider, call.response_model) == (True, "gcp.gemini", "gemini-2.5-pro-x")
    assert buckets(call) == {"input_fresh": 15, "cache_read": 8, "output_visible": 5, "reasoning": 4}
    assert (call.output_text, call.finish_reasons, call.session_id) == ("晴れです", ["stop"], "sess-2")


@pytest.mark.parametrize(("counted", "operation"), [(True, "chat"), (False, "chain")])
def test_a_span_of_gemini_cli_without_tokens_is_around_the_call(counted, operation):
    """By default it says nothing of the answer, whose record does; one that failed has no record."""
    tokens = {"gen_ai.usage.input_tokens": 20, "gen_ai.usage.output_tokens": 5} if counted else {}
    span = row(SPAN | tokens, scope="gemini-cli")
    assert (span.operation, span.billed) == (operation, counted)


def test_a_traced_call_of_gemini_cli_is_billed_once(journal, pipeline):
    """Where content is traced the span has the tokens too, and the record still names no span."""
    sink, tokens = Sink(), {"gen_ai.usage.input_tokens": 20, "gen_ai.usage.output_tokens": 5}
    records = entry(Kind.LOGS, export(GEMINI, scope="gemini-cli").SerializeToString())
    span = request_of({"attributes": SPAN | tokens}, scope="gemini-cli").SerializeToString()
    for content in (records, entry(Kind.TRACES, span)):
        pipeline.write(segment_of(journal, content), sink)
    assert [(row.name, row.billed) for row in sink.all if row.operation == "chat"] == [
        ("gemini_cli.response", True),
        (sink.all[-1].name, False),
    ]
