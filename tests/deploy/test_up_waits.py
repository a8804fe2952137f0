"""How long `kansoku up` waits for its collector, and what it says meanwhile."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from kansoku.errors import KansokuError
from kansoku_cli import up


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """Run what stands for a collector's process."""
    running = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield running
    running.kill()
    running.communicate()


def answering(*answers: bytes) -> tuple[SimpleNamespace, threading.Thread]:
    """Return where something listens that gives one answer a connection; an empty one is never sent."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    while answer and b"\r\n\r\n" not in connection.recv(65536):
                        pass
                    connection.sendall(answer)
                    while connection.recv(65536):  # until the other side has enough
                        pass

    thread = threading.Thread(target=serve)
    thread.start()
    return SimpleNamespace(host="127.0.0.1", port=listener.getsockname()[1]), thread


def reply(status: str, text: str) -> bytes:
    """Return an answer of HTTP."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode()


def test_a_collector_that_migrates_for_minutes_is_not_stopped(
    process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stopped in the middle it would begin again at the next start, and never end."""
    monkeypatch.setattr(up, "READY_SECONDS", 0.1)
    collector, thread = answering(b"", reply("200 OK", "ready\n"))
    assert up._wait_ready(process, collector, up.Family()) is None
    thread.join()
    assert capsys.readouterr().err.count("does not answer") == 1


def test_a_collector_that_says_what_is_wrong_is_not_waited_for(
    process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said in the collector's own words."""
    monkeypatch.setattr(up, "READY_SECONDS", 0.0)
    collector, thread = answering(reply("503 Service Unavailable", "the journal is full\n"))
    with pytest.raises(KansokuError, match="the journal is full"):
        up._wait_ready(process, collector, up.Family())
    thread.join()


def test_a_collector_that_has_ended_is_not_waited_for(process: subprocess.Popen[bytes]) -> None:
    """It has said why on standard error."""
    process.kill()
    process.wait()
    assert up._wait_ready(process, SimpleNamespace(host="127.0.0.1", port=9), up.Family()) != 0
