"""Who may call: the API key of a request."""

import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.requests import Request

from kansoku_collector.keys import Grant, Keys
from kansoku_collector.receive.answer import Refusal

_LOCAL_NAMES = (".localhost", ".internal", ".local")  # no name server of somebody else's gives these away
_ANYONE = Grant("default", frozenset({"ingest", "feedback", "read"}), "insecure")


def authorise(request: Request, keys: Keys, scope: str, *, insecure: bool) -> Grant:
    """Return the grant of the request's key for `scope`; refuse with 401 or 403."""
    return grant_of(request.headers.get, keys, scope, insecure=insecure)


def grant_of(header: Callable[[str], str | None], keys: Keys, scope: str, *, insecure: bool) -> Grant:
    """Return the grant of the key in a request's headers or metadata, looked up by lower-case name.

    With `insecure` a request without any key may do everything except administer; a wrong key stays wrong.
    Web pages elsewhere may not: a browser on this machine would carry their requests here.
    """
    key = _key(header)
    if not key:
        if insecure:
            if _from_a_page(header, scope):
                raise Refusal(
                    403, "without a key, only programs of this machine are answered", "foreign_page"
                )
            return _ANYONE
        raise Refusal(401, "no API key: send it as 'Authorization: Bearer ksk_...' (or x-api-key)", "no_key")
    grant = keys.check(key)
    if grant is None:
        raise Refusal(401, "this API key is not known to this collector", "wrong_key")
    if not grant.allows(scope):
        raise Refusal(
            403,
            f"this API key has no scope {scope!r}; it has {', '.join(sorted(grant.scopes))}",
            "wrong_scope",
        )
    return grant


def _from_a_page(header: Callable[[str], str | None], scope: str) -> bool:
    """Tell whether a page may be behind a request: by a name of its own for this machine or its origin."""
    # Pages whose origins are in KANSOKU_FEEDBACK_ORIGINS give feedback; what they add takes nothing away.
    origin = header("origin") if scope != "feedback" else None
    try:
        host = urlsplit(f"//{header('host') or ''}").hostname or ""
        page = urlsplit(origin).hostname or "null" if origin is not None else "localhost"
    except ValueError:
        return True
    named = "." in host and not host.endswith(_LOCAL_NAMES) and _address(host) is None
    own = page == "localhost" or page.endswith(".localhost") or getattr(_address(page), "is_loopback", False)
    return named or not own


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _key(header: Callable[[str], str | None]) -> str:
    kind, _, value = (header("authorization") or "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    return header("x-api-key") or header("api-key") or ""
