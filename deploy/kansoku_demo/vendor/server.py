"""The vendor on a socket: answers in real time, streams included."""

import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kansoku_demo.vendor.wire import RETRY_COUNT, Reply, Vendor


class VendorServer:
    """Serve a `Vendor` on a free loopback port until `stop()`.

    with VendorServer(Vendor(seed=7, changed_at=0)) as server:
        OpenAI(base_url=server.url, api_key="any")
    """

    def __init__(self, vendor: Vendor, pace: float = 1.0) -> None:
        """`pace` multiplies every waiting time: 0 answers at once."""
        handler = type("Handler", (_Handler,), {"vendor": vendor, "pace": pace})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.1,), name="vendor", daemon=True
        )

    @property
    def url(self) -> str:
        """Base URL for a client."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> "VendorServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the port; requests under way are cut."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body of an answer are several writes: do not let the kernel wait for more of them.
    disable_nagle_algorithm = True
    vendor: Vendor
    pace: float

    def handle(self) -> None:
        """Serve a connection until the client leaves, however it does."""
        with suppress(ConnectionError):
            super().handle()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        retry = int(self.headers.get(RETRY_COUNT) or 0)
        reply = self.vendor.reply(self.path, body, time.time(), retry)
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        time.sleep(reply.first_seconds * self.pace)
        self.send_response(reply.status)
        for name, value in reply.all_headers:
            self.send_header(name, value)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        pause = (reply.end_seconds - reply.first_seconds) / max(1, len(reply.chunks) - 1) * self.pace
        for index, chunk in enumerate(reply.chunks):
            if index:
                time.sleep(pause)
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the traces tell it all."""
