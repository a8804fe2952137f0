"""Measure what one traced call of a model costs the program: `make bench-sdk`.

    python benches/sdk.py [--calls 2000] [--streams 300] [--block 40]

The real openai client runs on a mock transport, so nothing leaves the process but the spans. Three ways take
turns, a short block each: `plain` (no tracing), `by hand` (one span of the OpenTelemetry SDK, its batch
processor, and an exporter that encodes to bytes and drops them) and `kansoku` (delivery to a sink in another
process, flushed after every block).

How to read it: microseconds of CPU per call beyond `plain`, the median of the blocks. `caller` is the calling
thread, what the program waits for; `total` is the whole process, until everything is delivered. The ratio is
to `by hand`, which sends nothing over a connection: it favours the span made by hand. Beside it is where 90 %
of the ratios lie when the blocks are drawn anew a thousand times: what a busy machine leaves uncertain.
"""

import argparse
import json
import math
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx2
import openai
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

import kansoku

_SINK = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Sink(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
server = HTTPServer(("127.0.0.1", 0), Sink)
print(server.server_port, flush=True)
server.serve_forever()
"""
_ANSWER = "The gauge can be recalibrated on site by an engineer [2]. " * 10
_REQUEST: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "temperature": 0.2,
    "max_tokens": 600,
    "messages": [
        {"role": "system", "content": "Answer from the excerpts only. " * 16},
        {"role": "user", "content": "Can our gauge be recalibrated? " + "[1] An excerpt of a manual. " * 40},
    ],
}
_HEAD: dict[str, Any] = {"id": "chatcmpl-1", "created": 1_790_000_000, "model": "gpt-4o-mini-2024-07-18"}
_USAGE = {"prompt_tokens": 1873, "completion_tokens": 417, "total_tokens": 2290}


class Drop(SpanExporter):
    """Encodes spans as the stock exporter does and drops the bytes."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Encode a batch."""
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS


def make_client() -> openai.OpenAI:
    """Return a client whose model answers at once, whole or in 60 chunks."""
    message = {"role": "assistant", "content": _ANSWER}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    whole = json.dumps({**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE}).encode()
    step = len(_ANSWER) // 58 + 1
    deltas: list[tuple[Any, Any]] = [
        ({"content": _ANSWER[at : at + step]}, None) for at in range(0, 58 * step, step)
    ]
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        for delta, finish in [*deltas, ({}, "stop")]
    ]
    chunks.append({"choices": [], "usage": _USAGE})
    lines = [json.dumps({**_HEAD, "object": "chat.completion.chunk", **chunk}) for chunk in chunks]
    events = "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()

    def answer(request: httpx2.Request) -> httpx2.Response:
        if b'"stream":true' in request.content:
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=events)
        return httpx2.Response(200, headers={"content-type": "application/json"}, content=whole)

    transport = httpx2.MockTransport(answer)
    return openai.OpenAI(api_key="none", http_client=httpx2.Client(transport=transport))


def ask(client: openai.OpenAI, stream: bool) -> tuple[str, Any]:
    """Make one call and return its text and usage."""
    if not stream:
        whole = client.chat.completions.create(**_REQUEST)
        return whole.choices[0].message.content or "", whole.usage
    parts, usage = [], None
    options = {"include_usage": True}
    for chunk in client.chat.completions.create(stream=True, stream_options=options, **_REQUEST):
        if chunk.choices:
            parts.append(chunk.choices[0].delta.content or "")
        usage = chunk.usage or usage
    return "".join(parts), usage


def ask_by_hand(client: openai.OpenAI, stream: bool, tracer: trace.Tracer) -> None:
    """Make one call inside a span written by hand."""
    given: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": _REQUEST["model"],
        "gen_ai.request.temperature": _REQUEST["temperature"],
        "gen_ai.request.max_tokens": _REQUEST["max_tokens"],
        "gen_ai.input.messages": json.dumps(_REQUEST["messages"]),
    }
    kind = trace.SpanKind.CLIENT
    with tracer.start_as_current_span("chat gpt-4o-mini", kind=kind, attributes=given) as span:
        text, usage = ask(client, stream)
        answer = [{"role": "assistant", "content": text}]
        span.set_attributes(
            {
                "gen_ai.response.model": _HEAD["model"],
                "gen_ai.response.id": _HEAD["id"],
                "gen_ai.response.finish_reasons": ("stop",),
                "gen_ai.output.messages": json.dumps(answer),
                "gen_ai.usage.input_tokens": usage.prompt_tokens,
                "gen_ai.usage.output_tokens": usage.completion_tokens,
            }
        )


class Way:
    """One way of making calls: what it has cost, block by block, and how it is flushed."""

    def __init__(self, call: Callable[[], Any], flush: Callable[[], Any]) -> None:
        self.call = call
        self.flush = flush
        self.rows: list[tuple[float, float]] = []  # caller and total, microseconds of CPU per call

    def run(self, count: int) -> None:
        """Make a block of calls and wait until they are delivered."""
        process, thread = time.process_time(), time.thread_time()
        for _ in range(count):
            self.call()
        caller = time.thread_time() - thread
        self.flush()
        self.rows.append((caller / count * 1e6, (time.process_time() - process) / count * 1e6))


def compare(client: openai.OpenAI, stream: bool, count: int, block: int) -> tuple[Way, Way, Way]:
    """Make `count` calls in each of the ways, a short block at a time, so that all meet the same machine."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Drop()))
    tracer = provider.get_tracer("by hand")
    plain = Way(lambda: ask(client, stream), lambda: None)
    hand = Way(lambda: ask_by_hand(client, stream, tracer), provider.force_flush)
    ours = Way(lambda: ask(client, stream), kansoku.flush)
    ways = [plain, hand, ours]
    for number in range(count // block + 1):
        for way in ways:
            if way is ours:
                kansoku.instrument("openai")
            way.run(block)
            if way is ours:
                kansoku.uninstrument()
        ways.append(ways.pop(0))  # none is always the one behind another
        if not number:  # the first round warms up
            for way in ways:
                way.rows.clear()
    provider.shutdown()
    return plain, hand, ours


def beyond(way: Way, plain: Way, which: int) -> list[float]:
    """Return what each block cost beyond the plain one of its round, in order of size."""
    return sorted(row[which] - base[which] for row, base in zip(way.rows, plain.rows, strict=True))


def interval(hand: list[float], ours: list[float]) -> tuple[float, float, float]:
    """Return the ratio of the medians, and the bounds of its middle 90 % when the blocks are drawn again."""
    draw = random.Random(1)  # noqa: S311 - the same blocks give the same figures

    def again(values: list[float]) -> float:
        return statistics.median(draw.choices(values, k=len(values)))

    pairs = [(again(ours), again(hand)) for _ in range(1000)]
    drawn = sorted(us / them if them > 0 else math.inf for us, them in pairs)
    return statistics.median(ours) / statistics.median(hand), drawn[50], drawn[949]


def main() -> None:
    """Measure and print the table."""
    options = argparse.ArgumentParser(description="CPU that one traced call costs the program.")
    options.add_argument("--calls", type=int, default=2000)
    options.add_argument("--streams", type=int, default=300)
    options.add_argument("--block", type=int, default=40, help="calls in a row; of streams a quarter")
    given = options.parse_args()
    sink = subprocess.Popen([sys.executable, "-c", _SINK], stdout=subprocess.PIPE, text=True)
    try:
        assert sink.stdout is not None  # noqa: S101 - it was asked for
        endpoint = f"http://127.0.0.1:{int(sink.stdout.readline())}"
        kansoku.init(endpoint=endpoint, api_key="bench", service_name="bench", instrument=False)
        client = make_client()
        print(f"{'µs of CPU per call':<20}{'by hand':>10}{'kansoku':>10}{'ratio':>8}   90 % of draws")
        for name, stream, count, block in (
            ("chat", False, given.calls, given.block),
            ("stream", True, given.streams, max(1, given.block // 4)),
        ):
            plain, hand, ours = compare(client, stream, count, block)
            for which, what in enumerate(("caller", "total")):
                by_hand, by_us = beyond(hand, plain, which), beyond(ours, plain, which)
                ratio, low, high = interval(by_hand, by_us)
                middle = f"{statistics.median(by_hand):>10.0f}{statistics.median(by_us):>10.0f}"
                print(f"{name + ' ' + what:<20}{middle}{ratio:>8.2f}   {low:.2f} to {high:.2f}")
        kansoku.shutdown()
    finally:
        sink.terminate()
        sink.wait()


if __name__ == "__main__":
    main()
