"""By which names the dashboard may be asked, and which pages may open the WebSocket of its screens."""

import logging
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from kansoku_dashboard import settings

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
OWN = LOOPBACK | {"testserver"}
FOREIGN = (
    "Without a password this dashboard answers only to localhost, 127.0.0.1 and [::1]."
    " To open it by another name, also through a proxy, set KANSOKU_DASHBOARD_PASSWORD or a login by name."
)
log = logging.getLogger("kansoku")


class OwnNames:
    """ASGI middleware for a dashboard without a login: refuse a foreign name that resolves to loopback."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on when it asks for this machine by a name of its own."""
        if scope["type"] == "lifespan" or _hostname(HTTPConnection(scope).headers.get("host", "")) in OWN:
            await self.app(scope, receive, send)
        else:
            await PlainTextResponse(FOREIGN, 400)(scope, receive, send)


def foreign(scope: Scope) -> bool:
    """Tell whether a page of another site asks for a WebSocket, and say in the log what to set.

    Streamlit decides in the end; of an origin that it does not know it would ask the internet for its own
    address, and the reader would only see a page that stays empty.
    """
    headers = HTTPConnection(scope).headers
    if scope["type"] == "http" and "sec-websocket-key" in headers:
        log.warning(
            "a proxy did not pass a WebSocket on, and without one every screen stays empty: let it speak"
            " HTTP/1.1 to the dashboard, with the headers Upgrade and Connection of the request"
        )
    if scope["type"] != "websocket" or (origin := headers.get("origin")) is None:
        return False
    host, given = headers.get("host", ""), settings.current().dashboard_url
    try:
        found = urlsplit(origin)
        known = found.netloc == host or found.hostname in LOOPBACK | {urlsplit(given).hostname}
    except ValueError:
        known = False
    if not known:
        log.warning(
            "a page of %.200s was refused: it asked for %.200s. If it is this dashboard behind a proxy, set"
            " KANSOKU_DASHBOARD_URL to the address that readers use, or let the proxy pass Host on",
            origin,
            host,
        )
    return not known


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
