"""OTLP over HTTP: POST /v1/traces, /v1/logs and /v1/metrics, protobuf or JSON."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kansoku_collector.receive.answer import JSON, PROTOBUF, Refusal, refuse, success
from kansoku_collector.receive.body import read_body
from kansoku_collector.receive.receiver import SIGNALS, Receiver, as_refusal

__all__ = ["Receiver", "as_refusal", "otlp_routes"]


def otlp_routes(receiver: Receiver) -> list[Route]:
    """Return the routes of the three signals."""
    return [Route(f"/v1/{signal}", _endpoint(receiver, signal), methods=["POST"]) for signal in SIGNALS]


def _endpoint(receiver: Receiver, signal: str) -> Callable[[Request], Awaitable[Response]]:
    async def export(request: Request) -> Response:
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            answer = await _export(request, receiver, signal, content_type)
        except Exception as error:  # noqa: BLE001 - a border: every request has an answer that exporters know
            answer = refuse(receiver.refusal(error, signal), content_type)
        receiver.metrics.requests.labels(signal, str(answer.status_code)).inc()
        return answer

    return export


async def _export(request: Request, receiver: Receiver, signal: str, content_type: str) -> Response:
    grant = receiver.admit(request.headers.get, "ingest")
    if content_type not in {PROTOBUF, JSON}:
        raise Refusal(
            415,
            f"content-type {content_type[:80]!r} is not supported; send {PROTOBUF} or {JSON}",
            "content_type",
        )
    limits = receiver.limits
    with receiver.room.hold() as take:
        wire = await read_body(request, limits.max_body_bytes, seconds=limits.request_seconds, take=take)
        encoding = request.headers.get("content-encoding", "")
        rejected = await receiver.accept(signal, grant, wire, content_type, encoding)
    return success(signal, content_type, rejected)
