"""Older versions of clients that had other modules, classes or fields: traced, or left alone."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

import cohere
import pytest
import voyageai
from huggingface_hub.inference._generated.types.base import BaseInferenceType
from pydantic import BaseModel, ConfigDict
from support.vendor import Vendor

import kansoku
from kansoku.instruments import chroma, google_genai, litellm_chat, litellm_read, voyage
from kansoku.instruments.google_usage import read_usage
from kansoku.instruments.huggingface_read import SpeechReader
from kansoku.instruments.openai_chat import ChatReader

ASK: Any = [{"role": "user", "content": "ごみの収集日は？"}]
USAGE = {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42}


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function that puts classes into a module as older versions had it, and traces them."""

    def put(client: str, module: str, **classes: Any) -> None:
        made: Any = ModuleType(module)
        for name, kind in classes.items():
            setattr(made, name, kind)
        monkeypatch.setitem(sys.modules, module, made)
        kansoku.instrument(client)

    return put


class Together(BaseModel):
    """A response of together 1."""

    model_config = ConfigDict(extra="allow")
    choices: list[Any]


class Delta(BaseModel):
    """What a chunk of it adds: of tools it knows nothing."""

    model_config = ConfigDict(extra="allow")
    content: str | None = None


def _completion(**arguments: Any) -> Any:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "火曜日"}}
    delta: Any = Delta
    called = {"index": 0, "id": "t1", "function": {"name": "find", "arguments": "{}"}}
    added = delta(content="火曜日", tool_calls=[called])
    chunk = {"index": 0, "finish_reason": "stop", "delta": added}
    if arguments.get("stream"):
        return (Together(model="llama", choices=[each], usage=USAGE) for each in [chunk])
    return Together(model="llama", choices=[choice], usage=USAGE)


class ChatCompletions:
    """The chats of together 1: a class of another name, whose client has its address as text."""

    def __init__(self) -> None:
        self._client = SimpleNamespace(base_url="https://api.together.xyz/v1")

    def create(self, **arguments: Any) -> Any:
        """Answer, or refuse."""
        if not arguments["messages"]:
            error: Any = RuntimeError("no messages")
            error.http_status = 400
            raise error
        return _completion(**arguments)


class AsyncChatCompletions(ChatCompletions):
    """The asynchronous twin."""

    async def create(self, **arguments: Any) -> Any:
        """Answer."""

        async def later(chunks: Iterator[Any]) -> AsyncIterator[Any]:
            for chunk in chunks:
                yield chunk

        return later(_completion(**arguments)) if arguments.get("stream") else _completion(**arguments)


@pytest.fixture
def together(old: Any, monkeypatch: pytest.MonkeyPatch, spans: Any) -> Any:
    """Trace together as it was in 1, and give its spans."""
    monkeypatch.setitem(sys.modules, "together", sys.modules.get("together", ModuleType("together")))
    kinds = {"ChatCompletions": ChatCompletions, "AsyncChatCompletions": AsyncChatCompletions}
    own = {name: type(name, (kind,), {"create": vars(kind)["create"]}) for name, kind in kinds.items()}
    old("together", "together.resources.chat.completions", **own)
    return SimpleNamespace(spans=spans, **own)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_chats_of_together_1_are_billed(together: Any, asynchronous: bool, stream: bool) -> None:
    """The provider follows from the address, which is a text; answer and usage are on the span."""

    async def ask() -> None:
        found = await together.AsyncChatCompletions().create(model="llama", messages=ASK, stream=stream)
        if stream:
            assert [chunk.model async for chunk in found] == ["llama"]

    if asynchronous:
        asyncio.run(ask())
    else:
        list(together.ChatCompletions().create(model="llama", messages=ASK, stream=stream))
    found = together.spans.attributes()
    assert (found["gen_ai.provider.name"], found["server.address"]) == ("together", "api.together.xyz")
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (30, 12)
    said, *called = together.spans.messages()[0]["parts"]
    assert said == {"type": "text", "content": "火曜日"}
    assert [part["name"] for part in called] == (["find"] if stream else [])


def test_a_refusal_of_together_1_has_its_status(together: Any) -> None:
    """Its exceptions have the status under a name of their own."""
    with pytest.raises(RuntimeError):
        together.ChatCompletions().create(model="llama", messages=[])
    assert together.spans.attributes()["http.response.status_code"] == 400


@pytest.mark.parametrize("waits", [False, True])
def test_queries_of_pinecone_before_7_are_searches(old: Any, spans: Any, waits: bool) -> None:
    """Another module, and the host in another place; what is asked for in a thread has no matches yet."""
    pytest.importorskip("pinecone")
    match = SimpleNamespace(id="a", score=0.9, metadata=None)

    class Index:
        def __init__(self) -> None:
            self.config = SimpleNamespace(host="https://guide-abc1234.svc.eu.pinecone.io")

        def query(self, top_k: int, async_req: bool = False) -> Any:  # noqa: ARG002 - as it was
            return SimpleNamespace() if async_req else SimpleNamespace(matches=[match])

    old("pinecone", "pinecone.data.index", Index=Index)
    Index().query(top_k=1, async_req=waits)
    found = spans.attributes()
    assert (found["db.collection.name"], found["gen_ai.retrieval.top_k"]) == ("guide", 1)
    assert found.get("kansoku.retrieval.documents.count") == (None if waits else 1)


def test_searches_of_elasticsearch_7_are_traced(old: Any, spans: Any) -> None:
    """Its client is in another module, and its nodes are hosts."""
    pytest.importorskip("elasticsearch")

    class Elasticsearch:
        transport = SimpleNamespace(hosts=[{"host": "127.0.0.1", "port": 9200}])

        def search(self, body: Any = None, index: Any = None) -> Any:  # noqa: ARG002 - as it was
            return {"hits": {"hits": [{"_index": index, "_id": "a", "_score": 0.9}]}}

    old("elasticsearch", "elasticsearch.client", Elasticsearch=Elasticsearch)
    Elasticsearch().search(index="guide", body={"query": {"match": {"content": "傘"}}})
    found = spans.attributes()
    assert (found["server.address"], found["server.port"]) == ("127.0.0.1", 9200)
    assert found["kansoku.retrieval.documents.count"] == 1


def test_a_collection_of_chroma_0_4_is_read() -> None:
    """It has no settings, only metadata."""
    collection = SimpleNamespace(name="guide", metadata={"hnsw:space": "cosine"})
    search = chroma.QueryReader().request(collection, {"query_texts": ["傘"], "n_results": 3}, True)
    assert (search.query, search.top_k) == ("傘", 3)
    assert search.attributes["kansoku.retrieval.score.metric"] == "cosine_distance"


def test_a_client_of_voyage_before_clients_had_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address is the library's."""
    monkeypatch.delattr("voyageai.util.get_default_base_url")
    monkeypatch.setattr(voyageai, "api_base", "https://api.voyageai.com/v1", raising=False)
    client = SimpleNamespace(_params={}, api_key="k")
    assert voyage.read_origin(client, "local") == ("voyageai", "api.voyageai.com", 443)


def test_a_client_of_google_whose_options_are_a_dictionary() -> None:
    """So they were in 1.0."""
    client = SimpleNamespace(_http_options={"base_url": "http://127.0.0.1:8000"}, vertexai=None)
    origin = google_genai.read_origin(SimpleNamespace(_api_client=client), "local")
    assert origin == ("local", "127.0.0.1", 8000)


def test_thoughts_that_a_client_of_google_has_no_field_for_are_billed() -> None:
    """They are in the sum, which is all that clients of early 2025 kept of them."""
    counts = {"prompt_token_count": 11, "candidates_token_count": 5, "total_token_count": 19}
    usage = read_usage(None, SimpleNamespace(**counts))
    newer = read_usage(SimpleNamespace(**counts, thoughts_token_count=None))
    assert usage is not None and newer is not None  # noqa: PT018 - both are there
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning) == (11, 8, 3)
    assert newer.output_tokens == 5


def test_a_stream_of_litellm_that_does_not_say_its_call_is_counted() -> None:
    """Once only the id of the response told of which stream a chunk is; the stream has the vendor's count."""
    chunk = {"id": "c-1", "choices": [{"index": 0, "delta": {"content": "火曜日"}, "finish_reason": "stop"}]}

    class Stream:
        completion_stream = None
        response_id = "c-1"
        chunks = ({**chunk, "usage": USAGE},)

    stream = litellm_read.keep_stream(Stream())
    answer = litellm_chat.RoutedChatReader().fold([{**chunk, "usage": USAGE}], True)
    assert answer.usage is not None
    assert answer.usage.output_tokens == USAGE["completion_tokens"]
    del stream
    assert litellm_chat.RoutedChatReader().fold([{**chunk, "usage": USAGE}], True).usage is None  # a guess


@pytest.fixture
def fold(spans: Any) -> Any:
    """Give a function that puts a stream of LiteLLM together; the last chunk is its own, with this usage."""
    held: list[Any] = []

    def put(told: dict[str, Any] | None, last: dict[str, Any], hidden: dict[str, Any], **more: Any) -> Any:
        choices = [{"index": 0, "delta": {"content": "火曜日"}, "finish_reason": "stop"}]
        first = {"id": "c-9", "model": "gpt-4o-2024-08-06", "choices": choices}
        usage = [{**first, "usage": told}] if told else []
        fields = {"completion_stream": None, "response_id": "c-9", "chunks": [first, *usage], **more}
        stream = type("Stream", (), fields)()
        own = SimpleNamespace(id="c-9", model="dep", choices=[], usage=last, _hidden_params=hidden)
        held.append(litellm_read.keep_stream(stream))
        return litellm_chat.RoutedChatReader().fold([SimpleNamespace(**first), own], True)

    return put


def test_a_stream_of_litellm_has_the_model_that_answered(fold: Any) -> None:
    """LiteLLM's own chunk, of 1.106, has the name that was asked for: a deployment, which has no price."""
    assert fold(USAGE, USAGE, {"custom_llm_provider": "azure"}).model == "gpt-4o-2024-08-06"


def test_what_litellm_bills_is_not_the_vendors_cost(fold: Any) -> None:
    """It writes its own into the usage of 1.106's streams, over the vendor's or where there was none."""
    hidden = {"custom_llm_provider": "openrouter"}
    both = fold({**USAGE, "cost": 0.02}, {**USAGE, "cost": 0.01}, hidden).attributes
    assert (both["gen_ai.usage.cost"], both["kansoku.cost.reported_usd"]) == (0.02, 0.01)
    alone = fold(USAGE, {**USAGE, "cost": 0.01}, hidden).attributes
    assert "gen_ai.usage.cost" not in alone
    assert alone["kansoku.cost.reported_usd"] == 0.01
    guessed = fold(None, {**USAGE, "cost": 0.01}, hidden)
    assert guessed.usage is None
    assert not {"gen_ai.usage.cost", "kansoku.cost.reported_usd"} & guessed.attributes.keys()


def test_a_stream_from_litellms_cache_is_not_billed(fold: Any) -> None:
    """Of 1.106's, the stream alone knows; what the answer once used is told again."""
    searched = {**USAGE, "cost": 0.02, "server_tool_use": {"web_search_requests": 2}}
    cached = fold(searched, searched, {}, custom_llm_provider="cached_response")
    assert cached.usage is None
    assert cached.attributes["kansoku.cache_hit"] is True
    assert not [name for name in cached.attributes if "usage" in name or "cost" in name]


@pytest.mark.usefixtures("spans")
@pytest.mark.parametrize(("asked", "provider"), [("openai", "deepseek"), ("anthropic", "openai")])
def test_an_answer_of_litellm_that_names_openai_for_any_server(asked: str, provider: str) -> None:
    """The address that the call was given counts, unless OpenAI answered for another vendor."""
    given = {"model": "m", "custom_llm_provider": asked, "api_base": "https://api.deepseek.com/v1"}
    litellm_read.keep_address(given)
    hidden = {"custom_llm_provider": "openai", "api_base": "https://api.openai.com"}
    choices = [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "火曜日"}}]
    response: Any = SimpleNamespace(model="m", choices=choices, usage=USAGE, _hidden_params=hidden)
    answer = litellm_chat.RoutedChatReader().response(response, True)
    assert answer.attributes["gen_ai.provider.name"] == provider


def test_clients_of_cohere_before_5_are_left_alone(
    old: Any, monkeypatch: pytest.MonkeyPatch, spans: Any
) -> None:
    """Their classes have the names of today's, and nothing else of them."""

    class Client:
        def embed(self, texts: list[str]) -> int:
            return len(texts)

    monkeypatch.delitem(sys.modules, "cohere.base_client", raising=False)
    old("cohere", "cohere.client", Client=Client)
    assert Client().embed(["a", "b"]) == 2
    assert not spans.all()  # and the fixture finds no fault of ours


def test_a_client_made_before_the_start_tells_only_what_was_given(vendor: Vendor, start: Any) -> None:
    """Such a client of cohere's is traced a layer below, where whatever was not given is `...`."""
    with cohere.Client("k", base_url=vendor.url) as client:
        spans = start()
        vendor.answer({"text": "火曜日", "finish_reason": "COMPLETE", "generation_id": "g"})
        client.chat(model="command-r", message="いつ")
    assert not [value for value in spans.attributes().values() if "ellipsis" in str(value)]


@dataclass
class StreamDelta(BaseInferenceType):
    """What a chunk of huggingface_hub's adds; its versions know more or fewer fields."""

    content: str


@dataclass
class StreamChoice(BaseInferenceType):
    """A choice of a chunk."""

    delta: StreamDelta
    index: int


@dataclass
class StreamOutput(BaseInferenceType):
    """A chunk, before it had a field for the usage."""

    choices: list[StreamChoice]


def test_what_a_chunk_of_huggingface_has_besides_its_fields_is_read() -> None:
    """Usage and reasoning are entries of the dictionary that the chunk is as well."""
    delta: Any = StreamDelta("火曜日")
    delta.update(reasoning_content="調べる。")
    last: Any = StreamOutput([])
    last.update(usage=USAGE)
    answer = ChatReader(lambda *_: ("", "", 0)).fold([StreamOutput([StreamChoice(delta, 0)]), last], True)
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (30, 12)
    assert answer.messages is not None
    assert answer.messages[0]["parts"] == [
        {"type": "reasoning", "content": "調べる。"},
        {"type": "text", "content": "火曜日"},
    ]


def test_a_transcript_that_is_a_bare_text_is_read() -> None:
    """So it came from huggingface_hub 0.20."""
    (message,) = SpeechReader(lambda *_: ("", "", 0)).fold(["火曜日"], True).messages or ()
    assert message["parts"] == [{"type": "text", "content": "火曜日"}]
