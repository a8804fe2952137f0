"""An HTTP proxy in front of ClickHouse that fails in the ways ClickHouse and networks fail."""

import http.client
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# Mode -> ClickHouse's code and words; the other modes are methods of `Handler`.
ERRORS = {
    "disk full": (243, "Cannot reserve 1.00 MiB, not enough space: (While writing part). (NOT_ENOUGH_SPACE)"),
    "read only": (242, "Table is in readonly mode since table metadata was not found. (TABLE_IS_READ_ONLY)"),
    "refusing": (
        252,
        "Too many parts (3001) in table 'kansoku.spans'. Merges are processing. (TOO_MANY_PARTS)",
    ),
    "no memory": (241, "(total) memory limit exceeded: would use 4.00 GiB. (MEMORY_LIMIT_EXCEEDED)"),
}
MODES = ("away", "garbage", "empty", "hanging", "answer lost", "cut off", *ERRORS, "slow")
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "host", "content-length"})


class Proxy(ThreadingHTTPServer):
    """Serves on `port`, else on one of its own; `mode` is "pass" or one of MODES, and may change."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, upstream_port: int, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.upstream_port = upstream_port
        self.mode = "pass"
        self.slowness = 1.0  # seconds that each answer takes longer when slow
        self.failed = 0  # requests that were not passed on as they are

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def start(self) -> "Proxy":
        """Serve in a thread."""
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: connections that break are what this is for."""


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_POST(self) -> None:
        """Pass a request on, or fail."""
        mode, body = self.server.mode, self._body()
        if mode != "pass":
            self.server.failed += 1
        if mode in ERRORS:
            code, words = ERRORS[mode]
            text = f"Code: {code}. DB::Exception: {words} (version 26.9.1.1)\n".encode()
            self._answer(500, [("X-ClickHouse-Exception-Code", str(code))], text)
        elif mode in ("pass", "slow"):
            if mode == "slow":
                time.sleep(self.server.slowness)
            self._answer(*self._forward(body))
        elif mode in ("garbage", "empty"):
            page = b"<html><body>It works!</body></html>" if mode == "garbage" else b""
            self._answer(200, [("Content-Type", "text/html")], page)
        else:
            if mode == "answer lost":
                self._forward(body)
            elif mode == "cut off":
                self._cut_off(body)
            while mode == "hanging" and self.server.mode == "hanging":
                time.sleep(0.02)
            self._hang_up()

    do_GET = do_POST  # noqa: N815 - the name that the standard library calls

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.upstream_port, timeout=120)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        found = answer.status, answer.getheaders(), answer.read()
        connection.close()
        return found

    def _cut_off(self, body: bytes) -> None:
        """Send half of a request to ClickHouse, which sees the connection end."""
        with socket.create_connection(("127.0.0.1", self.server.upstream_port)) as upstream:
            lines = [
                f"{self.command} {self.path} HTTP/1.1",
                "host: localhost",
                f"content-length: {len(body)}",
            ]
            lines += [f"{name}: {value}" for name, value in self.headers.items() if name.lower() not in _HOP]
            upstream.sendall("\r\n".join([*lines, "", ""]).encode() + body[: len(body) // 2])

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
