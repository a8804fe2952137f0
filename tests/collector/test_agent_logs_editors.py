"""Records of Cline, as its SDK 0.0.86 wrote them to a collector of ours, and of Cursor, as documented."""

import pytest
from tests.collector.conftest import put
from tests.collector.test_agent_logs import export, journal, metrics, pipeline, written
from tests.collector.test_normalise import NOW_MS, buckets
from tests.collector.test_pipeline import Sink, entry, segment_of

from kansoku_collector.decode import logs
from kansoku_collector.entries import Kind

__all__ = ["journal", "metrics", "pipeline", "written"]  # fixtures
AGENT = {"ulid": "1795448584756_u26pt", "agentId": "agent_1", "agentKind": "root", "conversationId": "conv_1"}
USED = {
    **AGENT,
    **{"tokensIn": 5000, "tokensOut": 40, "cacheWriteTokens": 300, "cacheReadTokens": 4096},
    **{"totalCost": 0.0179538, "provider": "anthropic", "model": "claude-sonnet-4-5"},
}
RAN = {**AGENT, "tool": "read_files", "success": False, "modelId": "gpt-5", "provider": "openai-compatible"}
FAILED = {
    **{"providerId": "openai-compatible", "modelId": "gpt-5", "providerKind": "openai-compatible"},
    **{"component": "llms", "operation": "provider.stream", "error_type": "AI_APICallError"},
    **{"error_message": "no such model", "error_status": 400},
}
ASKED = {
    **{"cursor.event.id": "customer-telemetry:v1:ev-1", "cursor.source_event.id": "src-1"},
    **{"cursor.conversation.id": "c-1", "cursor.usage_event.id": "ue-1", "cursor.request.id": "r-1"},
    **{"cursor.api.request.input_tokens": 126, "cursor.api.request.output_tokens": 450},
    **{"cursor.api.request.cache_read_tokens": 11964, "cursor.api.request.cache_creation_tokens": 6112},
    **{"cursor.model.name": "claude-4.5-sonnet-thinking", "cursor.api.billable": True},
}


def cursor(*records):
    """Return an export of Cursor's servers, of one user."""
    request = export(*records, scope="cursor.telemetry")
    resource = request.resource_logs[0].resource
    for key, value in {"service.name": "cursor", "cursor.user.email": "a@example.com"}.items():
        put(resource.attributes.add(key=key).value, value)
    return request


def test_a_request_that_cline_tells_in_a_record_is_billed(written):
    """Its caches are beside the input."""
    call = written(export(("task.tokens", USED), scope="cline"))["chat"]
    assert (call.billed, call.provider, call.request_model) == (True, "anthropic", "claude-sonnet-4-5")
    expected = {"input_fresh": 5000, "cache_read": 4096, "cache_write_5m": 300, "output_visible": 40}
    assert buckets(call) == expected
    assert (call.session_id, call.cost_source) == ("1795448584756_u26pt", "computed")


def test_every_request_of_a_task_of_clines_is_billed(journal, pipeline):
    """Two in a row may have used the same."""
    sink = Sink()
    content = export(("task.tokens", USED), ("task.tokens", USED), scope="cline").SerializeToString()
    pipeline.write(segment_of(journal, entry(Kind.LOGS, content)), sink)
    assert [row.billed for row in sink.all] == [True, True]
    assert len({row.trace_id for row in sink.all}) == 1


def test_a_protocol_is_no_provider_of_clines(written):
    """Behind what speaks OpenAI's the model's name tells who answered."""
    plain = USED | {"provider": "openai-compatible", "model": "gpt-5"}
    call = written(export(("task.tokens", plain), scope="cline"))["chat"]
    assert (call.provider, call.cost_source) == ("openai", "computed")


def test_a_tool_that_cline_tells_in_a_record_is_a_row(written):
    """It tells whether the tool failed."""
    tool = written(export(("task.tool_used", RAN), scope="cline"))["execute_tool"]
    assert (tool.tool_name, tool.status, tool.session_id) == ("read_files", "error", AGENT["ulid"])


def test_a_request_of_clines_that_failed_is_an_error(written):
    """No tokens are known of it."""
    call = written(export(("sdk.error", FAILED), scope="cline"))["chat"]
    assert (call.status, call.error_type, call.error_message) == ("error", "400", "no such model")
    assert (call.request_model, call.usage_source) == ("gpt-5", "none")


def test_a_request_that_cursor_tells_in_a_record_is_billed(written):
    """Its caches are beside the input, and its name of a model is not the vendor's."""
    call = written(cursor(("api_request", ASKED)))["chat"]
    assert (call.billed, call.provider, call.cost_source) == (True, "anthropic", "computed")
    assert (call.request_model, call.response_model) == ("claude-4.5-sonnet-thinking", "claude-sonnet-4-5")
    expected = {"input_fresh": 126, "cache_read": 11964, "cache_write_5m": 6112, "output_visible": 450}
    assert buckets(call) == expected
    assert (call.session_id, call.user_id) == ("c-1", "a@example.com")


@pytest.mark.parametrize(
    ("told", "answered"),
    [
        ("claude-4.5-opus-high-thinking", "claude-opus-4-5"),
        ("gpt-5.1-codex-max-high", "gpt-5.1-codex-max"),
        ("gpt-5", ""),
        ("gpt-5-high-fast", ""),  # a faster answer has another price
        ("Auto", ""),
    ],
)
def test_a_model_of_cursors_has_the_vendors_name_as_well(written, told, answered):
    """How hard it thinks changes no price."""
    call = written(cursor(("api_request", ASKED | {"cursor.model.name": told})))["chat"]
    assert (call.request_model, call.response_model) == (told, answered)


def test_a_record_that_cursor_sends_again_is_the_same_row(journal, pipeline):
    """It was received at another time."""
    sink = Sink()
    content = cursor(("api_request", ASKED), ("api_request", ASKED)).SerializeToString()
    pipeline.write(segment_of(journal, entry(Kind.LOGS, content)), sink)
    assert len({(row.trace_id, row.span_id) for row in sink.all}) == 1


def test_a_request_of_cursors_that_failed_is_an_error(written):
    """Cursor tells nothing of why."""
    event = {name: value for name, value in ASKED.items() if "tokens" not in name}
    call = written(cursor(("api_error", event)))["chat"]
    assert (call.status, call.usage_source, call.session_id) == ("error", "none", "c-1")


@pytest.mark.parametrize("body", ["api_request", "api_error", "task.tokens", "task.tool_used", "sdk.error"])
def test_a_record_whose_body_has_the_same_words_is_not_stored(body):
    """Others log such events as well."""
    record = next(logs.records_of(export((body, {"user": "u1"}))))
    assert logs.fault(record, NOW_MS)[0] == "log_not_stored"
