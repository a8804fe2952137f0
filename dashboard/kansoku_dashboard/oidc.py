"""Login by name: what is asked of the OpenID provider, and what is kept of its answer."""

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Mapping
from secrets import token_hex
from typing import Any

import httpx2
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope
from streamlit.auth_util import get_cookie_with_chunks, set_cookie_with_chunks
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value, decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import TOKENS_COOKIE_NAME, USER_COOKIE_NAME

from kansoku_dashboard import access, settings

BEGIN, END, RETURN = "/auth/login", "/auth/logout", "/oauth2callback"
WELL_KNOWN = "/.well-known/openid-configuration"
TIMEOUT_SECONDS = 5.0
# Proxies take 8 KiB of header, and each request carries all cookies: what is longer than this goes.
LONGEST_CLAIMS = 2048
LONGEST_ID_TOKEN = 2048
KEPT = ("sub", "email", "email_verified", "name", "iss", "iat", "exp", "origin", "is_logged_in", "provider")
LOGIN = "kansoku_login"  # the claim of our own that tells logins of one person apart

_ended: dict[str, float] = {}  # logins that were ended, and when they would have been anyway
log = logging.getLogger("kansoku")


def provider() -> dict[str, Any]:
    """Return the settings of OIDC in the form in which `st.login` takes them."""
    chosen = settings.current()
    return {
        "auth": {
            "redirect_uri": f"{chosen.dashboard_url}{RETURN}",
            "cookie_secret": secret(),
            "client_id": chosen.oidc_client_id,
            # Sent as a password of HTTP, in which OAuth has a `+` mean a blank; Authlib does not write it so.
            "client_secret": chosen.oidc_client_secret.get_secret_value()
            .replace("%", "%25")
            .replace("+", "%2B"),
            "server_metadata_url": document(),
            # Left out, Streamlit would ask for select_account, which not every provider knows. An empty list
            # is no parameter at all.
            "client_kwargs": {"scope": chosen.oidc_scope, "prompt": chosen.oidc_prompt or []},
        }
    }


def document() -> str:
    """Return where the provider's document is; of one that is named by its issuer, where that has it."""
    url = settings.current().oidc_metadata_url
    return url if "/.well-known/" in url or url.endswith(".json") else f"{url.rstrip('/')}{WELL_KNOWN}"


def secret() -> str:
    """Return the key of the cookies, made from the client's secret.

    It ends every login when that is changed, and several dashboards behind one address share it.
    """
    given = settings.current().oidc_client_secret.get_secret_value()
    return hmac.new(given.encode(), b"kansoku cookies", hashlib.sha256).hexdigest()


def claims(cookies: Mapping[str, str]) -> dict[str, Any]:
    """Return what Streamlit's own cookie says of the person; nothing unless it is signed, and not over."""
    found = _read(cookies, USER_COOKIE_NAME)
    return {} if found.get(LOGIN) in _ended else found


def end(cookies: Mapping[str, str]) -> None:
    """End the login of these cookies for every tab that is open, and for whoever copied them."""
    now = time.time()
    for login in [login for login, until in _ended.items() if until < now]:
        del _ended[login]
    if found := claims(cookies).get(LOGIN):
        _ended[found] = now + settings.current().oidc_hours * 3600


def known(cookies: Mapping[str, str]) -> bool:
    """Tell whether there was a login by name, good or not any more."""
    return USER_COOKIE_NAME in cookies


async def begin(app: ASGIApp, scope: Scope, receive: Receive) -> Response | None:
    """Lead to the provider; return None where it cannot be reached."""
    found = await answer(app, scope, receive)
    return found if found.status_code < 400 else None


async def finish(app: ASGIApp, scope: Scope, receive: Receive) -> Response | None:
    """Take the provider's answer; return None where it is no login.

    What the ID token lacks is asked of the provider, and of long claims only what rules are about is kept.
    """
    found = await answer(app, scope, receive)
    made = _made(found)
    told, tokens = _read(made, USER_COOKIE_NAME), _read(made, TOKENS_COOKIE_NAME)
    request = Request(scope)
    if not told.get("is_logged_in"):
        # Without these it is the way back from the provider's logout.
        nothing = not {"code", "error", "state"} & set(request.query_params)
        return found if nothing or claims(request.cookies) else None
    told = _kept(await _completed(told, str(tokens.get("access_token") or ""))) | {LOGIN: token_hex(16)}
    headers = [pair for pair in found.raw_headers if not _name(pair).startswith(USER_COOKIE_NAME)]
    found.raw_headers = headers
    _set(found, USER_COOKIE_NAME, told)
    hint = str(tokens.get("id_token") or "")
    if len(hint) <= LONGEST_ID_TOKEN:  # the provider's logout asks for it, though it can do without
        _set(found, TOKENS_COOKIE_NAME, {"id_token": hint})
    for name in request.cookies:
        if name.startswith(USER_COOKIE_NAME) and name not in _made(found):
            found.delete_cookie(name, path=settings.current().base or "/", httponly=True, samesite="lax")
    return found


async def answer(app: ASGIApp, scope: Scope, receive: Receive) -> Response:
    """Return the whole answer of an application."""
    found, parts = Response(), list[bytes]()

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            found.status_code = message["status"]
            found.raw_headers = list(message["headers"])
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, keep)
    found.body = b"".join(parts)
    return found


async def _completed(told: dict[str, Any], access_token: str) -> dict[str, Any]:
    """Add the claims that rules are about and that only the provider's userinfo endpoint has.

    An ID token needs not hold more than who it is about, and those of many providers do not.
    """
    sought = [{claim for claim, _ in rule.pairs()} for rule in _rules()]
    lacking = [
        names
        for names in (*sought, {"email"}, {"email_verified"})
        if names and not any(access.values_of(told, name) for name in names)
    ]
    if not access_token or not lacking:
        return told
    try:
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=True) as client:
            provided = (await client.get(document())).raise_for_status().json()
            if not (endpoint := provided.get("userinfo_endpoint")):
                return told
            bearer = {"authorization": f"Bearer {access_token}"}
            more = (await client.get(endpoint, headers=bearer)).raise_for_status().json()
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, AttributeError) as error:
        log.warning("the OpenID provider's userinfo gave no answer: %s", error or type(error).__name__)
        return told
    if not isinstance(more, dict) or more.get("sub") != told.get("sub"):
        log.warning("the OpenID provider's userinfo is about somebody else: it is left out")
        return told
    return more | told


def _kept(told: dict[str, Any]) -> dict[str, Any]:
    """Return claims that are short enough for a cookie: of long ones, what rules are about."""
    if len(json.dumps(told)) <= LONGEST_CLAIMS:
        return told
    kept = {name: told[name] for name in KEPT if name in told}
    for claim, value in (pair for rule in _rules() for pair in rule.pairs()):
        if value in access.values_of(told, claim) and claim not in KEPT:
            kept[claim] = [*kept.get(claim, []), value]
    return kept


def _rules() -> tuple[access.Rule, ...]:
    return access.read_rules(settings.current().access)


def _read(cookies: Mapping[str, str], cookie: str) -> dict[str, Any]:
    key, days = get_cookie_secret(), settings.current().oidc_hours / 24

    def read(name: str) -> bytes | None:
        value = cookies.get(name)
        return decode_signed_value(key, name, value.encode("latin-1", "replace"), days) if value else None

    try:
        found = json.loads(get_cookie_with_chunks(read, cookie) or b"{}") if key else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _set(answer: Response, cookie: str, value: dict[str, Any]) -> None:
    path, seconds = settings.current().base or "/", int(settings.current().oidc_hours * 3600)

    def write(name: str, text: str) -> None:
        signed = create_signed_value(get_cookie_secret(), name, text).decode()
        answer.set_cookie(name, signed, max_age=seconds, path=path, httponly=True, samesite="lax")

    def sign(name: str, text: str) -> bytes:
        return create_signed_value(get_cookie_secret(), name, text)

    set_cookie_with_chunks(write, sign, cookie, value, cookie_attr_size=100 + len(path))


def _made(answer: Response) -> dict[str, str]:
    """Return the cookies that an answer sets."""
    lines = MutableHeaders(raw=answer.raw_headers).getlist("set-cookie")
    pairs = (line.partition(";")[0].partition("=") for line in lines)
    return {name.strip(): value.strip('"') for name, _, value in pairs}


def _name(header: tuple[bytes, bytes]) -> str:
    """Return the name of the cookie that a header sets, "" for any other header."""
    return header[1].partition(b"=")[0].strip().decode("latin-1") if header[0] == b"set-cookie" else ""
