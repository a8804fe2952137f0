"""What every answer of the dashboard tells a browser: no other site may show it in a frame."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Streamlit would take orders from any page of its own cloud that has the dashboard in a frame, and on
# loopback the dashboard asks for no password: such a page could lead its reader's clicks.
HEADERS = {
    "content-security-policy": "frame-ancestors 'self'",
    "x-frame-options": "SAMEORIGIN",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # an address may name a user or a session
}


class Unframed:
    """ASGI middleware that adds these headers to each answer over HTTP, and with `secure` marks its cookies.

    Streamlit marks its own for TLS only where it speaks TLS itself, and a proxy does that here.
    """

    def __init__(self, app: ASGIApp, *, secure: bool = False) -> None:
        self.app, self.secure = app, secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; a WebSocket has no answer that a browser would show."""

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    found.setdefault(name, value)
                if self.secure:
                    message["headers"] = [_secured(pair) for pair in found.raw]
            await send(message)

        await self.app(scope, receive, tell if scope["type"] == "http" else send)


def _secured(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    name, value = header
    marked = name != b"set-cookie" or b"; secure" in value.lower()
    return header if marked else (name, value + b"; Secure")
