"""Who may call: the API key of a request."""

from collections.abc import Callable

from starlette.requests import Request

from kansoku_collector.keys import Grant, Keys
from kansoku_collector.receive.answer import Refusal

_ANYONE = Grant("default", frozenset({"ingest", "feedback", "read"}), "insecure")


def authorise(request: Request, keys: Keys, scope: str, *, insecure: bool) -> Grant:
    """Return the grant of the request's key for `scope`; refuse with 401 or 403."""
    return grant_of(request.headers.get, keys, scope, insecure=insecure)


def grant_of(header: Callable[[str], str | None], keys: Keys, scope: str, *, insecure: bool) -> Grant:
    """Return the grant of the key in a request's headers or metadata, looked up by lower-case name.

    With `insecure` a request without any key may do everything except administer; a wrong key stays wrong.
    """
    key = _key(header)
    if not key:
        if insecure:
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


def _key(header: Callable[[str], str | None]) -> str:
    kind, _, value = (header("authorization") or "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    return header("x-api-key") or header("api-key") or ""
