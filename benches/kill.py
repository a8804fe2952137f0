"""Kill -9 the collector under load, again and again: nothing may be lost, nothing may be doubled.

    python benches/kill.py --rounds 200

Senders behave as OTLP exporters do: a request is sent again, byte for byte, until it is acknowledged. Some
requests bring spans again that earlier ones brought, as a spool does after a lost answer. The process is
killed at any time, just after a segment was closed (while it is being inserted), and while it starts. In the
end the number of spans in every table and rollup must be the number of spans acknowledged, and what they cost
must be the same in each.
"""

import argparse
import atexit
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
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

SENDERS, SPANS_PER_REQUEST = 4, 20
ENVIRONMENT = {"KANSOKU_INSECURE": "1", "KANSOKU_RETENTION_DAYS": "2000", "KANSOKU_GRPC_PORT": "0"}
ATTRIBUTES = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "session.id": "kill",
}
HEADERS = {"content-type": "application/x-protobuf"}
CHECKS = {
    "spans": "SELECT count() FROM spans",
    "distinct spans": "SELECT uniqExact(trace_id, span_id) FROM spans",
    "traces": "SELECT sum(spans) FROM traces",
    "rollup_minute": "SELECT sum(spans) FROM rollup_minute",
    "rollup_hour": "SELECT sum(spans) FROM rollup_hour",
    "rollup_day": "SELECT sum(spans) FROM rollup_day",
    "rollup_session": "SELECT sum(calls) FROM rollup_session",
    "receipts": "SELECT sum(stored) FROM receipts",
}
TABLES_WITH_COST = ("spans", "traces", "rollup_minute", "rollup_hour", "rollup_day", "rollup_session")
COST = "SELECT toUInt64(sum(cost_usd) * toDecimal64(1000000000000, 0)) FROM "  # in 1e-12 USD
KINDS = ("under load", "segment in flight", "during recovery")
_held: list[socket.socket] = []


@dataclass
class Target:
    """A collector that is killed and started again on the same data."""

    data: Path
    port: int = 0
    gateway_port: int = 0
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it and wait until it accepts requests."""
        self.launch()
        deadline = time.monotonic() + 180
        while self.status("/healthz") != 200:
            if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit((self.data / "log").read_text()[-4000:])
            time.sleep(0.02)

    def launch(self) -> None:
        """Start it without waiting."""
        self.port, self.gateway_port = self.port or _free_port(), self.gateway_port or _free_port()
        command = [sys.executable, "-m", "kansoku_collector", "--data", str(self.data)]
        command += ["--port", str(self.port), "--gateway-port", str(self.gateway_port)]
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env=os.environ | ENVIRONMENT,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """End it without a word."""
        assert self.process is not None  # noqa: S101 - a bench
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """End it politely; return its exit code."""
        assert self.process is not None  # noqa: S101
        self.process.terminate()
        return self.process.wait(180)

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

    def waiting(self) -> int:
        """Return how many segments the journal holds, those set aside included."""
        return sum(1 for kind in ("*.seg", "aside/*.bad") for _ in self.data.glob(f"journal/{kind}"))


@dataclass
class Load:
    """Senders that never give a request up."""

    target: Target
    acknowledged: int = 0
    retries: int = 0
    sent_again: int = 0  # spans in requests that brought them a second time
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
            thread.join(180)

    def _send(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.target.port, timeout=10)
        dice = random.Random(threading.get_ident())  # noqa: S311 - which spans to send again
        earlier: list[ProtoSpan] = []
        while not self._halt.is_set():
            spans = new_spans()
            again = dice.sample(earlier, 5) if earlier and dice.random() < 0.3 else []
            body = request_body([*spans, *again])
            while not self._once(connection, body):
                connection.close()
                with self._lock:
                    self.retries += 1
                time.sleep(0.03)
            earlier = [*earlier[-2000:], *spans]
            with self._lock:
                self.acknowledged += len(spans)
                self.sent_again += len(again)
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
    kills = dict.fromkeys(KINDS, 0)
    for number in range(rounds):
        kind = KINDS[number % len(KINDS)]
        _wait_for(kind, target, moments)
        target.kill()
        kills[kind] += 1
        if kind == "during recovery":
            target.launch()
            time.sleep(moments.uniform(0.0, 2.5))
            target.kill()
        target.start()
        if sys.stderr.isatty():
            print(f"\rround {number + 1}/{rounds}, {load.acknowledged} spans", end="", file=sys.stderr)
    load.stop()
    began = time.monotonic()
    waiting = _drain(target)
    found = {
        "waiting": waiting,
        "seconds to catch up": round(time.monotonic() - began),
        "acknowledged": load.acknowledged,
        "retries": load.retries,
        "sent again": load.sent_again,
    } | kills
    found |= {name: target.ask(sql) for name, sql in CHECKS.items()}
    found |= {f"cost in {table}": target.ask(COST + table) for table in TABLES_WITH_COST}
    return found | {"exit code": target.stop()}


def _drain(target: Target) -> int:
    """Wait while the journal gets shorter; return how many segments are left, those set aside included."""
    patience = 120.0  # seconds without one segment less: a store that merges may be slow, not as slow as this
    left, since = target.waiting(), time.monotonic()
    while left and time.monotonic() - since < patience:
        time.sleep(0.1)
        if (now := target.waiting()) != left:
            left, since = now, time.monotonic()
    return left


def _wait_for(kind: str, target: Target, moments: random.Random) -> None:
    """Wait for the moment to kill: any, or one while the segment that was just closed is inserted."""
    time.sleep(moments.uniform(0.1, 1.2))
    if kind == "segment in flight":
        deadline = time.monotonic() + 5
        while len(list(target.data.glob("journal/*.seg"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(moments.uniform(0.0, 0.15))


def failures(found: dict[str, int]) -> list[str]:
    """Return what does not hold, as sentences."""
    wrong = [
        f"{name}: {found[name]} stored, {found['acknowledged']} acknowledged"
        for name in CHECKS
        if found[name] != found["acknowledged"]
    ]
    if found["waiting"]:
        wrong.insert(0, f"{found['waiting']} segments are still in the journal: nothing more was stored")
    costs = {found[f"cost in {table}"] for table in TABLES_WITH_COST}
    if len(costs) != 1 or costs == {0}:
        wrong.append(f"the tables disagree about the cost: {sorted(costs)}")
    return wrong + ([f"exit code {found['exit code']}"] if found["exit code"] else [])


def main() -> int:
    """Run from the command line; exit 1 when something was lost or doubled."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, help="write the result to this JSON file as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kansoku-kill-") as data:
        found = run(options.rounds, Path(data) / "data", options.seed)
    wrong = failures(found)
    result = {"rounds": options.rounds, **found, "failures": wrong}
    print(json.dumps(result))
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print("\n".join(wrong) or "nothing lost, nothing doubled")
    return 1 if wrong else 0


def new_spans() -> list[ProtoSpan]:
    """Return the priced spans of one trace, of now."""
    trace_id, now = os.urandom(16), time.time_ns()
    spans = []
    for _ in range(SPANS_PER_REQUEST):
        span = ProtoSpan(
            trace_id=trace_id,
            span_id=os.urandom(8),
            name="chat",
            start_time_unix_nano=now,
            end_time_unix_nano=now + 10**6,
        )
        for key, value in ATTRIBUTES.items():
            span.attributes.add(key=key).value.string_value = value
        span.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 12
        spans.append(span)
    return spans


def request_body(spans: list[ProtoSpan]) -> bytes:
    """Return the body of a request with these spans."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend(spans)
    return request.SerializeToString()


def _free_port() -> int:
    """Return a port that nobody else gets while nobody listens there: a killed collector comes back to it."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    _held.append(held)
    return int(held.getsockname()[1])


@atexit.register
def _let_go() -> None:
    for held in _held:
        held.close()


if __name__ == "__main__":
    sys.exit(main())
