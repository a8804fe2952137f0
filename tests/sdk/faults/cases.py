"""What a case of the fault suite is, and the program that does what programs do all day.

A program is run twice, without an SDK and with one; both must see the same. `sdk` is the adapter; a program
calls `start` itself, because when and how often it is called is part of what can go wrong.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from model import MESSAGES, ask, client, text_of

Program = Callable[[Any], Any]


@dataclass(frozen=True)
class Case:
    """A program, the collector it meets, and what the parent has to know about it."""

    name: str
    program: Program
    collector: str = "up"
    exit_code: int = 0
    needs: str = ""  # an ability of the adapter, such as can_mask
    seconds: float = 30.0  # the process is killed after that, and the case has failed
    megabytes: float = 150.0  # how much more memory the traced process may need at its peak


CASES: dict[str, Case] = {}


def case(name: str, **settings: Any) -> Callable[[Program], Program]:
    """Register a program under a name."""

    def register(program: Program) -> Program:
        CASES[name] = Case(name, program, **settings)
        return program

    return register


def outcome(action: Callable[[], Any]) -> Any:
    """Return what an action returns, or the type and the text of what it raises."""
    try:
        return action()
    except BaseException as error:  # noqa: BLE001 - what the user sees is what is compared
        return f"{type(error).__name__}: {error}"


def everyday(sdk: Any, calls: int = 12) -> list[Any]:
    """Do what a program does all day: calls, streams, functions, errors, coroutines, threads."""
    sdk.start()
    model = client()

    @sdk.observe
    def answer(question: str, number: int = 0) -> str:
        return f"{number} {text_of(ask(model))}"

    @sdk.observe
    def fail(reason: str) -> None:
        raise LookupError(reason)

    @sdk.observe
    async def later(question: str) -> str:
        return text_of(await client(asynchronous=True).chat.completions.create(model="m", messages=MESSAGES))

    seen: list[Any] = [answer("moons?", number=n) for n in range(calls)]
    seen += [text_of(ask(model, stream=True)) for _ in range(calls)]
    seen.append(outcome(lambda: fail("no such moon")))
    seen.append(outcome(lambda: ask(client({"error": {"message": "busy"}}, status=429))))
    seen.append(asyncio.run(later("moons?")))
    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(answer("thread"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [*seen, *results]


def report(seen: Any) -> None:
    """Tell the parent what was seen, before the process ends in its own way."""
    from worker import tell

    tell(seen)
