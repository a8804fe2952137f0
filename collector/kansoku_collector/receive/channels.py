"""GET /v1/alerts/channels: where alerts go; POST /v1/alerts/test: a test message to one of them, at once."""

import asyncio
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kansoku_collector.errors import PayloadError, RulesError
from kansoku_collector.receive.access import authorise
from kansoku_collector.receive.answer import Refusal
from kansoku_collector.receive.body import read_body
from kansoku_collector.receive.decisions import MAX_BODY_BYTES, read_object
from kansoku_collector.receive.receiver import Receiver, as_refusal


class Trial(Protocol):
    """What knows the channels; neither answer holds an address or a secret."""

    def listed(self) -> list[dict[str, str]]:
        """Return name, type and host of each channel."""

    def send(self, name: str) -> dict[str, Any] | None:
        """Try a channel once; return how it went, None where there is no such channel."""


def channel_routes(receiver: Receiver, trial: Trial) -> list[Route]:
    """Return both routes; they ask for the scope `admin`: a test rings somebody's telephone."""

    async def channels(request: Request) -> Response:
        try:
            authorise(request, receiver.keys, "admin", insecure=receiver.insecure)
            return JSONResponse({"channels": await asyncio.to_thread(trial.listed)})
        except Refusal as refusal:
            return JSONResponse({"error": refusal.message}, refusal.status)
        except RulesError as error:
            return JSONResponse({"error": str(error)}, 409)

    async def test(request: Request) -> Response:
        try:
            authorise(request, receiver.keys, "admin", insecure=receiver.insecure)
            _, given = read_object(await read_body(request, MAX_BODY_BYTES), {"channel": 200})
            told = await asyncio.to_thread(trial.send, given["channel"])
        except (PayloadError, Refusal) as error:
            refusal = as_refusal(error)
            return JSONResponse({"error": refusal.message}, refusal.status)
        except RulesError as error:
            return JSONResponse({"error": str(error)}, 409)
        if told is None:
            return JSONResponse({"error": "the rules file has no such channel"}, 404)
        return JSONResponse(told)

    return [
        Route("/v1/alerts/channels", channels, methods=["GET"]),
        Route("/v1/alerts/test", test, methods=["POST"]),
    ]
