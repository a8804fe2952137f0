"""Spans of one's own: span(), its handle, context() and the ids for feedback."""

import asyncio
import contextvars
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import StatusCode

import kansoku
from kansoku import semconv
from kansoku.spans import clock


def test_a_span_has_its_kind_operation_and_content(spans: Any) -> None:
    """Kind, operation, input and output of a span of one's own, stamped by Kansoku's clock."""
    clock.use(iter([1_000, 2_000]).__next__)
    with kansoku.span(
        "answer", kind="chain", input={"question": "傘は？"}, attributes={"app.step": 3}
    ) as span:
        span.set_output("不燃ごみ")
    done = spans.one()
    assert (done.name, done.start_time, done.end_time) == ("answer", 1_000, 2_000)
    assert dict(done.attributes) == {
        "kansoku.kind": "chain",
        "gen_ai.operation.name": "invoke_workflow",
        "app.step": 3,
        "kansoku.input.value": '{"question":"傘は？"}',
        "kansoku.output.value": '"不燃ごみ"',
    }


@pytest.mark.parametrize("kind", sorted(semconv.KINDS))
def test_every_kind_is_accepted(spans: Any, kind: str) -> None:
    """Each kind of the vocabulary gives a span that says so."""
    with kansoku.span("x", kind=kind):
        pass
    assert spans.attributes()["kansoku.kind"] == kind
    assert spans.attributes().get("gen_ai.operation.name") == semconv.KIND_OPERATIONS.get(kind)


def test_an_unknown_kind_is_a_warning_not_an_error(spans: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A misspelt kind is told once and recorded as a function."""
    with kansoku.span("x", kind="retreival"):
        pass
    assert spans.attributes()["kansoku.kind"] == "function"
    assert "'retreival' is no kind of span" in caplog.text


def test_documents_of_a_retrieval_have_ids_scores_and_text(spans: Any) -> None:
    """Documents are JSON with id, score and content; the query and k are beside them."""
    with kansoku.span("search", kind="retrieval") as span:
        span.set_documents(
            [{"id": 7, "score": 0.83, "content": "傘は不燃ごみ"}], query="傘", top_k=3, source="guide"
        )
    found = spans.attributes()
    assert json.loads(found["gen_ai.retrieval.documents"]) == [
        {"id": "7", "score": 0.83, "content": "傘は不燃ごみ"}
    ]
    assert (found["gen_ai.retrieval.query.text"], found["gen_ai.retrieval.top_k"]) == ("傘", 3)
    assert found["gen_ai.data_source.id"] == "guide"


def test_tools_agents_and_models_are_named(spans: Any) -> None:
    """set_tool, set_agent, set_model and set write the names of the conventions."""
    with kansoku.span("calendar", kind="tool") as span:
        span.set_tool("calendar", call_id="c1", arguments={"ward": "北区"}, result=["火"], description="days")
        span.set_agent("guide")
        span.set_model("qwen3", response="qwen3-32b", provider="local")
        span.set("app.flags", {"beta": True})
    found = spans.attributes()
    assert found["gen_ai.tool.call.arguments"] == '{"ward":"北区"}'
    assert found["gen_ai.tool.call.result"] == '["火"]'
    assert (found["gen_ai.tool.name"], found["gen_ai.tool.call.id"]) == ("calendar", "c1")
    assert (found["gen_ai.agent.name"], found["gen_ai.response.model"]) == ("guide", "qwen3-32b")
    assert found["app.flags"] == '{"beta":true}'


def test_without_content_documents_keep_id_and_score_only(start: Callable[..., Any]) -> None:
    """capture_content=False drops texts, queries, arguments and results of one's own spans."""
    spans = start(capture_content=False)
    with kansoku.span("search", kind="retrieval", input="hidden") as span:
        span.set_documents([{"id": "7", "score": 0.8, "content": "hidden"}], query="hidden")
        span.set_tool("t", arguments="hidden", result="hidden")
        span.set_output("hidden")
    assert "hidden" not in json.dumps(spans.attributes())
    assert json.loads(spans.attributes()["gen_ai.retrieval.documents"]) == [{"id": "7", "score": 0.8}]


def test_an_exception_passes_and_is_on_the_span(spans: Any) -> None:
    """The block's own exception is raised unchanged; the span has its type and the time of our clock."""
    clock.use(lambda: 5_000)
    error = ValueError("no such ward")
    with pytest.raises(ValueError, match="no such ward") as caught, kansoku.span("x"):
        raise error
    assert caught.value is error
    done = spans.one()
    assert (done.status.status_code, done.status.description) == (StatusCode.ERROR, "no such ward")
    assert done.attributes["error.type"] == "ValueError"
    assert [(event.name, event.timestamp) for event in done.events] == [("exception", 5_000)]


def test_spans_nest_also_asynchronously(spans: Any) -> None:
    """Children know their parent, under `with` and under `async with` in tasks that run side by side."""

    async def child(name: str) -> None:
        async with kansoku.span(name):
            await asyncio.sleep(0)

    async def main() -> None:
        async with kansoku.span("root"):
            await asyncio.gather(child("a"), child("b"))

    asyncio.run(main())
    a, b, root = spans.all()
    assert {a.parent.span_id, b.parent.span_id} == {root.context.span_id}


def test_ids_are_the_spans_own_and_current(spans: Any) -> None:
    """trace_id and span_id of the handle and current_trace_id() are those that are exported."""
    assert kansoku.current_trace_id() == ""
    with kansoku.span("x") as span:
        assert kansoku.current_trace_id() == span.trace_id
    done = spans.one()
    assert (span.trace_id, span.span_id) == (f"{done.context.trace_id:032x}", f"{done.context.span_id:016x}")


def test_context_stamps_every_span_inside(spans: Any, model: Any) -> None:
    """Session, user, tags, metadata, prompt and experiment are on all spans inside; nesting adds up."""
    client = model("chat.json").client()
    with kansoku.context(session_id="s1", user_id="u1", tags=["web"], metadata={"ward": 3}):
        with (
            kansoku.context(tags=["web", "beta"], prompt_name="guide", prompt_version=4, experiment="e1"),
            kansoku.span("inside"),
        ):
            client.chat.completions.create(model="gpt-4o-mini", messages=[], user="other")
        with kansoku.span("outer"):
            pass
    call, inside, outer = spans.all()
    for span in (call, inside):
        found = span.attributes
        assert (found["session.id"], found["user.id"], found["kansoku.tags"]) == ("s1", "u1", ("web", "beta"))
        assert (found["gen_ai.prompt.name"], found["gen_ai.prompt.version"]) == ("guide", "4")
        assert (found["kansoku.experiment"], found["kansoku.metadata.ward"]) == ("e1", "3")
    assert outer.attributes["kansoku.tags"] == ("web",)
    assert "gen_ai.prompt.name" not in outer.attributes


def test_context_stamps_spans_of_other_instrumentations_too(start: Any) -> None:
    """A span made by somebody else's tracer of the same provider is stamped as well."""
    provider = TracerProvider(shutdown_on_exit=False)
    spans = start(tracer_provider=provider)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    foreign = provider.get_tracer("somebody.else")
    with kansoku.context(session_id="s1"), foreign.start_as_current_span("GET /"):
        pass
    assert spans.attributes()["session.id"] == "s1"


@pytest.mark.parametrize("capture", [True, False])
def test_the_words_of_an_exception_are_content(start: Any, capture: bool) -> None:
    """Without content the span says that it failed and with what, and nothing that the exception quotes."""
    spans = start(capture_content=capture)
    with pytest.raises(ValueError, match="secret"), kansoku.span("x"):
        raise ValueError("the prompt was: secret")
    span = spans.one()
    assert span.attributes["error.type"] == "ValueError"
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == ("the prompt was: secret" if capture else None)
    assert [event.name for event in span.events] == (["exception"] if capture else [])


def test_a_thread_with_a_carried_context_is_stamped(spans: Any) -> None:
    """A thread that runs in a copy of the context has the same parent and the same stamps."""

    def work() -> None:
        with kansoku.span("in thread"):
            pass

    with kansoku.context(session_id="s1"), kansoku.span("root"):
        thread = threading.Thread(target=contextvars.copy_context().run, args=(work,))
        thread.start()
        thread.join()
    inner, root = spans.all()
    assert inner.parent.span_id == root.context.span_id
    assert inner.attributes["session.id"] == "s1"


def test_nothing_fails_before_init() -> None:
    """Spans, their methods, context and feedback do nothing when the SDK does not run."""
    with kansoku.context(session_id="s"), kansoku.span("x", input=1) as span:
        span.set_output(object())
        span.set_documents([{"id": 1}])
        span.set_tool("t", arguments=1)
        span.set("a", 1)
        kansoku.feedback(like=True)
    assert (span.trace_id, span.span_id, kansoku.current_trace_id()) == ("", "", "")
    assert kansoku.flush(0.1)


def test_a_value_that_cannot_be_recorded_is_swallowed(spans: Any) -> None:
    """An object whose attributes raise costs its own field, never the program."""
    from kansoku import guard

    class Hostile:
        @property
        def __dict__(self) -> Any:  # type: ignore[override]
            raise RuntimeError("mine")

        def __str__(self) -> str:
            raise RuntimeError("mine")

    with kansoku.span("x") as span:
        span.set_output(Hostile())
        span.set_output({Hostile(): 1})
    assert spans.attributes()["kansoku.output.value"] == '"<Hostile>"'
    assert sum(guard.failures.values()) == 1
    guard.failures.clear()
