"""observe(): it records what a function does and changes nothing of it."""

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.trace import StatusCode

import kansoku


def test_arguments_and_result_are_recorded(spans: Any) -> None:
    """A bare decorator names the span after the function and records arguments by name."""

    @kansoku.observe
    def plan(question: str, *rest: int, limit: int = 3, **more: Any) -> dict[str, Any]:
        """Plan."""
        return {"steps": [question]}

    assert plan("傘", 1, 2, limit=5, extra=None) == {"steps": ["傘"]}
    assert (plan.__name__, plan.__doc__, next(iter(inspect.signature(plan).parameters))) == (
        "plan",
        "Plan.",
        "question",
    )
    span = spans.one()
    assert span.name == "plan"
    assert json.loads(span.attributes["kansoku.input.value"]) == {
        "question": "傘",
        "rest": [1, 2],
        "limit": 5,
        "extra": None,
    }
    assert span.attributes["kansoku.output.value"] == '{"steps":["傘"]}'


def test_methods_lose_self_and_secrets_are_left_out(spans: Any) -> None:
    """No self is recorded; arguments named like secrets are not recorded, alone or inside a dictionary."""

    class Guide:
        @kansoku.observe(name="ask", kind="agent")
        def ask(self, question: str, api_key: str, max_tokens: int = 5) -> str:
            return f"{question} {api_key[:2]} {max_tokens}"

        @kansoku.observe
        @staticmethod
        def helper(value: int) -> int:
            return value

        @kansoku.observe
        @classmethod
        def make(cls, options: dict[str, str]) -> int:
            return len(options)

    Guide().ask("q", "sk-very-secret", max_tokens=9)
    assert (Guide.helper(2), Guide.make({"password": "very-secret", "mode": "a"})) == (2, 2)
    ask, helper, make = spans.all()
    assert json.loads(ask.attributes["kansoku.input.value"]) == {
        "question": "q",
        "api_key": "<not captured>",
        "max_tokens": 9,
    }
    assert (ask.attributes["gen_ai.operation.name"], ask.attributes["gen_ai.agent.name"]) == (
        "invoke_agent",
        "ask",
    )
    assert json.loads(helper.attributes["kansoku.input.value"]) == {"value": 2}
    assert "very-secret" not in make.attributes["kansoku.input.value"]


def test_a_tool_has_its_arguments_and_result_as_a_tool_call(spans: Any) -> None:
    """kind="tool" writes the conventions' names for a tool's arguments and result."""

    @kansoku.observe(kind="tool", name="calendar")
    def look_up(ward: str) -> list[str]:
        return ["火", "金"]

    look_up("北区")
    found = spans.attributes()
    assert (found["gen_ai.tool.name"], found["gen_ai.operation.name"]) == ("calendar", "execute_tool")
    assert found["gen_ai.tool.call.arguments"] == '{"ward":"北区"}'
    assert found["gen_ai.tool.call.result"] == '["火","金"]'


def test_capture_can_be_switched_off_for_one_function(spans: Any) -> None:
    """capture_input and capture_output leave the content of one function out."""

    @kansoku.observe(capture_input=False, capture_output=False, attributes={"app.part": "x"})
    def work(value: str) -> str:
        return value

    work("hidden")
    assert "hidden" not in json.dumps(spans.attributes())
    assert spans.attributes()["app.part"] == "x"


def test_coroutines_are_awaited_inside_their_span(spans: Any) -> None:
    """A coroutine function stays one, and its children are inside its span."""

    @kansoku.observe
    async def outer(value: int) -> int:
        await asyncio.sleep(0)
        with kansoku.span("inner"):
            return value + 1

    assert inspect.iscoroutinefunction(outer)
    assert asyncio.run(outer(1)) == 2
    inner, done = spans.all()
    assert inner.parent.span_id == done.context.span_id
    assert done.attributes["kansoku.output.value"] == "2"


def test_a_generator_is_one_span_from_first_to_last_item(spans: Any) -> None:
    """Items pass, text is joined, the function's children are inside and the consumer's are not."""

    @kansoku.observe
    def stream(words: list[str]) -> Iterator[str]:
        for word in words:
            with kansoku.span("word"):
                pass
            yield word

    seen = []
    for word in stream(["収集", "日"]):
        with kansoku.span("consumer"):
            seen.append(word)
    assert seen == ["収集", "日"]
    done = spans.all()[-1]
    assert done.attributes["kansoku.output.value"] == '"収集日"'
    parents = {span.name: span.parent and span.parent.span_id for span in spans.all()}
    assert (parents["word"], parents["consumer"]) == (done.context.span_id, None)


def test_a_generator_keeps_its_whole_protocol(spans: Any) -> None:
    """send, throw, close and the return value work as without the decorator."""
    log: list[Any] = []

    @kansoku.observe
    def talk() -> Any:
        try:
            log.append((yield 1))
            try:
                yield 2
            except KeyError as error:
                log.append(error)
            yield 3
        finally:
            log.append("closed")
        return "end"

    talking = talk()
    error = KeyError("x")
    assert (next(talking), talking.send("sent"), talking.throw(error)) == (1, 2, 3)
    talking.close()
    assert log == ["sent", error, "closed"]
    assert spans.attributes()["kansoku.stream.closed_early"] is True

    @kansoku.observe
    def returns() -> Any:
        yield 1
        return "end"

    def delegate() -> Any:
        return (yield from returns())

    gen = delegate()
    next(gen)
    with pytest.raises(StopIteration) as stopped:
        next(gen)
    assert stopped.value.value == "end"


def test_asynchronous_generators_are_one_span(spans: Any) -> None:
    """Items pass, an early end is told, an error is the caller's."""

    @kansoku.observe
    async def stream(fail: bool) -> AsyncIterator[str]:
        yield "a"
        yield "b"
        if fail:
            raise ValueError("broken")

    async def read(fail: bool) -> list[str]:
        return [item async for item in stream(fail)]

    async def leave() -> None:
        items = stream(False)
        await anext(items)
        await items.aclose()  # type: ignore[attr-defined]

    assert asyncio.run(read(False)) == ["a", "b"]
    with pytest.raises(ValueError, match="broken"):
        asyncio.run(read(True))
    asyncio.run(leave())
    whole, failed, early = spans.all()
    assert whole.attributes["kansoku.output.value"] == '"ab"'
    assert failed.attributes["error.type"] == "ValueError"
    assert early.attributes["kansoku.stream.closed_early"] is True


def test_exceptions_are_the_functions_own(spans: Any) -> None:
    """The same exception object passes, with one frame of ours in its traceback."""
    error = LookupError("mine")

    @kansoku.observe
    def work() -> None:
        raise error

    with pytest.raises(LookupError) as caught:
        work()
    assert caught.value is error
    assert caught.value.__context__ is None
    assert len([entry for entry in caught.traceback if "sdk/kansoku" in str(entry.path)]) == 1
    assert spans.one().status.status_code is StatusCode.ERROR


def test_without_init_the_function_runs_alone() -> None:
    """Before init every kind of function behaves as if it were not decorated."""

    @kansoku.observe
    async def stream() -> AsyncIterator[int]:
        yield 1

    @kansoku.observe
    async def later() -> int:
        return 2

    @kansoku.observe
    def items() -> Iterator[int]:
        yield 3

    async def read() -> list[int]:
        return [item async for item in stream()]

    assert (asyncio.run(read()), asyncio.run(later()), list(items())) == ([1], 2, [3])
    assert kansoku.observe(lambda x: x)(4) == 4


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


class Unprintable:
    """An object that refuses to be looked at."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("repr")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(args=st.lists(values, max_size=4), kwargs=st.dictionaries(st.text(max_size=8), values, max_size=4))
def test_observing_never_changes_result_or_exception(
    spans: Any, args: list[Any], kwargs: dict[str, Any]
) -> None:
    """Whatever is passed, arguments, result and exception stay the same objects."""
    result, error = object(), RuntimeError("own")
    args = [*args, Unprintable()]

    def give(*a: Any, **k: Any) -> Any:
        return (result, a, k)

    def fail(*a: Any, **k: Any) -> Any:
        raise error

    found, a, k = kansoku.observe(give)(*args, **kwargs)
    assert found is result
    assert all(x is y for x, y in zip(a, args, strict=True))
    assert all(k[name] is kwargs[name] for name in kwargs)
    observed: Callable[..., Any] = kansoku.observe(fail)
    with pytest.raises(RuntimeError) as caught:
        observed(*args, **kwargs)
    assert caught.value is error


def test_a_class_stays_a_class_and_its_public_methods_are_traced(spans: Any) -> None:
    """Methods of every kind are spans under their own names; private ones, properties and heirs' are not."""

    @kansoku.observe(kind="tool")
    class Desk:
        label = "desk"

        def __init__(self, number: int) -> None:
            self.number = number

        def ask(self, question: str) -> str:
            return f"{self.number} {question}"

        @staticmethod
        def greet(name: str) -> str:
            return f"hello {name}"

        @classmethod
        def open(cls) -> "Desk":
            return cls(7)

        def _secret(self) -> int:
            return 1

        @property
        def busy(self) -> bool:
            return bool(self._secret())

    class Heir(Desk):
        def rest(self) -> int:
            return 3

    desk = Desk.open()
    assert isinstance(desk, Desk)
    assert (desk.ask("why"), Desk.greet("you"), desk.busy, Heir(1).rest()) == ("7 why", "hello you", True, 3)
    assert isinstance(Heir.open(), Heir)
    assert [span.name.rpartition(".")[0] for span in spans.all()] == ["Desk"] * 4
    assert [span.name.rpartition(".")[2] for span in spans.all()] == ["open", "ask", "greet", "open"]
