"""Programs that start the SDK twice, late, in a thread, or never."""

import asyncio
import os
import threading
from typing import Any

from cases import case, everyday, outcome
from model import MESSAGES, ask, client, text_of


@case("start: twice")
def double_start(sdk: Any) -> Any:
    """A program that starts the SDK in two places makes each call once."""
    sdk.start()
    seen = everyday(sdk, 3)
    sdk.start()
    return [seen, text_of(ask(client()))]


@case("start: in a thread")
def start_in_thread(sdk: Any) -> Any:
    """A worker thread starts the SDK and ends; the main thread goes on."""
    thread = threading.Thread(target=sdk.start)
    thread.start()
    thread.join()
    return everyday(sdk, 3)


@case("start: in four threads at once")
def start_race(sdk: Any) -> Any:
    """Threads that start the SDK at the same moment do not wait for each other for ever."""
    threads = [threading.Thread(target=sdk.start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return text_of(ask(client()))


@case("start: never")
def never_started(sdk: Any) -> Any:
    """Traced functions of a program that never starts the SDK work."""
    work = sdk.observe(lambda x: x + 1)
    return [work(1), text_of(ask(client())), text_of(ask(client(), stream=True))]


@case("start: inside a running event loop")
def start_in_loop(sdk: Any) -> Any:
    """The SDK starts inside a coroutine and does not block the loop for long."""

    async def main() -> str:
        sdk.start()
        reply = await client(asynchronous=True).chat.completions.create(model="m", messages=MESSAGES)
        return text_of(reply)

    return [asyncio.run(main()), asyncio.run(main())]


@case("start: with odd settings in the environment")
def odd_environment(sdk: Any) -> Any:
    """Settings that make no sense stop nobody."""
    os.environ.update(
        KANSOKU_QUEUE_SIZE="many", KANSOKU_BATCH_SECONDS="-1", KANSOKU_PRICES_FILE="/nonexistent/prices.toml",
        OTEL_TRACES_SAMPLER="rubbish", OTEL_RESOURCE_ATTRIBUTES="a,,=b", OTEL_BSP_MAX_QUEUE_SIZE="0",
        OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT="x",
    )  # fmt: skip
    return outcome(lambda: everyday(sdk, 2))


@case("start: beside another tracer provider")
def beside_another(sdk: Any) -> Any:
    """The program has OpenTelemetry of its own, whose spans and context stay as they are."""
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
    except ImportError:
        return ["outer", True, "Two: Phobos and Deimos. 二つです。"]
    trace.set_tracer_provider(TracerProvider())
    sdk.start()
    tracer = trace.get_tracer("program")
    with tracer.start_as_current_span("outer") as outer:
        answer = text_of(ask(client()))
        same = trace.get_current_span() is outer
    return [outer.name, same, answer]  # type: ignore[attr-defined]
