"""LangGraph: agents, graphs and nodes as spans, interrupts that are no errors, one billed span a call."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from opentelemetry.trace import StatusCode
from support.trees import ANSWER, STREAM, calling, named, tree
from support.vendor import Vendor, sse

import kansoku

CONFIG: Any = {"configurable": {"thread_id": "t1"}}


class State(TypedDict):
    """The state of the graphs here."""

    text: str


@tool
def find_day(ward: str) -> str:
    """Find the day."""
    with kansoku.span("look up"):
        return f"{ward}: 火曜日"


@pytest.fixture
def chat(vendor: Vendor) -> Callable[..., ChatOpenAI]:
    """Give a function that makes LangChain's own client of the vendor, which first calls a tool."""
    vendor.answer(calling("find_day", '{"ward": "北区"}'), ANSWER)

    def make() -> ChatOpenAI:
        given: dict[str, Any] = {"api_key": "k", "base_url": f"{vendor.url}/v1", "max_retries": 0}
        return ChatOpenAI(model="gpt-4o-mini", **given)

    return make


AGENT = [
    "guide",
    "  model",
    "    ChatOpenAI",
    "      chat gpt-4o-mini $10",
    "  tools",
    "    find_day",
    "      look up",
    "  model",
    "    ChatOpenAI",
    "      chat gpt-4o-mini $10",
]


def test_an_agent_is_a_tree_of_models_and_tools(chat: Any, spans: Any) -> None:
    """The agent has its nodes inside, and these the calls; only the client's spans are billed."""
    agent: Any = create_agent(chat(), [find_day], name="guide")
    with kansoku.span("top"):
        answer = agent.invoke({"messages": [("user", "いつ？")]}, CONFIG)
    assert answer["messages"][-1].content == "火曜日"
    assert tree(spans) == ["top", *(f"  {line}" for line in AGENT)]
    found = named(spans, "guide")
    assert json.loads(found.pop("kansoku.input.value")) == {"messages": [["user", "いつ？"]]}
    said = json.loads(found.pop("kansoku.output.value"))["messages"]
    assert [message["role"] for message in said] == ["user", "assistant", "tool", "assistant"]
    assert found == {
        "kansoku.kind": "agent",
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "guide",
        "session.id": "t1",
    }


def test_a_tool_of_an_agent_has_the_id_of_the_models_call(chat: Any, spans: Any) -> None:
    """The call's id joins the tool's span to the model's answer."""
    agent: Any = create_agent(chat(), [find_day], name="guide")
    agent.invoke({"messages": [("user", "いつ？")]})
    found = named(spans, "find_day")
    assert found["gen_ai.tool.call.id"] == "c1"
    assert json.loads(found["gen_ai.tool.call.arguments"]) == {"ward": "北区"}
    assert found["gen_ai.tool.call.result"] == '"北区: 火曜日"'


def test_an_agent_is_the_same_tree_asynchronously(chat: Any, spans: Any) -> None:
    """`ainvoke` nests as `invoke` does."""
    agent: Any = create_agent(chat(), [find_day], name="guide")
    asyncio.run(agent.ainvoke({"messages": [("user", "いつ？")]}))
    assert tree(spans) == AGENT


def test_a_streamed_agent_leaves_its_consumer_alone(chat: Any, vendor: Vendor, spans: Any) -> None:
    """Between the steps of `stream` and of `astream` the consumer's context is its own."""
    agent: Any = create_agent(chat(), [find_day], name="guide")
    with kansoku.span("top"):
        for _ in agent.stream({"messages": [("user", "いつ？")]}, stream_mode="updates"):
            with kansoku.span("consumer"):
                pass
    assert tree(spans) == ["top", *(f"  {line}" for line in AGENT), *["  consumer"] * 3]
    spans.clear()

    async def ask() -> None:
        vendor.answer(sse(*STREAM))
        with kansoku.span("top"):
            async for _ in agent.astream({"messages": [("user", "いつ？")]}, stream_mode="messages"):
                pass
            with kansoku.span("after"):
                pass

    asyncio.run(ask())
    assert tree(spans) == ["top", *(f"  {line}" for line in AGENT[:4]), "  after"]


def inner_graph() -> Any:
    """Return a graph of one node."""
    graph: Any = StateGraph(State)
    graph.add_node("polish", lambda state: {"text": state["text"] + "."})
    graph.add_edge(START, "polish")
    return graph.compile(name="inner")


def test_nodes_say_their_step_and_graphs_nest(spans: Any) -> None:
    """A node has its name and step; a graph that is a node of another is inside of it."""
    graph: Any = StateGraph(State)
    graph.add_node("write", lambda state: {"text": state["text"] + "!"})
    graph.add_node("inner", inner_graph())
    graph.add_edge(START, "write")
    graph.add_conditional_edges("write", lambda _: "inner", {"inner": "inner"})
    graph.add_edge("inner", END)
    assert graph.compile(name="outer").invoke({"text": "a"}) == {"text": "a!."}
    assert tree(spans) == [
        "outer",
        "  write",
        "    RunnableCallable",
        "  inner",
        "    inner",
        "      polish",
    ]
    assert named(spans, "outer")["kansoku.kind"] == "agent"
    assert named(spans, "write") == {
        "kansoku.kind": "chain",
        "gen_ai.operation.name": "invoke_workflow",
        "kansoku.graph.node": "write",
        "kansoku.graph.step": 1,
        "kansoku.input.value": '{"text":"a"}',
        "kansoku.output.value": '{"text":"a!"}',
    }


def test_asking_a_human_is_no_error(spans: Any) -> None:
    """The node that interrupts is marked so; the resumed graph ends as any other."""

    def ask(state: State) -> dict[str, Any]:
        return {"text": state["text"] + interrupt("ok?")}

    graph: Any = StateGraph(State)
    graph.add_node("ask", ask)
    graph.add_edge(START, "ask")
    app = graph.compile(checkpointer=InMemorySaver())
    assert "__interrupt__" in app.invoke({"text": "a"}, CONFIG)
    assert named(spans, "ask")["kansoku.interrupted"] is True
    assert app.invoke(Command(resume="b"), CONFIG)["text"] == "ab"
    assert all(span.status.status_code is StatusCode.UNSET for span in spans.all())
    assert {span.attributes["session.id"] for span in spans.all()} == {"t1"}


def test_handing_over_to_the_parent_graph_is_no_error(spans: Any) -> None:
    """A command for the parent is raised inside LangGraph, and is control flow."""

    def leave(_: State) -> Command[Any]:
        return Command(graph=Command.PARENT, goto="after", update={"text": "left"})

    inner: Any = StateGraph(State)
    inner.add_node("leave", leave)
    inner.add_edge(START, "leave")
    graph: Any = StateGraph(State)
    graph.add_node("inner", inner.compile(), destinations=("after",))
    graph.add_node("after", lambda state: {"text": state["text"] + "!"})
    graph.add_edge(START, "inner")
    assert graph.compile().invoke({"text": "a"}) == {"text": "left!"}
    assert all(span.status.status_code is StatusCode.UNSET for span in spans.all())


def test_a_failing_node_fails_its_graph(spans: Any) -> None:
    """The exception passes unchanged and is on both spans."""

    def fail(_: State) -> dict[str, Any]:
        raise KeyError("nothing there")

    graph: Any = StateGraph(State)
    graph.add_node("fail", fail)
    graph.add_edge(START, "fail")
    with pytest.raises(KeyError, match="nothing there"):
        graph.compile(name="app").invoke({"text": "a"})
    assert {s.name: s.attributes["error.type"] for s in spans.all()} == {
        "fail": "KeyError",
        "app": "KeyError",
    }


def test_a_graphs_stream_dropped_half_way_is_no_error(spans: Any) -> None:
    """Closing the stream after the first step ends the graph's span as left early."""
    graph: Any = StateGraph(State)
    graph.add_node("one", lambda state: {"text": state["text"] + "1"})
    graph.add_node("two", lambda state: {"text": state["text"] + "2"})
    graph.add_edge(START, "one")
    graph.add_edge("one", "two")
    stream = graph.compile(name="app").stream({"text": "a"}, stream_mode="updates")
    assert next(stream) == {"one": {"text": "a1"}}
    stream.close()
    found = named(spans, "app")
    assert found["kansoku.stream.closed_early"] is True
    assert all(span.status.status_code is StatusCode.UNSET for span in spans.all())


def test_nodes_side_by_side_are_children_of_their_graph(spans: Any) -> None:
    """Nodes of one step run in threads, or in tasks; spans inside of them are theirs."""

    def work(name: str) -> Any:
        def run(_: State) -> dict[str, Any]:
            with kansoku.span(f"in {name}"):
                return {}

        return run

    graph: Any = StateGraph(State)
    for name in ("a", "b"):
        graph.add_node(name, work(name))
        graph.add_edge(START, name)
    app = graph.compile(name="app")
    app.invoke({"text": ""})
    assert sorted(tree(spans)) == sorted(["app", "  a", "    in a", "  b", "    in b"])
    spans.clear()
    asyncio.run(app.ainvoke({"text": ""}))
    assert sorted(tree(spans)) == sorted(["app", "  a", "    in a", "  b", "    in b"])


def test_tasks_of_the_functional_way_are_runs(chat: Any, vendor: Vendor, spans: Any) -> None:
    """An entrypoint is a graph; its tasks, which run in threads, are inside of it."""
    vendor.answer(ANSWER)

    @task
    def ask(question: str) -> Any:
        return chat().invoke(question).content

    @entrypoint()
    def guide(question: str) -> Any:
        return ask(question).result()

    assert guide.invoke("いつ？") == "火曜日"
    assert tree(spans) == [
        "LangGraph",
        "  guide",
        "    ask",
        "      ChatOpenAI",
        "        chat gpt-4o-mini $10",
    ]
