"""POST to the collector over one connection: what it answered, when to try again, one warning an outage."""

import gzip
import os
import random
import socket
import threading
import time
from base64 import b64encode
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from kansoku.delivery.wire import partial_success, refusal
from kansoku.guard import logger

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse

ACCEPTED, REFUSED, TOO_LARGE, AWAY = "accepted", "refused", "too_large", "away"
_TRY_AGAIN = frozenset({408, 425, 429, 502, 503, 504})
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0
_LONGEST_OBEYED = 300.0  # a Retry-After beyond this is a mistake
_CLOSING_TIMEOUT = 1.0
_PART_OF_EXIT = 2 / 3  # that one answer may take of a longer time to end in
_ANSWER_BYTES = 65536
_AUTHORITY = "OTEL_EXPORTER_OTLP_CERTIFICATE"
_SHOWN, _SHOWN_KEY = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_KEY"
# Not the shared generator: a program that seeded it must draw the same numbers with and without us.
_random = random.SystemRandom()


class Reply(NamedTuple):
    """How a request ended; `wait` is what Retry-After asks for, `rejected` what an acceptance left out."""

    outcome: str
    reason: str = ""
    wait: float | None = None
    rejected: int = 0


class Transport:
    """Sends bodies to one URL from one thread. Not httpx2: its import and its TLS cost this thread 70 ms."""

    def __init__(
        self,
        url: str,
        *,
        api_key: str,
        content_type: str,
        timeout: float,
        retry_seconds: float,
        exit_timeout: float = 0.0,
    ) -> None:
        self._url = urlsplit(url)
        self._timeout = timeout
        self._closing_timeout = min(timeout, max(_CLOSING_TIMEOUT, exit_timeout * _PART_OF_EXIT))
        self._retry_seconds = retry_seconds
        self._headers = {"Content-Type": content_type, "Content-Encoding": "gzip", "User-Agent": "kansoku"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._connection: HTTPConnection | None = None
        self._path = self._url.path
        self._not_before = 0.0
        self._interrupted = False
        self._failing = False

    @staticmethod
    def prepare() -> None:
        """Load what a request needs: some ten milliseconds that belong to this thread."""
        import http.client  # noqa: F401, PLC0415

        import kansoku.delivery.otlp  # noqa: F401, PLC0415

        "localhost".encode("idna")  # its codec is loaded at the first look-up of a name

    def send(self, packed: bytes, closing: threading.Event) -> Reply:
        """Send a packed body; try again while it may help and `closing` is not set."""
        give_up = time.monotonic() + self._retry_seconds
        attempt = 0
        while True:
            pause = self._not_before - time.monotonic()
            if pause > 0 and (time.monotonic() + pause > give_up or closing.wait(pause)):
                return Reply(AWAY, "the collector asked to be left alone")
            reply = self.post(packed, closing)
            if reply.outcome != AWAY:
                return reply
            pause = backoff(attempt) if reply.wait is None else reply.wait
            if closing.is_set() or time.monotonic() + pause > give_up or closing.wait(pause):
                return reply
            attempt += 1

    def post(self, packed: bytes, closing: threading.Event) -> Reply:
        """Send a packed body once."""
        from http.client import HTTPException  # noqa: PLC0415 - see prepare()

        try:
            reply = self._post(packed, closing)
        except (HTTPException, OSError) as error:
            self.close()
            reply = Reply(AWAY, f"{type(error).__name__}: {error}")
        except ValueError:  # whose words quote the key
            self.close()
            reply = Reply(REFUSED, "KANSOKU_API_KEY or the address holds a character that HTTP cannot carry")
        if reply.outcome == ACCEPTED and not reply.rejected:
            self._failing = False
        elif reply.outcome != TOO_LARGE:
            self.report(reply.reason)
        if reply.wait is not None:
            self._not_before = time.monotonic() + reply.wait
        return reply

    def report(self, reason: str) -> None:
        """Warn of an outage once; what follows is a matter of counts."""
        if self._interrupted:
            return  # it was cut off, not refused
        level = logger.debug if self._failing else logger.warning
        where = f"{self._url.scheme}://{self._url.hostname}:{self._port()}{self._url.path}"
        level("Kansoku could not send to %s (%s); further failures are only counted", where, reason)
        self._failing = True

    def interrupt(self) -> None:
        """End a request under way in another thread, and let none begin."""
        self._interrupted = True
        connection = self._connection
        sock = connection.sock if connection is not None else None
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def forget(self) -> None:
        """Drop the connection of the parent process without a word on it."""
        self._connection = None
        self._interrupted = False

    def _post(self, packed: bytes, closing: threading.Event) -> Reply:
        if self._interrupted:
            return Reply(AWAY, "the program ends")
        from http.client import HTTPException  # noqa: PLC0415 - see prepare()

        timeout = self._closing_timeout if closing.is_set() else self._timeout
        reused = self._connection is not None
        if self._connection is None:
            self._connection = self._connect()
        try:
            answer = self._exchange(self._connection, packed, timeout)
        except (HTTPException, ConnectionError):
            if not reused or self._interrupted:
                raise
            # The server closes connections that are idle; it says so only when they are used again.
            self.close()
            self._connection = self._connect()
            answer = self._exchange(self._connection, packed, timeout)
        return answer

    def _exchange(self, connection: "HTTPConnection", packed: bytes, timeout: float) -> Reply:
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        connection.request("POST", self._path, packed, self._headers)
        answer = connection.getresponse()
        content = answer.read(_ANSWER_BYTES)
        if not answer.isclosed():  # longer than any honest answer
            self.close()
        return _judge(answer, content)

    def _port(self) -> int:
        return self._url.port or (443 if self._url.scheme == "https" else 80)

    def _connect(self) -> "HTTPConnection":
        from http.client import HTTPConnection, HTTPSConnection  # noqa: PLC0415 - see prepare()

        host, port = self._url.hostname or "", self._port()
        secure = self._url.scheme == "https"
        proxy = _proxy(self._url.scheme, host)
        if proxy:
            through = urlsplit(proxy if "//" in proxy else f"//{proxy}")
            host, port = through.hostname or "", through.port or 80
            own = _credentials(through)
        connection = HTTPSConnection(host, port, context=tls()) if secure else HTTPConnection(host, port)
        if proxy and secure:
            connection.set_tunnel(self._url.hostname or "", self._port(), own)
        elif proxy:
            self._path = self._url.geturl()
            self._headers |= own
        return connection


def pack(body: bytes) -> bytes:
    """Compress a body; the same bytes always become the same bytes, so that a repetition is recognised."""
    return gzip.compress(body, 1, mtime=0)


def unpack(packed: bytes) -> bytes:
    """Return what was packed."""
    return gzip.decompress(packed)


def backoff(attempt: int) -> float:
    """Return how long to wait after the given number of failures: anything up to twice as long each time."""
    return _random.uniform(0, min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt))


def _judge(answer: "HTTPResponse", content: bytes) -> Reply:
    status = answer.status
    kind = answer.getheader("Content-Type", "").partition(";")[0].strip().lower()
    if 200 <= status < 300:
        if kind == "text/html":
            return Reply(AWAY, f"HTTP {status} with a page of HTML: that is not a collector")
        rejected, why = partial_success(content) if kind == "application/x-protobuf" else (0, "")
        reason = f"{rejected} spans were left out: {why}" if rejected else ""
        return Reply(ACCEPTED, reason, rejected=rejected)
    told = refusal(content) if kind == "application/x-protobuf" else ""
    text = (told or content.decode("utf-8", "replace"))[:200].strip()
    reason = f"HTTP {status} {text}".strip()
    if status == 413:
        return Reply(TOO_LARGE, reason)
    if 300 <= status < 400:
        # The key must not travel to wherever an answer points.
        return Reply(
            REFUSED, f"HTTP {status}, a redirection to {answer.getheader('Location', 'nowhere')[:200]}"
        )
    if status not in _TRY_AGAIN:
        return Reply(REFUSED, reason)
    return Reply(AWAY, reason, wait=_retry_after(answer.getheader("Retry-After", "")))


def _retry_after(value: str) -> float | None:
    """Return the seconds that a Retry-After asks for, written as a number or as a date."""
    value = value.strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        from email.utils import parsedate_to_datetime  # noqa: PLC0415 - rarely a date

        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return min(max(0.0, seconds), _LONGEST_OBEYED) if seconds == seconds else None  # noqa: PLR0124 - NaN


def _proxy(scheme: str, host: str) -> str:
    """Return the proxy that the environment names for a host, or nothing."""
    names = (f"{scheme}_proxy", "all_proxy")
    if not any(os.environ.get(name) or os.environ.get(name.upper()) for name in names):
        return ""
    # The environment alone: asking macOS for its proxies is not safe in a forked process.
    from urllib import request  # noqa: PLC0415

    proxies: dict[str, str] = request.getproxies_environment()
    if request.proxy_bypass_environment(host, proxies):  # type: ignore[attr-defined]
        return ""
    return proxies.get(scheme) or proxies.get("all") or ""


def _credentials(proxy: SplitResult) -> dict[str, str]:
    """Return the header with the user and the password that a proxy's address holds."""
    if not proxy.username:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {b64encode(pair).decode()}"}


def tls() -> Any:
    """Return what is believed and shown of certificates: OpenTelemetry's own variables say it."""
    import ssl  # noqa: PLC0415 - only with https

    authority = os.environ.get(_AUTHORITY) or None
    shown, key = os.environ.get(_SHOWN) or None, os.environ.get(_SHOWN_KEY) or None
    try:
        context = ssl.create_default_context(cafile=authority)
        if shown:
            context.load_cert_chain(shown, key, password="")  # without one OpenSSL asks the terminal
    except (OSError, ValueError) as error:
        named = {_AUTHORITY: authority, _SHOWN: shown, _SHOWN_KEY: key}
        files = ", ".join(f"{name}={path}" for name, path in named.items() if path)
        raise OSError(f"{files} cannot be used: {error}") from error
    if not context.cert_store_stats()["x509_ca"]:  # a Python without the system's certificates
        with suppress(ImportError):
            import certifi  # noqa: PLC0415

            context.load_verify_locations(certifi.where())
    return context
