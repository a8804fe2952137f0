"""One span a request of an ASGI app (FastAPI, Starlette, Litestar, Django), and the caller's trace goes on.

app = kansoku.Middleware(app)          # or app.add_middleware(kansoku.Middleware) in FastAPI and Starlette
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from kansoku import semconv
from kansoku.propagation import continue_trace
from kansoku.trace import Span

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_FAILED = 500


class Middleware:
    """An ASGI app around another one; `skip` are paths without a span, such as health checks.

    The span has method, route and status; neither bodies nor query strings nor headers. It ends with the last
    byte of the answer, so a streamed answer is inside of it.
    """

    def __init__(
        self, app: Callable[[Scope, Receive, Send], Awaitable[None]], *, skip: Iterable[str] = ()
    ) -> None:
        self._app = app
        self._skip = frozenset(skip)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope.get("type") != "http" or scope.get("path") in self._skip:
            await self._app(scope, receive, send)
            return
        method = str(scope.get("method", ""))
        with continue_trace(scope.get("headers") or ()):
            async with Span(method, "chain") as span:
                span.set(semconv.HTTP_METHOD, method)
                await self._app(scope, receive, _watch(send, span, scope))


def _watch(send: Send, span: Span, scope: Scope) -> Send:
    async def watched(message: MutableMapping[str, Any]) -> None:
        if message.get("type") == "http.response.start":
            status = int(message.get("status", 0))
            span.set(semconv.HTTP_STATUS, status)
            # Known only after routing: /chat/{id} instead of /chat/17.
            if route := getattr(scope.get("route"), "path", ""):
                span.set(semconv.HTTP_ROUTE, route)
                span.rename(f"{scope.get('method', '')} {route}")
            if status >= _FAILED:
                span.set(semconv.ERROR_TYPE, str(status))
        await send(message)

    return watched
