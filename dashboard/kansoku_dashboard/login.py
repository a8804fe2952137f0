"""The door: nothing of the dashboard answers without a login, by password or by name (OIDC)."""

import hashlib
import hmac
import time
from collections import deque
from functools import cache
from html import escape
from secrets import token_hex
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.user_info import generate_login_redirect_url

from kansoku_dashboard import oidc, settings
from kansoku_dashboard.origin import foreign
from kansoku_dashboard.words import LANGUAGES, tell

COOKIE = "kansoku_login"
ENTRY = "/login"
WANTED = "kansoku_next"  # where one wanted to go before the provider's page took over
EXIT = "/logout"
DAYS = 14
TRIES = (
    10  # wrong passwords a minute, from everybody together: one person mistypes less, a guesser needs more
)
LONGEST = 16 << 10  # bytes of the form: whoever is not logged in yet leaves nothing on our disk
# Of these the provider's answer is one: they must answer those who are not logged in yet.
OPEN = {ENTRY, EXIT}
OPEN_OIDC = {oidc.BEGIN, oidc.END, oidc.RETURN}
PROBLEMS = {"away", "failed", "refused"}  # what became of a login by name

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
        if scope["type"] == "lifespan" or (path := _path(scope)) in OPEN:
            await self.app(scope, receive, send)
        elif path in OPEN_OIDC and settings.current().oidc and scope["type"] == "http":
            await (await self._by_name(path, scope, receive))(scope, receive, send)
        elif passed(cookies := HTTPConnection(scope).cookies) and not foreign(scope):
            if WANTED in cookies and scope["type"] == "http" and path == "/":
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
        return _to_form(_path(scope) + (f"?{query}" if query else ""))

    async def _by_name(self, path: str, scope: Scope, receive: Receive) -> Response:
        """Answer what belongs to a login by name; one that fails leads to the form, which says so."""
        request = Request(scope)
        wanted = _local(unquote(request.cookies.get(WANTED, "/")))
        if path == oidc.END:
            oidc.end(request.cookies)
        elif path == oidc.BEGIN:
            return await oidc.begin(self.app, scope, receive) or _to_form(wanted, "away")
        elif path == oidc.RETURN:
            problem = "refused" if "error" in request.query_params else "failed"
            return await oidc.finish(self.app, scope, receive) or _to_form(wanted, problem)
        return await oidc.answer(self.app, scope, receive)


async def login(request: Request) -> Response:
    """Show the form; on POST check the password and hand out the cookie, or go to the provider of logins."""
    if request.method == "GET":
        problem = request.query_params.get("problem", "")
        return _form(request, f"login.{problem}" if problem in PROBLEMS else "")
    target = _local(request.query_params.get("next", "/"))
    if settings.current().oidc:
        if request.headers.get("origin", own := _origin()) not in (own, "null"):
            # Opened by another name: what is noted there would be missing where the provider leads back to.
            return RedirectResponse(
                f"{settings.current().dashboard_url}{ENTRY}?{urlencode({'next': target})}", 303
            )
        answer = RedirectResponse(generate_login_redirect_url("default"), 303)
        _give(answer, request, WANTED, quote(target), 600)
        return answer
    given = await _given(request)
    # Counted once the form is here: of a hundred that are sent byte by byte, all would have been let in.
    now = time.monotonic()
    if len(_wrong) == TRIES and now - _wrong[0] < 60:
        return _form(request, "login.too_many", 429)
    if not hmac.compare_digest(given.encode(), _password().encode()):
        _wrong.append(now)
        return _form(request, "login.wrong", 401)
    answer = RedirectResponse(_base() + target, 303)
    _give(answer, request, COOKIE, token(), DAYS * 86400)
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
    answer = RedirectResponse(_base() + (oidc.END if settings.current().oidc else ENTRY), 303)
    answer.delete_cookie(COOKIE, path=_base() or "/", httponly=True, samesite="lax")
    return answer


def routes() -> list[Route]:
    """Return the routes of the form and of the way out, under the path that the dashboard has."""
    return [
        Route(_base() + ENTRY, login, methods=["GET", "POST"], name="login"),
        Route(_base() + EXIT, logout, methods=["GET"], name="logout"),
    ]


def known(cookies: dict[str, str]) -> bool:
    """Tell whether there was a login, good or not any more."""
    return COOKIE in cookies or oidc.known(cookies)


def passed(cookies: dict[str, str]) -> bool:
    """Tell whether these cookies open the door; with neither password nor provider it stands open."""
    if settings.current().oidc:
        return bool(oidc.claims(cookies).get("is_logged_in"))
    if not _password():
        return True
    if cookies.get(COOKIE) in _ended:
        return False
    said, _, signature = cookies.get(COOKIE, "").rpartition(".")
    right = hmac.compare_digest(signature.encode(), _sign(said).encode())
    until = said.partition(".")[0]
    # One that lasts longer was handed out while the clock was wrong; a day for one that was a little.
    return right and until.isdigit() and 0 < int(until) - time.time() <= (DAYS + 1) * 86400


def token() -> str:
    """Make a cookie value that is valid for two weeks, or until the password changes."""
    # Two who come in the same second have each a login of their own, that each can end.
    said = f"{int(time.time()) + DAYS * 86400}.{token_hex(8)}"
    return f"{said}.{_sign(said)}"


def _path(scope: Scope) -> str:
    """Return the path of a request beneath that of the dashboard."""
    return str(scope["path"]).removeprefix(_base()) or "/"


def _base() -> str:
    return settings.current().base


def _origin() -> str:
    return settings.current().dashboard_url.removesuffix(_base())


def _to_form(target: str, problem: str = "") -> Response:
    # A path and no more: the name that the reader came by is known to the reader's browser alone.
    query = {"next": target} | ({"problem": problem} if problem else {})
    return RedirectResponse(f"{_base()}{ENTRY}?{urlencode(query)}", 303)


def _lead(target: str) -> Response:
    answer = RedirectResponse(_base() + _local(target), 303)
    answer.delete_cookie(WANTED, path=_base() or "/", httponly=True, samesite="lax")
    return answer


def _give(answer: Response, request: Request, cookie: str, value: str, seconds: int) -> None:
    answer.set_cookie(
        cookie,
        value,
        max_age=seconds,
        path=_base() or "/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def _sign(said: str) -> str:
    return hmac.new(_key(_password()), said.encode(), hashlib.sha256).hexdigest()


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
