"""Channels against receivers on loopback that accept, fail, hang and refuse."""

import json
import os
import shutil
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import ValidationError

from kansoku_collector.store.read.incidents import Incident
from kansoku_collector.watch.carriers import carry
from kansoku_collector.watch.channels import KINDS
from kansoku_collector.watch.message import Event, Message, Words, sample
from kansoku_collector.watch.notify import deliver

NOON = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
SECRETS = {"PASSWORD": "pass-hush", "ROUTING": "route-hush", "HOOK": "http://127.0.0.1:1/path-hush"}
MAIL: dict[str, Any] = {
    "type": "email",
    "server": "127.0.0.1",
    "sender": "kansoku@example.jp",
    "to": "on-call@example.jp",
}


def channel(**fields: Any) -> Any:
    """Return a channel named `on-call`."""
    return KINDS[fields["type"]].model_validate({"name": "on-call"} | fields, context=SECRETS)


def message(event: Event = "opened", number: int = 0, **fields: Any) -> Message:
    """Return a message about a page in the service guide."""
    incident = Incident(
        "abc", "errors", "error_rate", "page", NOON, NOON, 0.4, 0.4, 0.1, "above", 120,
        timedelta(minutes=15), scope={"service": "guide"},
    )  # fmt: skip
    said = Words("Error rate 40%.", "エラー率 40%。", "http://127.0.0.1:8501/traces?range=1h", "Call <us>.")
    return Message(channel(**fields), incident, event, said, number)


@dataclass
class Post:
    """A mail server of one thread: what it says to a recipient, and what it was sent."""

    port: int
    answer: bytes = b"250 ok"
    context: ssl.SSLContext | None = None
    offers: bytes = b""
    lines: list[str] = field(default_factory=list)

    def serve(self, listener: socket.socket) -> None:
        """Talk to one client after the other until the listener is closed."""
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        stream = connection.makefile("rwb")
        stream.write(b"220 here\r\n")
        stream.flush()
        body = False
        while line := stream.readline():
            said = line.decode().rstrip("\r\n")
            self.lines.append(said)
            if body and said != ".":
                continue
            verb = said.split(" ")[0].upper()
            reply = {
                "EHLO": b"250-here\r\n" + self.offers + b"250 SMTPUTF8",
                "DATA": b"354 go on",
                "STARTTLS": b"220 now",
                "RCPT": self.answer,
                "AUTH": b"235 welcome",
                "QUIT": b"221 bye",
            }.get(verb, b"250 ok")
            body = verb == "DATA"
            stream.write(reply + b"\r\n")
            stream.flush()
            if verb == "STARTTLS" and self.context:
                try:
                    connection = self.context.wrap_socket(connection, server_side=True)
                except OSError:
                    return
                stream = connection.makefile("rwb")
            if verb == "QUIT":
                stream.close()
                connection.close()
                return


@pytest.fixture
def post() -> Iterator[Post]:
    """Serve mail on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Post(listener.getsockname()[1])
        thread = Thread(target=server.serve, args=(listener,), daemon=True)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Return a certificate for 127.0.0.1 and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command = [openssl, "req", *made, *subject, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


def no_pause(_seconds: float) -> None:
    """Go on at once."""


def test_a_mail_has_the_sentences_of_both_languages(post: Post) -> None:
    """Subject, both sentences, what to do and the link; all mails of an incident are one thread."""
    assert carry(message(**MAIL, port=post.port, security="none")).delivered
    text = "\n".join(post.lines)
    assert "Subject: [page] Error rate 40%." in text
    assert "References: <abc@example.jp>" in text
    assert "X-Kansoku-Delivery: abc:opened:on-call" in text
    assert "To: on-call@example.jp" in text


def test_a_refused_recipient_is_final_and_a_greylisted_one_is_not(post: Post) -> None:
    """550 will be 550 in a second, 451 asks to come back."""
    post.answer = b"550 no such user"
    delivery = deliver(message(**MAIL, port=post.port, security="none"), pause=no_pause)
    assert (delivery.delivered, delivery.attempts, delivery.detail) == (False, 1, "SMTP 550")
    post.answer = b"451 later"
    assert deliver(message(**MAIL, port=post.port, security="none"), pause=no_pause).attempts == 4


def test_without_the_security_asked_for_nothing_is_sent(post: Post) -> None:
    """A server without STARTTLS gets neither the mail nor the password."""
    secret = {"user": "me", "password": "${PASSWORD}"}
    outcome = carry(message(**MAIL, port=post.port, **secret))
    assert (outcome.delivered, outcome.final) == (False, True)
    assert not any(line.startswith(("AUTH", "MAIL")) for line in post.lines)


def test_a_certificate_that_nobody_signed_is_refused(post: Post, certificate: tuple[Path, Path]) -> None:
    """TLS with anybody is no security."""
    post.offers, post.context = b"250-STARTTLS\r\n", _server(certificate)
    outcome = carry(message(**MAIL, port=post.port))
    assert (outcome.delivered, outcome.detail) == (False, "the server's certificate is not trusted")


def test_with_a_trusted_certificate_the_login_is_encrypted(
    post: Post, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The login comes after STARTTLS."""
    post.offers, post.context = b"250-STARTTLS\r\n250-AUTH PLAIN\r\n", _server(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    assert carry(message(**MAIL, port=post.port, user="me", password="${PASSWORD}")).delivered
    verbs = [line.split(" ")[0].upper() for line in post.lines]
    assert verbs.index("STARTTLS") < verbs.index("AUTH")


def _server(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.mark.parametrize("kind", ["webhook", "slack", "pagerduty", "email"])
def test_a_receiver_that_hangs_is_given_up(kind: str) -> None:
    """It takes the connection and says nothing; the attempt ends, and another may follow."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        SECRETS["SILENT"] = f"http://127.0.0.1:{port}/path-hush"
        outcome = carry(_of(kind, port), timeout=0.2)
    assert (outcome.delivered, outcome.final) == (False, False)
    assert "hush" not in outcome.detail


@pytest.mark.parametrize("kind", ["webhook", "slack", "pagerduty", "email"])
def test_a_receiver_that_refuses_the_connection_is_tried_again(kind: str) -> None:
    """Four times, and nothing of the address is in what is kept."""
    SECRETS["SILENT"] = "http://127.0.0.1:1/path-hush"
    delivery = deliver(_of(kind, 1), pause=no_pause)
    assert (delivery.delivered, delivery.attempts) == (False, 4)
    assert "hush" not in repr(delivery)


def _of(kind: str, port: int) -> Message:
    if kind == "email":
        return message(**MAIL, port=port, security="none")
    extra = {"routing_key": "${ROUTING}"} if kind == "pagerduty" else {}
    return message(type=kind, url="${SILENT}", **extra)


def test_pagerduty_is_told_each_state_under_one_key() -> None:
    """Trigger, acknowledge, resolve: one incident there too."""
    events = {
        event: json.loads(message(event, type="pagerduty", routing_key="${ROUTING}").pagerduty("route-hush"))
        for event in ("opened", "updated", "acknowledged", "resolved")
    }
    actions = {event: body["event_action"] for event, body in events.items()}
    assert actions == {
        "opened": "trigger", "updated": "trigger", "acknowledged": "acknowledge", "resolved": "resolve"
    }  # fmt: skip
    assert {body["dedup_key"] for body in events.values()} == {"kansoku-abc"}
    payload = events["opened"]["payload"]
    assert (payload["severity"], payload["component"]) == ("critical", "guide")
    assert payload["custom_details"]["text_ja"] == "エラー率 40%。"


def test_slack_takes_no_foreign_text_for_markup() -> None:
    """A name such as <!channel> must not call everybody."""
    text = json.loads(message(type="slack", url="${HOOK}").slack())["text"]
    assert "Call &lt;us&gt;." in text
    assert text.endswith("|Traces>")


def test_a_command_gets_the_json_on_its_standard_input(tmp_path: Path) -> None:
    """All fields, without a shell: a `;` in an argument is a character."""
    out = tmp_path / "a;b"
    program = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())"
    outcome = carry(message(type="command", command=[sys.executable, "-c", program, str(out)]))
    assert (outcome.delivered, outcome.detail) == (True, "exit code 0")
    assert json.loads(out.read_bytes())["text"] == "Error rate 40%."


def test_a_command_that_fails_hangs_or_is_missing_is_reported(tmp_path: Path) -> None:
    """An exit code and a hang may pass, a program that is not there will not."""
    failed = carry(message(type="command", command=[sys.executable, "-c", "raise SystemExit(3)"]))
    assert failed == (False, False, "exit code 3")
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    slow.chmod(slow.stat().st_mode | stat.S_IXUSR)
    assert carry(message(type="command", command=[str(slow)], timeout=1)).detail == "killed after 1 s"
    missing = carry(message(type="command", command=[os.fspath(tmp_path / "none")]))
    assert (missing.final, missing.detail) == (True, "cannot be run: FileNotFoundError")


def test_repetitions_of_one_state_have_keys_of_their_own() -> None:
    """A receiver that drops what it has seen must not drop the second reminder."""
    hook: dict[str, Any] = {"type": "webhook", "url": "${HOOK}"}
    keys = [
        message("opened", **hook).key,
        message("updated", 1, **hook).key,
        message("updated", 2, **hook).key,
    ]
    assert keys == ["abc:opened:on-call", "abc:updated-1:on-call", "abc:updated-2:on-call"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (MAIL | {"password": "literal", "user": "me"}, "password stands in the file"),
        (MAIL | {"password": "${PASSWORD}"}, "password has no user"),
        (MAIL | {"password": "${PASSWORD}", "user": "me", "security": "none"}, "in the clear"),
        (MAIL | {"to": "nobody"}, "to is no address"),
        ({"type": "pagerduty", "routing_key": "literal"}, "routing_key stands in the file"),
        ({"type": "slack", "url": "http://127.0.0.1/x"}, "url stands in the file"),
        ({"type": "command", "command": []}, "command"),
    ],
)
def test_a_channel_that_would_leak_or_fail_is_refused(fields: dict[str, Any], reason: str) -> None:
    """When the file is read, not when the first incident opens."""
    with pytest.raises(ValidationError, match=reason):
        channel(**fields)


@pytest.mark.parametrize("kind", list(KINDS))
def test_no_channel_shows_its_secrets(kind: str) -> None:
    """Neither as text nor as JSON."""
    fields: dict[str, dict[str, Any]] = {
        "webhook": {"url": "${HOOK}", "secret": "${PASSWORD}"},
        "slack": {"url": "${HOOK}"},
        "pagerduty": {"routing_key": "${ROUTING}"},
        "email": MAIL | {"user": "me", "password": "${PASSWORD}"},
        "command": {"command": ["true"]},
    }
    made = channel(**fields[kind] | {"type": kind})
    assert "hush" not in repr(made) + made.model_dump_json() + repr(sample(made, "http://x")) + made.host


def test_the_test_message_says_that_nothing_is_wrong() -> None:
    """In both languages, so that nobody gets up for it."""
    sent = json.loads(sample(channel(type="webhook", url="${HOOK}"), "http://127.0.0.1:8501").json())
    assert (sent["event"], sent["severity"]) == ("test", "info")
    assert "Nothing is wrong" in sent["text"]
    assert "異常はありません" in sent["text_ja"]
