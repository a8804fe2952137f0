"""The google-genai client, traced: contents, streams, functions, embeddings and images, on loopback."""

import asyncio
import json
from typing import Any

import pytest
from google import genai
from google.genai import errors, live, types
from google.oauth2.credentials import Credentials
from opentelemetry.trace import SpanKind, StatusCode
from support.pages import run_page
from support.sockets import Socket, SocketVendor
from support.vendor import Reply, Vendor, sse

import kansoku

MODEL = "gemini-2.5-flash"
USAGE = {
    "promptTokenCount": 100,
    "cachedContentTokenCount": 40,
    "candidatesTokenCount": 20,
    "thoughtsTokenCount": 15,
    "toolUsePromptTokenCount": 9,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 60},
        {"modality": "AUDIO", "tokenCount": 30},
        {"modality": "IMAGE", "tokenCount": 10},
    ],
    "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 35}, {"modality": "AUDIO", "tokenCount": 5}],
    "candidatesTokensDetails": [
        {"modality": "TEXT", "tokenCount": 12},
        {"modality": "AUDIO", "tokenCount": 8},
    ],
    "totalTokenCount": 144,
}


def answer(*parts: dict[str, Any], reason: str | None = "STOP", **fields: Any) -> dict[str, Any]:
    """Return a response as the API sends it."""
    content = {"role": "model", "parts": list(parts) or [{"text": "火曜日です。"}]}
    candidate = {"content": content, "index": 0, **({"finishReason": reason} if reason else {})}
    candidate |= fields.pop("candidate", {})
    return {
        "candidates": [candidate],
        "usageMetadata": USAGE,
        "modelVersion": "gemini-2.5-flash-001",
        "responseId": "r-1",
        **fields,
    }


@pytest.fixture
def client(vendor: Vendor, spans: Any) -> Any:
    """Give a client of the Gemini API."""
    with genai.Client(api_key="k", vertexai=False, http_options={"base_url": vendor.url}) as client:
        yield client


def test_a_call_is_one_client_span_with_everything_said(client: Any, vendor: Vendor, spans: Any) -> None:
    """Request, answer and usage of generated content are on its span, each token in one bucket."""
    vendor.answer(answer())
    client.models.generate_content(
        model=f"models/{MODEL}",
        contents="ごみの収集日は？",
        config=types.GenerateContentConfig(
            system_instruction=["Be brief.", "In Japanese."],
            temperature=0.2,
            top_p=0.9,
            top_k=5,
            max_output_tokens=300,
            candidate_count=1,
            seed=7,
            stop_sequences=["。。"],
            presence_penalty=0.1,
            frequency_penalty=0.2,
            response_mime_type="application/json",
            thinking_config=types.ThinkingConfig(thinking_budget=512),
            tool_config=types.ToolConfig(
                function_calling_config=types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY)
            ),
            safety_settings=[
                types.SafetySetting(
                    category=types.HarmCategory.HARM_CATEGORY_HARASSMENT,
                    threshold=types.HarmBlockThreshold.BLOCK_NONE,
                )
            ],
            tools=[
                types.Tool(
                    function_declarations=[
                        types.FunctionDeclaration(
                            name="find", description="d", parameters_json_schema={"type": "object"}
                        )
                    ]
                ),
                types.Tool(google_search=types.GoogleSearch()),
            ],
        ),
    )
    span = spans.one()
    assert (span.name, span.kind, span.status.status_code) == (
        f"chat {MODEL}",
        SpanKind.CLIENT,
        StatusCode.UNSET,
    )
    found = spans.attributes()
    assert json.loads(found.pop("gen_ai.input.messages")) == [
        {"role": "user", "parts": [{"type": "text", "content": "ごみの収集日は？"}]}
    ]
    assert json.loads(found.pop("gen_ai.system_instructions")) == [
        {"type": "text", "content": "Be brief."},
        {"type": "text", "content": "In Japanese."},
    ]
    assert json.loads(found.pop("gen_ai.output.messages")) == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "火曜日です。"}],
            "finish_reason": "stop",
        }
    ]
    assert json.loads(found.pop("gen_ai.tool.definitions")) == [
        {"type": "function", "name": "find", "description": "d", "parameters": {"type": "object"}},
        {"type": "googleSearch"},
    ]
    assert found.pop("server.port") == int(vendor.url.rpartition(":")[2])
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 5,
        "gen_ai.request.max_tokens": 300,
        "gen_ai.request.choice.count": 1,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("。。",),
        "gen_ai.request.presence_penalty": 0.1,
        "gen_ai.request.frequency_penalty": 0.2,
        "gen_ai.request.tool_choice": "any",
        "kansoku.request.thinking.budget_tokens": 512,
        "kansoku.request.safety_settings": ("HARM_CATEGORY_HARASSMENT=BLOCK_NONE",),
        "gen_ai.output.type": "json",
        "server.address": "127.0.0.1",
        "gen_ai.response.model": "gemini-2.5-flash-001",
        "gen_ai.response.id": "r-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 109,
        "gen_ai.usage.output_tokens": 35,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "gen_ai.usage.audio.cache_read.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 15,
        "gen_ai.usage.audio.input_tokens": 30,
        "gen_ai.usage.audio.output_tokens": 8,
        "gen_ai.usage.image.input_tokens": 10,
    }


def chunks() -> Reply:
    """Return a stream of a thought, a text in pieces and a function call without an id."""
    call = {"functionCall": {"name": "find", "args": {"ward": "北"}}}
    return sse(
        answer({"text": "Hm", "thought": True}, reason=None, usageMetadata={"promptTokenCount": 100}),
        answer(
            {"text": "火曜"}, reason=None, usageMetadata={"promptTokenCount": 100, "candidatesTokenCount": 3}
        ),
        answer({"text": "日"}, call),
        done=False,
    )


def check_stream(spans: Any) -> None:
    """Check the span of a whole stream."""
    found = spans.attributes()
    parts = [
        {"type": "reasoning", "content": "Hm"},
        {"type": "text", "content": "火曜日"},
        {"type": "tool_call", "id": None, "name": "find", "arguments": {"ward": "北"}},
    ]
    assert spans.messages() == [{"role": "assistant", "parts": parts, "finish_reason": "tool_calls"}]
    assert found["gen_ai.request.stream"] is True
    assert found["gen_ai.response.time_to_first_chunk"] > 0
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (109, 35)


def test_a_stream_is_lazy_and_told_at_its_end(client: Any, vendor: Vendor, spans: Any) -> None:
    """Nothing is asked before the first chunk is; the last usage counts."""
    vendor.answer(chunks())
    stream = client.models.generate_content_stream(model=MODEL, contents="When?")
    assert not vendor.asked
    assert [chunk.model_version for chunk in stream] == ["gemini-2.5-flash-001"] * 3
    check_stream(spans)


def test_a_stream_left_early_ends_its_span(client: Any, vendor: Vendor, spans: Any) -> None:
    """Closing the generator ends the call with what came."""
    vendor.answer(chunks())
    stream = client.models.generate_content_stream(model=MODEL, contents="When?")
    next(stream)
    stream.close()
    assert spans.attributes()["kansoku.stream.closed_early"] is True
    assert spans.messages()[0]["parts"] == [{"type": "reasoning", "content": "Hm"}]


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
def test_the_asynchronous_client_is_traced_alike(client: Any, vendor: Vendor, spans: Any) -> None:
    """Whole answers and streams of `aio`."""

    async def ask() -> None:
        vendor.answer(answer())
        await client.aio.models.generate_content(model=MODEL, contents="When?")
        assert spans.attributes()["gen_ai.usage.output_tokens"] == 35
        spans.clear()
        vendor.answer(chunks())
        async for _ in await client.aio.models.generate_content_stream(model=MODEL, contents="When?"):
            pass
        check_stream(spans)
        await client.aio.aclose()

    asyncio.run(ask())


def find(ward: str) -> str:
    """Find the day."""
    return f"{ward}: Tuesday"


def test_automatic_function_calls_are_calls_and_tools(client: Any, vendor: Vendor, spans: Any) -> None:
    """Each request of the loop is a call of the model with its own usage; the function is a tool span."""
    call = {"functionCall": {"name": "find", "args": {"ward": "北"}}}
    vendor.answer(answer(call), answer(responseId="r-2"))
    chat = client.chats.create(model=MODEL, config={"tools": [find]})
    assert chat.send_message("When?").text == "火曜日です。"
    first, tool, second = spans.all()
    assert first.attributes["gen_ai.response.finish_reasons"] == ("tool_calls",)
    assert json.loads(first.attributes["gen_ai.tool.definitions"])[0]["name"] == "find"
    assert tool.attributes["gen_ai.operation.name"] == "execute_tool"
    assert tool.attributes["gen_ai.tool.name"] == "find"
    assert json.loads(tool.attributes["gen_ai.tool.call.arguments"]) == {"ward": "北"}
    assert "北: Tuesday" in tool.attributes["gen_ai.tool.call.result"]
    assert second.attributes["gen_ai.response.id"] == "r-2"
    told = json.loads(second.attributes["gen_ai.input.messages"])
    assert [each["role"] for each in told] == ["user", "assistant", "tool"]
    assert told[2]["parts"][0]["response"] == {"result": "北: Tuesday"}


def test_a_failing_function_fails_its_span_alone(client: Any, vendor: Vendor, spans: Any) -> None:
    """The client tells the model of the error, and so does the tool's span."""

    def broken(ward: str) -> str:
        """Fail."""
        raise ValueError(ward)

    vendor.answer(answer({"functionCall": {"name": "broken", "args": {"ward": "北"}}}), answer())
    client.models.generate_content(model=MODEL, contents="When?", config={"tools": [broken]})
    codes = [span.status.status_code for span in spans.all()]
    assert codes == [StatusCode.UNSET, StatusCode.ERROR, StatusCode.UNSET]


def test_every_kind_of_content_is_read_and_no_data_copied(client: Any, vendor: Vendor, spans: Any) -> None:
    """Loose parts are one message; data is known by type and size; the vendor's tools have parts."""
    vendor.answer(
        answer(
            {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
            {"text": "One."},
            candidate={
                "groundingMetadata": {
                    "webSearchQueries": ["ごみ 火曜"],
                    "groundingChunks": [{"web": {"uri": "https://e.org", "title": "E"}}],
                }
            },
        )
    )
    contents: Any = [
        "Look:",
        types.Part.from_bytes(data=b"abc", mime_type="image/png"),
        types.Part.from_uri(file_uri="gs://b/a.mp3", mime_type="audio/mpeg"),
        types.Content(role="model", parts=[types.Part.from_function_call(name="find", args={"ward": "北"})]),
        {"role": "user", "parts": [{"functionResponse": {"name": "find", "response": {"result": 1}}}]},
    ]
    client.models.generate_content(model=MODEL, contents=contents)
    asked = spans.messages("gen_ai.input.messages")
    assert [each["role"] for each in asked] == ["user", "assistant", "tool"]
    assert asked[0]["parts"] == [
        {"type": "text", "content": "Look:"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 3},
        {"type": "uri", "modality": "audio", "uri": "gs://b/a.mp3", "mime_type": "audio/mpeg"},
    ]
    assert asked[1]["parts"][0]["arguments"] == {"ward": "北"}
    assert asked[2]["parts"][0] == {
        "type": "tool_call_response",
        "id": None,
        "name": "find",
        "response": {"result": 1},
    }
    code = {"language": "python", "code": "print(1)"}
    assert spans.messages()[0]["parts"] == [
        {"type": "server_tool_call", "id": None, "name": "code_execution", "arguments": code},
        {
            "type": "server_tool_call_response",
            "id": None,
            "response": {"outcome": "outcome_ok", "output": "1"},
        },
        {"type": "text", "content": "One."},
    ]
    found = spans.attributes()
    assert found["kansoku.grounding.queries"] == ("ごみ 火曜",)
    assert json.loads(found["kansoku.grounding.sources"]) == [{"uri": "https://e.org", "title": "E"}]
    assert found["kansoku.usage.web_search.requests"] == 1


@pytest.mark.parametrize(
    ("word", "canonical"),
    [("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("MALFORMED_FUNCTION_CALL", None)],
)
def test_finish_reasons_have_canonical_words(
    word: str, canonical: str | None, client: Any, vendor: Vendor, spans: Any
) -> None:
    """What has no canonical word keeps the vendor's, in lower case."""
    vendor.answer(answer(reason=word))
    client.models.generate_content(model=MODEL, contents="When?")
    assert spans.attributes()["gen_ai.response.finish_reasons"] == (canonical or word.lower(),)


def test_a_refused_prompt_says_why(client: Any, vendor: Vendor, spans: Any) -> None:
    """There is no candidate then, and no output."""
    refused = {
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 7},
    }
    vendor.answer(refused)
    client.models.generate_content(model=MODEL, contents="When?")
    found = spans.attributes()
    assert found["gen_ai.response.finish_reasons"] == ("content_filter",)
    assert found["kansoku.response.block_reason"] == "prohibited_content"
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (7, 0)


def test_a_refused_call_has_its_status(client: Any, vendor: Vendor, spans: Any) -> None:
    """The exception is the client's; its class and its HTTP status are on the span."""
    body = {"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}}
    vendor.answer(Reply(json.dumps(body).encode(), status=429))
    with pytest.raises(errors.ClientError, match="slow down"):
        client.models.generate_content(model=MODEL, contents="When?")
    found = spans.attributes()
    assert (found["error.type"], found["http.response.status_code"]) == ("ClientError", 429)


def test_embeddings_are_counted_and_not_recorded(client: Any, vendor: Vendor, spans: Any) -> None:
    """Number, dimensions and tokens of the texts; no vector."""
    vendor.answer({"embeddings": [{"values": [0.123456, 0.2]}] * 2, "usageMetadata": {"promptTokenCount": 8}})
    client.models.embed_content(model="gemini-embedding-001", contents=["a", "b"])
    found = spans.attributes()
    assert found["gen_ai.operation.name"] == "embeddings"
    assert found["kansoku.embeddings.input.count"] == 2
    assert found["gen_ai.embeddings.dimension.count"] == 2
    assert found["gen_ai.usage.input_tokens"] == 8
    assert not [value for value in found.values() if "0.123456" in str(value)]


@pytest.mark.filterwarnings("ignore:The generate_images method is deprecated")
def test_images_are_known_by_type_and_size(vendor: Vendor, spans: Any) -> None:
    """Google says no usage for them, so there is none."""
    vendor.answer({"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": "QUJD"}]})
    config = types.GenerateImagesConfig(number_of_images=1)
    with vertex(vendor) as client:
        client.models.generate_images(model="imagen-4.0-generate-001", prompt="A bin", config=config)
    found = spans.attributes()
    assert found["gen_ai.output.type"] == "image"
    assert found["kansoku.usage.images"] == 1
    assert spans.messages()[0]["parts"] == [
        {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 3}
    ]
    assert "gen_ai.usage.input_tokens" not in found


def vertex(vendor: Vendor) -> genai.Client:
    """Return a client of Vertex."""
    credentials = Credentials(token="t")  # type: ignore[no-untyped-call]
    options = types.HttpOptions(base_url=vendor.url)
    return genai.Client(
        vertexai=True, project="p", location="global", credentials=credentials, http_options=options
    )


@pytest.mark.parametrize("stream", [False, True])
def test_the_tokens_of_images_drawn_in_an_answer_have_their_own_price(
    stream: bool, vendor: Vendor, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are among the answer's tokens, and cost a dozen times as much as its words."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "gcp.gemini")
    spans = start()
    usage = {
        "promptTokenCount": 10,
        "candidatesTokenCount": 1300,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
    }
    drawn = {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}
    told = answer({"text": "火"}, drawn, usageMetadata=usage, modelVersion="gemini-2.5-flash-image")
    vendor.answer(sse(told, done=False) if stream else told)
    with genai.Client(api_key="k", vertexai=False, http_options={"base_url": vendor.url}) as client:
        if stream:
            list(client.models.generate_content_stream(model="gemini-2.5-flash-image", contents="draw"))
        else:
            client.models.generate_content(model="gemini-2.5-flash-image", contents="draw")
    found = spans.attributes()
    assert found["gen_ai.usage.output_tokens"] == 1300
    assert found["gen_ai.usage.image.output_tokens"] == 1290
    assert found["kansoku.cost.usd"] == pytest.approx((10 * 0.3 + 10 * 2.5 + 1290 * 30) / 1e6)


def test_vertex_is_another_provider(vendor: Vendor, spans: Any) -> None:
    """The same models, sold by another; the model's path is cut to its name."""
    vendor.answer(answer(usageMetadata={**USAGE, "trafficType": "ON_DEMAND"}))
    with vertex(vendor) as client:
        client.models.generate_content(model=f"publishers/google/models/{MODEL}", contents="When?")
    found = spans.attributes()
    assert (found["gen_ai.provider.name"], found["gen_ai.request.model"]) == ("gcp.vertex_ai", MODEL)
    assert found["kansoku.response.service_tier"] == "on_demand"


def test_counting_tokens_is_no_call_of_a_model(client: Any, vendor: Vendor, spans: Any) -> None:
    """It is free, and leaves no span."""
    vendor.answer({"totalTokens": 9})
    assert client.models.count_tokens(model=MODEL, contents="When?").total_tokens == 9
    assert not spans.all()


def test_uninstrumented_methods_are_the_clients_own(client: Any, vendor: Vendor, spans: Any) -> None:
    """Nothing is traced after that."""
    vendor.answer(answer())
    kansoku.uninstrument("google-genai")
    client.models.generate_content(model=MODEL, contents="When?")
    assert not spans.all()


def speak(socket: Socket) -> None:
    """Answer one question of a live connection."""
    socket.hear()
    socket.say({"setupComplete": {}})
    socket.hear()
    socket.say(
        {"serverContent": {"modelTurn": {"role": "model", "parts": [{"text": "On Friday."}]}}},
        {"serverContent": {"turnComplete": True}, "usageMetadata": {"promptTokenCount": 9}},
    )
    socket.wait()


def test_the_page_runs(
    vendor: Vendor, sockets: SocketVendor, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks of the documentation trace two calls, a function between two more, and a turn."""
    connect, address = live.ws_connect, sockets.play(speak).url
    monkeypatch.setattr(live, "ws_connect", lambda *_, **__: connect(address))  # in the clear
    call = {"functionCall": {"name": "collection_day", "args": {"kind": "paper"}}}
    vendor.answer(answer(), answer(call), answer())
    monkeypatch.setenv("GEMINI_API_KEY", "k")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", vendor.url)
    monkeypatch.setenv("KANSOKU_ENDPOINT", "http://127.0.0.1:42099")
    found = run_page("sdk/google.md")
    names = [span.name.split()[0] for span in spans.all()]
    assert names == ["chat", "chat", "execute_tool", "chat", "chat"]
    assert "On Friday." in spans.all()[-1].attributes["gen_ai.output.messages"]
    found["client"].close()
