"""Messages: repeated until accepted, signed, never redirected, and silent about their address."""

import hmac
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from kansoku_collector.store.read.incidents import Incident
from kansoku_collector.watch.channels import KINDS
from kansoku_collector.watch.message import Event, Message
from kansoku_collector.watch.notify import deliver
from kansoku_collector.watch.rule import Rule
from kansoku_collector.watch.sentences import words

OPENED = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
SECRETS = {"PATH_SECRET": "path-hush", "TOKEN": "token-hush", "KEY": "key-hush"}


@dataclass
class Hook:
    """A webhook that answers with the given statuses, the last one for ever."""

    statuses: list[int]
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0


@pytest.fixture
def hook() -> Iterator[Hook]:
    """Serve a webhook on loopback."""
    state = Hook([200])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            state.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            status = state.statuses.pop(0) if len(state.statuses) > 1 else state.statuses[0]
            self.send_response(status)
            self.send_header("location", "http://localhost:1/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_port
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def no_pause(_seconds: float) -> None:
    """Go on at once."""


def message(port: int, *, event: Event = "opened", **channel: Any) -> Message:
    """Return a message about an incident of prompt v16 in production."""
    data = {"name": "hook", "url": f"http://127.0.0.1:{port}/${{PATH_SECRET}}"} | channel
    rule = Rule.model_validate(
        {
            "name": "disliked",
            "metric": "like_rate",
            "comparison": "below",
            "threshold": "70%",
            "window": "1h",
            "description": "Look at v16.",
        }
    )
    incident = Incident(
        "abc", "disliked", "like_rate", "page", OPENED, OPENED, 0.4, 0.35, 0.7, "below", 120,
        timedelta(hours=1),
        resolved=OPENED + timedelta(minutes=30) if event == "resolved" else None,
        scope={"environment": "production", "prompt_name": "guide", "prompt_version": "v16"},
    )  # fmt: skip
    kind = KINDS[channel.get("type", "webhook")]
    return Message(kind.model_validate(data, context=SECRETS), incident, event, words(rule, incident, event))


def test_a_webhook_that_fails_twice_gets_the_same_message_a_third_time(hook: Hook) -> None:
    """The key is the same in each attempt, and the pauses grow."""
    hook.statuses = [500, 503, 200]
    pauses: list[float] = []
    delivery = deliver(message(hook.port), pause=pauses.append)
    assert (delivery.delivered, delivery.attempts, delivery.detail) == (True, 3, "HTTP 200")
    assert pauses == [1, 2]
    assert {headers["x-kansoku-delivery"] for _, headers, _ in hook.requests} == {"abc:opened:hook"}


def test_a_refusal_is_not_repeated_at_once(hook: Hook) -> None:
    """A 404 will be a 404 in a second; 429 asks to come back."""
    hook.statuses = [404]
    assert deliver(message(hook.port), pause=no_pause).attempts == 1
    hook.statuses = [429, 200]
    assert deliver(message(hook.port), pause=no_pause).attempts == 2


def test_a_redirect_is_a_failure_and_not_followed(hook: Hook) -> None:
    """The message, with its headers, goes to the host that was configured and to no other."""
    hook.statuses = [307]
    delivery = deliver(message(hook.port), pause=no_pause)
    assert (delivery.delivered, delivery.detail, len(hook.requests)) == (False, "HTTP 307", 1)


def test_nobody_listening_is_reported_without_the_address(caplog: pytest.LogCaptureFixture) -> None:
    """The error's own text may hold the path, which is a secret."""
    with caplog.at_level(logging.DEBUG):
        delivery = deliver(message(1), pause=no_pause)
    assert (delivery.delivered, delivery.attempts, delivery.detail) == (False, 4, "ConnectError")
    assert "hush" not in caplog.text


def test_the_body_says_everything_in_both_languages(hook: Hook) -> None:
    """What, since when, how much, which limit, for whom, and where to look."""
    deliver(message(hook.port))
    body = json.loads(hook.requests[0][2])
    assert body["text"] == (
        "disliked: Like rate 40% for environment production, prompt_name guide, prompt_version v16"
        " over 1 hour, below the limit of 70%, since 2026-11-10 12:00 UTC (120 votes)."
    )
    assert (
        "高評価率が直近1時間で 40%(しきい値 70% 未満、2026-11-10 12:00 UTC から、評価 120 件)"
        in body["text_ja"]
    )
    assert body["link"] == (
        "http://127.0.0.1:8501/traces?env=production&prompt=guide%40v16&range=1h&feedback=disliked"
    )
    assert (body["event"], body["state"], body["value"], body["window_seconds"]) == (
        "opened",
        "open",
        0.4,
        3600,
    )
    assert body["description"] == "Look at v16."


def test_an_end_is_told_with_its_length_and_worst_value(hook: Hook) -> None:
    """The same incident, resolved."""
    deliver(message(hook.port, event="resolved"))
    body = json.loads(hook.requests[0][2])
    assert body["text"].startswith("Resolved: disliked: Like rate for environment production")
    assert "after 30 minutes" in body["text"]
    assert "worst 35%" in body["text"]
    assert body["text_ja"].startswith("復旧: disliked:")


def test_a_slack_message_is_one_text(hook: Hook) -> None:
    """Both sentences, the description and the link."""
    deliver(message(hook.port, template="slack"))
    (text,) = json.loads(hook.requests[0][2]).values()
    assert text.splitlines()[2] == "Look at v16."
    assert text.splitlines()[3].endswith("|Traces>")


def test_a_signed_message_can_be_verified_by_its_receiver(hook: Hook) -> None:
    """HMAC-SHA256 over the time, a dot and the body, with the channel's secret."""
    deliver(message(hook.port, secret="${KEY}"))
    _, headers, body = hook.requests[0]
    moment, digest = (part.split("=")[1] for part in headers["x-kansoku-signature"].split(","))
    assert digest == hmac.new(b"key-hush", f"{moment}.".encode() + body, "sha256").hexdigest()


def test_secrets_reach_the_receiver_and_no_log(hook: Hook, caplog: pytest.LogCaptureFixture) -> None:
    """At the most talkative level, neither path nor header nor key is written anywhere."""
    sent = message(hook.port, headers={"Authorization": "Bearer ${TOKEN}"}, secret="${KEY}")
    with caplog.at_level(logging.DEBUG):
        delivery = deliver(sent)
    path, headers, _ = hook.requests[0]
    assert (path, headers["authorization"]) == ("/path-hush", "Bearer token-hush")
    assert "hush" not in caplog.text + repr(sent) + repr(delivery)
