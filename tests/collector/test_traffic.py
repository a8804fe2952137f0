"""Requests come before rows, within bounds."""

import threading
import time

import pytest

from kansoku_collector.traffic import Patience, Traffic

MIB = 2**20


def test_the_writer_waits_until_the_last_request_is_answered() -> None:
    """A request is not held up by rows, which are safe in the journal."""
    traffic = Traffic()
    with traffic.request():
        waiting = threading.Thread(target=Patience(traffic, 10_000 * MIB).give_way)
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
    waiting.join(10)
    assert not waiting.is_alive()
    assert not traffic.busy


def test_patience_ends_though_requests_do_not() -> None:
    """Senders that never pause cannot keep rows out of the store."""
    traffic = Traffic()
    patience = Patience(traffic, 2 * MIB)
    with traffic.request():
        patience.give_way()
        assert traffic.busy


def test_a_request_that_fails_is_counted_off() -> None:
    """A refused request leaves nothing behind that the writer would wait for."""
    traffic = Traffic()
    with pytest.raises(ValueError, match="refused"), traffic.request():
        raise ValueError("refused")
    time.sleep(0.03)  # longer than a sender pauses between two requests
    assert not traffic.busy
