"""Kill -9 the collector under load, again and again: nothing may be lost, nothing may be doubled.

    python benches/kill.py --rounds 200

Senders behave as OTLP exporters do: a request is sent again, byte for byte, until it is acknowledged. In
the end the number of spans in `spans`, `traces` and both rollups must equal the number acknowledged.
"""

import argparse
import base64
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SENDERS, SPANS_PER_REQUEST = 4, 20
HEADERS = {"content-type": "application/x-protobuf"}
CHECKS = {
    "spans": "SELECT count() FROM spans",
    "distinct spans": "SELECT uniqExact(trace_id, span_id) FROM spans",
    "traces": "SELECT sum(spans) FROM traces",
    "rollup_minute": "SELECT sum(spans) FROM rollup_minute",
    "rollup_hour": "SELECT sum(spans) FROM rollup_hour",
}


@dataclass
class Target:
    """A collector that is killed and started again on the same data."""

    data: Path
    port: int = 0
    gateway_port: int = 0
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it and wait until it accepts requests."""
        self.port, self.gateway_port = self.port or _free_port(), self.gateway_port or _free_port()
        command = [sys.executable, "-m", "kansoku_collector", "--data", str(self.data)]
        command += ["--port", str(self.port), "--gateway-port", str(self.gateway_port)]
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env=os.environ | {"KANSOKU_INSECURE": "1", "KANSOKU_RETENTION_DAYS": "2000"},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 60
        while self.status("/healthz") != 200:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit((self.data / "log").read_text()[-4000:])
            time.sleep(0.02)

    def kill(self) -> None:
        """End it without a word."""
        assert self.process is not None  # noqa: S101 - a bench
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """End it politely; return its exit code."""
        assert self.process is not None  # noqa: S101
        self.process.terminate()
        return self.process.wait(30)

    def status(self, path: str) -> int:
        """Return the status of a route, 0 when nobody answers."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def ask(self, sql: str) -> int:
        """Return the number that a query answers, asked of the gateway."""
        key = json.loads((self.data / "secrets.json").read_text())["read"]
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway_port, timeout=60)
        credentials = base64.b64encode(f"reader:{key}".encode()).decode()
        connection.request("POST", "/?database=kansoku", sql, {"authorization": f"Basic {credentials}"})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status != 200:
            raise SystemExit(f"{sql}: {text}")
        return int(text)

    def drained(self) -> bool:
        """Tell whether the journal holds nothing any more."""
        return not list(self.data.glob("journal/*.seg"))


@dataclass
class Load:
    """Senders that never give a request up."""

    target: Target
    acknowledged: int = 0
    retries: int = 0
    _halt: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Start sending."""
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(SENDERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every sender finish the request that it has in hand."""
        self._halt.set()
        for thread in self._threads:
            thread.join(60)

    def _send(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.target.port, timeout=10)
        while not self._halt.is_set():
            body = _body()
            while not self._once(connection, body):
                connection.close()
                with self._lock:
                    self.retries += 1
                time.sleep(0.03)
            with self._lock:
                self.acknowledged += SPANS_PER_REQUEST
        connection.close()

    def _once(self, connection: http.client.HTTPConnection, body: bytes) -> bool:
        try:
            connection.request("POST", "/v1/traces", body, HEADERS)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return False
        return answer.status == 200


def run(rounds: int, data: Path, seed: int) -> dict[str, int]:
    """Kill `rounds` times under load; return what was acknowledged and what is stored."""
    moments = random.Random(seed)  # noqa: S311 - when to kill, not a secret
    target = Target(data)
    target.start()
    load = Load(target)
    load.start()
    for number in range(rounds):
        time.sleep(moments.uniform(0.1, 1.2))
        target.kill()
        target.start()
        if sys.stderr.isatty():
            print(
                f"\rround {number + 1}/{rounds}, {load.acknowledged} spans acknowledged",
                end="",
                file=sys.stderr,
            )
    load.stop()
    deadline = time.monotonic() + 120
    while not target.drained() and time.monotonic() < deadline:
        time.sleep(0.1)
    found = {"acknowledged": load.acknowledged, "retries": load.retries}
    found |= {name: target.ask(sql) for name, sql in CHECKS.items()}
    return found | {"exit code": target.stop()}


def failures(found: dict[str, int]) -> list[str]:
    """Return what does not hold, as sentences."""
    wrong = [
        f"{name}: {found[name]} stored, {found['acknowledged']} acknowledged"
        for name in CHECKS
        if found[name] != found["acknowledged"]
    ]
    return wrong + ([f"exit code {found['exit code']}"] if found["exit code"] else [])


def main() -> int:
    """Run from the command line; exit 1 when something was lost or doubled."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kansoku-kill-") as data:
        found = run(options.rounds, Path(data) / "data", options.seed)
    print(json.dumps({"rounds": options.rounds} | found))
    wrong = failures(found)
    print("\n".join(wrong) or "nothing lost, nothing doubled")
    return 1 if wrong else 0


def _body() -> bytes:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    trace_id, now = os.urandom(16), time.time_ns()
    for _ in range(SPANS_PER_REQUEST):
        span = spans.add(
            trace_id=trace_id,
            span_id=os.urandom(8),
            name="chat",
            start_time_unix_nano=now,
            end_time_unix_nano=now + 10**6,
        )
        span.attributes.add(key="gen_ai.operation.name").value.string_value = "chat"
        span.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 12
    return request.SerializeToString()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
