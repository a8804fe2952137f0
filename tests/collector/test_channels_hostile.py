"""Names that a sender chooses, in messages of alerts: whatever they hold, the message arrives."""

import json
from datetime import timedelta

import pytest
from collector.watch_rig import NOON, rule
from tests.collector.test_channels import MAIL, Post, channel, no_pause, post

from kansoku_collector.store.read.incidents import Incident
from kansoku_collector.watch.message import Message
from kansoku_collector.watch.notify import deliver
from kansoku_collector.watch.sentences import words

__all__ = ["post"]
SLACK = {"type": "slack", "url": "${HOOK}"}


def message(service: str, **fields: object) -> Message:
    """Return a message about a service of this name, in the words that the watch finds for it."""
    incident = Incident(
        "abc", "errors", "error_rate", "page", NOON, NOON, 0.4, 0.4, 0.1, "above", 120,
        timedelta(minutes=15), scope={"service": service},
    )  # fmt: skip
    return Message(channel(**fields), incident, "opened", words(rule(), incident, "opened"))


BREAKS = ["\n", "\r", "\r\nBcc: all@example.jp", "\x0b", "\x1c", "\x85", "\u2028", "\x00"]


@pytest.mark.parametrize("mark", BREAKS)
def test_a_name_with_a_line_break_neither_stops_a_mail_nor_adds_a_header(post: Post, mark: str) -> None:
    """Whoever may send spans could silence alerts by mail with a name, or send them elsewhere."""
    done = deliver(message(f"guide{mark}!", **MAIL, port=post.port, security="none"), pause=no_pause)
    assert (done.delivered, done.detail) == (True, "accepted")
    assert not any(line.startswith("Bcc:") for line in post.lines)
    assert sum(line.lower().startswith("rcpt") for line in post.lines) == 1


def test_a_name_of_megabytes_does_not_become_a_message_of_megabytes() -> None:
    """Receivers refuse those, and a refusal is final."""
    long = message("x" * 3_000_000, **SLACK)
    assert len(long.json()) < 10_000
    assert len(long.slack()) < 10_000
    assert len(long.pagerduty("key")) < 10_000
    assert json.loads(long.json())["scope"]["service"].endswith("x…")
    assert "service=" not in long.words.link


def test_what_acts_unseen_is_not_in_the_sentences() -> None:
    """A mark of direction turns round the number beside it, and a terminal obeys its codes."""
    said = message("a\x1b[2J\u202eb", **SLACK).words
    assert not {"\x1b", "\u202e"} & set(said.text + said.text_ja)
    assert "a[2Jb" in said.text
