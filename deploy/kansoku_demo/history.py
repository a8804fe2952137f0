"""Fill in days that have passed: the same application and citizens, on a clock that the vendor moves."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context

import httpx2
from openai import OpenAI
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

import kansoku
from kansoku.spans import clock
from kansoku_demo import app, traffic
from kansoku_demo.conversation import Conversation
from kansoku_demo.scenario import Scenario
from kansoku_demo.vendor.transport import BASE_URL, JUDGE_URL, Clock, Simulation
from kansoku_demo.vendor.wire import Vendor

# A chunk's spans must fit into the SDK's queue, which drops what exceeds it: six busy hours make about 1,500.
_CHUNK_HOURS = 6
_FLUSH_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Filled:
    """What a chunk of history came to."""

    hours: list[int]
    requests: int = 0
    spans: int = 0
    flushed: bool = True


class SpanCount(SpanProcessor):
    """Counts the spans that end."""

    def __init__(self) -> None:
        self.ended = 0

    def on_end(self, span: ReadableSpan) -> None:  # noqa: ARG002 - the interface's
        """Count one more."""
        self.ended += 1


class Historian:
    """Makes the traffic of past hours; everything that it traces is stamped in those hours."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._clock = Clock()
        http = httpx2.Client(transport=Simulation(Vendor(scenario.seed, scenario.model_changed), self._clock))
        client = OpenAI(base_url=BASE_URL, api_key="demo", http_client=http)
        judge = OpenAI(base_url=JUDGE_URL, api_key="none", http_client=http)
        self._guide = app.GarbageGuide(client, judge)

    def fill(self, hours: list[int], until: float) -> int:
        """Make the traffic of these hours up to a time; return the number of requests."""
        clock.use(self._clock)
        try:
            return sum(self._fill_hour(hour, until) for hour in hours)
        finally:
            clock.use()

    def _fill_hour(self, hour: int, until: float) -> int:
        requests = 0
        for session in traffic.sessions(self._scenario.seed, hour):
            conversation = Conversation(session)
            at = session.start
            while not conversation.over and self._scenario.start <= at < until:
                if not self._scenario.is_recorded(at):
                    break
                self._clock.now = at
                conversation.take_turn(self._guide, self._scenario, at, patient=True)
                requests += 1
                if not conversation.over:
                    at = self._clock.now + conversation.next_pause()
        return requests


def back_fill(
    scenario: Scenario,
    hours: list[int],
    until: float,
    endpoint: str,
    api_key: str,
    stop: threading.Event,
) -> Iterator[Filled]:
    """Fill in `hours`, in that order, on up to two processors; yield each chunk when it is delivered."""
    pool = ProcessPoolExecutor(
        max_workers=min(2, os.cpu_count() or 1),
        mp_context=get_context("spawn"),  # the SDK's threads do not survive a fork
        initializer=_start_worker,
        initargs=(scenario, endpoint, api_key, os.getpid()),
    )
    try:
        yield from _run(chunks(hours), lambda chunk: pool.submit(_fill, chunk, until), stop)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def chunks(hours: list[int]) -> list[list[int]]:
    """Cut hours into chunks, the first ones small: something is to be seen within seconds."""
    sizes = [1, 1, 2, 3]
    found = []
    while hours:
        size = sizes.pop(0) if sizes else _CHUNK_HOURS
        found.append(hours[:size])
        hours = hours[size:]
    return found


def _run(
    waiting: list[list[int]],
    submit: Callable[[list[int]], Future[Filled]],
    stop: threading.Event,
) -> Iterator[Filled]:
    running: set[Future[Filled]] = set()
    while (waiting and not stop.is_set()) or running:
        # One chunk a worker and one in reserve: when told to stop there is little left to wait for.
        while waiting and not stop.is_set() and len(running) < 3:
            running.add(submit(waiting.pop(0)))
        finished, running = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
        for future in finished:
            yield future.result()


_historian: Historian | None = None
_count = SpanCount()


def _start_worker(scenario: Scenario, endpoint: str, api_key: str, parent: int) -> None:
    global _historian  # noqa: PLW0603 - one a process, made once
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    random.seed(
        f"{scenario.seed}/{time.time_ns()}/{os.getpid()}"
    )  # span ids: seeded, and never those of another run
    _historian = Historian(scenario)  # before tracing starts: reading the guide is not part of the history
    start_tracing(endpoint, api_key)
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.add_span_processor(_count)


def start_tracing(endpoint: str, api_key: str) -> None:
    """Start the SDK as the sample application does."""
    kansoku.init(
        endpoint=endpoint,
        api_key=api_key,
        service_name="gomi-guide",
        environment="production",
        release="2.8.1",
    )


def _fill(hours: list[int], until: float) -> Filled:
    assert _historian is not None  # noqa: S101 - the initializer has run
    before = _count.ended
    requests = _historian.fill(hours, until)
    flushed = kansoku.flush(_FLUSH_SECONDS)
    return Filled(hours, requests, _count.ended - before, flushed)


def _end_with(parent: int) -> None:
    """End this process when the one that started it is gone, however it went."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
