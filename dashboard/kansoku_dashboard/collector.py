"""What the dashboard sends: to the collector, which alone writes."""

from typing import Any

import httpx2

from kansoku.delivery.transport import tls
from kansoku_dashboard import roles, settings
from kansoku_dashboard.words import say

TIMEOUT_SECONDS = 5.0
NOBODY = "dashboard"


class UnansweredError(Exception):
    """The collector did not say what it was asked for; the message is for the reader."""


def barred() -> str:
    """Return why the reader may send nothing from here, "" where they may: for the buttons that would."""
    chosen = settings.current()
    if not roles.may("reviewer"):
        return say("login.viewer")
    if roles.current() != chosen.project:
        return say("login.other_project", project=chosen.project)
    return ""


def post(path: str, item: dict[str, Any]) -> str:
    """Send one JSON object to the collector; return "" or the reason why it was not taken."""
    chosen = settings.current()
    if reason := barred():
        return reason
    key = chosen.api_key.get_secret_value()
    try:
        answer = httpx2.post(
            f"{chosen.collector_url.rstrip('/')}{path}",
            json=item,
            headers={"authorization": f"Bearer {key}"} if key else {},
            timeout=TIMEOUT_SECONDS,
            verify=_trust(chosen.collector_url),
        )
        body = answer.json() if answer.content else {}
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        return f"{chosen.collector_url}: {error or type(error).__name__}"
    refused = body.get("rejected") if isinstance(body, dict) else None
    if answer.is_success and not refused:
        return ""
    if answer.status_code in (401, 403):
        return say("trace.feedback_key", status=answer.status_code)
    return f"HTTP {answer.status_code}: {str(refused or body)[:300]}"


def get(path: str) -> dict[str, Any]:
    """Return what the collector answers to an administrator; raise UnansweredError with the reason."""
    return _administer("GET", path, TIMEOUT_SECONDS)


def order(path: str, item: dict[str, Any], *, timeout: float = TIMEOUT_SECONDS) -> dict[str, Any]:
    """Ask the collector to do what only administrators may; return what it says, else as `get` does."""
    roles.check_everywhere("admin")
    return _administer("POST", path, timeout, json=item)


def _administer(method: str, path: str, timeout: float, **content: Any) -> dict[str, Any]:
    chosen = settings.current()
    key = chosen.admin_key.get_secret_value()
    if not key:
        raise UnansweredError(say("health.no_admin_key"))
    try:
        answer = httpx2.request(
            method,
            f"{chosen.collector_url.rstrip('/')}{path}",
            headers={"authorization": f"Bearer {key}"},
            timeout=timeout,
            verify=_trust(chosen.collector_url),
            **content,
        )
        body = answer.json() if answer.content else {}
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        raise UnansweredError(f"{chosen.collector_url}: {error or type(error).__name__}") from error
    if not answer.is_success or not isinstance(body, dict):
        reason = body.get("error") if isinstance(body, dict) else None
        said = f"{chosen.collector_url}{path}: HTTP {answer.status_code}"
        raise UnansweredError(f"{said}: {str(reason)[:400]}" if reason else said)
    return body


def _trust(url: str) -> Any:
    """Return what is believed and shown of certificates: what the SDK on this machine would."""
    return tls() if url.startswith("https:") else True


def reader() -> str:
    """Return who is logged in by name; "" where a shared password or nothing guards the door."""
    return roles.reader().name
