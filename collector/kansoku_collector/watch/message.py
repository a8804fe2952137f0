"""One event of one incident for one channel: its key, its words, and the JSON of it."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from kansoku_collector.store.read.incidents import Incident
from kansoku_collector.watch.channels import Channel

LONGEST_TEXT = 1000  # characters of a name in a message; senders choose names
Event = Literal["opened", "updated", "acknowledged", "resolved", "test"]


@dataclass(frozen=True, slots=True)
class Words:
    """What a message says: a sentence in both languages, what to do, and where to look."""

    text: str
    text_ja: str
    link: str
    description: str = ""

    def lines(self) -> list[str]:
        """Return the sentences and the description, a line each."""
        return [self.text, self.text_ja, *([self.description] if self.description else [])]


@dataclass(frozen=True, slots=True)
class Message:
    """What happened to an incident, for one channel; `number` tells one repetition from the next."""

    channel: Channel
    incident: Incident
    event: Event
    words: Words
    number: int = 0

    @property
    def step(self) -> str:
        """The event, with the number of a repetition."""
        return f"{self.event} {self.number}" if self.number else self.event

    @property
    def key(self) -> str:
        """Name the message, the same in every attempt: a receiver can tell a second delivery of it."""
        return f"{self.incident.incident_id}:{self.step.replace(' ', '-')}:{self.channel.name}"

    def fields(self) -> dict[str, Any]:
        """Return everything as JSON values: times in ISO 8601, the window in seconds."""
        fields = asdict(self.incident)
        del fields["deliveries"]
        fields["evidence"] = _brief(self.incident.evidence)
        for name, value in fields.items():
            if isinstance(value, datetime):
                fields[name] = value.isoformat()
        fields["window_seconds"] = round(fields.pop("window").total_seconds())
        told: dict[str, Any] = _short(fields)
        return told | {
            "state": self.incident.state,
            "event": self.event,
            "number": self.number,
            "text": self.words.text,
            "text_ja": self.words.text_ja,
            "description": self.words.description,
            "link": self.words.link,
        }

    def json(self) -> bytes:
        """Return the generic body: every field."""
        return _encoded(self.fields())

    def slack(self) -> bytes:
        """Return the body that Slack takes: the sentences and the link."""
        lines = [_escaped(line) for line in self.words.lines()]
        return _encoded({"text": "\n".join([*lines, f"<{self.words.link}|Traces>"])})

    def pagerduty(self, routing_key: str) -> bytes:
        """Return the event of the Events API v2 that stands for this message."""
        actions = {"resolved": "resolve", "acknowledged": "acknowledge"}
        event: dict[str, Any] = {
            "routing_key": routing_key,
            "event_action": actions.get(self.event, "trigger"),
            "dedup_key": f"kansoku-{self.incident.incident_id}",
        }
        if event["event_action"] == "trigger":
            event |= {
                "payload": {
                    "summary": self.words.text[:1024],
                    "source": self.incident.project,
                    "severity": {"page": "critical", "ticket": "warning"}.get(self.incident.severity, "info"),
                    "timestamp": self.incident.opened.isoformat(),
                    "component": _short(self.incident.scope.get("service", "")),
                    "class": self.incident.metric,
                    "custom_details": self.fields(),
                },
                "links": [{"href": self.words.link, "text": "Traces"}],
                "client": "Kansoku",
            }
        return _encoded(event)


def sample(channel: Channel, link: str) -> Message:
    """Return the message of the test button: it says of itself that nothing is wrong."""
    now = datetime.now(UTC)
    incident = Incident(
        f"test-{int(now.timestamp())}", "test", "error_rate", "info", now, now, 0.0, 0.0, 0.0, "above", 0,
        timedelta(minutes=15),
    )  # fmt: skip
    words = Words(
        f"Test of the channel {channel.name}: messages about alerts arrive here. Nothing is wrong.",
        f"通知先 {channel.name} のテストです。アラートの通知がここに届きます。異常はありません。",
        link,
    )
    return Message(channel, incident, "test", words)


def _brief(evidence: str) -> dict[str, Any]:
    """Return what a found change rests on, without the points of its figures."""
    found: dict[str, Any] = json.loads(evidence) if evidence else {}
    for move in found.get("moves", []):
        del move["points"]
    return found


def _short(value: Any) -> Any:
    """Return JSON values with long texts cut: receivers refuse a message for one long name in it."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else f"{value[: LONGEST_TEXT - 1]}…"
    if isinstance(value, list | tuple):
        return [_short(item) for item in value]
    if isinstance(value, dict):
        return {_short(name): _short(item) for name, item in value.items()}
    return value


def _encoded(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def _escaped(text: str) -> str:
    """Write text so that Slack does not take a part of it for a mention or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
