"""LlamaIndex: the trees of queries, agents and streams, one billed span a call, what the spans say."""

import asyncio
import gc
import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from llama_index.core import Document, MockEmbedding, VectorStoreIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.indices.postprocessor import SimilarityPostprocessor
from llama_index.core.llms import ChatMessage, MockLLM
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import StartEvent, StopEvent, Workflow, step
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.dispatcher import instrument_tags
from opentelemetry import context as otel_context
from opentelemetry.trace import StatusCode
from support.llama import Own, Scripted
from support.trees import ANSWER, STREAM, named, tree
from support.vendor import Reply, Vendor, sse

import kansoku
from kansoku import guard

ASK = [ChatMessage(role="user", content="いつ？")]


@pytest.fixture
def own(vendor: Vendor, spans: Any) -> Iterator[Own]:
    """Yield a model over the vendor."""
    vendor.answer(ANSWER)
    model = Own(url=vendor.url)
    yield model
    model.close()


@pytest.fixture
def index(spans: Any) -> VectorStoreIndex:
    """Return an index of two documents; what building it has traced is forgotten."""
    texts = [Document(text="傘は燃えないごみ", doc_id="d1"), Document(text="靴", doc_id="d2")]
    made = VectorStoreIndex.from_documents(texts, embed_model=MockEmbedding(embed_dim=4))
    spans.clear()
    return made


QUERY = [
    "RetrieverQueryEngine",
    "  VectorIndexRetriever",
    "    MockEmbedding $None",
    "  CompactAndRefine",
    "    Own",
    "      chat gpt-4o-mini $10",
]


def test_a_query_is_a_tree_and_the_clients_call_alone_is_billed(index: Any, own: Own, spans: Any) -> None:
    """Retrieval, embedding, synthesis and call nest below the function that asks."""
    with kansoku.span("top"):
        answer = index.as_query_engine(llm=own).query("いつ？")
    assert str(answer) == "火曜日"
    assert tree(spans) == ["top", *(f"  {line}" for line in QUERY)]
    assert named(spans, "RetrieverQueryEngine") == {
        "kansoku.kind": "chain",
        "gen_ai.operation.name": "invoke_workflow",
        "kansoku.input.value": '"いつ？"',
        "kansoku.output.value": '"火曜日"',
    }
    assert named(spans, "Own") == {"kansoku.kind": "chain", "gen_ai.operation.name": "invoke_workflow"}


def test_a_retriever_has_its_query_and_its_nodes(index: Any, spans: Any) -> None:
    """Nodes have id, score and text."""
    found = index.as_retriever(similarity_top_k=2).retrieve("傘")
    written = named(spans, "VectorIndexRetriever")
    assert written["gen_ai.retrieval.query.text"] == "傘"
    assert json.loads(written["gen_ai.retrieval.documents"]) == [
        {"id": node.node.node_id, "score": node.score, "content": node.text} for node in found
    ]
    assert (written["kansoku.kind"], written["gen_ai.operation.name"]) == ("retrieval", "retrieval")


def test_a_postprocessor_says_what_it_kept(index: Any, spans: Any) -> None:
    """A reranker's or a filter's span has the nodes that are left."""
    found = index.as_retriever().retrieve("傘")
    spans.clear()
    assert SimilarityPostprocessor(similarity_cutoff=2.0).postprocess_nodes(found) == []
    assert json.loads(named(spans, "SimilarityPostprocessor")["gen_ai.retrieval.documents"]) == []


def test_embeddings_are_counted(spans: Any) -> None:
    """Without a client the embedding model's own run is the call: number and length, no vectors."""
    MockEmbedding(embed_dim=4).get_text_embedding_batch(["a", "b"])
    assert spans.attributes() == {
        "gen_ai.operation.name": "embeddings",
        "kansoku.embeddings.input.count": 2,
        "gen_ai.embeddings.dimension.count": 4,
    }


def test_a_chat_made_of_a_completion_is_one_call(own: Own, vendor: Vendor, spans: Any) -> None:
    """`chat` of such a model runs `complete`, which runs the client: one of the three is billed."""
    own.chat(ASK)
    asyncio.run(own.achat(ASK))
    assert [line for line in tree(spans) if "$" in line] == [
        "    chat gpt-4o-mini $10",
        "      chat gpt-4o-mini $10",
    ]


def test_a_streams_request_belongs_to_its_call_and_its_consumer_to_nobody(
    own: Own, vendor: Vendor, spans: Any
) -> None:
    """The client is asked when the stream is first read: inside of the call's run nevertheless."""
    vendor.answer(sse(*STREAM))
    with kansoku.span("top"):
        said = []
        for piece in own.stream_complete("いつ？"):
            said.append(piece.delta)
            with kansoku.span("consumer"):
                pass
    assert said == ["火", "曜日"]
    assert tree(spans) == ["top", "  Own", "    chat gpt-4o-mini $10", "  consumer", "  consumer"]


def test_an_asynchronous_stream_is_one_call(own: Own, vendor: Vendor, spans: Any) -> None:
    """`astream_chat` over `stream_chat` over `stream_complete` over the client is billed once."""
    vendor.answer(sse(*STREAM))

    async def ask() -> None:
        with kansoku.span("top"):
            async for _ in await own.astream_chat(ASK):
                pass
            with kansoku.span("after"):
                pass

    asyncio.run(ask())
    assert tree(spans) == [
        "top",
        "  Own",
        "    Own",
        "      Own",
        "        chat gpt-4o-mini $10",
        "  after",
    ]


def test_a_streamed_answer_read_after_the_query_is_part_of_it(
    index: Any, own: Own, vendor: Vendor, spans: Any
) -> None:
    """The model is asked when the answer is read, and belongs to the synthesizer that returned it."""
    vendor.answer(sse(*STREAM))
    answer = index.as_query_engine(llm=own, streaming=True).query("いつ？")
    assert "".join(answer.response_gen) == "火曜日"
    assert tree(spans) == QUERY


def test_a_model_without_a_client_is_the_billed_call(spans: Any) -> None:
    """Messages, answer, model and usage are those that LlamaIndex knows."""
    Scripted().chat([*ASK, ChatMessage(role="tool", content="r", additional_kwargs={"tool_call_id": "c1"})])
    found = spans.attributes()
    assert spans.one().name == "chat own-1-b"
    assert json.loads(found.pop("gen_ai.input.messages")) == [
        {"role": "user", "parts": [{"type": "text", "content": "いつ？"}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "r"}]},
    ]
    assert json.loads(found.pop("gen_ai.output.messages")) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "火曜日"}], "finish_reason": ""}
    ]
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.response.model": "own-1-b",
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
    }


def test_a_stream_without_a_client_is_whole_and_timed(spans: Any) -> None:
    """The last piece has the whole text; the first one's time is noted."""
    last = [piece.text for piece in MockLLM(max_tokens=3).stream_complete("a b")][-1]
    assert last.startswith("text text")
    found = spans.attributes()
    assert found["gen_ai.request.stream"] is True
    assert found["gen_ai.response.time_to_first_chunk"] >= 0
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": last}]


@pytest.mark.parametrize("read", [0, 1])
def test_a_stream_that_is_dropped_ends_its_call(read: int, spans: Any) -> None:
    """A stream dropped after its first piece, or before, is a call that was left early, and no error."""
    stream = MockLLM(max_tokens=5).stream_complete("a")
    for _ in range(read):
        next(stream)
    del stream
    gc.collect()
    assert spans.attributes()["kansoku.stream.closed_early"] is True
    assert spans.one().status.status_code is StatusCode.UNSET


def test_an_error_is_on_the_call_and_on_the_query(index: Any, own: Own, vendor: Vendor, spans: Any) -> None:
    """The client's exception reaches the caller as it was."""
    vendor.answer(Reply(b'{"error": {"message": "full"}}', status=503))
    with pytest.raises(openai.InternalServerError):
        index.as_query_engine(llm=own).query("いつ？")
    failed = {s.name for s in spans.all() if s.status.status_code is StatusCode.ERROR}
    assert failed == {"chat gpt-4o-mini", "Own", "CompactAndRefine", "RetrieverQueryEngine"}


def find_day(ward: str) -> str:
    """Find the day."""
    with kansoku.span("look up"):
        return f"{ward}: 火曜日"


def test_a_tool_has_its_arguments_and_its_result(spans: Any) -> None:
    """A tool's span is named after it."""
    tool: Callable[..., Any] = FunctionTool.from_defaults(find_day)
    tool(ward="北区")
    assert tree(spans) == ["find_day", "  look up"]
    assert named(spans, "find_day") == {
        "kansoku.kind": "tool",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "find_day",
        "gen_ai.tool.call.arguments": '{"ward":"北区"}',
        "gen_ai.tool.call.result": '"北区: 火曜日"',
    }


@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")
@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince211")
def test_an_agent_is_a_tree_of_steps_models_and_tools(spans: Any) -> None:
    """The agent's run has its steps inside, these the calls and the tools with the call's id."""

    async def ask() -> str:
        agent = FunctionAgent(
            name="guide", tools=[FunctionTool.from_defaults(find_day)], llm=Scripted(), streaming=False
        )
        with kansoku.span("top"):
            return str(await agent.run("いつ？"))

    assert asyncio.run(ask()) == "火曜日"
    found = tree(spans)
    assert found[:2] == ["top", "  guide"]
    assert found.count("      chat own-1-b $7") == 2
    assert found[found.index("      find_day") - 1 :][:3] == [
        "    call_tool",
        "      find_day",
        "        look up",
    ]
    assert named(spans, "find_day")["gen_ai.tool.call.id"] == "c1"
    written = named(spans, "guide")
    assert (written["kansoku.kind"], written["gen_ai.agent.name"]) == ("agent", "guide")


class Flow(Workflow):
    """A workflow of one step."""

    @step
    async def begin(self, event: StartEvent) -> StopEvent:
        """Answer."""
        with kansoku.span("mine"):
            return StopEvent(result=event.topic)


def test_a_workflow_has_its_steps_inside(spans: Any) -> None:
    """Spans inside of a step are the step's."""

    async def ask() -> Any:
        return await Flow().run(topic="傘")

    assert asyncio.run(ask()) == "傘"
    assert tree(spans) == ["Flow", "  begin", "    mine"]
    assert named(spans, "Flow")["kansoku.output.value"] == '"傘"'


def test_who_and_which_come_from_tags(index: Any, own: Own, spans: Any) -> None:
    """LlamaIndex's tags of a session, a user and others are on every span inside, the client's too."""
    with instrument_tags({"session_id": "s1", "user_id": "u1", "page": "guide"}):
        index.as_query_engine(llm=own).query("いつ？")
    assert len(spans.all()) > 1
    for span in spans.all():
        assert span.attributes["session.id"] == "s1"
        assert span.attributes["user.id"] == "u1"
        assert span.attributes["kansoku.metadata.page"] == "guide"


def test_without_content_there_are_only_names_and_numbers(index: Any, vendor: Vendor, start: Any) -> None:
    """Queries, texts, answers, arguments and results are not recorded."""
    spans = start(capture_content=False)
    vendor.answer(ANSWER)
    model = Own(url=vendor.url)
    index.as_query_engine(llm=model).query("geheim")
    model.close()
    Scripted().chat([ChatMessage(role="user", content="geheim")])
    FunctionTool.from_defaults(find_day)(ward="geheim")
    written = json.dumps([dict(span.attributes) for span in spans.all()], default=str, ensure_ascii=False)
    assert not [word for word in ("geheim", "傘", "火曜日") if word in written]
    assert '\\"score\\"' in written


def test_uninstrumenting_puts_everything_back(own: Own, spans: Any) -> None:
    """Neither handlers nor wrapped methods are left."""
    assert hasattr(Own.stream_complete, "__kansoku_original__")
    kansoku.uninstrument()
    assert not hasattr(Own.stream_complete, "__kansoku_original__")
    root: Any = get_dispatcher()
    assert not [h for h in (*root.span_handlers, *root.event_handlers) if "Kansoku" in h.class_name()]
    own.complete("a")
    assert spans.all() == []


def test_what_fails_in_the_handler_does_not_reach_the_program(
    own: Own, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours is counted; the answer is as without us."""
    from kansoku.instruments import llama_index_handler

    def fail(*_: Any) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(llama_index_handler, "name_of", fail)
    assert own.complete("a").text == "火曜日"
    assert guard.failures
    guard.failures.clear()


@pytest.fixture(autouse=True)
def _nothing_left_open(spans: Any) -> Iterator[None]:
    """Fail a test that leaves a run open or a context changed."""
    from kansoku.instruments.llama_index_handler import TRACE

    before = otel_context.get_current()
    yield
    assert otel_context.get_current() == before
    assert not TRACE.runs._open
    assert not TRACE._before
