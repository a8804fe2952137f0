"""Records that Qwen Code wrote before it wrote spans of its calls, as its version 0.15 did."""

from tests.collector.conftest import request_of
from tests.collector.test_agent_logs import export, journal, metrics, pipeline, written
from tests.collector.test_normalise import NOW_MS, buckets

from kansoku_collector.decode.otlp import find_spans
from kansoku_collector.normalise import normalise

__all__ = ["journal", "metrics", "pipeline", "written"]  # fixtures
QWEN_TOLD = {"session.id": "sess-3", "prompt_id": "p3", "model": "qwen3-coder-plus", "auth_type": "openai"}
QWEN = {
    **{
        "event.name": "qwen-code.api_response",
        "duration_ms": 163,
        "response_id": "chatcmpl-abc",
        **QWEN_TOLD,
    },
    **{"input_token_count": 5000, "output_token_count": 40, "cached_content_token_count": 4096},
    **{"thoughts_token_count": 16, "total_token_count": 5040, "response_text": "晴れです"},
}
QWEN_FAILED = {
    **{"event.name": "qwen-code.api_error", "duration_ms": 19, "error.message": "400 no", "status_code": 400},
    **{"error.type": "BadRequestError", **QWEN_TOLD},
}
QWEN_RAN = {
    **{"event.name": "qwen-code.tool_call", "function_name": "glob", "function_args": '{"pattern":"*"}'},
    **{"duration_ms": 20, "status": "error", "error": "no such place", **QWEN_TOLD},
}


def test_an_answer_that_qwen_code_tells_in_a_record_is_billed(written):
    """Thoughts are in the tokens of the answer."""
    rows = written(export(("API response.", QWEN), ("Tool call.", QWEN_RAN), scope="qwen-code"))
    call, tool = rows["chat"], rows["execute_tool"]
    assert (call.billed, call.request_model, call.response_id) == (True, "qwen3-coder-plus", "chatcmpl-abc")
    assert buckets(call) == {"input_fresh": 904, "cache_read": 4096, "output_visible": 24, "reasoning": 16}
    assert (call.output_text, call.session_id, call.duration_ns) == ("晴れです", "sess-3", 163 * 10**6)
    assert (tool.tool_name, tool.tool_arguments) == ("glob", '{"pattern":"*"}')
    assert (tool.status, tool.error_message, tool.trace_id) == ("error", "no such place", call.trace_id)


def test_geminis_thoughts_that_qwen_code_counts_beside_an_answer_are_added(written):
    """The total tells which of the two it is."""
    beside = QWEN | {"total_token_count": 5056, "auth_type": "gemini", "model": "gemini-2.5-pro"}
    call = written(export(("API response.", beside), scope="qwen-code"))["chat"]
    assert (call.provider, call.output_visible, call.reasoning) == ("gcp.gemini", 40, 16)


def test_a_request_of_qwen_code_that_failed_is_an_error(written):
    """No tokens are known of it."""
    call = written(export(("API error.", QWEN_FAILED), scope="qwen-code"))["chat"]
    assert (call.status, call.error_type, call.error_message) == ("error", "BadRequestError", "400 no")
    assert (call.request_model, call.usage_source) == ("qwen3-coder-plus", "none")


def test_a_span_that_qwen_code_makes_of_a_record_is_a_call_unless_another_span_is():
    """Where only spans are exported it makes them of records too: beneath the span of the same call."""
    made, around = request_of({"attributes": QWEN, "name": "qwen-code.api_response"}, scope="qwen-code"), []
    for parent in (b"", b"b" * 8):
        made.resource_spans[0].scope_spans[0].spans[0].parent_span_id = parent
        around += [normalise(found.read(), "default", NOW_MS)[0] for found in find_spans(made, NOW_MS)]
    alone, beneath = around
    assert (alone.billed, alone.cache_read) == (True, 4096)
    assert (beneath.operation, beneath.billed) == ("other", False)
