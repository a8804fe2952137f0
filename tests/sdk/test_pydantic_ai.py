"""Pydantic AI: its own spans arrive, and of two that describe one call only ours is billed."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from pydantic import BaseModel
from pydantic_ai import Agent, Embedder
from pydantic_ai.embeddings.test import TestEmbeddingModel
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.providers.openai import OpenAIProvider
from support.pages import run_page
from support.trees import ANSWER, STREAM, calling, tree
from support.vendor import Reply, Vendor, sse

import kansoku
from kansoku import semconv
from kansoku.calls import described
from kansoku.instruments import pydantic_ai as instrument


class Sent:
    """The spans of a test as they would be sent."""

    def __init__(self, spans: Any) -> None:
        self._spans = spans

    def all(self) -> list[Any]:
        """Return the spans in the order in which they ended."""
        return [described.as_step(span) for span in self._spans.all()]

    def named(self, name: str) -> list[dict[str, Any]]:
        """Return the attributes of all spans of a name."""
        return [dict(span.attributes) for span in self.all() if span.name == name]


@pytest.fixture
def sent(spans: Any) -> Sent:
    """Give the spans as they would be sent."""
    return Sent(spans)


@pytest.fixture(autouse=True)
def _off() -> Iterator[None]:
    """Leave the library as it was, and no event loop behind that `run_sync` has opened."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    loop.close()
    instrument.stop()
    assert Agent._instrument_default is False


@pytest.fixture
def chat(vendor: Vendor) -> Callable[..., Any]:
    """Give a function that makes a model of the vendor."""

    def make(kind: Any = OpenAIChatModel) -> Any:
        # No connection outlives its answer: each test has event loops of its own.
        http = httpx2.AsyncClient(limits=httpx2.Limits(max_keepalive_connections=0))
        client = AsyncOpenAI(api_key="k", base_url=f"{vendor.url}/v1", max_retries=0, http_client=http)
        return kind("gpt-4o-mini", provider=OpenAIProvider(openai_client=client))

    return make


class Day(BaseModel):
    """A day and a ward."""

    day: str
    ward: str


def guide(model: Any, **more: Any) -> Agent[None, Any]:
    """Return an agent with a tool that has a span of its own."""
    agent: Agent[None, Any] = Agent(model, name="guide", **more)

    @agent.tool_plain
    def find_day(ward: str) -> str:
        """Find the day."""
        with kansoku.span("look up", input=ward):
            return "火曜日"

    return agent


TREE = [
    "invoke_agent guide",
    "  chat gpt-4o-mini",
    "    chat gpt-4o-mini $10",
    "  execute_tool find_day",
    "    look up",
    "  chat gpt-4o-mini",
    "    chat gpt-4o-mini $10",
]


def test_a_run_with_tools_bills_each_call_once(vendor: Vendor, sent: Sent, chat: Any) -> None:
    """The client's spans are billed; Pydantic AI's spans of the same calls are steps without a cost."""
    vendor.answer(calling("find_day", '{"ward": "北区"}'), ANSWER)
    assert guide(chat()).run_sync("When?").output == "火曜日"
    assert tree(sent) == TREE
    step = next(found for found in sent.named("chat gpt-4o-mini") if found.get("kansoku.kind") == "chain")
    assert {key for key in step if not key.startswith(("gen_ai.agent.", "server."))} == {
        "gen_ai.operation.name",
        "gen_ai.conversation.id",
        "kansoku.kind",
    }
    (tool,) = sent.named("execute_tool find_day")
    assert tool["gen_ai.tool.call.id"] == "c1"
    assert json.loads(tool["gen_ai.tool.call.arguments"]) == {"ward": "北区"}
    assert tool["gen_ai.tool.call.result"] == "火曜日"
    (agent,) = sent.named("invoke_agent guide")
    assert agent["gen_ai.agent.name"] == "guide"
    assert agent["final_result"] == "火曜日"
    assert [m["role"] for m in json.loads(agent["pydantic_ai.all_messages"])] == [
        "user",
        "assistant",
        "tool",  # as the newest version of the format has it
        "assistant",
    ]


def test_a_streamed_run_bills_its_call_once(vendor: Vendor, sent: Sent, chat: Any) -> None:
    """The stream of the client is inside of the library's span, and counts its tokens."""
    vendor.answer(sse(*STREAM))

    async def run() -> str:
        async with guide(chat()).run_stream("When?") as result:
            return "".join([text async for text in result.stream_text(delta=True)])

    assert asyncio.run(run()) == "火曜日"
    assert tree(sent) == TREE[:3]


def test_structured_output_is_the_result(vendor: Vendor, sent: Sent, chat: Any) -> None:
    """An output type is asked for as a tool, and its value is on the agent."""
    vendor.answer(calling("final_result", '{"day": "火", "ward": "北"}'))
    assert guide(chat(), output_type=Day).run_sync("When?").output == Day(day="火", ward="北")
    assert tree(sent)[:3] == TREE[:3]
    (agent,) = sent.named("invoke_agent guide")
    assert json.loads(agent["final_result"]) == {"day": "火", "ward": "北"}


def test_a_model_without_a_client_below_is_billed(sent: Sent, spans: Any) -> None:
    """Where no span of ours describes the call, the library's own is left as it is."""
    guide(TestModel(call_tools=["find_day"])).run_sync("When?")
    calls = sent.named("chat test")
    assert len(calls) == 2
    for found in calls:
        assert found["gen_ai.operation.name"] == "chat"
        assert found["gen_ai.usage.input_tokens"] > 0
        assert json.loads(found["gen_ai.output.messages"])[0]["role"] == "assistant"
    assert sent.all() == spans.all()


def test_a_function_model_streams(sent: Sent) -> None:
    """Models that are functions have their calls, whole and as streams."""

    def whole(_messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        return ModelResponse([TextPart("a")])

    async def pieces(_messages: list[ModelMessage], _info: AgentInfo) -> Any:
        yield "a"
        yield "b"

    agent = Agent(FunctionModel(whole, stream_function=pieces, model_name="mine"), name="own")

    async def run() -> str:
        async with agent.run_stream("q") as result:
            return await result.get_output()

    assert agent.run_sync("q").output == "a"
    assert asyncio.run(run()) == "ab"
    one = ["invoke_agent own", "  chat mine"]
    assert [line.partition(" $")[0] for line in tree(sent)] == one * 2


def test_without_our_client_the_library_is_billed(vendor: Vendor, sent: Sent, chat: Any) -> None:
    """What describes a call is seen when it is made, not guessed."""
    kansoku.uninstrument("openai")
    vendor.answer(ANSWER)
    Agent(chat(), name="guide").run_sync("When?")
    assert tree(sent) == ["invoke_agent guide", "  chat gpt-4o-mini $10"]


def test_the_responses_endpoint_is_billed_once(vendor: Vendor, sent: Sent, chat: Any) -> None:
    """A failed call is an error on both spans, and no tokens on either."""
    vendor.replies[0].status = 400
    with pytest.raises(Exception, match="400"):
        Agent(chat(OpenAIResponsesModel), name="guide").run_sync("When?")
    assert [line.strip() for line in tree(sent)] == [
        "invoke_agent guide",
        "chat gpt-4o-mini",
        "chat gpt-4o-mini $None",
    ]
    assert all(span.status.status_code.name == "ERROR" for span in sent.all())


def test_what_is_sent_has_one_cost(
    vendor: Vendor, recorder: Any, chat: Any, start: Callable[..., Any]
) -> None:
    """The bytes that reach the collector have usage on the client's span only, and its secrets masked."""
    start(endpoint=recorder.url)
    vendor.answer(ANSWER)
    Agent(chat(), name="guide").run_sync("My key is sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH")
    assert kansoku.flush(timeout=60)
    found = [
        span
        for body in recorder.bodies("/v1/traces")
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    keys = [{attribute.key for attribute in span.attributes} for span in found]
    assert len(keys) == 3
    assert sum(semconv.INPUT_TOKENS in found for found in keys) == 1
    assert not any({semconv.DESCRIBED, "operation.cost"} & found for found in keys)
    assert all(b"abcdefghijklmnopqrstuvwxyz" not in body for body in recorder.bodies("/v1/traces"))


def test_content_is_left_out_on_demand(start: Callable[..., Any]) -> None:
    """Without content the library does not even write it."""
    found = start(capture_content=False)
    guide(TestModel(custom_output_text="secret answer")).run_sync("secret question")
    assert len(found.all()) == 5
    assert "secret" not in " ".join(str(dict(span.attributes)) for span in found.all())


def test_session_and_user_are_on_the_librarys_spans(spans: Any) -> None:
    """Who and which is stamped on the spans of others, too."""
    with kansoku.context(session_id="s-1", user_id="u-1"):
        guide(TestModel()).run_sync("q")
    assert {span.attributes["session.id"] for span in spans.all()} == {"s-1"}


@pytest.mark.usefixtures("spans")
def test_the_programs_own_settings_stay() -> None:
    """Who has switched tracing on for themselves keeps what they have chosen."""
    kansoku.uninstrument("pydantic-ai")
    own = InstrumentationSettings(tracer_provider=TracerProvider(), include_content=False)
    Agent.instrument_all(own)
    kansoku.instrument()
    assert Agent._instrument_default is own
    kansoku.uninstrument()
    assert Agent._instrument_default is own
    Agent.instrument_all(False)


def test_settings_follow_a_second_init(start: Callable[..., Any]) -> None:
    """A new provider and a new choice of content hold from the next run on."""
    first = start()
    guide(TestModel()).run_sync("q")
    second = start(capture_content=False)
    before = len(first.all())
    guide(TestModel()).run_sync("q")
    assert len(first.all()) == before > 0
    assert [s.name for s in second.all()] == [s.name for s in first.all()]
    kansoku.uninstrument()
    guide(TestModel()).run_sync("q")
    assert [span.name for span in second.all()[before:]] == ["look up"]  # the program's own span


def test_embedders_are_traced(sent: Sent) -> None:
    """Embeddings have a span with their model."""
    asyncio.run(Embedder(TestEmbeddingModel()).embed_query("q"))
    (found,) = sent.named("embeddings test")
    assert found["gen_ai.operation.name"] == "embeddings"


@pytest.mark.usefixtures("spans")
def test_the_page_runs(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The agent of the page answers."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{vendor.url}/v1")
    monkeypatch.setenv("KANSOKU_ENDPOINT", "http://127.0.0.1:42099")
    # The library keeps the client of a page's agent for ever, and with it a connection that is not closed.
    answers = (calling("find_day", '{"ward": "北区"}'), ANSWER)
    vendor.answer(*(Reply(json.dumps(a).encode(), headers={"Connection": "close"}) for a in answers))
    run_page("sdk/pydantic-ai.md")
    assert capsys.readouterr().out == "火曜日\n"
