"""LangChain: what the spans of retrievers, tools and errors say, who and which, and that it does no harm."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.documents import Document
from langchain_core.language_models.fake import FakeListLLM
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import ToolException, tool
from langchain_openai import ChatOpenAI
from opentelemetry.trace import StatusCode
from support.chains import CHAIN, make_chain, make_chat
from support.trees import ANSWER, tree
from support.vendor import Vendor

import kansoku
from kansoku import guard
from kansoku.instruments import framework
from kansoku.instruments import langchain as instrument
from kansoku.instruments import langchain_messages as read


@pytest.fixture
def chat(vendor: Vendor) -> Callable[..., ChatOpenAI]:
    """Give a function that makes LangChain's own client of the vendor."""
    vendor.answer(ANSWER)
    return partial(make_chat, vendor)


@pytest.fixture
def chain(chat: Callable[..., ChatOpenAI]) -> Any:
    """Give the chain of `CHAIN`."""
    return make_chain(chat())


class Metered(GenericFakeChatModel):
    """A model that no client serves, and that counts its tokens."""

    def bind_tools(self, *_: Any, **__: Any) -> Any:
        """Take tools and do nothing with them."""
        return self


def metered(*messages: AIMessage) -> Metered:
    """Return a model that answers with messages."""
    return Metered(messages=iter(messages))


def test_completion_models_are_text_completions(spans: Any) -> None:
    """A model without messages has the prompt and its text."""
    FakeListLLM(responses=["ja"]).invoke("q")
    found = spans.attributes()
    assert found["gen_ai.operation.name"] == "text_completion"
    assert spans.messages("gen_ai.input.messages") == [
        {"role": "user", "parts": [{"type": "text", "content": "q"}]}
    ]
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "ja"}]


class Shelf(BaseRetriever):
    """A retriever that embeds its query in a span of its own."""

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        if query == "broken":
            raise ValueError("no shelf")
        with kansoku.span("embed"):
            pass
        return [
            Document(id="d1", page_content="傘", metadata={"score": 0.9, "source": "guide.md"}),
            Document(page_content="靴", metadata={"_id": 7, "relevance_score": "0.5"}),
        ]


def test_a_retriever_has_its_query_and_documents(spans: Any) -> None:
    """Documents have id, score and text; spans inside of the retriever are its children."""
    Shelf().invoke("where")
    asyncio.run(Shelf().ainvoke("where"))
    assert tree(spans) == ["Shelf", "  embed", "Shelf", "  embed"]
    found = dict(spans.all()[1].attributes)
    assert json.loads(found.pop("gen_ai.retrieval.documents")) == [
        {"id": "d1", "score": 0.9, "content": "傘", "source": "guide.md"},
        {"id": "7", "score": 0.5, "content": "靴"},
    ]
    assert found == {
        "kansoku.kind": "retrieval",
        "gen_ai.operation.name": "retrieval",
        "gen_ai.retrieval.query.text": "where",
    }


def test_an_error_is_on_every_run_that_it_passes(spans: Any) -> None:
    """The exception reaches the caller as it was, and is on the retriever and on its chain."""
    with pytest.raises(ValueError, match="no shelf"):
        (RunnableLambda(str.strip) | Shelf()).invoke("broken ")
    failed = {
        s.name: s.attributes["error.type"] for s in spans.all() if s.status.status_code is StatusCode.ERROR
    }
    assert failed == {"Shelf": "ValueError", "RunnableSequence": "ValueError"}


@tool
def day(ward: str) -> str:
    """Say the day."""
    if ward == "x":
        raise ToolException("no such ward")
    with kansoku.span("look up"):
        return "火曜日"


def test_a_tool_has_its_call_and_its_result(spans: Any) -> None:
    """Name, id, description, arguments and result are on the tool's span, and its own spans inside."""
    day.invoke({"type": "tool_call", "id": "c1", "name": "day", "args": {"ward": "北区"}})
    asyncio.run(day.ainvoke({"ward": "北区"}))
    assert tree(spans) == ["day", "  look up", "day", "  look up"]
    assert dict(spans.all()[1].attributes) == {
        "kansoku.kind": "tool",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "day",
        "gen_ai.tool.call.id": "c1",
        "gen_ai.tool.description": "Say the day.",
        "gen_ai.tool.call.arguments": '{"ward":"北区"}',
        "gen_ai.tool.call.result": '"火曜日"',
    }


def test_a_tools_error_is_an_error_also_when_the_model_is_told_of_it(spans: Any) -> None:
    """An exception that the tool turns into a message, and one that it raises, fail the span."""
    forgiving = day.model_copy(update={"handle_tool_error": True})
    forgiving.invoke({"type": "tool_call", "id": "c1", "name": "day", "args": {"ward": "x"}})
    with pytest.raises(ToolException):
        day.invoke({"ward": "x"})
    assert [span.attributes["error.type"] for span in spans.all()] == ["ToolException"] * 2
    assert {span.status.status_code for span in spans.all()} == {StatusCode.ERROR}


def test_who_and_which_come_from_the_config(chain: Any, spans: Any) -> None:
    """Session, user, tags and metadata of the config are on every span inside, the client's too."""
    config = {
        "metadata": {"session_id": "s1", "user_id": "u1", "page": "guide", "ls_own": 1, "api_key": "sk"},
        "tags": ["web"],
        "run_name": "guide",
    }
    chain.invoke({"q": "a"}, config)
    assert {span.name for span in spans.all()} >= {"guide", "chat gpt-4o-mini", "mine"}
    for span in spans.all():
        stamped = {
            k: v
            for k, v in span.attributes.items()
            if k.startswith(("session", "user", "kansoku.tags", "kansoku.metadata"))
        }
        assert stamped == {
            "session.id": "s1",
            "user.id": "u1",
            "kansoku.tags": ("web",),
            "kansoku.metadata.page": "guide",
        }


def test_a_session_of_ones_own_stands_above_a_thread(spans: Any) -> None:
    """`kansoku.context` keeps its session when LangChain knows only a thread."""
    with kansoku.context(session_id="own"):
        RunnableLambda(str.strip).invoke("a", {"metadata": {"thread_id": "t1"}})
    RunnableLambda(str.strip).invoke("a", {"metadata": {"thread_id": "t1"}})
    assert [span.attributes["session.id"] for span in spans.all()] == ["own", "t1"]


def test_without_content_there_are_only_names_and_numbers(chat: Any, start: Any) -> None:
    """Prompts, answers, arguments, results and documents' texts are not recorded."""
    spans = start(capture_content=False)
    (RunnableLambda(str.strip) | Shelf()).invoke("geheim")
    day.invoke({"ward": "geheim"})
    metered(AIMessage("geheim")).invoke("geheim")
    written = json.dumps([dict(span.attributes) for span in spans.all()], default=str, ensure_ascii=False)
    assert "geheim" not in written
    assert "傘" not in written
    assert '"d1' in written.replace("\\", "")


def test_passing_the_handler_too_changes_nothing(chat: Any, spans: Any) -> None:
    """The handler in a run's callbacks is the one that is active anyway: no span is there twice."""
    (RunnableLambda(str.strip) | chat()).invoke("a", {"callbacks": [instrument.handler]})
    assert tree(spans) == ["RunnableSequence", "  strip", "  ChatOpenAI", "    chat gpt-4o-mini $10"]


def test_callbacks_of_ones_own_still_hear_everything(chain: Any, spans: Any) -> None:
    """A handler of the program's own is called as without us."""
    from langchain_core.callbacks import BaseCallbackHandler

    class Mine(BaseCallbackHandler):
        def __init__(self) -> None:
            self.heard: list[str] = []

        def on_chat_model_start(self, *_: Any, **__: Any) -> None:
            self.heard.append("model")

        def on_llm_end(self, *_: Any, **__: Any) -> None:
            self.heard.append("end")

    mine = Mine()
    chain.invoke({"q": "a"}, {"callbacks": [mine]})
    assert mine.heard == ["model", "end"]
    assert tree(spans) == CHAIN


@pytest.mark.parametrize("first", ["import kansoku", "import langchain_core.runnables"])
def test_the_order_of_imports_does_not_matter(first: str) -> None:
    """Kansoku may be started before LangChain is imported or after, and never imports it itself."""
    program = f"""
{first}
import sys, kansoku
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
kept, provider, early = InMemorySpanExporter(), TracerProvider(), "langchain_core" in sys.modules
provider.add_span_processor(SimpleSpanProcessor(kept))
kansoku.init(api_key="k", endpoint="http://127.0.0.1:42099", tracer_provider=provider)
assert early or "langchain_core" not in sys.modules
from langchain_core.runnables import RunnableLambda
RunnableLambda(str.strip).invoke("a")
print([span.name for span in kept.get_finished_spans()])
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "['strip']", ran.stderr


def test_uninstrumenting_puts_everything_back(chat: Any, spans: Any) -> None:
    """After `uninstrument` nothing of LangChain is patched and no run has a span."""
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.runnables import config
    from langchain_core.tracers import context

    assert hasattr(BaseChatModel.stream, "__kansoku_original__")
    kansoku.uninstrument()
    assert not hasattr(BaseChatModel.stream, "__kansoku_original__")
    assert not hasattr(config._set_config_context, "__kansoku_original__")
    assert not any(var.name == "kansoku_langchain" for var, *_ in context._configure_hooks)
    chat().invoke("a")
    assert spans.all() == []


def test_what_fails_in_the_handler_does_not_reach_the_program(
    chain: Any, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours is counted; the chain's answer is as without us."""

    def fail(*_: Any) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(read, "readable", fail)
    assert chain.invoke({"q": "a"}) == "火曜日!"
    assert guard.failures
    guard.failures.clear()


def test_runs_that_never_end_are_forgotten_in_the_end(spans: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit the oldest open run is ended for a new one."""
    monkeypatch.setattr(framework, "_MAX_OPEN", 5)
    handler = instrument.handler
    ids = [uuid4() for _ in range(8)]
    for number, run_id in enumerate(ids):
        handler.on_chain_start(None, {}, run_id=run_id, name=f"run {number}")
    assert [span.name for span in spans.all()] == ["run 0", "run 1", "run 2"]
    for run_id in ids:
        handler.on_chain_end(None, run_id=run_id)
    assert len(spans.all()) == 8


@pytest.fixture(autouse=True)
def _nothing_left_open(spans: Any) -> Iterator[None]:
    """Fail a test that leaves a run open or a context changed."""
    from opentelemetry import context as otel_context

    before = otel_context.get_current()
    yield
    assert otel_context.get_current() == before
    assert not instrument.handler.runs._open
