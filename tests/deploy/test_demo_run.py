"""The command: back-fills once, checks what was stored, goes on live, stops cleanly, complains briefly."""

import contextlib
import gzip
import io
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from support.ports import free_port

from kansoku_demo import run
from kansoku_demo.progress import Progress

KEY = "ksk_demo"


@dataclass
class Sink:
    """A collector that counts; it keeps the start of every span, in seconds, and every feedback."""

    url: str = ""
    starts: list[float] = field(default_factory=list)
    feedback: list[dict[str, object]] = field(default_factory=list)
    hidden: int = 0  # spans that it will not admit to have stored


@pytest.fixture
def sink() -> Iterator[Sink]:
    """Run a sink on a port of the demo's range."""
    kept = Sink()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            if self.headers.get("authorization") != f"Bearer {KEY}":
                return self.answer(401, b"{}")
            if self.path == "/v1/feedback":
                kept.feedback += json.loads(body)
            elif "protobuf" in self.headers["content-type"]:
                found = ExportTraceServiceRequest.FromString(body)
                spans = [s for r in found.resource_spans for scope in r.scope_spans for s in scope.spans]
                kept.starts += [s.start_time_unix_nano / 1e9 for s in spans]
            return self.answer(200, b"")

        def do_GET(self) -> None:
            self.answer(200, b"kansoku_spans_stored_total %d.0\n" % max(0, len(kept.starts) - kept.hidden))

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = next(filter(None, (listen(port, Handler) for port in range(42550, 42590))))
    kept.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


def listen(port: int, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer | None:
    """Return a server on a port, or nothing when the port is taken."""
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError:
        return None


@contextlib.contextmanager
def demo(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command as its own process, which does not outlive the block."""
    command = [sys.executable, "-m", "kansoku_demo.run", "--api-key", KEY, *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_history_is_stored_completely_and_a_second_run_adds_nothing(sink: Sink, tmp_path: Path) -> None:
    """Six hours are filled in once; what was sent was stored, and all of it lies in the past."""
    arguments = ("--endpoint", sink.url, "--data", str(tmp_path), "--days", "0.25", "--no-live")
    before = time.time()
    with demo(*arguments) as first:
        _, said = first.communicate(timeout=240)
    assert first.returncode == 0, said
    assert f"{len(sink.starts):,} spans, all stored" in said
    assert len(sink.starts) > 20
    assert before - 7 * 3600 < min(sink.starts) < max(sink.starts) < time.time()
    assert sink.feedback
    assert all(before - 7 * 3600 < item["time"] < time.time() + 120 for item in sink.feedback)
    count = len(sink.starts)
    with demo(*arguments) as second:
        _, said = second.communicate(timeout=120)
    assert (second.returncode, len(sink.starts)) == (0, count), said


def test_live_traffic_flows_until_sigterm_and_ends_with_zero(sink: Sink, tmp_path: Path) -> None:
    """Live requests arrive with the present time; SIGTERM ends the demo cleanly after a flush."""
    began = time.time()
    with demo("--endpoint", sink.url, "--data", str(tmp_path), "--days", "0", "--rate", "240") as process:
        while len(sink.starts) < 20 and time.time() < began + 120:
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert len(sink.starts) >= 20
    assert min(sink.starts) > began - 5


def test_missing_collector_is_one_sentence_and_exit_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No stack trace when nobody listens."""
    nobody = f"http://127.0.0.1:{free_port()}"
    arguments = ["--endpoint", nobody, "--data", str(tmp_path), "--api-key", KEY]
    code = in_main_thread(arguments)
    said = capsys.readouterr().err
    assert code == 1
    assert said.startswith(f"kansoku demo: no collector answers at {nobody}")
    assert said.count("\n") == 1


def test_wrong_key_is_said_before_anything_is_made(
    sink: Sink, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refused key ends the demo at once, with what to do."""
    code = in_main_thread(["--endpoint", sink.url, "--data", str(tmp_path), "--api-key", "ksk_wrong"])
    assert code == 1
    assert "refuses the API key" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_spans_that_were_not_stored_are_told(
    sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the collector stored fewer spans than were sent, the demo says both numbers."""
    sink.hidden = 3
    monkeypatch.setattr(run, "_STORE_SECONDS", 0.2)
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    in_main_thread(
        ["--endpoint", sink.url, "--data", str(tmp_path), "--api-key", KEY, "--days", "0.1", "--no-live"]
    )
    assert (
        f"{len(sink.starts):,} spans were sent, the collector stored {len(sink.starts) - 3:,}"
        in said.getvalue()
    )


def in_main_thread(arguments: list[str]) -> int:
    """Run the command in this process and put the signal handlers back."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return run.main(arguments)
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def test_progress_writes_a_line_every_ten_percent_where_nobody_watches() -> None:
    """A log file gets ten lines, a terminal one moving bar."""
    log = io.StringIO()
    progress = Progress("Filling in", 40, log)
    for _ in range(40):
        progress.advance(1, "9 requests")
    lines = log.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[-1].startswith("Filling in: 100%, 9 requests")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = Terminal()
    progress = Progress("Filling in", 2, shown)
    progress.advance(1, "1")
    progress.advance(1, "2")
    assert shown.getvalue().count("\r") == 2
    assert shown.getvalue().endswith("\n")
