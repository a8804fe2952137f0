"""OpenAI Agents SDK: runs, tools, handoffs and guardrails as one tree, in which each call is billed once."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import agents
import httpx2
import pytest
from agents import (
    Agent,
    GuardrailFunctionOutput,
    InputGuardrailTripwireTriggered,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    function_tool,
    input_guardrail,
)
from openai import AsyncOpenAI
from opentelemetry import trace
from opentelemetry.trace import StatusCode
from support.pages import run_page
from support.trees import ANSWER, STREAM, calling, named, tree
from support.vendor import Reply, Vendor, sse

import kansoku
from kansoku.instruments import openai_agents as instrument

MODEL = "gpt-4o-mini"
USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 15,
}


def response(*output: dict[str, Any], status: str = "completed") -> dict[str, Any]:
    """Return an answer of the responses endpoint."""
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-4o-mini-2024-07-18",
        "status": status,
        "output": list(output),
        "usage": USAGE,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def said(text: str = "火曜日") -> dict[str, Any]:
    """Return a message of the model."""
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "id": "m1", "role": "assistant", "status": "completed", "content": [part]}


def called(name: str, arguments: str = "{}") -> dict[str, Any]:
    """Return a call of a tool."""
    return {"type": "function_call", "id": "f1", "call_id": "c1", "name": name, "arguments": arguments}


def streamed(*output: dict[str, Any]) -> Reply:
    """Return an answer of the responses endpoint as a stream."""
    done = {"type": "response.completed", "sequence_number": 2, "response": response(*output)}
    begun = {"type": "response.created", "sequence_number": 1, "response": response(status="in_progress")}
    return sse(("response.created", begun), ("response.completed", done), done=False)


@function_tool
def find_day(ward: str) -> str:
    """Find the day on which a ward's bins are emptied."""
    with kansoku.span("look up"):
        if ward == "nowhere":
            raise ValueError("no such ward")
        return "火曜日"


@input_guardrail(name="polite", run_in_parallel=False)
async def polite(_context: Any, _agent: Any, given: Any) -> GuardrailFunctionOutput:
    """Refuse what is not polite."""
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered="damn" in str(given))


@pytest.fixture(autouse=True)
def _no_export() -> Iterator[None]:
    """Leave the library's exporter out of the tests, as a program may; ours stays."""
    agents.set_trace_processors([])
    yield
    instrument.stop()


@pytest.fixture
def make(vendor: Vendor, spans: Any) -> Callable[..., Agent[Any]]:
    """Give a function that makes an agent of the vendor's model."""

    def make_agent(name: str = "guide", *, kind: Any = OpenAIResponsesModel, **more: Any) -> Agent[Any]:
        # No connection outlives its answer: each test has event loops of its own.
        http = httpx2.AsyncClient(limits=httpx2.Limits(max_keepalive_connections=0))
        client = AsyncOpenAI(api_key="k", base_url=f"{vendor.url}/v1", max_retries=0, http_client=http)
        return Agent(name=name, model=kind(MODEL, openai_client=client), **more)

    return make_agent


TOOLS = [
    "Agent workflow",
    "  guide",
    "    response",
    "      chat gpt-4o-mini $10",
    "    find_day",
    "      look up",
    "    response",
    "      chat gpt-4o-mini $10",
]


def test_a_run_is_one_tree(vendor: Vendor, spans: Any, make: Any) -> None:
    """The client's call is the one that is billed; tools hold what runs in them; nothing stays current."""
    vendor.answer(response(called("find_day", '{"ward": "北区"}')), response(said()))
    guide = make(tools=[find_day], instructions="Be kind.")
    assert asyncio.run(Runner.run(guide, "When?")).final_output == "火曜日"
    assert tree(spans) == TOOLS
    workflow = {
        "kansoku.kind": "chain",
        "gen_ai.operation.name": "invoke_workflow",
        "kansoku.input.value": '"When?"',
        "kansoku.output.value": '"火曜日"',
    }
    assert named(spans, "Agent workflow") == workflow
    assert named(spans, "guide") == {
        **workflow,
        "kansoku.kind": "agent",
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "guide",
        "kansoku.agent.tools": ("find_day",),
    }
    assert named(spans, "find_day") == {
        "kansoku.kind": "tool",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "find_day",
        "gen_ai.tool.call.arguments": '{"ward":"北区"}',
        "gen_ai.tool.call.result": '"火曜日"',
    }
    assert not trace.get_current_span().get_span_context().is_valid


def test_run_sync_is_a_child_of_what_is_current(vendor: Vendor, spans: Any, make: Any) -> None:
    """A run belongs to the span around it, and that span is current again after it."""
    vendor.answer(ANSWER)
    with kansoku.span("mine") as mine:
        Runner.run_sync(make(kind=OpenAIChatCompletionsModel), "When?")
        assert trace.get_current_span().get_span_context().span_id == int(mine.span_id, 16)
    assert tree(spans) == [
        "mine",
        "  Agent workflow",
        "    guide",
        "      generation",
        "        chat gpt-4o-mini $10",
    ]


# The library leaves a stream at its last event, before the connection has ended, and closes it when it can.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("kind", "step", "replies"),
    [
        (OpenAIResponsesModel, "response", [streamed(called("find_day", '{"ward": "x"}')), streamed(said())]),
        (OpenAIChatCompletionsModel, "generation", [sse(*STREAM)]),
    ],
)
def test_streamed_runs_look_the_same(
    vendor: Vendor, spans: Any, make: Any, kind: Any, step: str, replies: list[Reply]
) -> None:
    """A streamed run ends its spans when its stream ends, and bills each call once."""
    vendor.answer(*replies)

    async def run() -> str:
        result = Runner.run_streamed(make(kind=kind, tools=[find_day]), "When?")
        async for _ in result.stream_events():
            pass
        return str(result.final_output)

    assert asyncio.run(run()) == "火曜日"
    one = [f"    {step}", "      chat gpt-4o-mini $10"]
    expected = ["Agent workflow", "  guide", *one]
    assert tree(spans) == (TOOLS if len(replies) > 1 else expected)
    assert named(spans, "guide")["kansoku.output.value"] == '"火曜日"'


def test_a_stream_that_is_cancelled_ends_its_spans(vendor: Vendor, spans: Any, make: Any) -> None:
    """Whoever leaves a run half-way leaves no span open, and nothing current."""
    vendor.answer(sse(*STREAM))

    async def run() -> None:
        result = Runner.run_streamed(make(kind=OpenAIChatCompletionsModel), "When?")
        async for _ in result.stream_events():
            result.cancel()
        await asyncio.sleep(0.05)
        assert not trace.get_current_span().get_span_context().is_valid

    asyncio.run(run())
    assert {"Agent workflow", "guide"} <= {span.name for span in spans.all()}
    assert not instrument._processor().runs._open


def test_a_handoff_says_from_whom_to_whom(vendor: Vendor, spans: Any, make: Any) -> None:
    """Both agents are steps of the workflow, with the handoff inside of the first."""
    vendor.answer(response(called("transfer_to_night")), response(said()))
    guide = make("day", handoffs=[make("night")])
    asyncio.run(Runner.run(guide, "When?"))
    assert tree(spans) == [
        "Agent workflow",
        "  day",
        "    response",
        "      chat gpt-4o-mini $10",
        "    handoff to night",
        "  night",
        "    response",
        "      chat gpt-4o-mini $10",
    ]
    assert named(spans, "handoff to night") == {
        "kansoku.kind": "function",
        "kansoku.handoff.from": "day",
        "kansoku.handoff.to": "night",
    }
    assert named(spans, "day")["kansoku.agent.handoffs"] == ("night",)


@pytest.mark.parametrize(("words", "passed"), [("please", True), ("damn", False)])
def test_a_guardrail_has_its_verdict(vendor: Vendor, spans: Any, make: Any, words: str, passed: bool) -> None:
    """A guardrail that trips raises as ever, and says so on its span."""
    vendor.answer(response(said()))
    guide = make(input_guardrails=[polite])
    if passed:
        asyncio.run(Runner.run(guide, words))
    else:
        with pytest.raises(InputGuardrailTripwireTriggered):
            asyncio.run(Runner.run(guide, words))
    found = named(spans, "polite")
    assert found == {"kansoku.kind": "guardrail", "kansoku.guardrail.passed": passed}
    assert len(vendor.asked) == int(passed)
    (agent,) = [span for span in spans.all() if span.name == "guide"]
    assert (agent.status.status_code is StatusCode.ERROR) is not passed


def test_a_tool_that_raises_is_an_error(vendor: Vendor, spans: Any, make: Any) -> None:
    """The library turns the exception into words for the model; the span has the error all the same."""
    vendor.answer(response(called("find_day", '{"ward": "nowhere"}')), response(said()))
    asyncio.run(Runner.run(make(tools=[find_day]), "When?"))
    (tool,) = [span for span in spans.all() if span.name == "find_day"]
    assert tool.status.status_code is StatusCode.ERROR
    assert str(tool.status.description).startswith("Error running tool")
    assert tool.attributes["error.type"] == "SpanError"


@pytest.mark.parametrize("kind", [OpenAIResponsesModel, OpenAIChatCompletionsModel])
def test_a_failed_call_is_raised_and_shown(vendor: Vendor, spans: Any, make: Any, kind: Any) -> None:
    """The vendor's error reaches the caller; the call and the step around it have it too."""
    vendor.answer(Reply(status=400, body=b'{"error": {"message": "bad", "code": "bad_request"}}'))
    with pytest.raises(Exception, match="bad"):
        asyncio.run(Runner.run(make(kind=kind), "When?"))
    failed = {span.name for span in spans.all() if span.status.status_code is StatusCode.ERROR}
    assert {"response", "chat gpt-4o-mini"} <= failed or {"generation", "chat gpt-4o-mini"} <= failed


@pytest.mark.parametrize(
    ("kind", "reply", "finish"),
    [
        (OpenAIResponsesModel, response(said()), ("stop",)),
        (OpenAIChatCompletionsModel, ANSWER, None),
        (OpenAIChatCompletionsModel, sse(*STREAM), None),
    ],
)
def test_without_a_client_below_the_run_is_billed(
    vendor: Vendor, spans: Any, make: Any, kind: Any, reply: Any, finish: Any
) -> None:
    """Where nothing describes the call, the library's span has model, usage and messages."""
    kansoku.uninstrument("openai")
    vendor.answer(reply)

    async def run() -> None:
        if isinstance(reply, Reply):
            async for _ in Runner.run_streamed(make(kind=kind), "When?").stream_events():
                pass
        else:
            await Runner.run(make(kind=kind), "When?")

    asyncio.run(run())
    (call,) = [span for span in spans.all() if span.name.startswith("chat ")]
    found = dict(call.attributes)
    assert found["gen_ai.request.model"].startswith("gpt-4o-mini")
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (10, 5)
    assert found.get("gen_ai.response.finish_reasons") == finish
    asked, answered = (json.loads(found[f"gen_ai.{way}.messages"]) for way in ("input", "output"))
    assert asked[-1] == {"role": "user", "parts": [{"type": "text", "content": "When?"}]}
    assert answered[0]["parts"] == [{"type": "text", "content": "火曜日"}]
    assert tree(spans)[:2] == ["Agent workflow", "  guide"]
    kansoku.instrument("openai")


def test_an_own_model_is_billed_with_what_it_says(spans: Any) -> None:
    """A model that is no client's, traced by the program with the library's own spans, has its cost."""
    messages = [{"role": "user", "content": "q"}]
    with agents.trace("own"), agents.generation_span(input=messages, model="gpt-4o-mini") as step:
        step.span_data.model_config = {"temperature": 0.5, "base_url": "https://api.openai.com/v1"}
        step.span_data.output = [{"role": "assistant", "content": "a"}]
        step.span_data.usage = {"input_tokens": 1000, "output_tokens": 0}
    found = named(spans, "chat gpt-4o-mini")
    assert found["gen_ai.provider.name"] == "openai"
    assert found["gen_ai.request.temperature"] == 0.5
    assert found["kansoku.cost.usd"] == pytest.approx(0.00015)


def test_groups_and_metadata_are_on_every_span(vendor: Vendor, spans: Any, make: Any) -> None:
    """A group is a session; a session of the application's own stands above it."""
    vendor.answer(response(said()))
    settings = RunConfig(workflow_name="ask", group_id="g-1", trace_metadata={"ward": "北", "user_id": "u-1"})
    asyncio.run(Runner.run(make(), "When?", run_config=settings))
    for span in spans.all():
        assert span.attributes["session.id"] == "g-1"
        assert span.attributes["user.id"] == "u-1"
        assert span.attributes["kansoku.metadata.ward"] == "北"
    spans.clear()
    with kansoku.context(session_id="s-1"):
        asyncio.run(Runner.run(make(), "When?", run_config=settings))
    assert {span.attributes["session.id"] for span in spans.all()} == {"s-1"}


def test_content_is_left_out_on_demand(vendor: Vendor, start: Any, make: Any) -> None:
    """Without content there are names and counts, and no words."""
    found = start(capture_content=False)
    vendor.answer(response(called("find_day", '{"ward": "nowhere"}')), response(said()))
    asyncio.run(Runner.run(make(tools=[find_day]), "When?"))
    assert tree(found) == TOOLS
    text = " ".join(str((dict(s.attributes), s.status.description)) for s in found.all())
    assert "nowhere" not in text
    assert "火曜日" not in text


def test_other_kinds_of_spans_have_names_and_content(spans: Any) -> None:
    """Custom spans, tools of servers and speech are steps with what goes in and comes out."""
    with agents.trace("own"):
        with agents.custom_span("mine", {"rows": 3}):
            pass
        with agents.tracing.mcp_tools_span(server="files", result=["read"]):
            pass
        with (
            agents.tracing.speech_group_span(input="hello"),
            agents.tracing.speech_span("tts-1", input="hello", output="UklGRg=="),
        ):
            pass
        with agents.tracing.transcription_span("whisper-1", input="UklGRg==", output="hi"):
            pass
    assert tree(spans) == [
        "own",
        "  mine",
        "  list tools files",
        "  speech_group",
        "    speech",
        "  transcription",
    ]
    assert named(spans, "mine") == {"kansoku.kind": "function", "kansoku.input.value": '{"rows":3}'}
    assert named(spans, "list tools files")["kansoku.output.value"] == '["read"]'
    assert named(spans, "speech") == {"kansoku.kind": "function", "kansoku.input.value": '"hello"'}
    assert named(spans, "transcription") == {"kansoku.kind": "function", "kansoku.output.value": '"hi"'}


def test_a_span_that_is_not_made_current_has_no_children(spans: Any) -> None:
    """Only what the library makes current is the parent of what starts next."""
    with agents.trace("own"):
        aside = agents.custom_span("aside")
        aside.start()
        with kansoku.span("next"):
            pass
        aside.finish()
    assert tree(spans) == ["own", "  aside", "  next"]


def test_the_programs_processors_stay(spans: Any) -> None:
    """We take no processor's place, and no list of the program's removes us."""

    class Own(agents.tracing.TracingProcessor):
        """Remembers the names of spans."""

        def __init__(self) -> None:
            self.seen: list[str] = []

        def on_span_end(self, span: Any) -> None:
            """Remember a span."""
            self.seen.append(span.span_data.name)

        def on_span_start(self, span: Any) -> None:
            """Do nothing."""

        def on_trace_start(self, trace: Any) -> None:
            """Do nothing."""

        on_trace_end = on_trace_start

        def shutdown(self) -> None:
            """Do nothing."""

        force_flush = shutdown

    own = Own()
    agents.set_trace_processors([own])
    kansoku.instrument()
    with agents.trace("t"), agents.custom_span("one"):
        pass
    assert own.seen == ["one"]
    assert tree(spans) == ["t", "  one"]
    kansoku.uninstrument("openai-agents")
    with agents.trace("t"), agents.custom_span("two"):
        pass
    assert own.seen == ["one", "two"]
    assert len(spans.all()) == 2
    provider: Any = agents.tracing.get_trace_provider()
    assert provider._multi_processor._processors == (own,)


def test_nothing_is_traced_where_the_program_has_switched_it_off(
    vendor: Vendor, spans: Any, make: Any
) -> None:
    """With the library's tracing disabled there is only the client's call."""
    vendor.answer(response(said()))
    asyncio.run(Runner.run(make(), "When?", run_config=RunConfig(tracing_disabled=True)))
    assert tree(spans) == ["chat gpt-4o-mini $10"]


def test_an_agent_as_a_tool_is_a_step_of_that_tool(vendor: Vendor, spans: Any, make: Any) -> None:
    """Runs inside of runs are inside of their spans."""
    vendor.answer(response(called("ask", '{"input": "x"}')), response(said("inner")), response(said()))
    helper = make("helper").as_tool("ask", "Ask the helper.")
    asyncio.run(Runner.run(make(tools=[helper]), "When?"))
    call = ["response", "  chat gpt-4o-mini $10"]
    assert tree(spans) == [
        "Agent workflow",
        "  guide",
        *(f"    {line}" for line in call),
        "    ask",
        "      helper",
        *(f"        {line}" for line in call),
        *(f"    {line}" for line in call),
    ]


def test_runs_side_by_side_do_not_mix(vendor: Vendor, spans: Any, make: Any) -> None:
    """Tasks have a current span each."""
    vendor.answer(response(said()))

    async def both() -> None:
        await asyncio.gather(*(Runner.run(make(name), "When?") for name in ("a", "b", "c")))

    asyncio.run(both())
    lines = tree(spans)
    assert sorted(line for line in lines if line[:2] == "  " and line[2] != " ") == ["  a", "  b", "  c"]
    assert lines.count("      chat gpt-4o-mini $10") == 3
    assert len({span.context.trace_id for span in spans.all()}) == 3


def test_the_library_goes_on_after_shutdown(vendor: Vendor, spans: Any, make: Any) -> None:
    """Without a running Kansoku an agent runs as without us."""
    kansoku.shutdown(timeout=1)
    vendor.answer(ANSWER, calling("x", "{}"))
    result = asyncio.run(Runner.run(make(kind=OpenAIChatCompletionsModel), "When?"))
    assert result.final_output == "火曜日"
    assert spans.all() == []


@pytest.mark.usefixtures("spans")
def test_the_page_runs(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The agents of the page answer, in a session with the metadata of the page."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{vendor.url}/v1")
    monkeypatch.setenv("KANSOKU_ENDPOINT", "http://127.0.0.1:42099")
    # The library keeps its own client for ever, and with it a connection that is not closed.
    answers = (response(called("find_day", '{"ward": "北区"}')), response(said()))
    vendor.answer(*(Reply(json.dumps(a).encode(), headers={"Connection": "close"}) for a in answers))
    run_page("sdk/openai-agents.md")
    assert capsys.readouterr().out == "火曜日\n"
    assert len(vendor.asked) == 2


def test_the_library_is_not_made_to_start_its_own_exporter() -> None:
    """What sends traces to OpenAI is made when the program first traces, as without us."""
    program = (
        "import kansoku\n"
        "kansoku.init(endpoint='http://127.0.0.1:42099', api_key='x')\n"
        "import agents\n"
        "from agents.tracing import setup\n"
        "assert setup.GLOBAL_TRACE_PROVIDER is None\n"
        "listed = agents.tracing.get_trace_provider()._multi_processor._processors\n"
        "print(*sorted(type(one).__module__ for one in listed))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, timeout=120, capture_output=True, text=True
    )
    assert ran.stdout.split() == ["agents.tracing.processors", "kansoku.instruments.openai_agents_processor"]
