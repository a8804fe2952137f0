"""What the SDK's tests share: spans in memory, a collector that records, a model that answers."""

import asyncio
import contextlib
import gzip
import json
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support import ports
from support.sockets import SocketVendor
from support.vendor import Vendor

import kansoku
from kansoku import guard
from kansoku.spans import clock

DATA = Path(__file__).parent.parent / "data" / "openai"
PORTS = range(42000, 42090)
NOBODY = "http://127.0.0.1:42099"
with contextlib.suppress(OSError):
    ports.keep(42099)  # from the vendors' servers of a run beside this one, which would be told of its spans


class Spans(InMemorySpanExporter):
    """The finished spans of a test."""

    def all(self) -> list[ReadableSpan]:
        """Return the spans in the order in which they ended."""
        return list(self.get_finished_spans())

    def one(self) -> ReadableSpan:
        """Return the only span; fail when there are none or several."""
        found = self.all()
        assert len(found) == 1, [span.name for span in found]
        return found[0]

    def attributes(self) -> dict[str, Any]:
        """Return the attributes of the only span."""
        return dict(self.one().attributes or {})

    def messages(self, key: str = "gen_ai.output.messages") -> Any:
        """Return the messages on the only span."""
        return json.loads(self.attributes()[key])


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Spans]]:
    """Give a function that starts the SDK on a provider of its own and returns that provider's spans."""
    for name in ("KANSOKU_API_KEY", "KANSOKU_ENDPOINT", "KANSOKU_SERVICE_NAME", "KANSOKU_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    # Batches leave when a test says so: between two spans on a busy machine the usual second may pass.
    monkeypatch.setenv("KANSOKU_BATCH_SECONDS", "60")
    guard.failures.clear()

    def start_sdk(**arguments: Any) -> Spans:
        spans = Spans()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(spans))
        kansoku.init(**{"endpoint": NOBODY, "api_key": "ksk_test", "tracer_provider": provider, **arguments})
        return spans

    yield start_sdk
    kansoku.uninstrument()
    kansoku.shutdown(timeout=5)
    clock.use()
    assert not guard.failures, "Kansoku's own code failed and was swallowed"


@pytest.fixture
def spans(start: Callable[..., Spans]) -> Spans:
    """Start the SDK and give its spans."""
    return start()


@pytest.fixture(autouse=True)
def _no_loop_is_left() -> Iterator[None]:
    """Close the event loop that a framework's `run_sync` made for itself: it would be reported much later."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # policies go with Python 3.16
        policy: Any = asyncio.get_event_loop_policy()
        left = getattr(getattr(policy, "_local", None), "_loop", None)
        if left is not None and not left.is_running():
            left.close()
            asyncio.set_event_loop_policy(None)


@dataclass
class Recorder:
    """A collector that takes everything and remembers it; `status` is what it answers."""

    url: str = ""
    status: list[int] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)

    def bodies(self, path: str) -> list[bytes]:
        """Return the bodies posted to a path."""
        return [body for where, _, body in self.requests if where == path]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Run a recording collector."""
    found = Recorder()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Record the request."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            found.requests.append((self.path, dict(self.headers), body))
            self.send_response(found.status.pop(0) if found.status else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            found.arrived.set()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = _listen(Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def _listen(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    for port in PORTS:
        try:
            return ThreadingHTTPServer(("127.0.0.1", port), handler)
        except OSError:
            continue
    raise OSError("no free port for the tests")


Body = dict[str, Any] | str | bytes


@dataclass
class Model:
    """Clients of the real library whose HTTP answers are made up here; `sent` are the requests' bodies."""

    reply: Callable[[httpx2.Request], httpx2.Response]
    sent: list[dict[str, Any]] = field(default_factory=list)
    clients: list[Any] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request."""
        self.sent.append(json.loads(request.content))
        return self.reply(request)

    def client(self, kind: type[Any] = openai.OpenAI, **arguments: Any) -> Any:
        """Return a client that talks to this model."""
        given = {"api_key": "sk-test", "base_url": "https://api.openai.com/v1", "max_retries": 0, **arguments}
        client = kind(http_client=httpx2.Client(transport=httpx2.MockTransport(self)), **given)
        self.clients.append(client)
        return client

    def async_client(self, **arguments: Any) -> Any:
        """Return an asynchronous client that talks to this model."""
        given = {"api_key": "sk-test", "base_url": "https://api.openai.com/v1", "max_retries": 0, **arguments}
        transport = httpx2.MockTransport(self)
        return openai.AsyncOpenAI(http_client=httpx2.AsyncClient(transport=transport), **given)


@pytest.fixture
def model() -> Iterator[Callable[..., Model]]:
    """Give a function that makes a model answer with a file of tests/data/openai, or with a given body."""
    made: list[Model] = []

    def answer(body: Body, status: int = 200) -> Model:
        if isinstance(body, str) and body.endswith((".json", ".sse")):
            body = (DATA / body).read_bytes()
        if isinstance(body, dict):
            body = json.dumps(body)
        kind = "text/event-stream" if _starts_as_stream(body) else "application/json"

        def reply(_: httpx2.Request) -> httpx2.Response:
            return httpx2.Response(status, headers={"content-type": kind}, content=body)

        made.append(Model(reply))
        return made[-1]

    yield answer
    for one in made:
        for client in one.clients:
            client.close()


def _starts_as_stream(body: str | bytes) -> bool:
    return body.lstrip()[:5] in ("data:", b"data:", "event", b"event")


@pytest.fixture
def sockets() -> Iterator[SocketVendor]:
    """Run a vendor's server of WebSockets on loopback."""
    server = SocketVendor()
    yield server
    server.close()


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """Run a vendor's server on loopback."""
    server = Vendor()
    yield server
    server.close()
