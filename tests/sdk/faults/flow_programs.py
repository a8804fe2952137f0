"""Programs whose control flow is anything but straight."""

import asyncio
import contextlib
import random
import sys
import threading
import traceback
from typing import Any

from cases import case, outcome
from model import MESSAGES, ask, client, completion, text_of


@case("flow: exceptions pass unchanged")
def exceptions(sdk: Any) -> Any:
    """Type, text, cause, notes, groups and the frames of the program are as they were."""
    sdk.start()

    @sdk.observe
    def raises(error: BaseException) -> None:
        raise error from ValueError("the cause")

    noted = KeyError("noted")
    noted.add_note("look here")
    seen = []
    group = ExceptionGroup("g", [OSError(5, "io")])
    for error in (noted, group, KeyboardInterrupt(), SystemExit(3), GeneratorExit(), StopIteration(1)):
        try:
            raises(error)
        except BaseException as caught:  # noqa: BLE001
            own = [f.name for f in traceback.extract_tb(caught.__traceback__) if f.filename == __file__]
            notes = getattr(caught, "__notes__", None)
            seen.append((caught is error, repr(caught), repr(caught.__cause__), notes, own))
    return seen


@case("flow: recursion without end")
def recursion(sdk: Any) -> Any:
    """A function that calls itself for ever raises RecursionError, and the program goes on."""
    sdk.start()

    @sdk.observe
    def deeper(level: int) -> int:
        return deeper(level + 1)

    first = outcome(lambda: deeper(0)).partition(":")[0]
    return [first, text_of(ask(client()))]


@case("flow: generators")
def generators(sdk: Any) -> Any:
    """send, throw, close and return values of a traced generator are those of the function."""
    sdk.start()

    @sdk.observe
    def echo() -> Any:
        got: list[Any] = []
        try:
            while len(got) < 3:
                try:
                    got.append((yield len(got)))
                except KeyError as error:
                    got.append(str(error))
            return got
        finally:
            got.append("closed")

    one = echo()
    seen = [next(one), one.send("a"), one.throw(KeyError("k"))]
    seen.append(outcome(lambda: one.send("last")))
    two = echo()
    next(two)
    two.close()
    three = echo()
    next(three)
    seen.append(outcome(lambda: three.throw(ValueError("out"))))
    echo()  # never started
    return seen


@case("flow: asynchronous generators")
def asynchronous_generators(sdk: Any) -> Any:
    """asend, athrow, aclose, breaking out of and leaving a traced asynchronous generator."""
    sdk.start()

    @sdk.observe
    async def count(end: int) -> Any:
        try:
            for number in range(end):
                try:
                    yield number
                except KeyError as error:
                    yield str(error)
        finally:
            closed.append(end)

    closed: list[int] = []

    async def main() -> Any:
        seen: list[Any] = [number async for number in count(3)]
        async for number in count(4):
            if number == 1:
                break
        one = count(5)
        seen += [await anext(one), await one.asend(None), await one.athrow(KeyError("k"))]
        await one.aclose()
        two = count(6)
        await anext(two)
        seen.append(await two.aclose())
        return seen

    return [asyncio.run(main()), sorted(closed)]


@case("flow: streams left early")
def abandoned_streams(sdk: Any) -> Any:
    """Breaking out of a stream, closing it, dropping it, never reading it: the connection is let go."""
    sdk.start()
    seen: list[Any] = []
    for stream in (ask(client(), stream=True) for _ in range(3)):
        for chunk in stream:
            seen.append(chunk.choices[0].delta.content)
            break
        stream.close()
        seen.append(stream.response.is_closed)
    with ask(client(), stream=True) as opened:
        seen.append(next(iter(opened)).id)
    seen.append(opened.response.is_closed)
    unread = ask(client(), stream=True)
    del unread
    return seen


@case("flow: cancellation")
def cancellation(sdk: Any) -> Any:
    """A task that is cancelled in a call, in a stream or in a traced function is cancelled at once."""
    sdk.start()

    @sdk.observe
    async def wait() -> None:
        await asyncio.sleep(60)

    async def read() -> None:
        stream = await client(asynchronous=True).chat.completions.create(
            model="m", messages=MESSAGES, stream=True
        )
        async for _ in stream:
            await asyncio.sleep(60)

    async def main() -> Any:
        seen = []
        for work in (wait, read):
            task = asyncio.create_task(work())
            await asyncio.sleep(0.05)
            task.cancel()
            done = await asyncio.gather(task, return_exceptions=True)
            seen.append((task.cancelled(), type(done[0]).__name__))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await wait()
        return seen

    return asyncio.run(main())


@case("flow: methods, classes and static methods")
def methods(sdk: Any) -> Any:
    """Traced methods bind, inherit, and keep name, documentation and signature."""
    import inspect

    sdk.start()

    class Base:
        @sdk.observe
        def plain(self, x: int, *, y: int = 2) -> int:
            """Add."""
            return x + y

        @classmethod
        @sdk.observe
        def of_class(cls) -> str:
            return cls.__name__

        @staticmethod
        @sdk.observe
        def of_none(x: int) -> int:
            return x

    class Child(Base):
        def plain(self, x: int, *, y: int = 3) -> int:
            return super().plain(x, y=y)

    return [
        Child().plain(1), Child.of_class(), Base.of_none(4), Base.plain.__doc__,
        Base.plain.__name__, str(inspect.signature(Base.plain)), inspect.iscoroutinefunction(Base.plain),
    ]  # fmt: skip


@case("flow: a logging handler that asks a model")
def logging_recursion(sdk: Any) -> Any:
    """Nothing goes in circles when everything is logged and a log handler makes a call itself."""
    import logging

    sdk.start()
    model = client()
    records: list[str] = []

    class Handler(logging.Handler):
        busy = False

        def emit(self, record: logging.LogRecord) -> None:
            if record.name == "program" and not self.busy:
                self.busy = True
                records.append(text_of(ask(model)))
                self.busy = False

    logging.basicConfig(level=logging.DEBUG, handlers=[Handler()])
    logging.getLogger("program").warning("what now?")
    sdk.flush()
    return records


@case("flow: threads at once")
def many_threads(sdk: Any) -> Any:
    """Sixteen threads, each with calls, streams and functions: every one gets its own answers."""
    sdk.start()
    answers: dict[int, list[str]] = {}

    def work(number: int) -> None:
        model = client(completion(f"answer {number}"))
        traced = sdk.observe(lambda x: x * number)
        answers[number] = [text_of(ask(model)) for _ in range(20)] + [str(traced(n)) for n in range(20)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@case("flow: random numbers, clocks and the locale")
def determinism(sdk: Any) -> Any:
    """A seeded program draws the same numbers; its environment and its hooks are as it set them."""
    random.seed(7)
    hook, threading_hook = sys.excepthook, threading.excepthook
    sdk.start()
    drawn = [random.random()]
    text_of(ask(client()))
    drawn.append(random.random())
    return [drawn, sys.excepthook is hook, threading.excepthook is threading_hook, sys.getrecursionlimit()]
