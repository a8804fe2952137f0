"""HTTP connections that are counted, and that are neither slow nor endless with the header of a request."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kansoku_collector.metrics import Metrics
from kansoku_collector.receive.answer import RETRY_SECONDS

_HEADER_BYTES = 64 << 10
_TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: %d\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    % RETRY_SECONDS
)


def connection_class(most: int, seconds: float, metrics: Metrics) -> type[asyncio.Protocol]:
    """Return the protocol of a server that takes `most` connections and waits `seconds` for a header."""
    base: Any = HttpToolsProtocol  # of the two that uvicorn knows, the one that costs little

    class Connection(base):  # type: ignore[misc]
        """One connection; uvicorn times idle ones itself, but not half a header, and it takes any number."""

        deadline: asyncio.TimerHandle | None = None
        header_bytes: int | None = None  # while a header is incomplete

        def connection_made(self, transport: Any) -> None:
            """Answer 503 at once when there are too many."""
            super().connection_made(transport)
            if len(self.connections) > most:
                metrics.dropped.labels("connection", "too_many_connections").inc()
                transport.write(_TOO_MANY)
                transport.close()
            else:
                self._wait()

        def data_received(self, data: bytes) -> None:
            """Read on; the time runs while a header is incomplete."""
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                self._rest()
            elif self.deadline is None:
                self._wait()
            if self.header_bytes is not None:
                self.header_bytes += len(data)
                if self.header_bytes > _HEADER_BYTES:
                    self._drop("large_header")

        def on_message_begin(self) -> None:
            """Count from here."""
            self.header_bytes = 0
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            """Count no further."""
            self.header_bytes = None
            super().on_headers_complete()

        def connection_lost(self, exc: Exception | None) -> None:
            """Forget the time."""
            self._rest()
            super().connection_lost(exc)

        def _wait(self) -> None:
            self.deadline = asyncio.get_running_loop().call_later(seconds, self._drop, "slow_header")

        def _rest(self) -> None:
            if self.deadline is not None:
                self.deadline.cancel()
                self.deadline = None

        def _drop(self, reason: str) -> None:
            metrics.dropped.labels("connection", reason).inc()
            self.transport.close()

    return Connection
