"""`kansoku up`: collector, embedded ClickHouse, dashboard and demo, supervised in the foreground."""

import argparse
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import quote

import httpx2

from kansoku.errors import KansokuError
from kansoku_cli import parts

READY_SECONDS = 90.0
STOP_SECONDS = 15.0
EXAMPLE_RULES = Path(__file__).with_name("alerts.example.yaml")


@dataclass
class Family:
    """The processes that `up` started, in order; they stop in the reverse order."""

    members: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)
    stopping: bool = False

    def start(self, name: str, arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        """Start `kansoku NAME …` in its own session: Ctrl-C reaches us alone and we choose the order."""
        command = [sys.executable, "-m", "kansoku_cli", name, "--stop-with-parent", *arguments]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, env=os.environ | environment, start_new_session=True
        )
        self.members.append((name, process))
        return process

    def stop(self) -> None:
        """Ask each to stop, last started first, and wait; kill what does not answer in time."""
        for _, process in reversed(self.members):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def kill(self) -> None:
        """End everything at once."""
        for _, process in self.members:
            if process.poll() is None:
                process.kill()


def run(args: argparse.Namespace) -> int:
    """Start every part, say where it is, and stay until Ctrl-C or until a part is gone."""
    parts.open_streams()
    collector = parts.settings(args)
    dashboard = None if args.no_dashboard else parts.dashboard_settings()
    parts.tell_unknown()
    _check_directory(collector.data)
    if collector.tls_cert is not None:
        raise KansokuError(
            "`kansoku up` speaks to its parts without TLS; with KANSOKU_TLS_CERT run `kansoku collect`"
            " and `kansoku dashboard`"
        )
    _check_ports(collector, dashboard)
    collector = _with_grpc(collector)
    family = Family()
    _on_signals(family)
    try:
        return _run(args, collector, dashboard, family)
    finally:
        family.stop()


def _run(args: argparse.Namespace, collector: Any, dashboard: Any, family: Family) -> int:
    rules = {"KANSOKU_ALERTS_FILE": str(EXAMPLE_RULES)} if args.demo and collector.alerts_file is None else {}
    # Whoever starts it here is looking: a server that is away is said at once.
    environment = rules | {
        "KANSOKU_GRPC_PORT": str(collector.grpc_port),
        "KANSOKU_CLICKHOUSE_WAIT_SECONDS": "0",
    }
    process = family.start("collect", ["--data", str(collector.data)], environment)
    if (code := _wait_ready(process, collector, family)) is not None:
        return code
    keys = json.loads((collector.data / "secrets.json").read_text(encoding="utf-8"))
    if dashboard is not None:
        family.start("dashboard", [], _dashboard_environment(collector, keys))
    if args.demo:
        options = [
            "--endpoint",
            _url(collector.host, collector.port),
            "--data",
            str(collector.data),
            "--days",
            str(args.days),
        ]
        family.start("demo", options, {"KANSOKU_API_KEY": keys["ingest"]})
    if dashboard is not None and not _wait_listening(dashboard, family):
        return _watch(family)  # it has said why, and is not announced
    # What a service manager or a pipe takes down is a log, and keys are in none.
    print(banner(collector, dashboard, keys["ingest"] if sys.stdout.isatty() else ""), flush=True)
    return _watch(family)


def banner(collector: Any, dashboard: Any, key: str) -> str:
    """Return the lines that tell a newcomer where everything is; without `key`, where that is kept."""
    secrets = f"{collector.data}/secrets.json"
    rows = [("Dashboard", _url(dashboard.dashboard_host, dashboard.dashboard_port))] if dashboard else []
    rows.append(("OTLP/HTTP", _url(collector.host, collector.port)))
    if collector.grpc_port:
        rows.append(("OTLP/gRPC", _url(collector.host, collector.grpc_port)))
    if collector.embedded:
        address = _url("127.0.0.1", collector.gateway_port)
        rows.append(("ClickHouse", f"{address}  (user reader, password in {secrets})"))
    rows += [("API key", key or f"ingest in {secrets}"), ("Data", str(collector.data))]
    lines = [f"  {name:<11} {value}" for name, value in rows]
    trace = f"  Trace an app: KANSOKU_API_KEY={key or '…'} and `import kansoku; kansoku.init()`"
    return "\n".join(["", "Kansoku is running. Ctrl-C stops it.", *lines, trace, ""])


def _watch(family: Family) -> int:
    while not family.stopping:
        for name, process in list(family.members):
            code = process.poll()
            if code is None:
                continue
            if name == "demo":
                family.members.remove((name, process))
                if code:
                    print(
                        f"kansoku: the demo ended with exit code {code}; everything else goes on.",
                        file=sys.stderr,
                    )
                continue
            print(f"kansoku: the {name} process ended with exit code {code}; stopping.", file=sys.stderr)
            return code or 1
        time.sleep(0.2)
    return 0


def _wait_ready(process: subprocess.Popen[bytes], collector: Any, family: Family) -> int | None:
    """Wait for the collector; return an exit code when there is nothing to wait for.

    One that says nothing is given all the time that it takes: after an upgrade it first brings its store up
    to date, and if it were stopped in the middle the next start would begin that again.
    """
    deadline, told = time.monotonic() + READY_SECONDS, False
    url = f"{_url(collector.host, collector.port)}/readyz"
    while not family.stopping:
        if process.poll() is not None:
            return process.returncode or 1  # it has said why
        problem = _problem(url)
        if problem == "":
            return None
        if time.monotonic() > deadline and problem:
            raise KansokuError(f"the collector did not become ready within {READY_SECONDS:.0f} s: {problem}")
        if time.monotonic() > deadline and not told:
            told = True
            print(
                f"kansoku: the collector does not answer after {READY_SECONDS:.0f} s; after an upgrade a"
                " large store takes minutes. Waiting; Ctrl-C stops it.",
                file=sys.stderr,
                flush=True,
            )
        time.sleep(0.1)
    return 0


def _problem(url: str) -> str | None:
    """Return what keeps the collector from being ready, nothing if it is, None if it does not answer yet."""
    try:
        answer = httpx2.get(url, timeout=2)
    except httpx2.HTTPError:
        return None
    return "" if answer.status_code == 200 else answer.text.strip() or f"status {answer.status_code}"


def _wait_listening(dashboard: Any, family: Family) -> bool:
    """Wait until a click on the dashboard's address is answered; False where its process has ended."""
    deadline = time.monotonic() + READY_SECONDS
    process = next(process for name, process in family.members if name == "dashboard")
    while time.monotonic() < deadline and process.poll() is None and not family.stopping:
        try:
            httpx2.get(_url(dashboard.dashboard_host, dashboard.dashboard_port), timeout=2)
        except httpx2.HTTPError:
            time.sleep(0.1)
        else:
            break
    return process.poll() is None


def _dashboard_environment(collector: Any, keys: dict[str, str]) -> dict[str, str]:
    environment = {
        "KANSOKU_COLLECTOR_URL": _url(collector.host, collector.port),
        "KANSOKU_API_KEY": keys["ingest"],
        "KANSOKU_ADMIN_KEY": keys["admin"],
    }
    if collector.embedded:
        address = f"127.0.0.1:{collector.gateway_port}"
        environment["KANSOKU_CLICKHOUSE_READ_URL"] = f"http://reader:{quote(keys['read'])}@{address}/kansoku"
    else:
        environment.setdefault(
            "KANSOKU_CLICKHOUSE_READ_URL", os.environ.get("KANSOKU_CLICKHOUSE_READ_URL", collector.store_url)
        )
    return environment


def _check_directory(path: Path) -> None:
    if os.path.lexists(path) and not path.is_dir():
        raise KansokuError(
            f"{path} (KANSOKU_DATA) is a file or a link to nothing: name a directory, or remove it"
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise KansokuError(
            f"the data directory {path} cannot be written ({error.strerror}); "
            f"choose another with --data or KANSOKU_DATA"
        ) from error


def _check_ports(collector: Any, dashboard: Any) -> None:
    wanted = [("KANSOKU_PORT", collector.host, collector.port)]
    if collector.embedded:
        wanted.append(("KANSOKU_GATEWAY_PORT", "127.0.0.1", collector.gateway_port))
    if dashboard is not None:
        wanted.append(("KANSOKU_DASHBOARD_PORT", dashboard.dashboard_host, dashboard.dashboard_port))
    if collector.grpc_port and "grpc_port" in collector.model_fields_set:
        wanted.append(("KANSOKU_GRPC_PORT", collector.host, collector.grpc_port))
    for variable, host, port in wanted:
        if problem := _port_problem(host, port):
            raise KansokuError(
                f"port {port} on {host} cannot be used ({problem}); is Kansoku running already? "
                f"{variable} chooses another port"
            )


def _with_grpc(collector: Any) -> Any:
    """Return the settings, without gRPC where its default port belongs to somebody else, such as an agent."""
    port = collector.grpc_port
    if port and (problem := _port_problem(collector.host, port)):
        print(f"kansoku: OTLP over gRPC is off: port {port} cannot be used ({problem}).", file=sys.stderr)
        return collector.model_copy(update={"grpc_port": 0})
    return collector


def _port_problem(host: str, port: int) -> str:
    """Say why a port cannot be listened on, or nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""


def _on_signals(family: Family) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        if family.stopping:
            family.kill()
            return
        family.stopping = True
        if select.select([], [2], [], 0)[1]:  # else nobody reads, and to say it would take for ever
            print("\nStopping; a second Ctrl-C does not wait.", file=sys.stderr, flush=True)

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # else `nohup` says that it shall go on
        signal.signal(signal.SIGHUP, stop)


def _url(host: str, port: int) -> str:
    # An address that means "all of them" is no address to click on.
    shown = "127.0.0.1" if host in {"0.0.0.0", ""} else f"[{host}]" if ":" in host else host  # noqa: S104
    return f"http://{shown}:{port}"
