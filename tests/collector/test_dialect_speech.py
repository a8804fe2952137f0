"""Calls that hear and speak, by the names that the conventions' drafts and others have for them."""

import json

import pytest
from tests.collector.test_normalise import NOW_MS, buckets, row

from kansoku_collector.model import Event

SOUND = {"type": "blob", "modality": "audio", "mime_type": "audio/pcm", "content": "AAAA"}
TURN = {
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-realtime",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 50,
    "gen_ai.usage.audio.input_tokens": 30,
    "gen_ai.usage.audio.output_tokens": 40,
}


@pytest.mark.parametrize("operation", ["realtime_inference", "generate_live_content"])
@pytest.mark.parametrize("session", ["gen_ai.realtime_session.id", "gen_ai.live_session.id"])
def test_a_spoken_turn_is_a_call_of_its_session(operation, session):
    """The drafts of the conventions have had two names for either."""
    span = row(TURN | {"gen_ai.operation.name": operation, session: "sess_1"})
    assert (span.operation, span.billed, span.session_id) == ("chat", True, "sess_1")
    assert buckets(span) == {"input_fresh": 70, "audio_in": 30, "output_visible": 10, "audio_out": 40}


@pytest.mark.parametrize(
    "parts",
    [
        [SOUND, {"type": "transcription", "content": "晴れです。"}],
        [SOUND | {"transcript": "晴れです。"}],
        [{"type": "output_audio", "transcript": "晴れです。"}],
    ],
)
def test_what_was_said_is_told_in_words(parts):
    """Beside the sound or within it: without them nobody can read or search the answer."""
    said = [{"role": "assistant", "parts": parts, "finish_reason": "stop"}]
    told = TURN | {"gen_ai.operation.name": "realtime_inference", "gen_ai.output.messages": json.dumps(said)}
    span = row(told)
    assert span.output_text == "晴れです。"
    assert "AAAA" not in span.output_messages


@pytest.mark.parametrize(
    "operation",
    [
        *("speech_to_text", "text_to_speech", "audio.speech", "audio.transcription", "audio.translation"),
        *("audio.transcriptions.create", "audio", "transcribe", "generate_speech", "video_generation"),
    ],
)
def test_hearing_speaking_and_filming_are_calls(operation):
    """Whoever names them has another word; each is paid for."""
    span = row(TURN | {"gen_ai.operation.name": operation})
    assert (span.operation, span.billed) == ("generate_content", True)


@pytest.mark.parametrize("operation", ["translate", "speech_analysis", "voice", "moderation"])
def test_a_word_of_the_programs_own_is_no_call(operation):
    """It may stand for a step with calls of its own, which would be paid for twice."""
    assert not row(TURN | {"gen_ai.operation.name": operation}).billed


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        *(("user_speech", "chain"), ("user_input", "chain"), ("run_step", "chain")),
        *(("get_response", "chain"), ("run_guardrail", "guardrail")),
    ],
)
def test_what_stands_around_calls_is_no_call(operation, kind):
    """Spans of the drafts without tokens of their own."""
    span = row({"gen_ai.operation.name": operation, "gen_ai.provider.name": "openai"})
    assert (span.operation, span.billed) == (kind, False)


def test_the_end_of_an_answer_of_azures_voicelive_is_its_call():
    """Its clients tell every message of a session; the tokens are on this one."""
    told = {
        "az.namespace": "Microsoft.CognitiveServices",
        "gen_ai.system": "az.ai.voicelive",
        "gen_ai.provider.name": "microsoft.foundry",
        "gen_ai.operation.name": "recv",
        "gen_ai.request.model": "gpt-realtime",
        "gen_ai.voice.session_id": "sess_1",
    }
    done = told | {
        "gen_ai.voice.event_type": "response.done",
        "gen_ai.response.id": "resp_1",
        "gen_ai.response.finish_reasons": "completed",
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 9,
    }
    said = {"messages": [{"transcript": "晴れです。"}, {"name": "look", "arguments": {"city": "津"}}]}
    event = Event("gen_ai.output.messages", NOW_MS * 10**6, {"gen_ai.event.content": json.dumps(said)})
    span = row(done, events=[event])
    assert (span.operation, span.billed, span.provider) == ("chat", True, "azure.ai.voicelive")
    assert buckets(span) == {"input_fresh": 30, "output_visible": 9}
    assert (span.session_id, span.response_id, span.finish_reasons) == ("sess_1", "resp_1", ["tool_calls"])
    assert span.output_text == "晴れです。"
    assert [part["type"] for part in json.loads(span.output_messages)[0]["parts"]] == ["text", "tool_call"]
    span = row(told | {"gen_ai.voice.event_type": "session.created"})
    assert (span.operation, span.billed, span.session_id) == ("chain", False, "sess_1")
