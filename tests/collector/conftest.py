"""A collector as its user starts it: a process of its own, asked over HTTP."""

import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from support import forks, stores
from support.ports import free_port

PROTOBUF = "application/x-protobuf"
START_NS = 1_790_000_000 * 10**9


@dataclass
class Running:
    """A collector process on a data directory that outlives it; `first` leaves the schema to its start."""

    data: Path
    env: dict[str, str] = field(default_factory=dict)
    first: bool = False
    port: int = 0
    gateway_port: int = 0
    process: "subprocess.Popen[bytes] | forks.Forked | None" = None

    def start(self) -> "Running":
        """Start the process and wait until it accepts and stores."""
        self.port = free_port()
        self.process = self.launch(self.port)
        deadline = time.monotonic() + 120  # a schema is made in it, on a machine that may be busy
        while self.call("GET", "/readyz")[0] != 200:
            assert self.process.poll() is None, (self.data / "log").read_text()
            assert time.monotonic() < deadline, (self.data / "log").read_text()
            time.sleep(0.05)
        return self

    def launch(self, port: int, *, as_user: bool = False) -> "subprocess.Popen[bytes] | forks.Forked":
        """Start a process on `port` without waiting; `as_user`: by the command of the documentation."""
        self.data.mkdir(parents=True, exist_ok=True)
        if not self.first and "KANSOKU_CLICKHOUSE_URL" not in self.env:
            stores.prepare(self.data / "clickhouse")
        self.gateway_port = free_port()
        options = ["--port", str(port), "--data", str(self.data), "--gateway-port", str(self.gateway_port)]
        # On its default port one would be in another's way; spans of fixed days must not become too old.
        own = {"KANSOKU_GRPC_PORT": "0", "KANSOKU_RETENTION_DAYS": str(stores.RETENTION_DAYS)} | self.env
        if not as_user:
            return forks.Forked(options, os.environ | own, self.data / "log")
        command = [sys.executable, "-m", "kansoku_collector", *options]
        with (self.data / "log").open("ab") as log:
            return subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log)

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes, dict[str, str]]:
        """Return (status, body, headers) of a request; status 0 when nobody answers."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body, method=method)
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, answer.read(), {k.lower(): v for k, v in answer.headers.items()}
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(), {k.lower(): v for k, v in error.headers.items()}
        except OSError:
            return 0, b"", {}

    def key(self, kind: str) -> dict[str, str]:
        """Return the header with one of the install's own keys."""
        return {"authorization": f"Bearer {json.loads((self.data / 'secrets.json').read_text())[kind]}"}

    def post(self, signal_name: str, body: bytes, **headers: str) -> tuple[int, bytes, dict[str, str]]:
        """Send telemetry with the ingest key."""
        sent = {"content-type": PROTOBUF} | {k.replace("_", "-"): v for k, v in headers.items()}
        return self.call("POST", f"/v1/{signal_name}", body, self.key("ingest") | sent)

    def get(self, path: str) -> dict[str, Any]:
        """Return the JSON of a reading route."""
        status, body, _ = self.call("GET", path, headers=self.key("read"))
        assert status == 200, body
        found: dict[str, Any] = json.loads(body)
        return found

    def wait_for(self, ready: Callable[[], bool], seconds: float = 120) -> None:
        """Wait until `ready`; fail with the process's log when it never is."""
        deadline = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < deadline, (self.data / "log").read_text()[-4000:]
            time.sleep(0.05)

    def settled(self) -> None:
        """Wait until everything acknowledged is in ClickHouse."""
        self.wait_for(
            lambda: self.get("/v1/stats")["journal_bytes"] == 0 and not list(self.data.glob("journal/*.seg"))
        )

    def trace(self, trace_id: str, spans: int = 1) -> dict[str, Any]:
        """Return a trace as soon as it has `spans` spans."""
        self.wait_for(lambda: len(self.get(f"/v1/traces/{trace_id}")["spans"]) >= spans)
        return self.get(f"/v1/traces/{trace_id}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(120)

    def close(self) -> None:
        """Make sure that nothing is left running."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(120)


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a collector that the tests of one file share."""
    running = Running(tmp_path_factory.mktemp("collector") / "data")
    with contextlib.closing(running):
        yield running.start()


def request_of(*spans: dict[str, Any], scope: str = "test", **resource: str) -> ExportTraceServiceRequest:
    """Return an export request; a span is given by its protobuf fields, attributes as a dict."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    for name, value in {"service.name": "shop", **resource}.items():
        group.resource.attributes.add(key=name).value.string_value = value
    part = group.scope_spans.add()
    part.scope.name = scope
    for fields in spans:
        span = part.spans.add(
            trace_id=fields.get("trace_id", os.urandom(16)),
            span_id=fields.get("span_id", os.urandom(8)),
            parent_span_id=fields.get("parent_span_id", b""),
            name=fields.get("name", "span"),
            start_time_unix_nano=fields.get("start", START_NS),
            end_time_unix_nano=fields.get("end", fields.get("start", START_NS) + 10**9),
        )
        for key, value in fields.get("attributes", {}).items():
            put(span.attributes.add(key=key).value, value)
    return request


def put(target: Any, value: Any) -> None:
    """Write a Python value into an AnyValue."""
    match value:
        case bool():
            target.bool_value = value
        case int():
            target.int_value = value
        case float():
            target.double_value = value
        case bytes():
            target.bytes_value = value
        case list():
            target.array_value.SetInParent()
            for item in value:
                put(target.array_value.values.add(), item)
        case dict():
            target.kvlist_value.SetInParent()
            for key, item in value.items():
                put(target.kvlist_value.values.add(key=key).value, item)
        case str():
            target.string_value = value


def call(**attributes: Any) -> dict[str, Any]:
    """Return the attributes of an ordinary chat call, changed by `attributes` (dots written as __)."""
    base = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 100,
    }
    return base | {name.replace("__", "."): value for name, value in attributes.items()}


def packed(data: bytes) -> bytes:
    """Return `data` as gzip."""
    return gzip.compress(data)
