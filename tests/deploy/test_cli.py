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
from support.ports import free_port

ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("KANSOKU_")}


def ports() -> dict[str, str]:
    """Return settings with free ports for every part."""
    names = ("KANSOKU_PORT", "KANSOKU_GRPC_PORT", "KANSOKU_GATEWAY_PORT", "KANSOKU_DASHBOARD_PORT")
    return {name: str(free_port()) for name in names}


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
    first = as_process("keys", "create", "web", "--scope", "feedback", *data, **ports()).stdout.strip()
    second = in_process("keys", "rotate", "web", "--grace", "2", *data).stdout.strip()
    assert first.startswith("ksk_")
    assert second.startswith("ksk_")
    assert first != second
    listed = [
        line for line in in_process("keys", "list", *data).stdout.splitlines() if line.startswith("web")
    ]
    assert ["until" in line for line in listed] == [True, False]
    assert_one_sentence(in_process("keys", "rotate", "nobody", *data), "nobody")


@pytest.mark.parametrize(
    "command",
    [
        ("keys", "list"), ("keys", "revoke", "web"), ("keys", "rotate", "web"), ("alerts", "list"),
        ("alerts", "replay"), ("forget", "--user", "u"), ("retention", "set", "shop", "--spans", "9"),
        ("prices", "reprice", "--since", "2026-11-01"), ("export", "--since", "2026-11-01", "--out", "-"),
        ("canary", "report", "guide"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_command_on_a_wrong_data_directory_says_so_and_makes_nothing(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Neither keys nor a store appear where nobody looks for them; the sentence names what to give."""
    elsewhere = tmp_path / "elsewhere"
    result = in_process(*command, "--data", elsewhere, **ports())
    assert_one_sentence(result, str(elsewhere), "--data", "KANSOKU_DATA")
    assert not elsewhere.exists()


def test_a_key_is_not_made_where_the_running_collector_does_not_look(tmp_path: Path) -> None:
    """Beside a collector with other data a first key would be good for nothing; without one it is made."""
    make = ("keys", "create", "web", "--scope", "feedback", "--data", tmp_path / "new")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        refused = in_process(*make, KANSOKU_PORT=str(other.getsockname()[1]))
        doctor = in_process("doctor", "--data", tmp_path / "new", KANSOKU_PORT=str(other.getsockname()[1]))
    assert_one_sentence(refused, str(tmp_path / "new"), "--data")
    assert "!!  collector" in doctor.stdout
    assert not (tmp_path / "new").exists()
    made = in_process(*make, **ports())
    assert made.stdout.startswith("ksk_")
    assert str(tmp_path / "new") in made.stderr


def test_a_key_without_a_name_is_refused(tmp_path: Path) -> None:
    """It could be told from no other."""
    result = in_process("keys", "create", " ", "--scope", "ingest", "--data", tmp_path, **ports())
    assert_one_sentence(result, "name")


@pytest.mark.parametrize(
    "command", ["--help", "doctor", "up", "alerts list", "export --since 2026-11-01 --out x"]
)
def test_with_the_sdk_alone_the_command_says_what_to_install(tmp_path: Path, command: str) -> None:
    """`pip install path/to/kansoku` brings the SDK and no store; no command ends in a stack trace."""
    block = tmp_path / "sitecustomize.py"
    block.write_text(
        "import sys\n"
        "for name in ('clickhouse_connect', 'pydantic_settings', 'streamlit', 'starlette', 'yaml'):\n"
        "    sys.modules[name] = None\n"
    )
    paths = os.pathsep.join([str(tmp_path), *(entry for entry in sys.path if entry)])
    result = as_process(*command.split(), PYTHONPATH=paths, KANSOKU_DATA=str(tmp_path))
    if command == "--help":
        assert (result.returncode, result.stderr) == (0, "")
    else:
        assert_one_sentence(result, "is not installed", "pip install")


def test_a_dashboard_that_does_not_start_is_not_announced(tmp_path: Path) -> None:
    """`kansoku up` says why its dashboard refuses, and not that everything is running."""
    result = as_process("up", "--data", tmp_path, **ports(), KANSOKU_DASHBOARD_HOST="0.0.0.0")
    assert result.returncode == 1
    assert "KANSOKU_DASHBOARD_PASSWORD" in result.stderr
    assert "is running" not in result.stdout


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
        assert "ksk_" not in "".join(lines)  # what reads this is no terminal, and may keep it
        for port in settings.values():
            assert not _listens(int(port))


def _listens(port: int) -> bool:
    for _ in range(50):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return False
        time.sleep(0.1)
    return True
