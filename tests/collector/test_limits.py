"""Limits: bodies, bombs and a full journal."""

import contextlib
import gzip

import pytest
from google.rpc.status_pb2 import Status
from tests.collector.conftest import Running, request_of


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return a collector with tiny limits."""
    env = {
        "KANSOKU_MAX_BODY_BYTES": "200000",
        "KANSOKU_JOURNAL_MAX_BYTES": "3000",
        "KANSOKU_FLUSH_SECONDS": "3600",
    }
    running = Running(tmp_path_factory.mktemp("small") / "data", env)
    with contextlib.closing(running):
        yield running.start()


def test_an_oversized_body_is_refused(small):
    """413 comes for a large body, with and without a length in its header."""
    status, body, _ = small.post("traces", b"x" * 300_000)
    assert (status, "200000 bytes" in Status.FromString(body).message) == (413, True)


def test_a_bomb_is_stopped_while_it_inflates(small):
    """A few kilobytes that inflate to a gigabyte are refused without holding it."""
    bomb = gzip.compress(b"\0" * (1 << 28), 9)
    status, body, _ = small.post(
        "traces", bomb[:150_000] if len(bomb) > 200_000 else bomb, content_encoding="gzip"
    )
    assert status == 413, body
    assert small.call("GET", "/healthz")[0] == 200


def test_a_full_journal_asks_to_come_back(small):
    """503 with Retry-After, and nothing of the refused request is kept."""
    answers = [small.post("traces", request_of({"name": "x" * 700}).SerializeToString()) for _ in range(6)]
    statuses = [status for status, _, _ in answers]
    assert statuses[0] == 200
    assert statuses[-1] == 503
    assert int(answers[-1][2]["retry-after"]) > 0
    assert "journal" in Status.FromString(answers[-1][1]).message
