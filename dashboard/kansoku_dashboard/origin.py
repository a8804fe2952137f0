"""Which pages may open the WebSocket that the screens travel over."""

import logging
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.types import Scope

from kansoku_dashboard import settings

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
log = logging.getLogger("kansoku")


def foreign(scope: Scope) -> bool:
    """Tell whether a page of another site asks for a WebSocket, and say in the log what to set.

    Streamlit decides in the end; of an origin that it does not know it would ask the internet for its own
    address, and the reader would only see a page that stays empty.
    """
    headers = HTTPConnection(scope).headers
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
