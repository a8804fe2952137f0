"""POST /v1/incidents/actions: acknowledge, silence or release an incident, as JSON."""

from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client
from starlette.routing import Route

from kansoku_collector.errors import PayloadError
from kansoku_collector.receive.answer import Refusal
from kansoku_collector.receive.api import Clients
from kansoku_collector.receive.decisions import Write, decision_route, read_object
from kansoku_collector.receive.receiver import Receiver
from kansoku_collector.store.incidents import save_action
from kansoku_collector.store.read.incidents import Action, find_incident

LONGEST_SILENCE = timedelta(days=31)
_ACTIONS = ("acknowledge", "silence", "release")
_LONGEST = {"incident_id": 64, "person": 320, "note": 2000}


def incident_actions_route(receiver: Receiver, clients: Clients) -> Route:
    """Return the route of /v1/incidents/actions."""

    def read(body: bytes) -> Write:
        action = read_action(body, datetime.now(UTC))

        def write(client: Client, project: str) -> None:
            # Ids follow from rule and minute: silence for what has not begun yet could be laid in store.
            if not find_incident(client, project, action.incident_id, whole=True):
                raise Refusal(404, f"the project {project} has no such incident", "unknown_incident")
            save_action(client, project, action)

        return write

    return decision_route("/v1/incidents/actions", receiver, clients, read)


def read_action(body: bytes, now: datetime) -> Action:
    """Return the action of a body; raise PayloadError. A silence has `minutes`, counted from `now`."""
    item, given = read_object(body, _LONGEST)
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
