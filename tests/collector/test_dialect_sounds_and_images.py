"""Calls that hear, speak or draw, as instrumentations tell them: what they are, and what they cost."""

import json
from decimal import Decimal

import pytest
from tests.collector.test_dialect_logfire import row as named_row
from tests.collector.test_dialect_mlflow import traced
from tests.collector.test_normalise import buckets, row

from kansoku.pricing.prices import Prices
from kansoku_collector.enrich.cost import put_cost

OPENAI = "openinference.instrumentation.openai"
HEARD = {  # of a transcription
    "type": "tokens",
    "input_tokens": 102,
    "output_tokens": 22,
    "total_tokens": 124,
    "input_token_details": {"audio_tokens": 92, "text_tokens": 10},
}
DREW = {  # of an image model of OpenAI's, asked to change a picture
    "input_tokens": 255,
    "input_tokens_details": {"image_tokens": 200, "text_tokens": 55},
    "output_tokens": 4005,
    "total_tokens": 4260,
}
GEMINI = {"mlflow.llm.provider": "gemini"}
NOTHING = {"function_call": None, "function_response": None, "executable_code": None, "text": None}


def modality(kind, number):
    """Return one line of Gemini's counts by kind."""
    return {"modality": kind, "token_count": number}


def gemini(*parts, model="gemini-2.5-flash", **usage):
    """Return a response as Google's client for Python writes it, with every field that is not set."""
    parts = [NOTHING | {"inline_data": None} | part for part in parts]
    candidate = {"content": {"role": "model", "parts": parts}, "finish_reason": "STOP", "index": 0}
    return {"candidates": [candidate], "model_version": model, "usage_metadata": usage}


def cost(span):
    """Return what a row costs."""
    put_cost(span, Prices())
    return span.cost_usd


def heard(name, answered):
    """Return the row of a call of OpenAI's client for sound under OpenInference."""
    model = "whisper-1" if "Verbose" in name else "gpt-4o-transcribe"
    told = {
        "openinference.span.kind": "LLM",
        "llm.system": "openai",
        "llm.invocation_parameters": json.dumps({"model": model}),
        "input.value": json.dumps({"model": model}),
        "output.value": json.dumps(answered),
    }
    return named_row(told, name=name, scope=OPENAI)


def test_what_openais_client_heard_is_billed_under_openinference():
    """A transcription was a chat without tokens, whose answer was the JSON around the words."""
    span = heard("Transcription", {"text": "Nine degrees.", "usage": HEARD})
    assert (span.operation, span.billed, span.output_text) == ("generate_content", True, "Nine degrees.")
    assert (span.input_messages, span.request_model) == ("", "gpt-4o-transcribe")
    assert buckets(span) == {"input_fresh": 10, "audio_in": 92, "output_visible": 22}
    assert cost(span) == Decimal("0.000797")


def test_seconds_that_were_heard_are_billed_under_openinference():
    """Whisper is paid by the second, which its usage or the length of the sound tells."""
    answered = {"text": "Nine.", "duration": 9.0, "usage": {"type": "duration", "seconds": 9.0}}
    assert cost(heard("TranscriptionVerbose", answered)) == Decimal("0.0009")
    assert cost(heard("TranslationVerbose", {"text": "Nine.", "duration": 60.0})) == Decimal("0.006")


def test_what_openais_client_spoke_is_no_printed_object():
    """The answer is a sound, of which OpenInference tells the object that holds it; letters have a price."""
    told = {
        "openinference.span.kind": "LLM",
        "llm.system": "openai",
        "input.value": json.dumps({"input": "Hello you.", "model": "tts-1", "voice": "alloy"}),
        "output.value": "<openai._legacy_response.HttpxBinaryResponseContent object at 0x7f79>",
        "llm.invocation_parameters": json.dumps({"model": "tts-1", "voice": "alloy"}),
    }
    span = named_row(told, name="HttpxBinaryResponseContent", scope=OPENAI)
    assert (span.operation, span.output_messages, span.output_text) == ("generate_content", "", "")
    assert cost(span) == Decimal("0.00015")


def logfire(address, model, usage, **more):
    """Return the row of a call of which Logfire knows the address and the usage alone."""
    told = {
        "logfire.span_type": "span",
        "url": address,
        "request_data": json.dumps({"model": model}),
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "gen_ai.usage.raw": json.dumps(usage),
    }
    return named_row(told | more, name="OpenAI API call to {url!r}", scope="logfire.openai")


def test_sounds_and_pictures_that_were_sent_are_counted_under_logfire():
    """Both stand in the vendor's own usage alone: they were billed as words, and told as chats."""
    counts = {"gen_ai.usage.input_tokens": 102, "gen_ai.usage.output_tokens": 22}
    span = logfire("/audio/transcriptions", "gpt-4o-transcribe", HEARD, **counts)
    assert (span.operation, buckets(span)["audio_in"]) == ("generate_content", 92)
    assert cost(span) == Decimal("0.000797")
    counts = {"gen_ai.usage.input_tokens": 255, "gen_ai.usage.output_tokens": 4005}
    span = logfire("/images/edits", "gpt-image-1", DREW, **counts)
    assert (span.operation, buckets(span)["image"]) == ("image", 200)
    assert cost(span) == Decimal("0.162475")
    span = logfire("/audio/transcriptions", "whisper-1", {"seconds": 9.0, "type": "duration"})
    assert cost(span) == Decimal("0.0009")


def drawn(given, answered, **more):
    """Return the row of a call for images under MLflow."""
    told = {"mlflow.spanType": "TOOL", "mlflow.spanInputs": given, "mlflow.spanOutputs": answered} | more
    told = {name: json.dumps(value) for name, value in told.items()}
    return named_row(told, name="Images", scope="mlflow.tracing.provider")


def test_a_drawing_of_openais_client_is_billed_under_mlflow():
    """Its type is that of a tool, and cost nothing."""
    given = {"model": "gpt-image-1", "prompt": "a cat"}
    answered = {"created": 1, "data": [{"b64_json": "mlflow-attachment://1"}], "usage": DREW}
    span = drawn(given, answered, **{"mlflow.llm.model": "gpt-image-1"})
    assert (span.operation, span.billed, span.provider) == ("image", True, "openai")
    assert (span.input_text, span.output_messages) == ("a cat", "")
    assert cost(span) == Decimal("0.162475")
    assert drawn(given, answered).operation == "execute_tool"  # a program's own


DRAWN = gemini(
    {"text": "Here."},
    {"inline_data": {"data": "iVBORw0KGgo=", "mime_type": "image/png"}},
    model="gemini-2.5-flash-image",
    prompt_token_count=1936,
    prompt_tokens_details=[modality("TEXT", 1936)],
    candidates_token_count=904,
    candidates_tokens_details=[modality("IMAGE", 300), modality("TEXT", 604)],
    total_token_count=2840,
)


def test_an_image_that_gemini_drew_costs_what_images_do():
    """Its tokens stand in the response alone, at twelve times the price of words."""
    told = {
        "openinference.span.kind": "LLM",
        "llm.provider": "google",
        "llm.model_name": "gemini-2.5-flash-image",
        "llm.token_count.prompt": 1936,
        "llm.token_count.completion": 904,
        "output.value": json.dumps(DRAWN),
    }
    assert cost(row(told, scope="openinference.instrumentation.google_genai")) == Decimal("0.0110908")
    given = {"model": "gemini-2.5-flash-image", "contents": "a cat"}
    span = traced("LLM", given, DRAWN, **GEMINI)
    assert cost(span) == Decimal("0.0110908")


def test_sounds_that_gemini_heard_are_counted_once():
    """They are listed beside words; those that were cached are counted, and paid, as cached."""
    usage = {
        "prompt_token_count": 1000,
        "prompt_tokens_details": [modality("TEXT", 800), modality("AUDIO", 200)],
        "cached_content_token_count": 300,
        "cache_tokens_details": [modality("TEXT", 250), modality("AUDIO", 50)],
        "candidates_token_count": 100,
        "total_token_count": 1100,
    }
    given = {"model": "gemini-2.5-flash", "contents": "What is said?"}
    span = traced("LLM", given, gemini({"text": "Nine."}, **usage), **GEMINI)
    assert buckets(span) == {"input_fresh": 550, "cache_read": 300, "audio_in": 150, "output_visible": 100}
    assert span.attributes["gen_ai.usage.audio.cache_read.input_tokens"] == "50"
    # 550 at 0.30, 250 cached words at 0.03, 150 sounds at 1.00, 50 cached ones at 0.10, 100 words at 2.50
    assert cost(span) == Decimal("0.0005775")


@pytest.mark.parametrize("kind", ["inline_data", "executable_code"])
def test_a_part_whose_call_of_a_tool_is_empty_is_none(kind):
    """Google's client writes every field of a part; a picture or code was a call of a tool without a name."""
    part = {"data": "mlflow-attachment://1?size=8", "mime_type": "image/png"}
    part = part if kind == "inline_data" else {"code": "print(7)", "language": "PYTHON"}
    given = {"model": "gemini-2.5-flash", "contents": [NOTHING | {"inline_data": part}, "What is it?"]}
    span = traced("LLM", given, gemini({kind: part}, {"text": "Nine."}), **GEMINI)
    assert (span.output_text, span.finish_reasons, span.input_text) == ("Nine.", ["stop"], "What is it?")
    assert [part.get("type") for part in json.loads(span.output_messages)[0]["parts"]][-1] == "text"
    assert "tool_call" not in span.output_messages
    if kind == "inline_data":
        assert json.loads(span.input_messages)[0]["parts"] == [{"type": "uri", "uri": part["data"]}]
        assert json.loads(span.output_messages)[0]["parts"][0] == {"type": "uri", "uri": part["data"]}
