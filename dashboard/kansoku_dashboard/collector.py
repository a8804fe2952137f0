"""What the dashboard sends: to the collector, which alone writes."""

from typing import Any

import httpx2
import streamlit as st

from kansoku_dashboard import settings
from kansoku_dashboard.words import say

TIMEOUT_SECONDS = 5.0
NOBODY = "dashboard"


def post(path: str, item: dict[str, Any]) -> str:
    """Send one JSON object to the collector; return "" or the reason why it was not taken."""
    chosen = settings.current()
    key = chosen.api_key.get_secret_value()
    try:
        answer = httpx2.post(
            f"{chosen.collector_url.rstrip('/')}{path}",
            json=item,
            headers={"authorization": f"Bearer {key}"} if key else {},
            timeout=TIMEOUT_SECONDS,
        )
        body = answer.json() if answer.content else {}
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        return f"{chosen.collector_url}: {error or type(error).__name__}"
    refused = body.get("rejected") if isinstance(body, dict) else None
    if answer.is_success and not refused:
        return ""
    if answer.status_code in (401, 403):
        return say("trace.feedback_key", status=answer.status_code)
    return f"HTTP {answer.status_code}: {str(refused or body)[:300]}"


def reader() -> str:
    """Return who is logged in by name; "" where a shared password or nothing guards the door."""
    # Without a provider of logins Streamlit's user has no such attributes.
    return str(st.user.get("email") or st.user.get("sub") or "") if st.user.get("is_logged_in") else ""
