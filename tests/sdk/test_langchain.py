"""LangChain: the tree of spans in every mode, one billed span a call, and what the spans say."""

import asyncio
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableParallel
from langchain_openai import ChatOpenAI
from opentelemetry.trace import StatusCode
from support.chains import CHAIN, make_chain, make_chat
from support.trees import ANSWER, CHOICE, STREAM, named, tree
from support.vendor import Reply, Vendor, sse

import kansoku
from kansoku.instruments import langchain as instrument


@pytest.fixture
def chat(vendor: Vendor) -> Callable[..., ChatOpenAI]:
    """Give a function that makes LangChain's own client of the vendor."""
    vendor.answer(ANSWER)
    return partial(make_chat, vendor)


@pytest.fixture
def chain(chat: Callable[..., ChatOpenAI]) -> Any:
    """Give the chain of `CHAIN`."""
    return make_chain(chat())


def indented(*parts: list[str]) -> list[str]:
    """Return lists of lines one step further in."""
    return [f"  {line}" for part in parts for line in part]


def test_a_chain_is_a_tree_below_the_function_that_calls_it(chain: Any, spans: Any) -> None:
    """The root run is a child of the observed function, and a span inside a step is a child of the step."""

    @kansoku.observe(name="top")
    def top() -> Any:
        answer = chain.invoke({"q": "いつ？"})
        with kansoku.span("after"):
            return answer

    assert top() == "火曜日!"
    assert tree(spans) == ["top", *indented(CHAIN, ["after"])]


def test_batches_are_a_tree_a_question(chain: Any, spans: Any) -> None:
    """Threads of a batch carry the context of the caller."""
    with kansoku.span("top"):
        assert chain.batch([{"q": "a"}, {"q": "b"}]) == ["火曜日!"] * 2
    assert tree(spans) == ["top", *indented(CHAIN, CHAIN)]


def test_parallel_branches_are_children_of_their_parallel_run(chain: Any, spans: Any) -> None:
    """Branches in threads have the parallel run as their parent, not what is current in the thread."""
    RunnableParallel(a=chain, b=chain).invoke({"q": "a"})
    assert tree(spans) == ["RunnableParallel<a,b>", *indented(CHAIN, CHAIN)]


def test_a_stream_leaves_its_consumer_alone(chain: Any, vendor: Vendor, spans: Any) -> None:
    """Spans of the consumer, between chunks and after the stream, do not belong to the chain."""
    vendor.answer(sse(*STREAM))
    with kansoku.span("top"):
        for _ in chain.stream({"q": "a"}):
            with kansoku.span("consumer"):
                pass
    assert tree(spans) == ["top", *indented(CHAIN, ["consumer"])]


def test_a_models_own_stream_leaves_its_consumer_alone(chat: Any, vendor: Vendor, spans: Any) -> None:
    """A stream of a model without a chain around it is one run with the client's call inside."""
    vendor.answer(sse(*STREAM))
    with kansoku.span("top"):
        chunks = []
        for item in chat().stream("a"):
            chunks.append(item.content)
            with kansoku.span("consumer"):
                pass
    assert "".join(chunks) == "火曜日"
    assert tree(spans) == ["top", "  ChatOpenAI", "    chat gpt-4o-mini $10", *["  consumer"] * len(chunks)]


def test_every_asynchronous_mode_gives_the_same_tree(chain: Any, vendor: Vendor, spans: Any) -> None:
    """`ainvoke`, `abatch`, `astream` and parallel branches nest as their synchronous twins."""

    async def ask() -> None:
        vendor.answer(ANSWER)
        await chain.ainvoke({"q": "a"})
        with kansoku.span("then"):
            await chain.abatch([{"q": "a"}, {"q": "b"}])
        await RunnableParallel(a=chain, b=chain).ainvoke({"q": "a"})
        vendor.answer(sse(*STREAM))
        async for _ in chain.astream({"q": "a"}):
            with kansoku.span("consumer"):
                pass

    with kansoku.span("top"):
        asyncio.run(ask())
    parallel = ["RunnableParallel<a,b>", *indented(CHAIN, CHAIN)]
    assert tree(spans) == [
        "top", *indented(CHAIN, ["then"], indented(CHAIN, CHAIN), parallel, CHAIN, ["consumer"])
    ]  # fmt: skip


def test_a_models_own_asynchronous_stream_leaves_its_consumer_alone(
    chat: Any, vendor: Vendor, spans: Any
) -> None:
    """The consumer of `astream` in the same task sees its own context between chunks and after the end."""
    vendor.answer(sse(*STREAM))

    async def ask() -> None:
        with kansoku.span("top"):
            async for _ in chat().astream("a"):
                pass
            with kansoku.span("after"):
                pass

    asyncio.run(ask())
    assert tree(spans) == ["top", "  ChatOpenAI", "    chat gpt-4o-mini $10", "  after"]


def test_streamed_events_are_one_call(chain: Any, vendor: Vendor, spans: Any) -> None:
    """`astream_events` runs the chain as a stream in a task of its own, below the caller."""
    vendor.answer(sse(*STREAM))

    async def ask() -> list[str]:
        return [event["event"] async for event in chain.astream_events({"q": "a"}, version="v2")]

    with kansoku.span("top"):
        assert "on_chat_model_stream" in asyncio.run(ask())
    assert tree(spans) == ["top", *indented(CHAIN)]


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_events_of_a_model_are_one_call(chat: Any, vendor: Vendor, spans: Any) -> None:
    """The newer protocol of events asks the client inside of the run, too."""
    vendor.answer(sse(*STREAM))
    assert chat().stream_events("a", version="v3").output.text == "火曜日"

    async def ask() -> None:
        async for _ in await chat().astream_events("a", version="v3"):
            pass

    asyncio.run(ask())
    assert tree(spans) == ["ChatOpenAI", "  chat gpt-4o-mini $10"] * 2


def test_several_questions_at_once_are_a_run_and_a_call_each(chat: Any, spans: Any) -> None:
    """`generate` starts all runs before it asks the first question; each call is in its own run."""
    questions = [[HumanMessage("a")], [HumanMessage("b")]]
    chat().generate(questions)
    asyncio.run(chat().agenerate(questions))
    assert tree(spans) == ["ChatOpenAI", "  chat gpt-4o-mini $10"] * 4


def test_the_run_of_a_model_whose_client_is_traced_is_a_plain_step(chat: Any, spans: Any) -> None:
    """The client's span has the usage, the model and the cost; LangChain's run has none of them."""
    chat().invoke("a")
    assert named(spans, "ChatOpenAI") == {
        "kansoku.kind": "chain",
        "gen_ai.operation.name": "invoke_workflow",
    }


def test_a_call_is_billed_once_when_the_client_is_not_traced(chat: Any, start: Any) -> None:
    """Without the client's span LangChain's own run says everything and is the one that is billed."""
    spans = start(instrument=["langchain"])
    kansoku.uninstrument("openai")
    chat(temperature=0.5, max_tokens=9).invoke([SystemMessage("kurz"), HumanMessage("いつ？")])
    found = spans.attributes()
    assert spans.one().name == "chat gpt-4o-mini"
    assert json.loads(found.pop("gen_ai.input.messages")) == [
        {"role": "system", "parts": [{"type": "text", "content": "kurz"}]},
        {"role": "user", "parts": [{"type": "text", "content": "いつ？"}]},
    ]
    assert json.loads(found.pop("gen_ai.output.messages")) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "火曜日"}], "finish_reason": "stop"}
    ]
    assert found.pop("kansoku.cost.usd") > 0
    assert found.pop("kansoku.cost.price_id").startswith("openai/gpt-4o-mini@")
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
    }


def test_structured_output_is_one_call(chat: Any, vendor: Vendor, spans: Any) -> None:
    """A model with structured output is a sequence with one billed call."""
    vendor.answer(
        {**ANSWER, "choices": [{**CHOICE, "message": {"role": "assistant", "content": '{"day": "火"}'}}]}
    )
    schema = {
        "title": "Day",
        "type": "object",
        "properties": {"day": {"type": "string"}},
        "required": ["day"],
    }
    assert chat().with_structured_output(schema, method="json_schema").invoke("a") == {"day": "火"}
    assert [line for line in tree(spans) if "$" in line] == ["    chat gpt-4o-mini $10"]


def test_a_fallback_is_two_calls_and_the_failed_one_says_so(chat: Any, vendor: Vendor, spans: Any) -> None:
    """The first model's failure is an error of its call and of its run, not of the chain."""
    vendor.answer(Reply(b'{"error": {"message": "full"}}', status=503), ANSWER)
    model = chat().with_fallbacks([chat(model="gpt-4o")])
    assert model.invoke("a").content == "火曜日"
    assert tree(spans) == [
        "RunnableWithFallbacks",
        "  ChatOpenAI",
        "    chat gpt-4o-mini $None",
        "  ChatOpenAI",
        "    chat gpt-4o $10",
    ]
    failed = [s.name for s in spans.all() if s.status.status_code is StatusCode.ERROR]
    assert failed == ["chat gpt-4o-mini", "ChatOpenAI"]


class Metered(GenericFakeChatModel):
    """A model that no client serves, and that counts its tokens."""

    def bind_tools(self, *_: Any, **__: Any) -> Any:
        """Take tools and do nothing with them."""
        return self


def metered(*messages: AIMessage) -> Metered:
    """Return a model that answers with messages."""
    return Metered(messages=iter(messages))


def test_a_model_without_a_client_is_billed_by_its_own_counts(spans: Any) -> None:
    """Usage with its details, tool calls, reasoning and the finish reason come from the message."""
    said = AIMessage(
        content=[{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "ja"}],
        tool_calls=[{"name": "find", "args": {"ward": "北区"}, "id": "c1"}],
        response_metadata={"model_name": "own-2", "stop_reason": "tool_use"},
        usage_metadata={
            "input_tokens": 100, "output_tokens": 20, "total_tokens": 120,
            "input_token_details": {"cache_read": 40, "cache_creation": 0, "ephemeral_1h_input_tokens": 10},
            "output_token_details": {"reasoning": 5},
        },
    )  # fmt: skip
    metered(said).invoke([HumanMessage("q"), ToolMessage("r", tool_call_id="c0")])
    found = spans.attributes()
    assert json.loads(found.pop("gen_ai.input.messages"))[1] == {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "id": "c0", "response": "r"}],
    }
    assert json.loads(found.pop("gen_ai.output.messages")) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "hm"},
                {"type": "text", "content": "ja"},
                {"type": "tool_call", "id": "c1", "name": "find", "arguments": {"ward": "北区"}},
            ],
            "finish_reason": "tool_calls",
        }
    ]
    assert spans.one().name == "chat own-2"
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "metered",
        "gen_ai.response.model": "own-2",
        "gen_ai.response.finish_reasons": ("tool_calls",),
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "gen_ai.usage.cache_write.input_tokens": 10,
        "kansoku.usage.cache_write_1h.input_tokens": 10,
        "gen_ai.usage.reasoning.output_tokens": 5,
    }


def test_a_stream_without_a_client_has_the_time_to_its_first_piece(spans: Any) -> None:
    """LangChain's own run of a stream is billed, marked as a stream, and whole."""
    assert "".join(str(c.content) for c in metered(AIMessage("a b c")).stream("q")) == "a b c"
    found = spans.attributes()
    assert found["gen_ai.request.stream"] is True
    assert found["gen_ai.response.time_to_first_chunk"] >= 0
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "a b c"}]


def test_a_stream_dropped_half_read_is_no_error(spans: Any) -> None:
    """What has been read is on the span, which says that the consumer left."""
    stream: Any = metered(AIMessage("a b c")).stream("q")
    next(stream)
    stream.close()
    found = spans.attributes()
    assert found["kansoku.stream.closed_early"] is True
    assert spans.one().status.status_code is StatusCode.UNSET
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "a"}]


def test_an_asynchronous_stream_dropped_half_read_ends_its_spans(
    chat: Any, vendor: Vendor, spans: Any
) -> None:
    """Leaving `astream` ends the client's call and LangChain's run, and restores the context."""
    vendor.answer(sse(*STREAM))

    async def ask() -> None:
        stream = chat().astream("a")
        async for _ in stream:
            break
        await stream.aclose()

    asyncio.run(ask())
    assert tree(spans) == ["ChatOpenAI", "  chat gpt-4o-mini $None"]
    assert named(spans, "ChatOpenAI")["kansoku.stream.closed_early"] is True


def test_a_model_that_asks_another_model_is_billed_for_the_inner_call_alone(chat: Any, spans: Any) -> None:
    """Of two LangChain models and one client, only the client's span is a call."""
    inner = chat()

    class Router(Metered):
        def _generate(self, messages: Any, *_: Any, **__: Any) -> Any:
            from langchain_core.outputs import ChatGeneration, ChatResult

            return ChatResult(generations=[ChatGeneration(message=inner.invoke(messages))])

    Router(messages=iter(())).invoke("a")
    assert tree(spans) == ["Router", "  ChatOpenAI", "    chat gpt-4o-mini $10"]


def test_an_answer_of_langchains_own_cache_is_not_billed(spans: Any) -> None:
    """The second, cached answer costs nothing and says where it came from."""
    said = AIMessage("ja", usage_metadata={"input_tokens": 1, "output_tokens": 1, "total_tokens": 2})
    model = Metered(messages=iter([said]), cache=InMemoryCache())
    assert model.invoke("q").content == model.invoke("q").content
    assert tree(spans) == ["Metered $1", "Metered"]
    assert spans.all()[1].attributes["kansoku.cache_hit"] is True


@pytest.fixture(autouse=True)
def _nothing_left_open(spans: Any) -> Iterator[None]:
    """Fail a test that leaves a run open or a context changed."""
    from opentelemetry import context as otel_context

    before = otel_context.get_current()
    yield
    assert otel_context.get_current() == before
    assert not instrument.handler.runs._open
