"""Serve the dashboard: Streamlit as one ASGI application, compressed, behind the door, on one socket."""

import gc
import logging
import os
import socket
import sys
from importlib import import_module
from urllib.parse import urlsplit

import streamlit as st
import uvicorn
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route
from streamlit import config
from streamlit.auth_util import is_authlib_installed

from kansoku.errors import SettingsError
from kansoku_dashboard import canvas, login, oidc, settings
from kansoku_dashboard.access import CLOSED, NAMELESS, read_rules
from kansoku_dashboard.beneath import Beneath
from kansoku_dashboard.headers import Unframed
from kansoku_dashboard.origin import OwnNames
from kansoku_dashboard.paths import MAIN
from kansoku_dashboard.settings import DashboardSettings


def serve(chosen: DashboardSettings) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code: 1, after one sentence, if it cannot start."""
    try:
        application = build(chosen)
        listener = listen(chosen)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    # Each request carries the cookies of all that has the same domain; above 8 KiB no screen would ever open.
    os.environ.setdefault("WEBSOCKETS_MAX_LINE_LENGTH", str(64 << 10))
    with listener:
        # Streamlit would import the screens, pandas with them, while the first reader waits. It warns of
        # caches that are declared before it runs, and uses them as declared once it does.
        logging.getLogger("streamlit.runtime.caching.cache_data_api").setLevel(logging.ERROR)
        import_module("kansoku_dashboard.frame")
        # What was imported is never garbage, and to look at all of it took as long as a screen's own work.
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        server = uvicorn.Server(
            uvicorn.Config(
                application,
                log_level="warning",
                access_log=False,
                ws_max_size=64 << 20,
                ws_per_message_deflate=not chosen.loopback,
                timeout_graceful_shutdown=3,
            )
        )
        server.run(sockets=[listener])
    return 0 if server.started else 1


def build(chosen: DashboardSettings) -> st.App:
    """Return the ASGI application for these settings; refuse to be public without a login."""
    guarded = bool(chosen.dashboard_password.get_secret_value()) or chosen.oidc
    if not chosen.loopback and not guarded:
        raise SettingsError(
            f"The dashboard will not listen on {chosen.dashboard_host} without a password: "
            "set KANSOKU_DASHBOARD_PASSWORD, or KANSOKU_DASHBOARD_HOST=127.0.0.1."
        )
    if chosen.oidc:
        _check_oidc(chosen)
    settings.use(chosen)
    # Streamlit sends its bundles uncompressed; gzip cuts a first load to a third.
    middleware = [
        Middleware(Unframed, secure=chosen.dashboard_url.startswith("https:")),
        Middleware(GZipMiddleware, minimum_size=1000, compresslevel=6),
        Middleware(login.Door),
    ]
    if not guarded:
        # Without a login the loopback address is the only guard, so a foreign name must not resolve to it.
        middleware.insert(0, Middleware(OwnNames))
    if chosen.base:
        middleware.insert(0, Middleware(Beneath, base=chosen.base))
    routes = [*login.routes(), *canvas.routes(), Route(f"{chosen.base}/overview", lead_home, methods=["GET"])]
    secrets = oidc.provider() if chosen.oidc else None
    application = st.App(MAIN, middleware=middleware, routes=routes, secrets=secrets)
    # The file beside main.py holds the rest; these belong to the process.
    config.set_option("server.address", chosen.dashboard_host)
    config.set_option("server.port", chosen.dashboard_port)
    config.set_option("server.baseUrlPath", chosen.base)
    if chosen.dashboard_url:  # a proxy may ask by another name than its readers do
        config.set_option("browser.serverAddress", urlsplit(chosen.dashboard_url).hostname)
    if chosen.oidc:  # also of the cookie of a login that is under way, which another dashboard may finish
        config.set_option("server.cookieSecret", oidc.secret())
    return application


async def lead_home(request: Request) -> RedirectResponse:
    """Lead to the Overview, filters and all: Streamlit knows its first page by no name."""
    query = request.url.query
    return RedirectResponse(f"{settings.current().base}/" + (f"?{query}" if query else ""), 307)


def _check_oidc(chosen: DashboardSettings) -> None:
    """Raise SettingsError for a login by name that could not work, or would let in nobody."""
    needed = {
        "KANSOKU_DASHBOARD_URL": chosen.dashboard_url,
        "KANSOKU_OIDC_CLIENT_ID": chosen.oidc_client_id,
        "KANSOKU_OIDC_CLIENT_SECRET": chosen.oidc_client_secret.get_secret_value(),
    }
    if missing := [name for name, value in needed.items() if not value]:
        raise SettingsError(f"KANSOKU_OIDC_METADATA_URL needs {missing[0]} as well.")
    if "openid" not in chosen.oidc_scope.split():
        raise SettingsError(
            "KANSOKU_OIDC_SCOPE needs openid: without it the provider does not say who logged in."
        )
    if all(rule.claim == NAMELESS or rule.role == CLOSED for rule in read_rules(chosen.access)):
        raise SettingsError(
            "With KANSOKU_OIDC_METADATA_URL nobody has a role until KANSOKU_ACCESS gives one, "
            "such as alice@example.com=admin,*@example.com=viewer."
        )
    if not is_authlib_installed():
        raise SettingsError(
            "KANSOKU_OIDC_METADATA_URL needs the package Authlib: pip install 'path/to/kansoku[oidc]'."
        )


def listen(chosen: DashboardSettings) -> socket.socket:
    """Bind the address, so that a taken port is one sentence and not a log of the server."""
    family = socket.AF_INET6 if ":" in chosen.dashboard_host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((chosen.dashboard_host.strip("[]"), chosen.dashboard_port))
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"The dashboard cannot listen on {chosen.dashboard_host}:{chosen.dashboard_port} "
            f"({error.strerror}): "
            "stop what uses it or set KANSOKU_DASHBOARD_PORT."
        ) from error
    return listener
