"""Spans per second, CPU per 1,000 spans and memory of a collector on this machine.

    python benches/ingest.py --spans 20000

Posts traces over a few connections and waits until ClickHouse has counted every span. CPU time is of
the collector's process alone; wall time depends on what else the machine does.
"""

import argparse
import http.client
import json
import os
import random
import tempfile
import threading
import time
from pathlib import Path

from kill import HEADERS, Target
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

CONNECTIONS, SPANS_PER_REQUEST, START_NS = 4, 250, 1_790_000_000 * 10**9
_ENGLISH = ["the", "city", "collects", "plastic", "on", "Tuesday", "please", "rinse", "it", "before", "eight"]
_WORDS = [*_ENGLISH, "収集日", "は", "火曜日", "です", "プラスチック", "ごみ"]


def request_of(number: int, spans: int) -> bytes:
    """Return one export: traces of an agent, a retrieval and a chat call, in two languages."""
    dice = random.Random(number)  # noqa: S311 - the same load on every run
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "guide"
    target = group.scope_spans.add().spans
    for index in range(spans):
        if index % 3 == 0:
            trace_id, parent = dice.randbytes(16), b""
        start = START_NS + number * 10**9 + index * 10**6
        span = target.add(trace_id=trace_id, span_id=dice.randbytes(8), parent_span_id=parent, name="step")
        span.start_time_unix_nano, span.end_time_unix_nano = start, start + dice.randrange(10**8, 10**9)
        parent = parent or span.span_id
        for key, value in _attributes(dice, index % 3).items():
            held = span.attributes.add(key=key).value
            if isinstance(value, int):
                held.int_value = value
            else:
                held.string_value = value
    return request.SerializeToString()


def _attributes(dice: random.Random, kind: int) -> dict[str, str | int]:
    if kind == 0:
        return {"gen_ai.operation.name": "invoke_agent", "session.id": f"s{dice.randrange(1000)}"}
    text = " ".join(dice.choices(_WORDS, k=250))
    if kind == 1:
        documents = [{"id": f"d{i}", "score": dice.random(), "content": text[:400]} for i in range(3)]
        return {"gen_ai.operation.name": "retrieval", "gen_ai.retrieval.documents": json.dumps(documents)}
    message = [{"role": "user", "parts": [{"type": "text", "content": text}]}]
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": dice.randrange(4000),
        "gen_ai.usage.output_tokens": dice.randrange(600),
        "gen_ai.input.messages": json.dumps(message),
        "gen_ai.output.messages": json.dumps(message, ensure_ascii=False),
    }


def send(port: int, bodies: list[bytes]) -> None:
    """Post bodies over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for body in bodies:
        connection.request("POST", "/v1/traces", body, HEADERS)
        answer = connection.getresponse()
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {answer.read()!r}")
        answer.read()
    connection.close()


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> int:
    """Return the resident memory of a process (Linux)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


def measure(spans: int, data: Path) -> dict[str, float]:
    """Run the load once and return the figures."""
    target = Target(data)
    target.start()
    assert target.process is not None  # noqa: S101 - a bench
    pid = target.process.pid
    send(target.port, [request_of(10**6, SPANS_PER_REQUEST)])  # lazy imports and first parts are not measured
    _wait(target, SPANS_PER_REQUEST)
    bodies = [request_of(n, SPANS_PER_REQUEST) for n in range(spans // SPANS_PER_REQUEST)]
    idle, cpu, began = memory_mb(pid), cpu_seconds(pid), time.perf_counter()
    senders = [
        threading.Thread(target=send, args=(target.port, bodies[i::CONNECTIONS])) for i in range(CONNECTIONS)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    accepted = time.perf_counter() - began
    count = len(bodies) * SPANS_PER_REQUEST
    _wait(target, count + SPANS_PER_REQUEST)
    visible = time.perf_counter() - began
    used = cpu_seconds(pid) - cpu
    peak = memory_mb(pid)
    target.stop()
    return {
        "spans": count,
        "bytes a span": round(sum(map(len, bodies)) / count),
        "acknowledged spans/s": round(count / accepted),
        "visible spans/s": round(count / visible),
        "CPU ms per 1,000 spans": round(used * 1e6 / count, 1),
        "memory idle MB": idle,
        "memory after load MB": peak,
    }


def _wait(target: Target, spans: int) -> None:
    while target.ask("SELECT count() FROM spans") < spans:
        time.sleep(0.05)


def main() -> None:
    """Run from the command line and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--spans", type=int, default=20_000)
    with tempfile.TemporaryDirectory(prefix="kansoku-ingest-") as data:
        for name, value in measure(parser.parse_args().spans, Path(data) / "data").items():
            print(f"{name:>24}  {value:>12,}")


if __name__ == "__main__":
    main()
