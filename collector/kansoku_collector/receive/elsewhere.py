"""What is asked for at an address where nothing is: an exporter's log then says which one is right."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from kansoku_collector.metrics import Metrics

Handler = Callable[[Request, Exception], Awaitable[Response]]
_SIGNALS = "/v1/traces, /v1/logs and /v1/metrics"
_PLACES = f"OTLP over HTTP is at {_SIGNALS}, feedback at /v1/feedback, gRPC on a port of its own"


def not_found(metrics: Metrics) -> dict[Any, Handler]:
    """Return the handler of 404 for the application; what was posted and lost that way is counted."""

    async def answer(request: Request, _: Exception) -> Response:
        if request.method == "POST":
            metrics.dropped.labels("request", "wrong_path").inc()
        message = f"nothing is at {request.url.path[:80]!r}; {_PLACES}"
        return JSONResponse({"code": 5, "message": message}, 404)

    return {404: answer}
