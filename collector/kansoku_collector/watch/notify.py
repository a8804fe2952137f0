"""Tell channels about incidents: one signed POST for an opening, one for an end, repeated when it fails."""

import hmac
import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2

from kansoku_collector.store.read.incidents import Delivery, Incident
from kansoku_collector.watch.channels import Channel
from kansoku_collector.watch.rule import Rule
from kansoku_collector.watch.sentences import link, tell

ATTEMPTS = 4
TIMEOUT_SECONDS = 10.0
PAUSES_SECONDS = (1.0, 2.0, 4.0)  # between attempts
_AGAIN = frozenset({408, 425, 429})  # answers that ask to come back, besides 5xx

# The client logs the address of every request, and the address of a webhook is a secret.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Message:
    """One event of one incident for one channel; `key` is the same whenever it is sent again."""

    channel: Channel
    rule: Rule
    incident: Incident
    event: str  # opened, resolved
    reason: str = ""

    @property
    def key(self) -> str:
        """Name the message, so that a receiver can tell a repetition."""
        return f"{self.incident.incident_id}:{self.event}:{self.channel.name}"

    def body(self) -> bytes:
        """Return the JSON of the channel's template."""
        english, japanese = tell(self.rule, self.incident, reason=self.reason or "within")
        address = link(self.rule, self.incident)
        if self.channel.template == "slack":
            note = f"\n{self.rule.description}" if self.rule.description else ""
            content: dict[str, Any] = {"text": f"{english}\n{japanese}{note}\n<{address}|Traces>"}
        else:
            content = self._fields() | {
                "event": self.event,
                "text": english,
                "text_ja": japanese,
                "description": self.rule.description,
                "link": address,
            }
        return json.dumps(content, ensure_ascii=False).encode()

    def _fields(self) -> dict[str, Any]:
        """Return the incident as JSON values: times in ISO 8601, the window in seconds."""
        fields = asdict(self.incident)
        del fields["deliveries"]
        for name in ("opened", "updated", "resolved"):
            fields[name] = fields[name] and fields[name].isoformat()
        fields["window_seconds"] = round(fields.pop("window").total_seconds())
        return fields | {"state": self.incident.state}


def deliver(message: Message, *, pause: Callable[[float], object] = time.sleep) -> Delivery:
    """Send a message, up to four times; return how it went, without the address.

    Redirects are not followed, wherever they lead.
    """
    channel, body = message.channel, message.body()
    detail, delivered, attempt = "", False, 0
    with httpx2.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False) as client:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = client.post(
                    channel.url.get_secret_value(), content=body, headers=_headers(message, body)
                )
            except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
                detail, final = type(error).__name__, False  # its text may hold the address
            else:
                status = response.status_code
                delivered, detail = response.is_success, f"HTTP {status}"
                final = delivered or (status < 500 and status not in _AGAIN)
            if final:
                break
            if attempt < ATTEMPTS:
                pause(PAUSES_SECONDS[attempt - 1])
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return Delivery(channel.name, message.event, now, delivered, attempt, detail)


def sign(secret: str, moment: int, body: bytes) -> str:
    """Return the signature header: the time, and HMAC-SHA256 over `time.body`."""
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, "sha256").hexdigest()
    return f"t={moment},v1={digest}"


def _headers(message: Message, body: bytes) -> dict[str, str]:
    headers = {"content-type": "application/json", "user-agent": "kansoku", "x-kansoku-delivery": message.key}
    headers |= {name: value.get_secret_value() for name, value in message.channel.headers.items()}
    if message.channel.secret:
        secret = message.channel.secret.get_secret_value()
        headers["x-kansoku-signature"] = sign(secret, int(time.time()), body)
    return headers
