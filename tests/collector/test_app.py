"""The process: how it starts, what it says when it cannot, and how it ends."""

import contextlib
import json
import os
import signal
import socket
import stat
from pathlib import Path

import pytest
from pydantic import ValidationError
from support.cli import in_process
from tests.collector.conftest import Running, call, free_port, request_of

from kansoku_collector.app import build
from kansoku_collector.errors import SettingsError
from kansoku_collector.settings import Settings


@pytest.fixture
def running(tmp_path):
    """Return a collector that has not been started."""
    found = Running(tmp_path / "data")
    with contextlib.closing(found):
        yield found


def outcome(running, port=None):
    """Start a process that should refuse; return its exit code and what it said."""
    process = running.launch(port or free_port(), as_user=True)
    code = process.wait(60)
    return code, (running.data / "log").read_text().strip()


def test_a_taken_port_is_one_sentence(running):
    """The message names port and setting; the exit code is 1; no stack trace."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, said = outcome(running, taken.getsockname()[1])
    assert (code, len(said.splitlines())) == (1, 1)
    assert "cannot be used" in said
    assert "KANSOKU_PORT" in said


def test_an_unreachable_clickhouse_is_one_sentence(running):
    """The URL is named without its password."""
    url = f"http://app:secret@127.0.0.1:{free_port()}/kansoku"
    running.env = {"KANSOKU_CLICKHOUSE_URL": url, "KANSOKU_CLICKHOUSE_WAIT_SECONDS": "0"}
    code, said = outcome(running)
    lines = [line for line in said.splitlines() if line.startswith("kansoku:")]
    assert (code, len(lines), "Traceback" in said, "secret" in lines[0], "***" in lines[0]) == (
        1,
        1,
        False,
        False,
        True,
    )


def test_two_collectors_do_not_write_one_journal(running, tmp_path):
    """One would store a segment and remove it while the other appends to it: acknowledged, and lost."""
    with contextlib.closing(Running(tmp_path / "store")) as store:
        store.start()
        key = store.key("admin")["authorization"].removeprefix("Bearer ")
        url = f"http://admin:{key}@127.0.0.1:{store.gateway_port}/kansoku"
        running.env = {"KANSOKU_CLICKHOUSE_URL": url}
        running.start()
        second = Running(running.data, running.env)
        code = second.launch(free_port(), as_user=True).wait(60)
        assert code == 1
        log = (running.data / "log").read_text().splitlines()
        (said,) = [line for line in log if line.startswith("kansoku:")]
        assert "in use by another collector" in said
        running.end()
        assert running.start().end() == 0


def test_an_impossible_data_directory_is_one_sentence(running, tmp_path):
    """A file where the directory should be is said to be so."""
    (tmp_path / "file").write_text("")
    running.env = {}
    with pytest.raises(SettingsError, match="KANSOKU_DATA"):
        build(Settings(data=tmp_path / "file" / "data"))


@pytest.mark.parametrize("wrong", ["file", "link"])
def test_what_is_no_directory_is_told_apart(tmp_path, wrong):
    """“File exists” does not say what to do about a file, or a link whose disk is not mounted."""
    path = tmp_path / wrong
    path.symlink_to(tmp_path / "gone") if wrong == "link" else path.write_text("")
    with pytest.raises(SettingsError, match="a file or a link to nothing: name a directory"):
        build(Settings(data=path))
    told = in_process("up", "--data", path)
    assert (told.returncode, "a link to nothing: name a directory" in told.stderr) == (1, True)


def test_a_directory_that_the_engine_would_not_use_is_refused(tmp_path):
    """What follows a ? are options to it: spans were stored beside the data directory, in no backup of it."""
    told = in_process("collect", "--data", tmp_path / "what?")
    assert (told.returncode, "with ? in its name cannot be used" in told.stderr) == (1, True)
    assert not list(tmp_path.iterdir())
    told = in_process("collect", "--data", f"{tmp_path}/\udce6")
    assert (told.returncode, "is not UTF-8" in told.stderr) == (1, True)


@pytest.mark.parametrize("rates", ["2,500", "shop=1,shop=2"])
def test_two_rates_of_one_project_are_refused(rates):
    """A comma of thousands would leave the project a fifth of its rate, and the rest is refused."""
    with pytest.raises(ValidationError, match="two rates for"):
        Settings(rate_spans=rates)


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch):
    """As a file of settings has it: no prices in a directory, no data where the collector was started."""
    for name in ("DATA", "PRICES_FILE", "ALERTS_FILE", "TLS_CERT"):
        monkeypatch.setenv(f"KANSOKU_{name}", "")
    found = Settings()
    assert found.data == Path("~/.local/share/kansoku").expanduser()
    assert {found.prices_file, found.alerts_file, found.tls_cert} == {None}


def test_without_keys_only_on_loopback():
    """KANSOKU_INSECURE on another address is refused."""
    with pytest.raises(SettingsError, match="only on loopback"):
        build(Settings(host="0.0.0.0", insecure=True))


def test_a_wrong_setting_is_named(running):
    """A value that is not a number names its variable."""
    running.env = {"KANSOKU_FLUSH_SECONDS": "soon"}
    code, said = outcome(running)
    assert (code, "KANSOKU_FLUSH_SECONDS" in said, "Traceback" in said) == (1, True, False)


def test_a_polite_end_leaves_nothing_in_the_journal(running):
    """SIGTERM after an acknowledgement: exit code 0, an empty journal, and the rows are there next time."""
    running.start()
    trace_id = os.urandom(16)
    assert (
        running.post("traces", request_of({"trace_id": trace_id, "attributes": call()}).SerializeToString())[
            0
        ]
        == 200
    )
    assert running.end(signal.SIGTERM) == 0
    assert list(running.data.glob("journal/*.seg")) == []
    keys = (running.data / "keys.json").read_text()
    running.start()
    assert len(running.trace(trace_id.hex())["spans"]) == 1
    assert (running.data / "keys.json").read_text() == keys
    assert running.end(signal.SIGINT) == 0


def test_a_closed_terminal_is_a_polite_end(running):
    """SIGHUP stops in order, with what it does in the log; it had killed the process."""
    running.start()
    assert running.end(signal.SIGHUP) == 0
    assert "stopping" in (running.data / "log").read_text()


def test_other_users_of_the_machine_read_nothing_that_is_stored(running):
    """The engine writes files for everybody under the usual umask; the directories around them are closed."""
    (running.data / "clickhouse").mkdir(parents=True)
    (running.data / "clickhouse").chmod(0o755)  # as an earlier version made it
    running.start()
    for name in ("clickhouse", "journal", "scratch"):
        assert stat.S_IMODE((running.data / name).stat().st_mode) & 0o007 == 0, name
    for file in running.data.iterdir():
        assert not file.is_file() or file.stat().st_mode & 0o007 == 0 or file.name in ("log", ".keys.lock"), (
            file
        )


def test_without_a_key_when_it_is_asked_for(tmp_path):
    """KANSOKU_INSECURE accepts and answers requests without a key, but a wrong key stays wrong."""
    running = Running(tmp_path / "data", {"KANSOKU_INSECURE": "1"})
    with contextlib.closing(running):
        running.start()
        body, kind = request_of({}).SerializeToString(), {"content-type": "application/x-protobuf"}
        assert running.call("POST", "/v1/traces", body, kind)[0] == 200
        assert (
            running.call("POST", "/v1/traces", body, kind | {"authorization": "Bearer ksk_wrong"})[0] == 401
        )
        status, answer, _ = running.call("GET", "/v1/stats")
        assert (status, "spans" in json.loads(answer)) == (200, True)
        for page in ({"host": "evil.example"}, {"origin": "https://evil.example"}, {"origin": "null"}):
            assert running.call("GET", "/v1/stats", headers=page)[0] == 403, page
            assert running.call("POST", "/v1/views", b"{}", page)[0] == 403, page
        own = ("localhost:4318", "[::1]:4318", "host.docker.internal:4318", "machine")
        for name in own:
            assert running.call("GET", "/v1/stats", headers={"host": name})[0] == 200, name
        assert running.call("GET", "/v1/stats", headers={"origin": "http://localhost:3000"})[0] == 200


def test_texts_on_their_way_to_the_engine_stay_in_the_data_directory(tmp_path):
    """Temporary files with prompts lie in it alone, and what a kill left of them is gone after a start."""
    machine, left = tmp_path / "machine", tmp_path / "data" / "scratch" / "kansoku-x" / "result"
    machine.mkdir()
    left.parent.mkdir(parents=True)
    left.write_text("a prompt")
    block = left.parents[1] / "tmpx.raw"
    block.write_text("another")
    running = Running(tmp_path / "data", {"TMPDIR": str(machine)})
    with contextlib.closing(running):
        running.start()
        assert not left.parent.exists()
        assert not block.exists()
        before = machine.stat().st_mtime_ns, left.parents[1].stat().st_mtime_ns
        trace_id = os.urandom(16)
        body = request_of({"trace_id": trace_id, "attributes": call()}).SerializeToString()
        assert running.post("traces", body)[0] == 200
        assert len(running.trace(trace_id.hex())["spans"]) == 1
        after = machine.stat().st_mtime_ns, left.parents[1].stat().st_mtime_ns
    assert after[0] == before[0]
    assert after[1] > before[1]
