"""Keep web pages out: only this machine's own names may be asked for."""

import ipaddress
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from kansoku_collector.store.gateway_errors import QueryError
from kansoku_collector.store.gateway_reply import Reply

Message = MutableMapping[str, Any]
Receive = Callable[[], Any]
Send = Callable[[Message], Any]


class LoopbackOnly:
    """Refuse requests that a web page in a browser could have been tricked into: a foreign Host or Origin."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass the request on when its Host and Origin are this machine's."""
        if scope["type"] == "http":
            headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
            origin = headers.get(b"origin")
            if not is_loopback(f"//{headers.get(b'host', '')}") or (origin and not is_loopback(origin)):
                error = QueryError(
                    516, "The gateway answers to loopback host names only", "AUTHENTICATION_FAILED"
                )
                await Reply(send, "").fail(error)
                return
        await self._app(scope, receive, send)


def is_loopback(url: str) -> bool:
    """Tell whether a URL's host is this machine, by name or address."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
