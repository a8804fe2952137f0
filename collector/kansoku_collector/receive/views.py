"""POST /v1/views: keep or forget a named filter of a screen, as JSON."""

import asyncio
import json
from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kansoku_collector.errors import PayloadError, StoreError
from kansoku_collector.receive.access import authorise
from kansoku_collector.receive.answer import RETRY_SECONDS, Refusal
from kansoku_collector.receive.api import Clients
from kansoku_collector.receive.body import read_body
from kansoku_collector.receive.receiver import Receiver, as_refusal
from kansoku_collector.store.saved_views import SavedView, save_view

MAX_BODY_BYTES = 16_384
_LONGEST = {"screen": 40, "owner": 320, "name": 80, "query": 4000}


def views_route(receiver: Receiver, clients: Clients) -> Route:
    """Return the route of /v1/views.

    It asks for the scope `ingest`: keys that only give feedback may stand in a web page.
    """

    async def post(request: Request) -> Response:
        try:
            grant = authorise(request, receiver.keys, "ingest", insecure=receiver.insecure)
            view, deleted = read_view(await read_body(request, MAX_BODY_BYTES))
            await asyncio.to_thread(
                clients.run, lambda client: save_view(client, grant.project, view, deleted=deleted)
            )
        except (PayloadError, Refusal) as error:
            refusal = as_refusal(error)
            return JSONResponse({"error": refusal.message}, refusal.status)
        except (ClickHouseError, StoreError) as error:
            headers = {"retry-after": str(RETRY_SECONDS)}
            return JSONResponse({"error": f"ClickHouse cannot answer now: {error}"}, 503, headers=headers)
        return JSONResponse({"accepted": 1}, 202)

    return Route("/v1/views", post, methods=["POST"])


def read_view(body: bytes) -> tuple[SavedView, bool]:
    """Return the view of a body, and whether it is to be forgotten; raise PayloadError."""
    try:
        item: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"the body is not JSON: {error}") from error
    if not isinstance(item, dict):
        raise PayloadError("the body must be a JSON object")
    given = {name: item.get(name, "") for name in _LONGEST}
    for name, value in given.items():
        if not isinstance(value, str) or len(value) > _LONGEST[name]:
            raise PayloadError(f"{name} must be text of at most {_LONGEST[name]} characters")
    given["name"] = " ".join(given["name"].split())
    for name in ("screen", "name"):
        if not given[name]:
            raise PayloadError(f"{name} is missing")
    if not isinstance(item.get("deleted", False), bool):
        raise PayloadError("deleted must be true or false")
    return SavedView(**given), bool(item.get("deleted"))
