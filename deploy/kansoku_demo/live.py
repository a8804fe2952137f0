"""Traffic in real time, at so many requests a minute, until it is told to stop."""

import heapq
import itertools
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
from openai import OpenAI

import kansoku
from kansoku_demo import app, traffic
from kansoku_demo.conversation import Conversation
from kansoku_demo.scenario import Scenario
from kansoku_demo.state import HOUR, State
from kansoku_demo.vendor.server import VendorServer
from kansoku_demo.vendor.transport import BASE_URL, Redirect
from kansoku_demo.vendor.wire import Vendor

_TURNS_PER_SESSION = 2.1
_RETRY_SECONDS = 0.6


class Live:
    """Citizens who talk with the guide now; `served` and `failed` count their questions."""

    def __init__(self, scenario: Scenario, rate: float) -> None:
        """`rate` is requests a minute, on average."""
        self.served = 0
        self.failed = 0
        self._scenario = scenario
        self._between = 60 * _TURNS_PER_SESSION / rate
        started = time.time_ns()
        # Other conversations than in any earlier run, and span ids of their own, from one seed and one start.
        self._dice = random.Random(f"{scenario.seed}/{started}")  # noqa: S311 - reproducible, not secret
        random.seed(f"{scenario.seed}/{started}/ids")
        self._name = f"{started // 1_000_000_000:x}"
        self._due: list[tuple[float, int, Conversation]] = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def run(self, stop: threading.Event, state: State | None = None) -> None:
        """Keep the traffic going until `stop` is set; questions under way are finished."""
        vendor = Vendor(self._scenario.seed, self._scenario.model_changed, _RETRY_SECONDS)
        with VendorServer(vendor) as server, ThreadPoolExecutor(8, "citizen") as citizens:
            http = httpx2.Client(transport=Redirect(server.url), timeout=60)
            client = OpenAI(base_url=BASE_URL, api_key="demo", http_client=http)
            guide = app.GarbageGuide(client, OpenAI(base_url=server.url, api_key="none"))
            arrival = time.time()
            while not stop.is_set():
                now = time.time()
                if state is not None and int(now // HOUR) not in state.hours:
                    state.add([int(now // HOUR)])
                if now >= arrival:
                    self._arrive(now)
                    arrival = now + self._dice.expovariate(1 / self._between)
                for conversation in self._take_due(now):
                    citizens.submit(self._take_turn, conversation, guide)
                stop.wait(min(0.5, max(0.02, arrival - now)))

    def _arrive(self, now: float) -> None:
        number = next(self._numbers)
        session = traffic.session(self._dice, now, f"{self._name}-{number:04d}")
        self._put(now, Conversation(session))

    def _take_turn(self, conversation: Conversation, guide: app.GarbageGuide) -> None:
        answered = conversation.take_turn(guide, self._scenario, time.time(), patient=False)
        with self._lock:
            self.served += answered
            self.failed += not answered
        if not conversation.over:
            self._put(time.time() + conversation.next_pause(), conversation)

    def _put(self, due: float, conversation: Conversation) -> None:
        with self._lock:
            heapq.heappush(self._due, (due, next(self._numbers), conversation))

    def _take_due(self, now: float) -> list[Conversation]:
        with self._lock:
            found = []
            while self._due and self._due[0][0] <= now:
                found.append(heapq.heappop(self._due)[2])
            return found


def run_live(scenario: Scenario, rate: float, stop: threading.Event, state: State | None = None) -> Live:
    """Keep live traffic going until `stop` is set, then send what is left."""
    live = Live(scenario, rate)
    live.run(stop, state)
    kansoku.flush(5)
    return live
