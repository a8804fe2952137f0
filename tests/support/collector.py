"""A collector that answers by script, remembers what came, and may hang, hang up or go away."""

import gzip
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

HANG, HANG_UP = -1, -2


@dataclass
class Answer:
    """One scripted answer; a status of HANG never comes, HANG_UP closes the connection."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Collector:
    """A server on loopback: `script` holds the next answers, `rule` what follows them."""

    def __init__(self, port: int = 0) -> None:
        self.script: list[Answer] = []
        self.rule: Any = lambda _: Answer()
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        self.arrived = threading.Event()
        self._end = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def spans(self) -> Counter[str]:
        """Return how often each span came with a request that was accepted, by name."""
        return Counter(name for body in self.bodies for name in span_names(body))

    def close(self) -> None:
        """Stop; whoever still waits for an answer is hung up on."""
        self._end.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                """Count connections."""
                super().setup()
                collector.connections += 1

            def do_POST(self) -> None:
                """Answer by script."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.headers.append(dict(self.headers))
                answer = collector.script.pop(0) if collector.script else collector.rule(body)
                if 200 <= answer.status < 300 and answer.headers.get("Content-Type") != "text/html":
                    collector.bodies.append(body)
                collector.arrived.set()
                if answer.status == HANG:
                    collector._end.wait(30)
                if answer.status < 0:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        return Handler


def span_names(body: bytes) -> list[str]:
    """Return the names of the spans of a request."""
    request = ExportTraceServiceRequest.FromString(body)
    return [s.name for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]


def receipt(body: bytes) -> dict[str, Any]:
    """Return the balance of its process that a request carries."""
    found: dict[str, Any] = {}
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for pair in resource.resource.attributes:
            if pair.key.startswith("kansoku.process."):
                assert not resource.scope_spans, "the spans' own resource stays constant"
                found[pair.key.removeprefix("kansoku.process.")] = (
                    pair.value.string_value or pair.value.int_value
                )
    return found
