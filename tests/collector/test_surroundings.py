"""What a process is started with: no standard streams, a log that nobody reads, a zone of no file."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from collector.conftest import Running, request_of
from support import stores
from support.ports import free_port

ZONE = "JST-9"  # as POSIX writes Japan's time; the engine knows names of files alone


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Return a collector that has not been started."""
    found = Running(tmp_path / "data")
    with contextlib.closing(found):
        yield found


def begin(
    running: Running, wrapper: str = 'exec "$@"', variables: Mapping[str, str] | None = None, **options: Any
) -> "subprocess.Popen[bytes]":
    """Start a collector as a shell does that says `wrapper`; wait until it accepts and stores."""
    stores.prepare(running.data / "clickhouse")
    running.port, running.gateway_port = free_port(), free_port()
    command = [sys.executable, "-m", "kansoku_collector", "--data", str(running.data)]
    command += ["--port", str(running.port), "--gateway-port", str(running.gateway_port)]
    env = os.environ | {"KANSOKU_GRPC_PORT": "0", "TZ": ZONE} | (variables or {})
    process = subprocess.Popen(["sh", "-c", wrapper, "sh", *command], env=env, **options)
    running.process = process
    deadline = time.monotonic() + 120
    while running.call("GET", "/readyz")[0] != 200:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def stored(running: Running) -> int:
    """Send a span and return how many spans its trace has once it is stored."""
    trace = os.urandom(16)
    body = request_of({"trace_id": trace, "start": time.time_ns()}).SerializeToString()
    assert running.post("traces", body)[0] == 200
    return len(running.trace(trace.hex())["spans"])


def test_a_collector_without_standard_streams_stores_and_ends(running: Running) -> None:
    """A daemon's parent closes them: files opened later got their numbers, and the engine crashed."""
    begin(running, 'exec "$@" <&- >&- 2>&-')
    assert stored(running) == 1
    assert running.end() == 0


def test_a_log_that_nobody_reads_stops_nothing(running: Running) -> None:
    """Its pipe is full: requests are answered, SIGTERM is obeyed, and what is missing is said later."""
    reader, writer = os.pipe()
    begin(running, stderr=writer)
    other_end = os.open(f"/proc/self/fd/{writer}", os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(other_end, b"x" * 100)
    keys = running.data / "keys.json"
    good = keys.read_bytes()
    keys.write_bytes(b"{")  # each answer to this is a line of the log, from where requests are answered
    assert stored(running) == 1
    os.read(reader, 1 << 20)
    keys.write_bytes(good)
    assert stored(running) == 1
    keys.write_bytes(b"{ ")
    assert stored(running) == 1
    said = os.read(reader, 1 << 20).decode()
    assert "1 lines are missing here: nobody read the log" in said
    assert "the API keys of before stay in force" in said
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(other_end, b"x" * 100)
    assert running.end() == 0
    for handle in (reader, writer, other_end):
        os.close(handle)


def test_a_zone_that_the_engine_has_no_file_of_is_no_missing_engine(running: Running, tmp_path: Path) -> None:
    """It was told as one that is not installed; the log goes on in the zone of the process."""
    with (tmp_path / "log").open("wb") as log:
        begin(running, stderr=log)
    assert stored(running) == 1
    japan = time.strftime("%Y-%m-%d %H", time.gmtime(time.time() + 9 * 3600))
    earlier = time.strftime("%Y-%m-%d %H", time.gmtime(time.time() + 8 * 3600))
    assert running.end() == 0
    last = (tmp_path / "log").read_text().splitlines()[-1]
    assert last.startswith((japan, earlier)), last


def test_no_place_for_temporary_files_but_the_data_is_enough(running: Running, tmp_path: Path) -> None:
    """A container with a read-only root may have none; the engine did not open, with pages of its stack."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    without_rights = 'exec setpriv --bounding-set=-all --inh-caps=-all "$@"'  # root writes anywhere with them
    wrapper = 'exec "$@"' if os.geteuid() else without_rights
    begin(running, wrapper, {"TMPDIR": f"{closed}"})
    assert stored(running) == 1
    assert running.end() == 0
    assert not list((running.data / "scratch").iterdir())
