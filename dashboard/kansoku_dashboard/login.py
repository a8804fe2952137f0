"""The door: with a password set, nothing of the dashboard answers without a signed cookie."""

import hashlib
import hmac
import time
from collections import deque
from functools import cache
from html import escape
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from kansoku_dashboard import settings
from kansoku_dashboard.words import LANGUAGES, tell

COOKIE = "kansoku_login"
DAYS = 14
TRIES = (
    10  # wrong passwords a minute, from everybody together: one person mistypes less, a guesser needs more
)

_wrong: deque[float] = deque(maxlen=TRIES)

PAGE = """<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>:root{{color-scheme:light dark;
font:15px/1.5 Inter,system-ui,'Noto Sans JP','Hiragino Sans',sans-serif}}
body{{display:grid;place-content:center;min-height:90vh;margin:0}}form{{display:grid;gap:.8rem;width:18rem}}
h1{{font-size:1.2rem;margin:0}}
input,button{{font:inherit;padding:.5rem .7rem;border-radius:6px;border:1px solid #8590a2}}
button{{background:#3f63cc;color:#fff;border:0;cursor:pointer}}p{{margin:0;color:light-dark(#a82840,#f58a9a)}}</style>
<form method="post"><h1>{title}</h1><label for="password">{label}</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<p role="alert">{message}</p><button>{button}</button></form></html>"""


class Door:
    """ASGI middleware: let requests with a valid cookie through, send the others to `/login`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard HTTP and WebSocket alike; a WebSocket without a cookie is closed before it opens."""
        if scope["type"] == "lifespan" or scope["path"] == "/login" or passed(HTTPConnection(scope).cookies):
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
    """Show the form; on POST check the password and hand out the cookie."""
    if request.method == "GET":
        return _form(request, "")
    now = time.monotonic()
    if len(_wrong) == TRIES and now - _wrong[0] < 60:
        return _form(request, "login.too_many", 429)
    given = str((await request.form()).get("password", ""))
    if not hmac.compare_digest(given.encode(), _password().encode()):
        _wrong.append(now)
        return _form(request, "login.wrong", 401)
    answer = RedirectResponse(_local(request.query_params.get("next", "/")), 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, token(), max_age=DAYS * 86400, httponly=True, samesite="lax", secure=secure)
    return answer


ROUTE = Route("/login", login, methods=["GET", "POST"], name="login")


def passed(cookies: dict[str, str]) -> bool:
    """Tell whether these cookies open the door; without a password it stands open."""
    if not _password():
        return True
    until, _, signature = cookies.get(COOKIE, "").partition(".")
    right = hmac.compare_digest(signature.encode(), _sign(until).encode())
    return right and until.isdigit() and int(until) > time.time()


def token() -> str:
    """Make a cookie value that is valid for two weeks, or until the password changes."""
    until = str(int(time.time()) + DAYS * 86400)
    return f"{until}.{_sign(until)}"


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
    places = {"title": "login.title", "label": "login.password", "button": "login.enter"}
    texts = {place: escape(tell(tongue, key)) for place, key in places.items()}
    message = escape(tell(tongue, problem)) if problem else ""
    headers = {"Retry-After": "60"} if status == 429 else None
    return HTMLResponse(PAGE.format(lang=tongue, message=message, **texts), status, headers)
