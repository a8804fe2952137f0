"""Collectors that fail, each in its own way; every one listens on loopback until it is closed."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable

_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Collector:
    """Accepts connections and treats each request as `behave(connection)` says."""

    def __init__(self, behave: Callable[[socket.socket], None] | None) -> None:
        self._behave = behave
        self._closed = threading.Event()
        self._open: list[socket.socket] = []
        self.connections = 0
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        if behave is not None:  # else nobody listens, and nobody else can: the port stays ours
            self._listener.listen(64)
            threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        assert self._behave is not None
        with contextlib.suppress(OSError):
            self._behave(connection)
        with contextlib.suppress(OSError):
            connection.close()

    def close(self) -> None:
        """Stop, and let go of whoever still waits."""
        self._closed.set()
        for connection in [*self._open, self._listener]:
            with contextlib.suppress(OSError):
                connection.close()


def read_request(connection: socket.socket) -> bool:
    """Read one request whole; False when the client has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return False
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    if b"chunked" in head.lower():
        while not body.endswith(b"0\r\n\r\n"):
            body += connection.recv(65536)
        return True
    sizes = [
        line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    ]
    left = int(sizes[0]) - len(body) if sizes else 0
    while left > 0:
        piece = connection.recv(min(65536, left))
        if not piece:
            return False
        left -= len(piece)
    return True


def answering(reply: bytes) -> Callable[[socket.socket], None]:
    """Answer every request with the same bytes."""

    def behave(connection: socket.socket) -> None:
        while read_request(connection):
            connection.sendall(reply)

    return behave


def status(code: int, *headers: str, body: bytes = b"no") -> Callable[[socket.socket], None]:
    """Answer every request with a status."""
    lines = [f"HTTP/1.1 {code} X", f"Content-Length: {len(body)}", *headers]
    return answering("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def hang(connection: socket.socket) -> None:
    """Take the request and never answer."""
    while connection.recv(65536):
        pass
    time.sleep(3600)


def drip(connection: socket.socket) -> None:
    """Answer, one byte a second."""
    read_request(connection)
    for byte in _OK:
        connection.sendall(bytes((byte,)))
        time.sleep(1)


def reset(connection: socket.socket) -> None:
    """Break the connection in the middle of the request."""
    connection.recv(64)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


COLLECTORS: dict[str, Callable[[socket.socket], None] | None] = {
    "up": answering(_OK),
    "down": None,
    "hanging": hang,
    "slow": drip,
    "reset": reset,
    "400": status(400),
    "401": status(401),
    "413": status(413),
    "429": status(429, "Retry-After: 60"),
    "500": status(500),
    "503": status(503, "Retry-After: Wed, 21 Oct 2099 07:28:00 GMT"),
    "redirect": status(307, "Location: http://example.invalid/v1/traces"),
    "garbage": answering(b"\x00\xff\xfe rubbish, not HTTP at all\r\n\r\n" * 20),
    "garbage body": status(200, "Content-Type: application/x-protobuf", body=b"\xff" * 4096),
    "endless body": answering(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096
    ),
}
# Endpoints that need no server of ours.
ENDPOINTS = {
    "no such host": "http://collector.invalid:4318",
    "not an url": "http://[broken",
    "wrong scheme": "gopher://127.0.0.1",
}
