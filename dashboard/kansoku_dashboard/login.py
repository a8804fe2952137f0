"""The door: nothing of the dashboard answers without a login, by password or by name (OIDC)."""

import hashlib
import hmac
import json
import time
from collections import deque
from functools import cache
from html import escape
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.auth_util import get_cookie_with_chunks
from streamlit.user_info import generate_login_redirect_url
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from kansoku_dashboard import settings
from kansoku_dashboard.words import LANGUAGES, tell

COOKIE = "kansoku_login"
WANTED = "kansoku_next"  # where one wanted to go before the provider's page took over
EXIT = "/logout"
DAYS = 14
TRIES = (
    10  # wrong passwords a minute, from everybody together: one person mistypes less, a guesser needs more
)
LONGEST = 16 << 10  # bytes of the form: whoever is not logged in yet leaves nothing on our disk
# Of these the provider's answer is one: they must answer those who are not logged in yet.
OPEN = {"/login", EXIT}
OPEN_OIDC = {"/auth/login", "/auth/logout", "/oauth2callback"}

_wrong: deque[float] = deque(maxlen=TRIES)
_ended: dict[str, int] = {}  # cookies of logins that were ended, and when they would have been anyway

PAGE = """<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>:root{{color-scheme:light dark;
font:15px/1.5 Inter,system-ui,'Noto Sans JP','Hiragino Sans',sans-serif}}
body{{display:grid;place-content:center;min-height:90vh;margin:0}}form{{display:grid;gap:.8rem;width:18rem}}
h1{{font-size:1.2rem;margin:0}}
input,button{{font:inherit;padding:.5rem .7rem;border-radius:6px;border:1px solid #8590a2}}
button{{background:#3f63cc;color:#fff;border:0;cursor:pointer}}p{{margin:0;color:light-dark(#a82840,#f58a9a)}}</style>
<form method="post"><h1>{title}</h1>{field}
<p role="alert">{message}</p><button>{button}</button></form></html>"""
FIELD = """<label for="password">{label}</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>"""


class Door:
    """ASGI middleware: let requests with a valid cookie through, send the others to `/login`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard HTTP and WebSocket alike; a WebSocket without a cookie is closed before it opens."""
        if scope["type"] == "lifespan" or scope["path"] in _open():
            await self.app(scope, receive, send)
        elif passed(cookies := HTTPConnection(scope).cookies):
            if WANTED in cookies and scope["type"] == "http" and scope["path"] == "/":
                await _lead(unquote(cookies[WANTED]))(scope, receive, send)
            else:
                await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "login needed"})
        else:
            await self._refuse(scope)(scope, receive, send)

    def _refuse(self, scope: Scope) -> Response:
        wants_page = "text/html" in HTTPConnection(scope).headers.get("accept", "")
        if scope["method"] != "GET" or not wants_page:
            return Response("Login needed.", status_code=401)
        query = scope["query_string"].decode("latin-1")
        target = scope["path"] + (f"?{query}" if query else "")
        return RedirectResponse(HTTPConnection(scope).url_for("login").include_query_params(next=target), 303)


async def login(request: Request) -> Response:
    """Show the form; on POST check the password and hand out the cookie, or go to the provider of logins."""
    if request.method == "GET":
        return _form(request, "")
    target = _local(request.query_params.get("next", "/"))
    if settings.current().oidc:
        answer = RedirectResponse(generate_login_redirect_url("default"), 303)
        answer.set_cookie(
            WANTED, quote(target), max_age=600, httponly=True, samesite="lax", secure=_secure(request)
        )
        return answer
    given = await _given(request)
    # Counted once the form is here: of a hundred that are sent byte by byte, all would have been let in.
    now = time.monotonic()
    if len(_wrong) == TRIES and now - _wrong[0] < 60:
        return _form(request, "login.too_many", 429)
    if not hmac.compare_digest(given.encode(), _password().encode()):
        _wrong.append(now)
        return _form(request, "login.wrong", 401)
    answer = RedirectResponse(target, 303)
    answer.set_cookie(
        COOKIE, token(), max_age=DAYS * 86400, httponly=True, samesite="lax", secure=_secure(request)
    )
    return answer


async def _given(request: Request) -> str:
    """Return the password of a form that is posted; nothing of one that is longer than any is kept."""
    body = b""
    async for chunk in request.stream():
        if len(body := body + chunk) > LONGEST:
            return ""
    return parse_qs(body.decode("latin-1"), keep_blank_values=True).get("password", [""])[0]


async def logout(request: Request) -> Response:
    """End the login, also in other tabs, and lead to the form, or to where Streamlit ends one by name."""
    cookie = request.cookies.get(COOKIE, "")
    if _password() and not settings.current().oidc and passed({COOKIE: cookie}):
        now = time.time()
        for value in [value for value, until in _ended.items() if until < now]:
            del _ended[value]
        _ended[cookie] = int(cookie.partition(".")[0])
    answer = RedirectResponse("/auth/logout" if settings.current().oidc else request.url_for("login"), 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return answer


ROUTES = [
    Route("/login", login, methods=["GET", "POST"], name="login"),
    Route(EXIT, logout, methods=["GET"], name="logout"),
]


def passed(cookies: dict[str, str]) -> bool:
    """Tell whether these cookies open the door; with neither password nor provider it stands open."""
    if settings.current().oidc:
        return bool(_claims(cookies).get("is_logged_in"))
    if not _password():
        return True
    if cookies.get(COOKIE) in _ended:
        return False
    until, _, signature = cookies.get(COOKIE, "").partition(".")
    right = hmac.compare_digest(signature.encode(), _sign(until).encode())
    # One that lasts longer was handed out while the clock was wrong; a day for one that was a little.
    return right and until.isdigit() and 0 < int(until) - time.time() <= (DAYS + 1) * 86400


def token() -> str:
    """Make a cookie value that is valid for two weeks, or until the password changes."""
    until = str(int(time.time()) + DAYS * 86400)
    return f"{until}.{_sign(until)}"


def provider() -> dict[str, Any]:
    """Return the settings of OIDC in the form in which `st.login` takes them.

    The key of the cookies comes from the client's secret: it ends every login when it is changed, and several
    dashboards behind one address share it.
    """
    chosen = settings.current()
    secret = chosen.oidc_client_secret.get_secret_value()
    return {
        "auth": {
            "redirect_uri": f"{chosen.dashboard_url.rstrip('/')}/oauth2callback",
            "cookie_secret": hmac.new(secret.encode(), b"kansoku cookies", hashlib.sha256).hexdigest(),
            "client_id": chosen.oidc_client_id,
            "client_secret": secret,
            "server_metadata_url": chosen.oidc_metadata_url,
            "client_kwargs": {"scope": chosen.oidc_scope},
        }
    }


def _claims(cookies: dict[str, str]) -> dict[str, Any]:
    """Return what Streamlit's own cookie says of the person; nothing unless its signature is right."""
    secret = get_cookie_secret()

    def read(name: str) -> bytes | None:
        value = cookies.get(name)
        return decode_signed_value(secret, name, value.encode("latin-1", "replace")) if value else None

    try:
        found = json.loads(get_cookie_with_chunks(read, USER_COOKIE_NAME) or b"{}") if secret else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _open() -> set[str]:
    return OPEN | OPEN_OIDC if settings.current().oidc else OPEN


def _lead(target: str) -> Response:
    answer = RedirectResponse(_local(target), 303)
    answer.delete_cookie(WANTED, httponly=True, samesite="lax")
    return answer


def _secure(request: Request) -> bool:
    return request.url.scheme == "https" or settings.current().dashboard_url.startswith("https:")


def _sign(until: str) -> str:
    return hmac.new(_key(_password()), until.encode(), hashlib.sha256).hexdigest()


@cache
def _key(password: str) -> bytes:
    # Slow on purpose: a stolen cookie must not be a quick way to guess the password.
    return hashlib.scrypt(password.encode(), salt=b"kansoku dashboard", n=2**14, r=8, p=1)


def _password() -> str:
    return settings.current().dashboard_password.get_secret_value()


def _local(target: str) -> str:
    # Only a path of this server: `//elsewhere` and `https://elsewhere` are somebody's trap.
    parts = urlsplit(target.replace("\\", "/"))
    return target if target.startswith("/") and not parts.netloc and not parts.scheme else "/"


def _form(request: Request, problem: str, status: int = 200) -> Response:
    preferred = request.headers.get("accept-language", "")[:2].lower()
    tongue = settings.current().language or (preferred if preferred in LANGUAGES else "en")
    named = settings.current().oidc
    field = "" if named else FIELD.format(label=escape(tell(tongue, "login.password")))
    button = escape(tell(tongue, "login.enter_by_name" if named else "login.enter"))
    message = escape(tell(tongue, problem)) if problem else ""
    headers = {"Retry-After": "60"} if status == 429 else None
    title = escape(tell(tongue, "login.title"))
    page = PAGE.format(lang=tongue, title=title, message=message, field=field, button=button)
    return HTMLResponse(page, status, headers)
