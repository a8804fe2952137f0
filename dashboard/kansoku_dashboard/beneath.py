"""The path that the dashboard is under, whether a proxy in front passes it on or takes it off."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Beneath:
    """ASGI middleware that gives each request the path that readers see: /kansoku/traces, not /traces."""

    def __init__(self, app: ASGIApp, base: str) -> None:
        self.app, self.base = app, base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with the path in front where it lacks."""
        if scope["type"] != "lifespan" and not f"{scope['path']}/".startswith(f"{self.base}/"):
            path = self.base + scope["path"]
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await self.app(scope, receive, send)
