"""HTTP connections that are counted, and that may not be slow with the header of a request."""

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from kansoku_collector.metrics import Metrics
from kansoku_collector.receive.answer import RETRY_SECONDS

_TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: %d\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    % RETRY_SECONDS
)


def connection_class(most: int, seconds: float, metrics: Metrics) -> type[asyncio.Protocol]:
    """Return the protocol of a server that takes `most` connections and waits `seconds` for a header."""
    base: Any = AutoHTTPProtocol

    class Connection(base):  # type: ignore[misc]
        """One connection; uvicorn times idle ones itself, but not half a header."""

        deadline: asyncio.TimerHandle | None = None

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

        def connection_lost(self, exc: Exception | None) -> None:
            """Forget the time."""
            self._rest()
            super().connection_lost(exc)

        def _wait(self) -> None:
            self.deadline = asyncio.get_running_loop().call_later(seconds, self._expire)

        def _rest(self) -> None:
            if self.deadline is not None:
                self.deadline.cancel()
                self.deadline = None

        def _expire(self) -> None:
            metrics.dropped.labels("connection", "slow_header").inc()
            self.transport.close()

    return Connection
