"""`kansoku retention`, `forget`, `export` and `doctor`, beside a collector that runs."""

import io
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet
import pytest
from collector.conftest import Running, call, request_of

from kansoku_cli.__main__ import main
from kansoku_cli.doctor import examine
from kansoku_collector.settings import Settings
from kansoku_collector.store.connect import connect

DAY_NS = 24 * 3600 * 10**9
Cli = Callable[..., int]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a collector that the tests of this file share."""
    found = Running(tmp_path_factory.mktemp("cli") / "data", {"KANSOKU_RETENTION_DAYS": "30"})
    try:
        yield found.start()
    finally:
        found.close()


@pytest.fixture
def cli(running: Running, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Return the `kansoku` command, set up for that collector."""
    for name, value in {
        "KANSOKU_PORT": running.port,
        "KANSOKU_GATEWAY_PORT": running.gateway_port,
        "KANSOKU_RETENTION_DAYS": 30,
    }.items():
        monkeypatch.setenv(name, str(value))
    return lambda *words: main([*words, "--data", str(running.data)])


def send(running: Running, trace: str, **attributes: object) -> None:
    """Store a request of a root and a call that alone says who asked."""
    trace_id, now = bytes.fromhex(trace * 16), time.time_ns()
    root = {"trace_id": trace_id, "span_id": b"rootroot", "start": now}
    asked = {"trace_id": trace_id, "parent_span_id": b"rootroot", "start": now}
    body = request_of(root, asked | {"attributes": call(**attributes)}).SerializeToString()
    assert running.post("traces", body)[0] == 200
    running.trace(trace * 16, spans=2)
    running.settled()


def test_a_projects_retention_is_set_shown_and_effective(
    running: Running, cli: Cli, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tables follow at once and the running collector refuses what is too old within seconds."""
    assert cli("retention", "set", "default", "--spans", "5", "--content", "2") == 0
    assert "default keeps, in days: content 2, spans 5, rollups 300." in capsys.readouterr().out
    assert cli("retention", "show") == 0
    assert capsys.readouterr().out.splitlines()[-1].split() == ["default", "2*", "5*", "300"]
    body = request_of({"start": time.time_ns() - 7 * DAY_NS}).SerializeToString()
    running.wait_for(lambda: b"older_than_retention" in running.post("traces", body)[1], 60)
    assert cli("retention", "set", "default", "--spans", "default", "--content", "default") == 0
    capsys.readouterr()
    cli("retention", "show")
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_contradictory_or_empty_values_change_nothing(cli: Cli, capsys: pytest.CaptureFixture[str]) -> None:
    """Rollups that would go before their spans are refused in a sentence."""
    assert cli("retention", "set", "default", "--rollups", "3") == 1
    assert "rollups cannot be kept for 3 days" in capsys.readouterr().err
    assert cli("retention", "set", "default") == 1
    assert "nothing to set" in capsys.readouterr().err


def test_a_user_is_forgotten_everywhere_and_others_are_not(
    running: Running, cli: Cli, capsys: pytest.CaptureFixture[str]
) -> None:
    """Spans of their traces that do not name them go too, so do traces, sessions and feedback; sums stay."""
    send(running, "a1", user__id="ann", session__id="s1")
    send(running, "b2", user__id="bob", session__id="s2")
    note = {"trace_id": "a1" * 16, "name": "helpful", "like": True, "user_id": "ann"}
    assert running.call("POST", "/v1/feedback", json.dumps(note).encode(), running.key("ingest"))[0] in (
        200,
        202,
    )
    running.settled()
    assert cli("forget", "--user", "ann") == 0
    assert "add --yes" in capsys.readouterr().out
    assert len(running.get(f"/v1/traces/{'a1' * 16}")["spans"]) == 2
    assert cli("forget", "--user", "ann", "--yes") == 0
    out = capsys.readouterr().out
    client = connect(f"http://reader:{secret(running)}@127.0.0.1:{running.gateway_port}/kansoku")
    for table in ("spans", "traces", "feedback"):
        assert table in out
        left = client.query(f"SELECT count() FROM {table} WHERE trace_id = '{'a1' * 16}'").result_rows
        assert left == [(0,)], table
    assert client.query("SELECT DISTINCT user_id FROM rollup_session").result_rows == [("bob",)]
    assert client.query("SELECT count() FROM spans WHERE user_id = 'bob'").result_rows == [(1,)]
    assert client.query("SELECT sum(calls) FROM rollup_hour").result_rows == [(2,)]


def secret(running: Running) -> str:
    """Return the reader's key."""
    return str(json.loads((running.data / "secrets.json").read_text())["read"])


def test_rows_are_exported_to_a_file_that_others_read(
    running: Running, cli: Cli, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parquet and JSON lines hold the same spans; another project's file is empty."""
    send(running, "c3")
    now = datetime.now(UTC)
    today, yesterday = str(now.date()), str(now.date() - timedelta(days=1))  # a day may end while this runs
    assert cli("export", "--since", yesterday, "--out", str(tmp_path / "x.parquet")) == 0
    assert cli("export", "--since", yesterday, "--format", "jsonl", "--out", str(tmp_path / "x.jsonl")) == 0
    rows = pyarrow.parquet.read_table(io.BytesIO((tmp_path / "x.parquet").read_bytes()))
    lines = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    assert rows.num_rows == len(lines) >= 2
    assert {line["trace_id"] for line in lines} >= {"c3" * 16}
    assert cli("export", "--since", today, "--until", yesterday, "--out", str(tmp_path / "no.jsonl")) == 1
    assert "--until" in capsys.readouterr().err
    assert not (tmp_path / "no.jsonl").exists()
    out = tmp_path / "none.jsonl"
    assert cli("export", "--project", "x", "--since", today, "--format", "jsonl", "--out", str(out)) == 0
    assert out.read_text() == ""
    assert cli("export", "--since", today, "--out", str(tmp_path / "no" / "x")) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_the_doctor_finds_a_healthy_install_healthy(cli: Cli, capsys: pytest.CaptureFixture[str]) -> None:
    """Engine, schema, clock, keys, journal and disk are each named."""
    cli("doctor")
    lines = capsys.readouterr().out.splitlines()
    for word in ("disk", "journal", "keys", "collector", "ClickHouse", "clock", "schema", "retention"):
        (line,) = [line for line in lines if line[4:].startswith(word)]
        assert line.startswith("ok") or word == "disk", line


def test_the_doctor_finds_variables_that_set_nothing(
    cli: Cli, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slip of the pen is named with the variable that was meant; those of every part are known."""
    monkeypatch.setenv("KANSOKU_RETENTON_DAYS", "30")
    monkeypatch.setenv("KANSOKU_MOOD", "good")
    for known in ("KANSOKU_SPOOL_DIR", "KANSOKU_CLICKHOUSE_READ_URL", "KANSOKU_DASHBOARD_PORT"):
        monkeypatch.setenv(known, "1")
    assert cli("doctor") == 1
    said = [line for line in capsys.readouterr().out.splitlines() if " is no setting" in line]
    assert said == [
        "!!  KANSOKU_MOOD is no setting of Kansoku; docs/settings.md lists them",
        "!!  KANSOKU_RETENTON_DAYS is no setting of Kansoku; did you mean KANSOKU_RETENTION_DAYS?",
    ]


def test_the_doctor_names_what_is_wrong_and_what_to_do(running: Running, tmp_path: Path) -> None:
    """A key that others can read, an unreachable server and a newer schema are sentences with advice."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "keys.json").write_text('{"keys": []}')
    (data / "secrets.json").write_text("{}")
    (data / "secrets.json").chmod(0o644)
    url = "http://127.0.0.1:1/kansoku"
    settings = Settings(data=data, clickhouse_url=url)  # type: ignore[arg-type]
    bad = [f.sentence for f in examine(settings, lambda: connect(url)) if not f.well]
    assert any("none may ingest or read" in sentence for sentence in bad)
    assert any("chmod 600" in sentence for sentence in bad)
    assert any(sentence.startswith("ClickHouse") and "cannot be reached" in sentence for sentence in bad)
    admin = json.loads((running.data / "secrets.json").read_text())["admin"]
    client = connect(f"http://admin:{admin}@127.0.0.1:{running.gateway_port}/kansoku")
    client.command("INSERT INTO migrations (name) VALUES ('0999_tomorrow.sql')")
    settings = Settings(data=running.data, port=running.port, gateway_port=running.gateway_port)
    bad = [f.sentence for f in examine(settings, lambda: client) if not f.well]
    assert any("0999_tomorrow" in sentence for sentence in bad)
