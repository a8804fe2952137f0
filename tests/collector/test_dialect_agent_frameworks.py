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
