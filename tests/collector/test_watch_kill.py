"""SIGKILL of the evaluator: what was found is told, once, whenever it died."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support import stores

PROCESS = Path(__file__).with_name("watch_process.py")


class Receiver:
    """A webhook that remembers the keys of what it was sent."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        keys = self.keys

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                keys.append(self.headers["X-Kansoku-Delivery"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a receiver that runs for a test."""
    found = Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()


# How many of the 17 ticks each process begins: the finding is near the 8th, its end near the 16th.
FEW = (8, 8)
MANY = (1, 1, 2, 2, 3, 3, 4)


@pytest.mark.parametrize("hours", [FEW, pytest.param(MANY, marks=pytest.mark.slow_proof)], ids=len)
def test_a_killed_evaluator_loses_nothing_and_repeats_nothing(
    tmp_path: Path, receiver: Receiver, hours: tuple[int, ...]
) -> None:
    """Killed in the middle of ticks and started again: one incident, opened and resolved, each told."""
    draw = random.Random(5)
    stores.prepare(tmp_path / "store")
    for count in hours:
        with run(tmp_path, receiver.url) as process:
            for _ in range(count):
                assert process.stdout is not None
                told = process.stdout.readline()
                assert told in ("hour\n", "end\n"), (tmp_path / "log").read_text()
                if told == "end\n":  # the one before had a fast moment between its last hour and its end
                    break
            time.sleep(draw.uniform(0, 0.6))
            process.kill()
            process.wait(120)
    with run(tmp_path, receiver.url) as process:
        told, _ = process.communicate(timeout=300)
        assert told.endswith("end\n"), (tmp_path / "log").read_text()
    steps = {key.split(":", 1)[1] for key in receiver.keys}
    assert steps == {"opened:hook", "resolved:hook"}
    assert len({key.split(":")[0] for key in receiver.keys}) == 1
    # A message that was under way at the kill may come again, under the same key.
    assert len(receiver.keys) <= 2 + len(hours)


def run(directory: Path, webhook: str) -> "subprocess.Popen[str]":
    """Start the evaluator on a directory."""
    command = [sys.executable, str(PROCESS), str(directory), "back", webhook]
    with (directory / "log").open("a") as log:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
