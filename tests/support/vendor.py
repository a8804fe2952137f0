"""A vendor's server on loopback: it answers what it is told to, to any client library, and remembers."""

import base64
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """One HTTP answer; `pieces` are sent as chunks, one write each, for a stream."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] | None = None


@dataclass
class Asked:
    """One request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


class Vendor:
    """A server that answers with `replies` in order, the last one repeated, or as `respond` says."""

    def __init__(self) -> None:
        self.respond: Callable[[Asked], Reply] | None = None
        self.replies: list[Reply] = [Reply(status=404, body=b'{"error": "no reply was set"}')]
        self.asked: list[Asked] = []
        self.lock = threading.Lock()
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                """Answer a request."""
                size = int(self.headers.get("Content-Length") or 0)
                asked = Asked(self.command, self.path, dict(self.headers.items()), self.rfile.read(size))
                with vendor.lock:  # requests of several threads or tasks come at once
                    vendor.asked.append(asked)
                    reply = vendor.reply_to(asked)
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.content_type)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self._write(reply)

            do_GET = do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815

            def _write(self, reply: Reply) -> None:
                if reply.pieces is None:
                    self.send_header("Content-Length", str(len(reply.body)))
                    self.end_headers()
                    self.wfile.write(reply.body)
                    return
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                try:
                    for piece in reply.pieces:
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                        self.wfile.flush()
                    self.wfile.write(b"0\r\n\r\n")
                except ConnectionError:
                    self.close_connection = True  # the client went away: some tests want just that

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def reply_to(self, asked: Asked) -> Reply:
        """Return the answer to a request."""
        if self.respond is not None:
            return self.respond(asked)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def answer(self, *replies: Reply | dict[str, Any] | list[Any]) -> "Vendor":
        """Answer with these from now on; plain data is JSON with status 200."""
        self.replies = [r if isinstance(r, Reply) else Reply(json.dumps(r).encode()) for r in replies]
        return self

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def sse(*events: Any, done: bool = True) -> Reply:
    """Return a stream of server-sent events: data alone, or (event name, data)."""
    pieces = []
    for event in events:
        name, data = event if isinstance(event, tuple) else (None, event)
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        pieces.append(((f"event: {name}\n" if name else "") + f"data: {text}\n\n").encode())
    return Reply(content_type="text/event-stream", pieces=[*pieces, b"data: [DONE]\n\n"] if done else pieces)


def recorded_reply(response: dict[str, Any]) -> Reply:
    """Return a recorded response of the corpus as it was."""
    kind = {k.lower(): v for k, v in response.get("headers", {}).items()}.get("content-type", "")
    if "body_sse" in response:
        body, otherwise = response["body_sse"].encode(), "text/event-stream"
    elif "body_text" in response:
        body, otherwise = response["body_text"].encode(), "application/x-ndjson"
    elif "body_base64" in response:
        body = base64.b64decode(response["body_base64"])
        otherwise = "application/vnd.amazon.eventstream"
    else:
        body, otherwise = json.dumps(response["body"]).encode(), "application/json"
    headers = {
        k: v
        for k, v in response.get("headers", {}).items()
        if k.lower() not in ("content-type", "content-length", "content-encoding", "transfer-encoding")
    }
    return Reply(body, response["status"], kind or otherwise, headers)
