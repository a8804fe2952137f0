"""`kansoku export` of a store that fails in the middle: no file passes for whole that is not."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from collector.conftest import Running, call, request_of
from support.cli import Told, as_process, in_process

SINCE = ("--since", "2026-09-01")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a collector with some megabytes of spans, of which one block on the disk is damaged."""
    found = Running(tmp_path_factory.mktemp("cut") / "data").start()
    try:
        spans = [{"attributes": call(note=f"{n} " * 200)} for n in range(9000)]
        assert found.post("traces", request_of(*spans).SerializeToString())[0] == 200
        found.settled()
        assert found.end() == 0
        files = (found.data / "clickhouse" / "store").rglob("*.bin")
        largest = max(files, key=lambda path: path.stat().st_size)
        with largest.open("r+b") as file:
            file.seek(largest.stat().st_size * 9 // 10)
            file.write(os.urandom(64))
        yield found.start()
    finally:
        found.close()


def export(running: Running, *words: object) -> Told:
    """Run the command beside the collector."""
    return in_process(
        "export", *SINCE, "--data", running.data, *words, KANSOKU_GATEWAY_PORT=str(running.gateway_port)
    )


def test_a_file_that_is_not_whole_does_not_take_the_place_of_one_that_is(
    running: Running, tmp_path: Path
) -> None:
    """The status was 200 long before: only the end of the answer tells that rows are missing."""
    out = tmp_path / "spans.jsonl"
    out.write_text("those of yesterday")
    told = export(running, "--format", "jsonl", "--out", out)
    assert told.returncode == 1
    assert "ClickHouse stopped in the middle of the rows: Code: 40" in told.stderr
    assert [path.read_text() for path in tmp_path.iterdir()] == ["those of yesterday"]


def test_what_clickhouse_refuses_is_a_sentence(running: Running, tmp_path: Path) -> None:
    """No stack trace, and no file of no bytes."""
    told = export(running, "--format", "parquet", "--out", tmp_path / "spans.parquet")
    assert told.returncode == 1
    assert told.stderr.startswith("kansoku: ClickHouse did not answer: ")
    assert told.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_collector_that_is_killed_meanwhile_is_a_sentence(running: Running, tmp_path: Path) -> None:
    """Whoever reads the pipe takes the first rows; then the collector is gone."""
    pipe, pid = tmp_path / "pipe", running.process.pid  # type: ignore[union-attr]
    os.mkfifo(pipe)
    if (reader := os.fork()) == 0:
        with pipe.open("rb") as file:
            file.read(1 << 16)
            os.kill(pid, signal.SIGKILL)
            time.sleep(1)
            while file.read(1 << 20):
                pass
        os._exit(0)
    told = as_process(
        *("export", *SINCE, "--data", running.data, "--format", "jsonl", "--out", pipe),
        KANSOKU_GATEWAY_PORT=str(running.gateway_port),
    )
    os.waitpid(reader, 0)
    assert told.returncode == 1
    assert told.stderr.startswith("kansoku: ClickHouse went away in the middle of the rows: ")
    assert told.stderr.count("\n") == 1
