"""CPU per 1,000 spans, acknowledgement, visibility and bytes on the disk of a collector on this machine.

    python benches/ingest.py --spans 20000 --results result.json
    python benches/ingest.py --corpus requests.bin

Posts traces over a few connections and waits until ClickHouse has counted every span. CPU time is of the
collector's process alone; wall time depends on what else the machine does, and CPU time less so: compare
figures of one run. The stages are measured afterwards on the same requests, inside of this process.
"""

import argparse
import http.client
import json
import os
import random
import struct
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from ingest_stages import measure_stages
from kill import HEADERS, Target
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

CONNECTIONS, SPANS_PER_REQUEST, START_NS = 4, 250, time.time_ns() - 3600 * 10**9
_PATIENCE = 300.0  # seconds: a first start writes the schema, and the machine may be busy
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


def read_corpus(path: Path) -> list[bytes]:
    """Return the requests of a file: each is four bytes of its length, little-endian, and itself."""
    data, bodies, at = path.read_bytes(), [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        bodies.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    return bodies


def spans_in(body: bytes) -> int:
    """Return how many spans a request holds."""
    request = ExportTraceServiceRequest.FromString(body)
    return sum(len(scope.spans) for group in request.resource_spans for scope in group.scope_spans)


def send(port: int, bodies: list[bytes], waited: list[float]) -> None:
    """Post bodies over one connection; note how long each waited for its acknowledgement."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for body in bodies:
        began = time.perf_counter()
        connection.request("POST", "/v1/traces", body, HEADERS)
        answer = connection.getresponse()
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {answer.read()!r}")
        answer.read()
        waited.append(time.perf_counter() - began)
    connection.close()


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> int:
    """Return the resident memory of a process (Linux)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


def measure(bodies: list[bytes], data: Path) -> dict[str, Any]:
    """Run the load once and return the figures; the first request only warms up."""
    target = Target(data)
    target.launch()
    try:
        _wait_until_ready(target)
        return _measure(target, bodies)
    finally:
        target.stop()


def _measure(target: Target, bodies: list[bytes]) -> dict[str, Any]:
    assert target.process is not None  # noqa: S101 - a bench
    pid = target.process.pid
    first, count = spans_in(bodies[0]), sum(map(spans_in, bodies[1:]))
    send(target.port, bodies[:1], [])  # lazy imports and first parts are not measured
    _wait(target, first)
    time.sleep(2)  # the merges of the migrations
    memory, cpu, began = memory_mb(pid), cpu_seconds(pid), time.perf_counter()
    waited: list[float] = []
    senders = [
        threading.Thread(target=send, args=(target.port, bodies[1 + i :: CONNECTIONS], waited))
        for i in range(CONNECTIONS)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    accepted = time.perf_counter() - began
    _wait(target, first + count)
    visible, used = time.perf_counter() - began, cpu_seconds(pid) - cpu
    found = {
        "spans": count,
        "raw bytes a span": round(sum(map(len, bodies)) / (first + count)),
        "acknowledged spans/s": round(count / accepted),
        "visible spans/s": round(count / visible),
        "CPU ms per 1,000 spans": round(used * 1e6 / count, 1),
        "ack p50 ms": round(1000 * _quantile(waited, 0.5), 1),
        "ack p99 ms": round(1000 * _quantile(waited, 0.99), 1),
        "queryable after ms": _time_to_queryable(target, bodies[0]),
        "memory idle MB": memory,
        "memory after load MB": memory_mb(pid),
    }
    time.sleep(3)  # merges of the last parts
    stored = target.ask("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'kansoku'")
    found["disk bytes / raw bytes"] = round(stored / sum(map(len, bodies)), 3)
    return found


def _wait_until_ready(target: Target) -> None:
    deadline = time.monotonic() + _PATIENCE
    while target.status("/readyz") != 200:
        if time.monotonic() > deadline:
            raise SystemExit((target.data / "log").read_text()[-4000:])
        time.sleep(0.1)


def _time_to_queryable(target: Target, body: bytes) -> int:
    """Return the ms from posting one more span until a query counts it, with nothing else to do."""
    request = ExportTraceServiceRequest.FromString(body)
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.trace_id, span.span_id = os.urandom(16), os.urandom(8)
    del request.resource_spans[0].scope_spans[0].spans[1:], request.resource_spans[0].scope_spans[1:]
    del request.resource_spans[1:]
    stored = target.ask("SELECT count() FROM spans")
    began = time.perf_counter()
    send(target.port, [request.SerializeToString()], [])
    _wait(target, stored + 1)
    return round(1000 * (time.perf_counter() - began))


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _wait(target: Target, spans: int) -> None:
    while target.ask("SELECT count() FROM spans") < spans:
        time.sleep(0.05)


def main() -> None:
    """Run from the command line, print the figures and write them as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--spans", type=int, default=20_000)
    parser.add_argument("--corpus", type=Path, help="a file of requests to send instead of generated ones")
    parser.add_argument("--results", type=Path, help="where to write the figures as JSON")
    given = parser.parse_args()
    bodies = (
        read_corpus(given.corpus)
        if given.corpus
        else [request_of(number, SPANS_PER_REQUEST) for number in range(given.spans // SPANS_PER_REQUEST + 1)]
    )
    with tempfile.TemporaryDirectory(prefix="kansoku-ingest-") as folder:
        found = measure(bodies, Path(folder) / "data")
        found["stages: CPU ms per 1,000 spans"] = measure_stages(bodies, Path(folder) / "stages")
    for name, value in found.items():
        print(f"{name:>32}  {value}")
    if given.results:
        given.results.parent.mkdir(parents=True, exist_ok=True)
        given.results.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
