"""POST of a person's decision, as a small JSON object that is written to the store before it is answered."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kansoku_collector.decode.json import whole_text
from kansoku_collector.errors import PayloadError, StoreError
from kansoku_collector.receive.access import authorise
from kansoku_collector.receive.answer import RETRY_SECONDS, Refusal
from kansoku_collector.receive.api import Clients
from kansoku_collector.receive.body import read_body
from kansoku_collector.receive.receiver import Receiver, as_refusal

MAX_BODY_BYTES = 16_384

# What a body asks to be written: called with a client and the project of the key.
Write = Callable[[Client, str], None]


def decision_route(path: str, receiver: Receiver, clients: Clients, read: Callable[[bytes], Write]) -> Route:
    """Return the route; `read` turns a body into what is written, or raises PayloadError.

    It asks for the scope `ingest`: keys that only read decide nothing, and those that only give feedback may
    stand in a web page.
    """

    async def post(request: Request) -> Response:
        try:
            grant = authorise(request, receiver.keys, "ingest", insecure=receiver.insecure)
            write = read(await read_body(request, MAX_BODY_BYTES))
            await clients.aside(clients.run, lambda client: write(client, grant.project))
        except (PayloadError, Refusal) as error:
            refusal = as_refusal(error)
            return JSONResponse({"error": refusal.message}, refusal.status)
        except (ClickHouseError, StoreError) as error:
            headers = {"retry-after": str(RETRY_SECONDS)}
            return JSONResponse({"error": f"ClickHouse cannot answer now: {error}"}, 503, headers=headers)
        return JSONResponse({"accepted": 1}, 202)

    return Route(path, post, methods=["POST"])


def read_object(body: bytes, longest: Mapping[str, int]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the object of a body, and its texts of at most so many characters each; raise PayloadError."""
    try:
        item: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"the body is not JSON: {error}") from error
    if not isinstance(item, dict):
        raise PayloadError("the body must be a JSON object")
    texts = {name: item.get(name, "") for name in longest}
    for name, value in texts.items():
        if not isinstance(value, str) or len(value) > longest[name]:
            raise PayloadError(f"{name} must be text of at most {longest[name]} characters")
    return item, {name: whole_text(value) for name, value in texts.items()}
