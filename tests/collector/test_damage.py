"""What the machine does to a collector: it starts and says what is missing, or says why it cannot."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from collector.conftest import Running, call, request_of
from support.ports import free_port

from kansoku_cli.doctor import examine
from kansoku_collector.settings import Settings
from kansoku_collector.store.connect import connect


def test_parts_that_are_damaged_are_named(tmp_path: Path) -> None:
    """ClickHouse sets them aside in silence: the log and the doctor say which table lacks rows."""
    running = Running(tmp_path / "data")
    with contextlib.closing(running):
        running.start()
        assert running.post("traces", request_of({"attributes": call()}).SerializeToString())[0] == 200
        running.settled()
        assert running.end() == 0
        table = (running.data / "clickhouse" / "data" / "kansoku" / "spans").resolve()
        (part,) = table.glob("2*_*/data.bin")
        os.truncate(part, part.stat().st_size // 2)
        running.start()
        said = "1 damaged parts of the table spans are set aside"
        assert said in (running.data / "log").read_text()
        assert running.get("/v1/stats")["spans"] == 0
        key = json.loads((running.data / "secrets.json").read_text())["read"]
        client = connect(f"http://reader:{key}@127.0.0.1:{running.gateway_port}/kansoku")
        settings = Settings(data=running.data, port=running.port, gateway_port=running.gateway_port)
        bad = [f.sentence for f in examine(settings, lambda: client) if not f.well]
        assert any(said in sentence for sentence in bad)
        client.close()


# With a server that is away: embedded, the engine raises the limit itself.
ALONE = {"KANSOKU_GRPC_PORT": "0", "KANSOKU_CLICKHOUSE_URL": "http://127.0.0.1:1/kansoku"}


def limited(hard: int, data: Path, *options: str) -> "subprocess.Popen[bytes]":
    """Start a collector as a shell does that allows 64 open files, and `hard` to who asks."""
    program = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, {hard}))\n"
        "import sys; from kansoku_collector.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "--data", str(data), *options]
    with (data / "log").open("wb") as log:
        return subprocess.Popen(command, stderr=log, env=os.environ | ALONE)


def test_more_connections_are_taken_than_a_shell_allows_files(tmp_path: Path) -> None:
    """The limit is raised as far as the user may: also where no engine in the process does it."""
    port = free_port()
    process = limited(1024, tmp_path, "--port", str(port))
    running = Running(tmp_path, port=port)
    with contextlib.ExitStack() as stack:
        stack.callback(process.wait)
        stack.callback(process.kill)
        running.wait_for(lambda: running.call("GET", "/healthz")[0] == 200 or process.poll() is not None)
        for _ in range(200):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert running.post("traces", request_of({}).SerializeToString())[0] == 200


def test_too_few_files_are_one_sentence_that_names_the_limit(tmp_path: Path) -> None:
    """Where the limit cannot be raised there is no traceback from the middle of the start."""
    process = limited(64, tmp_path, "--port", str(free_port()))
    assert process.wait(60) == 1
    assert (tmp_path / "log").read_text().splitlines() == [
        "kansoku: this process may open 64 files, 256 are needed at least: raise `ulimit -n`"
    ]
