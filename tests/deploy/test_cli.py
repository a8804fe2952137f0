"""The `kansoku` command: what a person sees when something is in the way."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.cli import Told, as_process, in_process

ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("KANSOKU_")}


def ports() -> dict[str, str]:
    """Return settings with free ports for every part."""
    found = []
    for _ in range(4):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            found.append(str(probe.getsockname()[1]))
    names = ("KANSOKU_PORT", "KANSOKU_GRPC_PORT", "KANSOKU_GATEWAY_PORT", "KANSOKU_DASHBOARD_PORT")
    return dict(zip(names, found, strict=True))


def assert_one_sentence(result: Told, *words: str) -> None:
    """Assert that the command failed with one line that names these words and shows no stack trace."""
    assert result.returncode != 0
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, result.stderr
    for word in words:
        assert word in lines[0]


def test_a_taken_port_is_one_sentence_that_names_the_variable(tmp_path: Path) -> None:
    """A second `kansoku up` on the same port says which port and how to choose another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = as_process("up", "--data", tmp_path, **(ports() | {"KANSOKU_PORT": port}))
    assert_one_sentence(result, port, "KANSOKU_PORT")


def test_up_does_not_pretend_to_serve_tls(tmp_path: Path) -> None:
    """Its parts speak to each other in plain text, so a certificate is refused with what to run instead."""
    certificate = str(tmp_path / "server.pem")
    result = in_process("up", "--data", tmp_path, **(ports() | {"KANSOKU_TLS_CERT": certificate}))
    assert_one_sentence(result, "KANSOKU_TLS_CERT", "kansoku collect")


def test_a_key_is_rotated_with_a_grace(tmp_path: Path) -> None:
    """The new key is printed once; the old one is listed with the end of its time."""
    data = ["--data", str(tmp_path)]
    first = as_process("keys", "create", "web", "--scope", "feedback", *data).stdout.strip()
    second = in_process("keys", "rotate", "web", "--grace", "2", *data).stdout.strip()
    assert first.startswith("ksk_")
    assert second.startswith("ksk_")
    assert first != second
    listed = [
        line for line in in_process("keys", "list", *data).stdout.splitlines() if line.startswith("web")
    ]
    assert ["until" in line for line in listed] == [True, False]
    assert_one_sentence(in_process("keys", "rotate", "nobody", *data), "nobody")


def test_a_directory_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """A data directory below a file says which directory and how to choose another."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    result = in_process("up", "--data", blocked / "data", **ports())
    assert_one_sentence(result, str(blocked / "data"), "--data")


@pytest.mark.parametrize("command", ["up", "collect"])
def test_an_unreachable_clickhouse_is_one_sentence(tmp_path: Path, command: str) -> None:
    """A ClickHouse URL that nobody answers names the URL without its password."""
    free = ports()
    url = f"http://default:s3cret@127.0.0.1:{free['KANSOKU_GATEWAY_PORT']}/kansoku"
    address = {"KANSOKU_CLICKHOUSE_URL": url, "KANSOKU_CLICKHOUSE_WAIT_SECONDS": "0"}
    result = as_process(command, "--data", tmp_path, **free, **address)
    assert "Traceback" not in result.stderr
    assert "s3cret" not in result.stderr
    assert_one_sentence(result, "ClickHouse", "127.0.0.1")


def test_a_bad_setting_is_one_sentence_that_names_the_variable(tmp_path: Path) -> None:
    """A port that is no number names the variable and what was found."""
    result = in_process("up", "--data", tmp_path, KANSOKU_PORT="many")
    assert_one_sentence(result, "KANSOKU_PORT", "many")


def test_alerts_check_names_file_line_and_reason(tmp_path: Path) -> None:
    """A wrong rule is reported with the file, the line and what is wrong."""
    rules = tmp_path / "rules.yaml"
    rule = ["rules:", "  - name: dear", "    metric: moneys", "    comparison: above", "    threshold: 1"]
    rules.write_text("\n".join([*rule, "    window: 1h", ""]))
    result = in_process("alerts", "check", rules)
    assert result.returncode == 1
    assert f"{rules}:3" in result.stderr
    assert "moneys" in result.stderr


def test_alerts_check_accepts_the_example_file() -> None:
    """The rules that the demo uses are valid."""
    from kansoku_cli.up import EXAMPLE_RULES

    result = as_process("alerts", "check", EXAMPLE_RULES)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()


def test_up_stops_cleanly_on_ctrl_c_and_leaves_no_process(tmp_path: Path) -> None:
    """Ctrl-C ends every part with exit code 0, and the same data can be opened again."""
    for less in ([], ["--no-dashboard"]):
        settings = ports()
        with subprocess.Popen(
            [sys.executable, "-m", "kansoku_cli", "up", "--data", str(tmp_path), *less],
            env=ENVIRONMENT | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if "API key" in line:
                    break
            assert any("OTLP/gRPC" in line and settings["KANSOKU_GRPC_PORT"] in line for line in lines)
            os.killpg(process.pid, signal.SIGINT)
            lines += process.stdout
            assert process.wait(60) == 0, "".join(lines)
        assert "Traceback" not in "".join(lines)
        for port in settings.values():
            assert not _listens(int(port))


def _listens(port: int) -> bool:
    for _ in range(50):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return False
        time.sleep(0.1)
    return True
