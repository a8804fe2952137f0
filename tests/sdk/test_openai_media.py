"""Images, audio and moderations of the openai client: counted and described, never copied."""

import base64
import json
from typing import Any

import openai
import pytest
from support.vendor import Reply, Vendor, sse

PNG = base64.b64encode(bytes(300)).decode()
USAGE = {
    "input_tokens": 50, "output_tokens": 272, "total_tokens": 322,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens_details": {"text_tokens": 0, "image_tokens": 272},
}  # fmt: skip


@pytest.fixture
def client(vendor: Vendor) -> Any:
    """Return a client of the server on loopback."""
    with openai.OpenAI(api_key="sk-test", base_url=f"{vendor.url}/v1", max_retries=0) as made:
        yield made


def parts(spans: Any, key: str = "gen_ai.output.messages") -> Any:
    """Return the parts of the only message."""
    return spans.messages(key)[0]["parts"]


def test_an_image_is_told_by_type_size_and_tokens(client: Any, vendor: Vendor, spans: Any) -> None:
    """The image itself is in no attribute; what it was asked and billed as is."""
    vendor.answer({"created": 1, "data": [{"b64_json": PNG}], "output_format": "webp", "usage": USAGE})
    client.images.generate(
        model="gpt-image-1",
        prompt="a tidy street",
        size="1024x1024",
        quality="high",
        n=1,
        output_format="webp",
    )
    found = spans.attributes()
    assert PNG[:40] not in str(found)
    assert parts(spans) == [{"type": "blob", "modality": "image", "mime_type": "image/webp", "size": 300}]
    told = {key: value for key, value in found.items() if not key.endswith(("messages", "address", "port"))}
    told.pop("http.response.header.x-request-id", None)
    assert told == {
        "gen_ai.operation.name": "image_generation",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": "gpt-image-1",
        "gen_ai.request.size": "1024x1024",
        "gen_ai.request.quality": "high",
        "gen_ai.request.choice.count": 1,
        "gen_ai.request.output_format": "webp",
        "gen_ai.output.type": "image",
        "kansoku.usage.images": 1,
        "gen_ai.usage.input_tokens": 50,
        "gen_ai.usage.image.input_tokens": 40,
        "gen_ai.usage.output_tokens": 272,
        "gen_ai.usage.image.output_tokens": 272,
    }


def test_an_edited_image_names_what_was_sent(client: Any, vendor: Vendor, spans: Any) -> None:
    """Sent images are told by name and size; of a link, the part that lets one fetch it is left out."""
    link = {"url": "https://blob.example/i.png?sig=s3cret", "revised_prompt": "a tidier street"}
    vendor.answer({"created": 1, "data": [link]})
    client.images.edit(model="dall-e-2", image=("street.png", b"12345", "image/png"), prompt="tidy up")
    assert parts(spans, "gen_ai.input.messages") == [
        {"type": "text", "content": "tidy up"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 5, "name": "street.png"},
    ]
    assert parts(spans) == [
        {
            "type": "uri",
            "modality": "image",
            "uri": "https://blob.example/i.png",
            "revised_prompt": "a tidier street",
        }
    ]
    assert "gen_ai.usage.input_tokens" not in spans.attributes()


def test_a_streamed_image_is_the_completed_one(client: Any, vendor: Vendor, spans: Any) -> None:
    """Drafts are not counted."""
    draft = {"type": "image_generation.partial_image", "b64_json": PNG, "partial_image_index": 0}
    done = {"type": "image_generation.completed", "b64_json": PNG, "output_format": "png", "usage": USAGE}
    vendor.answer(sse((draft["type"], draft), (done["type"], done)))
    list(client.images.generate(model="gpt-image-1", prompt="p", stream=True, partial_images=1))
    found = spans.attributes()
    assert (found["kansoku.usage.images"], found["gen_ai.usage.output_tokens"]) == (1, 272)
    assert parts(spans) == [{"type": "blob", "modality": "image", "mime_type": "image/png", "size": 300}]


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (
            {"type": "tokens", "input_tokens": 14, "output_tokens": 45, "total_tokens": 59,
             "input_token_details": {"text_tokens": 4, "audio_tokens": 10}},
            {"gen_ai.usage.input_tokens": 14, "gen_ai.usage.output_tokens": 45,
             "gen_ai.usage.audio.input_tokens": 10},
        ),
        ({"type": "duration", "seconds": 27}, {"kansoku.usage.audio.input_seconds": 27.0}),
    ],
)  # fmt: skip
def test_a_transcription_is_counted_as_its_vendor_counts(
    client: Any, vendor: Vendor, spans: Any, usage: Any, told: Any
) -> None:
    """Tokens or seconds, whichever is billed; the sound is told by name and size."""
    body = {
        "text": "Good morning.",
        "usage": usage,
        "logprobs": [{"token": "G", "logprob": -0.5, "bytes": []}],
    }
    vendor.answer(body)
    client.audio.transcriptions.create(
        model="gpt-4o-transcribe",
        file=("call.wav", b"RIFF....", "audio/wav"),
        language="en",
        include=["logprobs"],
    )
    found = spans.attributes()
    assert {key: value for key, value in found.items() if ".usage." in key} == told
    assert found["kansoku.response.logprob.mean"] == -0.5
    assert (found["gen_ai.request.language"], found["gen_ai.output.type"]) == ("en", "text")
    assert parts(spans) == [{"type": "text", "content": "Good morning."}]
    assert parts(spans, "gen_ai.input.messages") == [
        {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "size": 8, "name": "call.wav"}
    ]


def test_a_transcription_as_bare_text_is_read(client: Any, vendor: Vendor, spans: Any) -> None:
    """Some formats are no JSON."""
    vendor.answer(Reply(b"Good morning.", content_type="text/plain"))
    given = client.audio.transcriptions.create(
        model="whisper-1", file=("a.mp3", b"1"), response_format="text"
    )
    assert given == "Good morning."
    assert parts(spans) == [{"type": "text", "content": "Good morning."}]


@pytest.mark.parametrize("whole", [True, False])
def test_a_streamed_transcription_is_put_together(
    client: Any, vendor: Vendor, spans: Any, whole: bool
) -> None:
    """From its last event, or from the pieces where that did not come."""
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 4, "total_tokens": 18}
    events: list[Any] = [{"type": "transcript.text.delta", "delta": piece} for piece in ("Good ", "morning.")]
    done = {"type": "transcript.text.done", "text": "Good morning.", "usage": usage}
    vendor.answer(sse(*events, *([done] if whole else [])))
    list(client.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", b"1"), stream=True))
    assert parts(spans) == [{"type": "text", "content": "Good morning."}]
    assert spans.attributes().get("gen_ai.usage.output_tokens") == (4 if whole else None)


def test_speech_is_told_by_type_and_size(client: Any, vendor: Vendor, spans: Any) -> None:
    """The text that is spoken and the voice are on the span, the sound reaches the caller alone."""
    vendor.answer(Reply(b"ID3" + bytes(97), content_type="audio/mpeg"))
    spoken = client.audio.speech.create(
        model="gpt-4o-mini-tts", voice="coral", input="Good morning.", instructions="Cheerfully.", speed=1.2
    )
    assert len(spoken.read()) == 100
    found = spans.attributes()
    assert (found["gen_ai.request.voice"], found["gen_ai.request.speed"]) == ("coral", 1.2)
    assert found["kansoku.usage.characters"] == len("Good morning.")
    assert json.loads(found["gen_ai.system_instructions"]) == [{"type": "text", "content": "Cheerfully."}]
    assert parts(spans, "gen_ai.input.messages") == [{"type": "text", "content": "Good morning."}]
    assert parts(spans) == [{"type": "blob", "modality": "audio", "mime_type": "audio/mpeg", "size": 100}]


def test_a_moderation_is_a_guardrail_and_no_billed_call(client: Any, vendor: Vendor, spans: Any) -> None:
    """It passes or not, and says for what."""
    result = {
        "flagged": True,
        "categories": {"violence": True, "hate": False, "self-harm": True},
        "category_scores": {"violence": 0.9, "hate": 0.1, "self-harm": 0.8},
    }
    vendor.answer({"id": "modr-1", "model": "omni-moderation-latest", "results": [result]})
    client.moderations.create(model="omni-moderation-latest", input="I will ...")
    found = spans.attributes()
    assert (found["gen_ai.operation.name"], found["kansoku.kind"]) == ("moderation", "guardrail")
    assert found["kansoku.guardrail.passed"] is False
    assert sorted(found["kansoku.guardrail.reason"].split(", ")) == ["self_harm", "violence"]
    assert not [key for key in found if "usage" in key or "cost" in key]
