"""POST /v1/views: keep or forget a named filter of a screen, as JSON."""

from starlette.routing import Route

from kansoku_collector.errors import PayloadError
from kansoku_collector.receive.api import Clients
from kansoku_collector.receive.decisions import Write, decision_route, read_object
from kansoku_collector.receive.receiver import Receiver
from kansoku_collector.store.saved_views import SavedView, save_view

_LONGEST = {"screen": 40, "owner": 320, "name": 80, "query": 4000}


def views_route(receiver: Receiver, clients: Clients) -> Route:
    """Return the route of /v1/views."""

    def read(body: bytes) -> Write:
        view, deleted = read_view(body)
        return lambda client, project: save_view(client, project, view, deleted=deleted)

    return decision_route("/v1/views", receiver, clients, read)


def read_view(body: bytes) -> tuple[SavedView, bool]:
    """Return the view of a body, and whether it is to be forgotten; raise PayloadError."""
    item, given = read_object(body, _LONGEST)
    given["name"] = " ".join(given["name"].split())
    for name in ("screen", "name"):
        if not given[name]:
            raise PayloadError(f"{name} is missing")
    if not isinstance(item.get("deleted", False), bool):
        raise PayloadError("deleted must be true or false")
    return SavedView(**given), bool(item.get("deleted"))
