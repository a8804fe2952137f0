"""Ways from a client to the vendor: over a socket in real time, or by a call in simulated time."""

from collections.abc import Iterator

import httpx2

from kansoku_demo.vendor.wire import END, FIRST_CHUNK, RETRY_COUNT, Vendor

# A reserved name: what a client is configured with. It is no address of this machine, as no vendor's is.
BASE_URL = "http://vendor.example/v1"
# Where the city's own machine with a small model listens, in simulated time.
JUDGE_URL = "http://127.0.0.1:8000/v1"


# What a program's own steps take: two things never happen at the same time.
_STEP_SECONDS = 0.0003


class Clock:
    """A time that stands nearly still until it is moved; `now` is seconds since the epoch."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> int:
        """Return the time in nanoseconds, as `kansoku.spans.clock.use` wants it."""
        self.now += _STEP_SECONDS
        return int(self.now * 1e9)


class Redirect(httpx2.BaseTransport):
    """Send what is meant for the vendor to the local server at `url`."""

    def __init__(self, url: str) -> None:
        self._server = httpx2.URL(url)
        self._inner = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Pass the request on; path, headers and body stay as they are."""
        request.url = request.url.copy_with(host=self._server.host, port=self._server.port)
        return self._inner.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


class Simulation(httpx2.BaseTransport):
    """Let the vendor answer at once, and move the clock by the time that it says it would have taken."""

    def __init__(self, vendor: Vendor, clock: Clock) -> None:
        self._vendor = vendor
        self._clock = clock

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer; the clock moves while the body is read, chunk by chunk."""
        retry = int(request.headers.get(RETRY_COUNT) or 0)
        reply = self._vendor.reply(request.url.path, request.read(), self._clock.now, retry)
        headers = httpx2.Headers(reply.all_headers)
        return httpx2.Response(
            reply.status, headers=headers, stream=_Body(reply.chunks, headers, self._clock)
        )


class _Body(httpx2.SyncByteStream):
    def __init__(self, chunks: list[bytes], headers: httpx2.Headers, clock: Clock) -> None:
        self._chunks = chunks
        self._clock = clock
        self._first = float(headers[FIRST_CHUNK])
        self._rest = (float(headers[END]) - self._first) / max(1, len(chunks) - 1)

    def __iter__(self) -> Iterator[bytes]:
        for index, chunk in enumerate(self._chunks):
            self._clock.now += self._rest if index else self._first
            yield chunk
