"""ClickHouse away, slow, full, read-only, not ClickHouse at all: nothing is lost, nothing stored twice."""

import contextlib
import json
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from collector import gateway_process
from collector.conftest import PROTOBUF, Running, call, free_port, request_of

BENCHES = Path(__file__).resolve().parents[2] / "benches"
sys.path.insert(0, str(BENCHES))
from fault_proxy import MODES, Proxy  # noqa: E402

VIEWS = ("traces", "rollup_minute", "rollup_hour")


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Return a proxy in front of a real ClickHouse in a process of its own."""
    with gateway_process.serve(tmp_path_factory.mktemp("clickhouse") / "store") as server:
        proxy = Proxy(server.port).start()
        yield proxy
        proxy.shutdown()
        proxy.server_close()


@pytest.fixture(scope="module")
def running(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a collector that stores through the proxy, with a journal of 200 kB."""
    env = {
        "KANSOKU_CLICKHOUSE_URL": f"http://admin:ksk_admin@127.0.0.1:{proxy.port}/kansoku",
        "KANSOKU_RETENTION_DAYS": "2000",
        "KANSOKU_FLUSH_SECONDS": "0.1",
        "KANSOKU_JOURNAL_MAX_BYTES": "200000",
        "KANSOKU_GRPC_PORT": "0",
    }
    found = Running(tmp_path_factory.mktemp("collector") / "data", env)
    with contextlib.closing(found):
        yield found.start()


def request(service: str, spans: int = 3) -> bytes:
    """Return a request with spans of now."""
    now = time.time_ns() - 10**9
    made = [{"start": now, "attributes": call()} for _ in range(spans)]
    return request_of(*made, **{"service.name": service}).SerializeToString()


def stored(running: Running, service: str) -> dict[str, int]:
    """Return how many spans of a service each view counts."""
    from kansoku_collector.store.connect import connect

    client = connect(running.env["KANSOKU_CLICKHOUSE_URL"])
    try:
        found = {view: f"SELECT sum(spans) FROM {view} WHERE service = {{s:String}}" for view in VIEWS}
        found["spans"] = "SELECT count() FROM spans WHERE service = {s:String}"
        return {
            name: int(client.query(sql, parameters={"s": service}).first_row[0])
            for name, sql in found.items()
        }
    finally:
        client.close()


def waiting(running: Running) -> dict[str, float]:
    """Return the counters, which do not need ClickHouse."""
    found: dict[str, float] = {}
    for line in running.call("GET", "/metrics")[1].decode().splitlines():
        if line.startswith("kansoku_") and "{" not in line:
            name, value = line.split()
            found[name.removeprefix("kansoku_").removesuffix("_total")] = float(value)
    return found


def drain(running: Running) -> None:
    """Wait until the journal is empty."""
    running.wait_for(lambda: not list(running.data.glob("journal/*.seg")))


@pytest.mark.parametrize("mode", MODES)
def test_clickhouse_fails_and_recovers(running: Running, proxy: Proxy, mode: str) -> None:
    """Acknowledged while it fails, stored once in every view when it works again, without a restart."""
    proxy.slowness, proxy.failed, proxy.mode = 0.2, 0, mode
    try:
        for _ in range(3):
            assert running.post("traces", request(mode))[0] == 200
        running.wait_for(lambda: proxy.failed >= 2)
        assert mode == "slow" or list(running.data.glob("journal/*.seg"))
    finally:
        proxy.mode = "pass"
    drain(running)
    assert set(stored(running, mode).values()) == {9}
    assert waiting(running)["segments_set_aside"] == 0


def test_a_full_journal_is_said_and_nothing_is_lost(running: Running, proxy: Proxy) -> None:
    """At the limit: 503 with Retry-After, which exporters obey; later everything acknowledged is stored."""
    name, proxy.mode = uuid.uuid4().hex, "refusing"
    accepted, refused = 0, {}
    try:
        while not refused:
            status, _, headers = running.post("traces", request(name, 50))
            if status == 200:
                accepted += 50
            else:
                assert status == 503
                refused = headers
            assert accepted < 5000
        assert int(refused["retry-after"]) > 0
        assert "journal_full" in running.call("GET", "/metrics")[1].decode()
    finally:
        proxy.mode = "pass"
    drain(running)
    assert running.post("traces", request(name, 1))[0] == 200
    drain(running)
    assert set(stored(running, name).values()) == {accepted + 1}


def test_a_restart_while_the_answers_are_lost_doubles_nothing(running: Running, proxy: Proxy) -> None:
    """ClickHouse has the rows, nobody knows, and the process is killed: its successor counts them once."""
    name, again = uuid.uuid4().hex, request("x")
    proxy.failed, proxy.mode = 0, "answer lost"
    body = request(name)
    try:
        assert running.post("traces", body)[0] == 200
        running.wait_for(lambda: proxy.failed >= 2)
        running.end(9)
    finally:
        proxy.mode = "pass"
    running.start()
    assert running.post("traces", body)[0] == 200  # the client retries too
    spans = json.loads(running.call("GET", "/v1/stats", headers=running.key("read"))[1])
    assert spans["duplicate_requests"] == 1
    assert running.post("traces", again, content_type=PROTOBUF)[0] == 200
    drain(running)
    assert set(stored(running, name).values()) == {3}


def test_spans_in_flight_come_back_in_another_request(running: Running) -> None:
    """What a spool sends again in other batches, after a restart, is counted once in every view."""
    name = uuid.uuid4().hex
    now = time.time_ns() - 10**9
    made: list[dict[str, Any]] = [
        {"trace_id": uuid.uuid4().bytes, "span_id": number.to_bytes(8, "big"), "start": now}
        for number in range(1, 7)
    ]
    for part in (made[:4], made[2:], made[::-1]):
        body = request_of(*part, **{"service.name": name}).SerializeToString()
        assert running.post("traces", body)[0] == 200
        drain(running)
    assert running.end() == 0
    running.start()
    body = request_of(*made[1:5], **{"service.name": name}).SerializeToString()
    assert running.post("traces", body)[0] == 200
    drain(running)
    assert set(stored(running, name).values()) == {6}


def test_a_collector_starts_while_clickhouse_is_away(proxy: Proxy, tmp_path: Path) -> None:
    """It accepts into the journal and says what it waits for; when ClickHouse comes all is stored once."""
    port, name = free_port(), uuid.uuid4().hex
    url = f"http://admin:ksk_admin@127.0.0.1:{port}/kansoku"
    running = Running(tmp_path / "data", {"KANSOKU_CLICKHOUSE_URL": url, "KANSOKU_FLUSH_SECONDS": "0.1"})
    with contextlib.closing(running):
        running.port = free_port()
        running.process = running.launch(running.port)
        running.wait_for(lambda: running.call("GET", "/healthz")[0] == 200)
        status, said, _ = running.call("GET", "/readyz")
        assert (status, b"cannot be reached" in said, b"ksk_admin" in said) == (503, True, False)
        assert running.post("traces", request(name))[0] == 200
        assert list(running.data.glob("journal/*.seg"))
        late = Proxy(proxy.upstream_port, port)
        late.mode = "away"
        late.start()
        running.wait_for(lambda: late.failed >= 2)
        late.mode = "pass"
        running.wait_for(lambda: running.call("GET", "/readyz")[0] == 200)
        drain(running)
        assert set(stored(running, name).values()) == {3}
        assert running.end() == 0
        late.shutdown()
        late.server_close()


def test_a_clickhouse_that_never_comes_is_given_up(tmp_path: Path) -> None:
    """After the time that is set the collector ends and says why; the journal keeps what it acknowledged."""
    url = f"http://admin:secret@127.0.0.1:{free_port()}/kansoku"
    running = Running(tmp_path / "data", {"KANSOKU_CLICKHOUSE_URL": url})
    with contextlib.closing(running):
        for seconds in ("2", "10", "50"):  # a busy machine may need more to send something in that time
            running.env["KANSOKU_CLICKHOUSE_WAIT_SECONDS"] = seconds
            running.port = free_port()
            running.process = process = running.launch(running.port)
            running.wait_for(
                lambda process=process: (
                    running.call("GET", "/healthz")[0] == 200 or process.poll() is not None
                )
            )
            if running.post("traces", request("never"))[0] == 200:
                break
            assert process.wait(120) == 1
        assert process.wait(120) == 1
        log = (running.data / "log").read_text()
        assert "KANSOKU_CLICKHOUSE_WAIT_SECONDS" in log
        assert "secret" not in log
        assert len(list(running.data.glob("journal/*.seg"))) == 1


def test_a_clickhouse_that_hangs_keeps_no_collector_from_ending(running: Running, proxy: Proxy) -> None:
    """Its threads would wait for minutes, and a supervisor kill it; the next start stores what is left."""
    proxy.mode = "hanging"
    try:
        assert running.post("traces", request("ended"))[0] == 200
        assert running.call("GET", "/readyz")[0] == 503  # its question waits on, as that of every reader
        assert running.end() == 0
        assert "what is in the journal is stored by the next start" in (running.data / "log").read_text()
        assert list(running.data.glob("journal/*.seg"))
    finally:
        proxy.mode = "pass"
    running.start()
    drain(running)
    assert set(stored(running, "ended").values()) == {3}
