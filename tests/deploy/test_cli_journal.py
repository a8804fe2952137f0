"""`kansoku journal`: what cannot be stored is listed, stored again and dropped, beside any collector."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from collector.conftest import Running, request_of

from kansoku_cli.__main__ import main
from kansoku_collector import aside
from kansoku_collector.entries import Entry, Kind, digest_of
from kansoku_collector.journal import Journal

TRACE = "ab" * 16


def set_aside(data: Path) -> str:
    """Set a good request aside, as if it had been refused, and return its name."""
    journal = Journal(data / "journal", max_bytes=1 << 20, segment_bytes=1 << 16, flush_seconds=3600)
    body = request_of({"trace_id": bytes.fromhex(TRACE)}).SerializeToString()
    entry = Entry(Kind.TRACES, "default", 1_795_000_000_000, digest_of(Kind.TRACES, "default", body), body)
    journal.append([entry])
    segment = journal.due(everything=True)[0]
    journal.keep(segment, [(entry, "span 1: it does not fit")], [aside.Lacking("default", "", 1)])
    journal.done(segment)
    return segment.token


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a collector that starts with one request set aside."""
    found = Running(tmp_path_factory.mktemp("journal") / "data", {"KANSOKU_RETENTION_DAYS": "2000"})
    found.data.mkdir()
    set_aside(found.data)
    with contextlib.closing(found):
        yield found.start()


def test_what_is_set_aside_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Name, state, size and reason, for people and as JSON; nothing is said to be nothing."""
    (tmp_path / "journal").mkdir()
    assert main(["journal", "list", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "Nothing is set aside.\n"
    name = set_aside(tmp_path)
    assert main(["journal", "list", "--data", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{name}  waits, since 20")
    assert "    requests: 1, spans that are not stored: 1\n    span 1: it does not fit\n" in said
    assert main(["journal", "list", "--json", "--data", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)[0]["reasons"] == ["span 1: it does not fit"]


def test_a_name_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong name, no name at all, and a folder without a journal are one sentence each."""
    assert main(["journal", "retry", "--all", "--data", str(tmp_path)]) == 1
    (tmp_path / "journal").mkdir()
    assert main(["journal", "retry", "x", "--data", str(tmp_path)]) == 1
    assert main(["journal", "drop", "--data", str(tmp_path)]) == 1
    said = capsys.readouterr().err.splitlines()
    assert "there is no journal in" in said[0]
    assert said[1].startswith("kansoku: x is not set aside")
    assert "--all" in said[2]


def test_a_running_collector_stores_and_drops_within_seconds(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    """Retried, the span is there; dropped, it is gone, and the receipts say how many are lost."""
    data = str(running.data)
    assert running.get("/v1/stats")["segments_set_aside"] == 1
    assert main(["journal", "retry", "--all", "--data", data]) == 0
    assert len(running.trace(TRACE)["spans"]) == 1
    assert "1 will be stored again" in capsys.readouterr().out
    running.end()
    name = set_aside(running.data)
    assert main(["journal", "drop", name, "--data", data]) == 0
    running.start().settled()
    (process,) = running.get("/v1/stats")["processes"]
    assert (process["stored"], process["dropped"]) == (1, {"given_up": 1})
    assert aside.listed(running.data / "journal") == []
