"""POST to the collector: keep-alive, retries with a growing wait, one warning an outage, then counts."""

import gzip
import os
import random
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

from kansoku.guard import logger

if TYPE_CHECKING:
    import httpx2

_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 5.0
# Not the shared generator: a program that seeded it must draw the same numbers with and without us.
_random = random.SystemRandom()


class Transport:
    """Sends bodies to one URL from one thread; `sent` counts items by outcome (ok, refused, lost)."""

    def __init__(
        self,
        url: str,
        *,
        api_key: str,
        content_type: str,
        timeout: float,
        retry_seconds: float,
        compress: bool = False,
    ) -> None:
        self.sent: Counter[str] = Counter()
        self._url = url
        self._timeout = timeout
        self._retry_seconds = retry_seconds
        self._compress = compress
        self._headers = {"Content-Type": content_type}
        if compress:
            self._headers["Content-Encoding"] = "gzip"
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._client: httpx2.Client | None = None
        self._process = 0
        self._failing = False

    def send(self, body: bytes, items: int, closing: threading.Event) -> bool:
        """Send one body holding `items`; try again while it may help and `closing` is not set."""
        packed = gzip.compress(body, 1) if self._compress else body
        give_up = time.monotonic() + self._retry_seconds
        wait = _FIRST_WAIT
        while True:
            reason, again = self._post(packed)
            if not reason:
                self.sent["ok"] += items
                self._failing = False
                return True
            pause = min(again if again > 0 else wait * _random.uniform(0.75, 1.25), _LONGEST_WAIT)
            if again < 0 or closing.is_set() or time.monotonic() + pause > give_up or closing.wait(pause):
                self._report("refused" if again < 0 else "lost", items, reason)
                return False
            wait *= 2

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()

    def _post(self, packed: bytes) -> tuple[str, float]:
        """Return ("", 0) when accepted, else the reason and the seconds to wait (0 = choose, -1 = final)."""
        import httpx2  # noqa: PLC0415 - 50 ms that belong to this thread, not to the start of the program

        if self._client is None or self._process != os.getpid():
            # A forked process must not write into its parent's connection.
            self._process = os.getpid()
            self._client = httpx2.Client(headers=self._headers, timeout=self._timeout)
        try:
            reply = self._client.post(self._url, content=packed)
        except (httpx2.HTTPError, OSError) as error:
            return f"{type(error).__name__}: {error}", 0
        if reply.status_code < 300:
            return "", 0
        reason = f"HTTP {reply.status_code} {reply.text[:200]}".strip()
        if reply.status_code not in _TRY_AGAIN:
            return reason, -1
        after = reply.headers.get("Retry-After", "")
        return reason, float(after) if after.isdigit() else 0

    def _report(self, outcome: str, items: int, reason: str) -> None:
        self.sent[outcome] += items
        level = logger.debug if self._failing else logger.warning
        level("Kansoku could not send to %s (%s); further failures are only counted", self._url, reason)
        self._failing = True
