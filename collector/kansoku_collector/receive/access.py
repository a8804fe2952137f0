"""Who may call: the API key of a request."""

from starlette.requests import Request

from kansoku_collector.keys import Grant, Keys
from kansoku_collector.receive.answer import Refusal

_ANYONE = Grant("default", frozenset({"ingest", "feedback", "read"}), "insecure")


def authorise(request: Request, keys: Keys, scope: str, *, insecure: bool) -> Grant:
    """Return the grant of the request's key for `scope`; refuse with 401 or 403.

    With `insecure` a request without any key may do everything except administer; a wrong key stays wrong.
    """
    key = _key(request)
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


def _key(request: Request) -> str:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    return request.headers.get("x-api-key") or request.headers.get("api-key") or ""
