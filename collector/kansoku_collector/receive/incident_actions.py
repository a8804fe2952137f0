"""POST /v1/incidents/actions: acknowledge, silence or release an incident, as JSON."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
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
from kansoku_collector.store.incidents import save_action
from kansoku_collector.store.read.incidents import Action

MAX_BODY_BYTES = 16_384
LONGEST_SILENCE = timedelta(days=31)
_ACTIONS = ("acknowledge", "silence", "release")
_LONGEST = {"incident_id": 64, "person": 320, "note": 2000}


def incident_actions_route(receiver: Receiver, clients: Clients) -> Route:
    """Return the route; it asks for the scope `ingest`: keys that only read decide nothing."""

    async def post(request: Request) -> Response:
        try:
            grant = authorise(request, receiver.keys, "ingest", insecure=receiver.insecure)
            action = read_action(await read_body(request, MAX_BODY_BYTES), datetime.now(UTC))
            await asyncio.to_thread(clients.run, lambda client: save_action(client, grant.project, action))
        except (PayloadError, Refusal) as error:
            refusal = as_refusal(error)
            return JSONResponse({"error": refusal.message}, refusal.status)
        except (ClickHouseError, StoreError) as error:
            headers = {"retry-after": str(RETRY_SECONDS)}
            return JSONResponse({"error": f"ClickHouse cannot answer now: {error}"}, 503, headers=headers)
        return JSONResponse({"accepted": 1}, 202)

    return Route("/v1/incidents/actions", post, methods=["POST"])


def read_action(body: bytes, now: datetime) -> Action:
    """Return the action of a body; raise PayloadError. A silence has `minutes`, counted from `now`."""
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
    if not given["incident_id"]:
        raise PayloadError("incident_id is missing")
    action = item.get("action")
    if action not in _ACTIONS:
        raise PayloadError(f"action must be one of {', '.join(_ACTIONS)}")
    until = _until(item.get("minutes"), now) if action == "silence" else None
    return Action(given["incident_id"], action, given["person"], until, given["note"])


def _until(minutes: Any, now: datetime) -> datetime:
    most = LONGEST_SILENCE / timedelta(minutes=1)
    if isinstance(minutes, bool) or not isinstance(minutes, int | float) or not 0 < minutes <= most:
        raise PayloadError(f"minutes must be a number from 1 to {most:.0f}")
    return now + timedelta(minutes=minutes)
