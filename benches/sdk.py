"""Measure what one traced call of a model costs the program: `make bench-sdk`.

    python benches/sdk.py [--calls 400] [--streams 60] [--rounds 5]

The real openai client runs on a mock transport, so nothing leaves the process but the spans. Three ways take
turns in every round: `plain` (no tracing), `by hand` (one span of the OpenTelemetry SDK, its batch processor,
and an exporter that encodes to bytes and drops them) and `kansoku` (delivery to a sink in another process).

How to read it: microseconds per call beyond `plain`, the median of the rounds. `caller` is CPU of the calling
thread, what the program waits for; `total` is CPU of the whole process, until everything is delivered. The
ratio is to `by hand`, which sends nothing over a connection: it favours the span made by hand. A busy machine
makes single rounds jump; compare figures of one run only.
"""

import argparse
import json
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
_HEAD = {"id": "chatcmpl-1", "created": 1_790_000_000, "model": "gpt-4o-mini-2024-07-18"}
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
    given = {
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


def measure(call: Callable[[], Any], count: int, flush: Callable[[], Any]) -> tuple[float, float]:
    """Return microseconds of CPU per call: of the calling thread, and of the process until all is sent."""
    process, thread = time.process_time(), time.thread_time()
    for _ in range(count):
        call()
    caller = time.thread_time() - thread
    flush()
    return caller / count * 1e6, (time.process_time() - process) / count * 1e6


def run(client: openai.OpenAI, stream: bool, count: int, rounds: int) -> list[list[float]]:
    """Return caller and total beyond plain, one row a round: by hand, then kansoku."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Drop()))
    tracer = provider.get_tracer("by hand")
    rows = []
    for number in range(rounds + 1):
        plain = measure(lambda: ask(client, stream), count, lambda: None)
        hand = measure(lambda: ask_by_hand(client, stream, tracer), count, provider.force_flush)
        kansoku.instrument("openai")
        ours = measure(lambda: ask(client, stream), count, kansoku.flush)
        kansoku.uninstrument()
        if number:  # the first round warms up
            rows.append([way[i] - plain[i] for way in (hand, ours) for i in (0, 1)])
    provider.shutdown()
    return rows


def main() -> None:
    """Measure and print the table."""
    options = argparse.ArgumentParser(description="CPU that one traced call costs the program.")
    options.add_argument("--calls", type=int, default=400)
    options.add_argument("--streams", type=int, default=60)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    sink = subprocess.Popen([sys.executable, "-c", _SINK], stdout=subprocess.PIPE, text=True)
    try:
        assert sink.stdout is not None  # noqa: S101 - it was asked for
        endpoint = f"http://127.0.0.1:{int(sink.stdout.readline())}"
        kansoku.init(endpoint=endpoint, api_key="bench", service_name="bench", instrument=False)
        client = make_client()
        print(f"{'µs of CPU per call':<20}{'by hand':>10}{'kansoku':>10}{'ratio':>8}")
        for name, stream, count in (("chat", False, given.calls), ("stream", True, given.streams)):
            rows = run(client, stream, count, given.rounds)
            hand_caller, hand_total, caller, total = map(statistics.median, zip(*rows, strict=True))
            for what, hand, ours in (("caller", hand_caller, caller), ("total", hand_total, total)):
                print(f"{name + ' ' + what:<20}{hand:>10.0f}{ours:>10.0f}{ours / hand:>8.2f}")
        kansoku.shutdown()
    finally:
        sink.terminate()
        sink.wait()


if __name__ == "__main__":
    main()
