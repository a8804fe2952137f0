"""What Google tells beside words: calls in pieces, tiers, certainty, pages that were read, modalities."""

import asyncio
import json
from typing import Any

import pytest
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials
from support.vendor import Reply, Vendor, sse

MODEL = "gemini-3-flash"
USAGE = {"promptTokenCount": 30, "candidatesTokenCount": 10, "totalTokenCount": 40}


def answer(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a response, or a chunk of a stream, as the API sends it."""
    candidate = {"content": {"role": "model", "parts": list(parts)}, "index": 0, **fields}
    return {"candidates": [candidate], "usageMetadata": USAGE, "modelVersion": MODEL, "responseId": "r-1"}


@pytest.fixture
def client(vendor: Vendor, spans: Any) -> Any:
    """Give a client of the Gemini API."""
    with genai.Client(api_key="k", vertexai=False, http_options={"base_url": vendor.url}) as client:
        yield client


@pytest.fixture
def vertex(vendor: Vendor, spans: Any) -> Any:
    """Give a client of Vertex, which alone streams arguments."""
    options = {"base_url": vendor.url}
    credentials = Credentials(token="t")  # type: ignore[no-untyped-call]
    with genai.Client(
        vertexai=True, project="p", location="global", credentials=credentials, http_options=options
    ) as found:
        yield found


def piece(path: str, **value: Any) -> dict[str, Any]:
    """Return a piece of an argument."""
    return {"jsonPath": path, **value}


def calls(*told: dict[str, Any]) -> list[Any]:
    """Return the chunks of a stream that tells pieces of calls, and then stops."""
    chunks: list[Any] = [answer({"functionCall": call}) for call in told]
    chunks[-1]["candidates"][0]["finishReason"] = "STOP"
    return chunks


PIECES = (
    {"name": "book", "id": "c-1", "willContinue": True},
    {"partialArgs": [piece("$.town", stringValue="北", willContinue=True)], "willContinue": True},
    {"partialArgs": [piece("$.town", stringValue="区")], "willContinue": True},
    {
        "partialArgs": [
            piece("$.guests[0].name", stringValue="Aoi"),
            piece("$.guests[0].age", numberValue=7.0),
            piece("$.guests[1]['the name']", stringValue="Ren"),
            piece("$.late", boolValue=True),
            piece("$.note", nullValue="NULL_VALUE"),
            piece("$.share", numberValue=0.5),
        ],
        "willContinue": True,
    },
    {},
    {"name": "book", "args": {"town": "南区"}},
)
BOOKED = {
    "town": "北区",
    "guests": [{"name": "Aoi", "age": 7}, {"the name": "Ren"}],
    "late": True,
    "note": None,
    "share": 0.5,
}


def check_calls(spans: Any) -> None:
    """Check the two calls that the pieces tell."""
    parts = spans.messages()[0]["parts"]
    assert parts == [
        {"type": "tool_call", "id": "c-1", "name": "book", "arguments": BOOKED},
        {"type": "tool_call", "id": None, "name": "book", "arguments": {"town": "南区"}},
    ]
    assert spans.attributes()["gen_ai.response.finish_reasons"] == ("tool_calls",)


def test_a_call_whose_arguments_are_streamed_is_one_call(vertex: Any, vendor: Vendor, spans: Any) -> None:
    """Pieces of arguments are put where their paths say; the one that ends a call is no call."""
    vendor.answer(sse(*calls(*PIECES), done=False))
    stream = vertex.models.generate_content_stream(model=MODEL, contents="Book.")
    assert len(list(stream)) == len(PIECES)
    check_calls(spans)


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
def test_arguments_are_streamed_to_the_asynchronous_client_alike(
    vertex: Any, vendor: Vendor, spans: Any
) -> None:
    """The same pieces give the same calls."""
    vendor.answer(sse(*calls(*PIECES), done=False))

    async def ask() -> None:
        async for _ in await vertex.aio.models.generate_content_stream(model=MODEL, contents="Book."):
            pass
        await vertex.aio.aclose()

    asyncio.run(ask())
    check_calls(spans)


def test_pieces_that_fit_nowhere_are_left_out(vertex: Any, vendor: Vendor, spans: Any) -> None:
    """A path through a text, to an item that no list has, or to nowhere spoils nothing else."""
    told = [
        piece("$.a", stringValue="x"),
        piece("$.a.b", stringValue="y"),
        piece("$.c[99999]", numberValue=1),
        piece("$", stringValue="z"),
    ]
    vendor.answer(sse(*calls({"name": "f", "partialArgs": told}), done=False))
    list(vertex.models.generate_content_stream(model=MODEL, contents="Go."))
    assert spans.messages()[0]["parts"][0]["arguments"] == {"a": "x", "c": []}


@pytest.mark.parametrize("asked", ["flex", "priority"])
def test_the_tier_asked_for_and_that_of_the_answer_are_told(
    client: Any, vendor: Vendor, spans: Any, asked: str
) -> None:
    """A priority call that was served, and is billed, as standard says both."""
    body = json.dumps(answer({"text": "Yes."})).encode()
    vendor.answer(Reply(body, headers={"x-gemini-service-tier": "standard"}))
    client.models.generate_content(model=MODEL, contents="?", config={"service_tier": asked})
    found = spans.attributes()
    assert found["openai.request.service_tier"] in ("flex", "priority")
    assert found["kansoku.response.service_tier"] == "standard"


def test_the_tier_beside_the_usage_is_told(client: Any, vendor: Vendor, spans: Any) -> None:
    """The API says it there, too; a program may take the answer as it came."""
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4, "serviceTier": "flex"}
    vendor.answer({**answer({"text": "Yes."}), "usageMetadata": usage})
    as_it_came = {"should_return_http_response": True}
    client.models.generate_content(model=MODEL, contents="?", config=as_it_came)
    assert spans.attributes()["kansoku.response.service_tier"] == "flex"


def test_the_certainty_of_an_answer_is_told(vertex: Any, vendor: Vendor, spans: Any) -> None:
    """Vertex says the mean log probability of the tokens."""
    vendor.answer(answer({"text": "Yes."}, finishReason="STOP", avgLogprobs=-0.25))
    vertex.models.generate_content(model=MODEL, contents="?")
    assert spans.attributes()["kansoku.response.logprob.mean"] == -0.25


def test_pages_that_were_read_are_sources(client: Any, vendor: Vendor, spans: Any) -> None:
    """Of the pages that were looked up, those that were found; images that were searched for are searches."""
    looked = [
        {"retrievedUrl": "https://a.test/", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS"},
        {"retrievedUrl": "https://b.test/", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_ERROR"},
    ]
    image = {"sourceUri": "https://c.test/", "imageUri": "https://c.test/i.png", "title": "c"}
    vendor.answer(
        answer(
            {"text": "Yes."},
            urlContextMetadata={"urlMetadata": looked},
            groundingMetadata={"imageSearchQueries": ["glass"], "groundingChunks": [{"image": image}]},
        )
    )
    client.models.generate_content(model=MODEL, contents="?")
    found = spans.attributes()
    assert found["kansoku.usage.web_fetch.requests"] == 1
    assert found["kansoku.usage.web_search.requests"] == 1
    assert json.loads(found["kansoku.grounding.sources"]) == [
        {"uri": "https://c.test/", "title": "c"},
        {"uri": "https://a.test/", "title": ""},
    ]


def test_what_was_heard_is_the_text_of_an_answer(client: Any, vendor: Vendor, spans: Any) -> None:
    """A transcription by itself is a text; beside a sound it says what the sound says."""
    sound = {"mimeType": "audio/wav", "data": "AAAA"}
    vendor.answer(
        answer(
            {"audioTranscription": {"text": "火曜日"}},
            {"inlineData": sound, "audioTranscription": {"text": "です"}},
        )
    )
    client.models.generate_content(model=MODEL, contents="?")
    text, blob = spans.messages()[0]["parts"]
    assert text == {"type": "text", "content": "火曜日"}
    assert (blob["modality"], blob["size"], blob["transcript"]) == ("audio", 3, "です")


def test_numbers_stand_for_finish_reasons(client: Any, vendor: Vendor, spans: Any) -> None:
    """A proxy may send the numbers of the enum."""
    vendor.answer(answer({"text": "Yes."}, finishReason=types.FinishReason.MODEL_ARMOR.value))
    client.models.generate_content(model=MODEL, contents="?")
    assert spans.attributes()["gen_ai.response.finish_reasons"] == ("content_filter",)


def test_an_interaction_says_what_is_paid_beside_its_tokens(client: Any, vendor: Vendor, spans: Any) -> None:
    """The tier, searches, images drawn; a cached image is counted as cached."""
    usage = {
        "total_input_tokens": 100,
        "total_cached_tokens": 60,
        "total_output_tokens": 50,
        "input_tokens_by_modality": [{"modality": "image", "tokens": 80}],
        "cached_tokens_by_modality": [{"modality": "image", "tokens": 60}],
        "output_tokens_by_modality": [{"modality": "image", "tokens": 40}],
        "grounding_tool_count": [{"type": "google_search", "count": 2}, {"type": "google_maps", "count": 1}],
    }
    told = {"id": "v1", "status": "completed", "model": MODEL, "steps": [], "service_tier": "flex"}
    vendor.answer({**told, "usage": usage})
    client.interactions.create(model=MODEL, input="?", service_tier="priority")
    found = spans.attributes()
    assert found["openai.request.service_tier"] == "priority"
    assert found["kansoku.response.service_tier"] == "flex"
    assert found["kansoku.usage.web_search.requests"] == 2
    assert found["kansoku.usage.google_maps.requests"] == 1
    assert found["gen_ai.usage.image.input_tokens"] == 20
    assert found["gen_ai.usage.cache_read.input_tokens"] == 60
    assert found["gen_ai.usage.image.output_tokens"] == 40


def test_an_interaction_that_breaks_off_has_used_what_it_told(
    client: Any, vendor: Vendor, spans: Any
) -> None:
    """The sum so far is beside each event of a stream."""
    begun = {"id": "v1", "status": "in_progress", "model": MODEL, "object": "interaction"}
    usage = {"total_input_tokens": 12, "total_output_tokens": 3}
    vendor.answer(
        sse(
            {"event_type": "interaction.created", "interaction": begun},
            {"event_type": "step.start", "index": 0, "step": {"type": "model_output"}},
            {
                "event_type": "step.delta",
                "index": 0,
                "delta": {"type": "text", "text": "Yes"},
                "metadata": {"total_usage": usage},
            },
            done=False,
        )
    )
    for _ in client.interactions.create(model=MODEL, input="?", stream=True):
        pass
    found = spans.attributes()
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (12, 3)


def test_what_is_embedded_is_counted_by_its_kind(vertex: Any, vendor: Vendor, spans: Any) -> None:
    """Vertex counts beside each vector; an image among the texts has a count of its own."""
    kinds = {"TEXT": 4, "IMAGE": 6, "VIDEO": 30}
    details = [{"modality": kind, "tokenCount": tokens} for kind, tokens in kinds.items()]
    statistics = {"token_count": 40, "tokensDetails": details}
    vector = {"values": [0.5, 0.25], "statistics": statistics}
    vendor.answer({"predictions": [{"embeddings": vector}, {"embeddings": vector}]})
    vertex.models.embed_content(model="text-embedding-005", contents=["a", "b"])
    found = spans.attributes()
    assert found["gen_ai.usage.input_tokens"] == 80
    assert found["gen_ai.usage.image.input_tokens"] == 12
    assert found["gen_ai.usage.video.input_tokens"] == 60


def test_videos_that_are_watched_and_made_are_counted(client: Any, vendor: Vendor, spans: Any) -> None:
    """Of contents and of interactions: models that make them have prices of their own for them."""
    usage = {
        "promptTokenCount": 90,
        "candidatesTokenCount": 50,
        "cachedContentTokenCount": 10,
        "promptTokensDetails": [{"modality": "VIDEO", "tokenCount": 80}],
        "cacheTokensDetails": [{"modality": "VIDEO", "tokenCount": 10}],
        "candidatesTokensDetails": [{"modality": "VIDEO", "tokenCount": 40}],
    }
    counted = {
        "total_input_tokens": 90,
        "total_output_tokens": 50,
        "input_tokens_by_modality": [{"modality": "video", "tokens": 70}],
        "output_tokens_by_modality": [{"modality": "video", "tokens": 40}],
    }
    told = {"id": "v1", "status": "completed", "model": MODEL, "steps": [], "usage": counted}
    vendor.answer({**answer({"text": "Yes."}), "usageMetadata": usage}, told)
    client.models.generate_content(model=MODEL, contents="?")
    client.interactions.create(model=MODEL, input="?")
    for span in spans.all():
        assert span.attributes["gen_ai.usage.video.input_tokens"] == 70
        assert span.attributes["gen_ai.usage.video.output_tokens"] == 40


@pytest.mark.parametrize("stream", [False, True])
def test_what_an_interaction_cites_is_told(stream: bool, client: Any, vendor: Vendor, spans: Any) -> None:
    """Pages beside the text, or in an event after it."""
    cited = [{"type": "url_citation", "title": "City", "url": "https://city.test/"}]
    words = {"type": "text", "text": "火曜日"}
    told = {"id": "v2", "object": "interaction", "status": "completed", "model": MODEL}
    if stream:
        deltas = [words, {"type": "text_annotation_delta", "annotations": cited}]
        vendor.answer(
            sse(
                {"event_type": "step.start", "index": 0, "step": {"type": "model_output"}},
                *({"event_type": "step.delta", "index": 0, "delta": delta} for delta in deltas),
                {"event_type": "interaction.completed", "interaction": told},
                done=False,
            )
        )
        assert list(client.interactions.create(model=MODEL, input="?", stream=True))
    else:
        step = {"type": "model_output", "content": [{**words, "annotations": cited}]}
        vendor.answer({**told, "steps": [step]})
        client.interactions.create(model=MODEL, input="?")
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "火曜日", "citations": cited}]


def test_images_that_a_function_gave_are_told_beside_its_answer(
    client: Any, vendor: Vendor, spans: Any
) -> None:
    """By type and size, as elsewhere."""
    picture = types.FunctionResponsePart.from_bytes(data=b"abc", mime_type="image/png")
    given = types.FunctionResponse(id="f1", name="draw", response={"ok": True}, parts=[picture])
    vendor.answer({"candidates": [{"content": {"parts": [{"text": "A map."}]}, "finishReason": "STOP"}]})
    content = types.Content(role="user", parts=[types.Part(function_response=given)])
    client.models.generate_content(model=MODEL, contents=[content])
    (part,) = spans.messages("gen_ai.input.messages")[0]["parts"]
    image = {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 3}
    assert part["response"] == [{"ok": True}, image]


def test_an_image_to_enlarge_is_told_by_size(vertex: Any, vendor: Vendor, spans: Any) -> None:
    """As the larger one is."""
    given = types.Image(image_bytes=b"abc", mime_type="image/png")
    vendor.answer({"predictions": [{"bytesBase64Encoded": "QUJDQUJD", "mimeType": "image/png"}]})
    vertex.models.upscale_image(model="imagen-4.0-upscale-preview", image=given, upscale_factor="x2")
    sizes = [
        [part["size"] for part in spans.messages(key)[0]["parts"]]
        for key in ("gen_ai.input.messages", "gen_ai.output.messages")
    ]
    assert sizes == [[3], [6]]


def test_images_that_are_put_together_are_told_by_size(vertex: Any, vendor: Vendor, spans: Any) -> None:
    """Those that were given, and the one that came of them."""
    given = types.Image(image_bytes=b"abc", mime_type="image/png")
    source = types.RecontextImageSource(
        prompt="On a street.", product_images=[types.ProductImage(product_image=given)]
    )
    vendor.answer({"predictions": [{"bytesBase64Encoded": "QUJD", "mimeType": "image/png"}]})
    vertex.models.recontext_image(model="imagen-product-recontext-preview-06-30", source=source)
    found = spans.attributes()
    image = {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 3}
    asked = spans.messages("gen_ai.input.messages")[0]["parts"]
    assert asked == [{"type": "text", "content": "On a street."}, image]
    assert spans.messages()[0]["parts"] == [image]
    assert found["kansoku.usage.images"] == 1


@pytest.mark.parametrize("body", ["answer", "nothing"])
def test_a_response_as_it_came_over_the_wire_is_read(
    body: str, client: Any, vendor: Vendor, spans: Any
) -> None:
    """The program reads the body itself, which is its own; what is no answer harms nobody."""
    call = {"functionCall": {"name": "find", "args": {"ward": "北区"}}}
    picture = {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}
    told = json.dumps(answer(call, picture, finishReason="STOP"))
    vendor.answer(Reply((told if body == "answer" else "[").encode()))
    config = types.GenerateContentConfig(should_return_http_response=True, cached_content="cachedContents/a")
    raw = client.models.generate_content(model=MODEL, contents="いつ", config=config)
    assert raw.sdk_http_response.body == (told if body == "answer" else "[")
    found = spans.attributes()
    assert found["gen_ai.request.cached_content"] == "cachedContents/a"
    if body == "answer":
        assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (30, 10)
        assert (found["gen_ai.response.id"], found["gen_ai.response.model"]) == ("r-1", MODEL)
        assert spans.messages()[0]["parts"] == [
            {"type": "tool_call", "id": None, "name": "find", "arguments": {"ward": "北区"}},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 3},
        ]


@pytest.mark.filterwarnings("ignore:The generate_images method is deprecated")
def test_an_image_that_was_held_back_is_none(vertex: Any, vendor: Vendor, spans: Any) -> None:
    """The client makes an empty one of it, which nobody pays for."""
    drawn = {"bytesBase64Encoded": "QUJD", "mimeType": "image/png"}
    vendor.answer({"predictions": [drawn, {"raiFilteredReason": "It shows a person."}]})
    vertex.models.generate_images(model="imagen-4.0-generate-001", prompt="Two bins.")
    found = spans.attributes()
    assert found["kansoku.usage.images"] == 1
    assert found["gen_ai.response.finish_reasons"] == ("stop", "content_filter")
    assert [len(message["parts"]) for message in spans.messages()] == [1, 0]
