"""Commands that run one part: the collector, the dashboard, the demo, a migration."""

import argparse
import json
import os
import signal
import socket
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from kansoku.errors import KansokuError, SettingsError
from kansoku_cli import variables


def collect(args: argparse.Namespace) -> int:
    """Run the collector until it is told to stop."""
    app = _import("kansoku_collector.app", "all")
    if args.stop_with_parent:
        stop_with_parent()
    else:
        tell_unknown()
    code: int = app.serve(settings(args))
    return code


def dashboard(args: argparse.Namespace) -> int:
    """Run the dashboard until it is told to stop."""
    open_streams()
    _have_home()
    server = _import("kansoku_dashboard.server", "dashboard")
    if args.stop_with_parent:
        stop_with_parent()
    else:
        tell_unknown()
    code: int = server.serve(dashboard_settings())
    return code


def open_streams() -> None:
    """Let what was started without standard streams have empty ones: libraries write to them."""
    _import("kansoku_collector.files", "all").open_standard_streams()


def tell_unknown() -> None:
    """Name each variable that sets nothing, on standard error."""
    for sentence in variables.unknown(os.environ):
        print(f"kansoku: {sentence}", file=sys.stderr)


def _have_home() -> None:
    """Give a user without a home directory one: Streamlit looks there when it is imported."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/"
        with suppress(FileNotFoundError):  # a container's root may be read-only, with nothing beside it
            os.environ["HOME"] = tempfile.gettempdir()


def demo(argv: list[str]) -> int:
    """Run the sample application; its options are described by its own --help."""
    run = _import("kansoku_demo.run", "demo")
    if argv[:1] == ["--stop-with-parent"]:
        stop_with_parent()
        argv = argv[1:]
    code: int = run.main(argv)
    return code


def migrate(args: argparse.Namespace) -> int:
    """Apply the migrations that are missing and print their names."""
    connect = _import("kansoku_collector.store.connect", "collector")
    migrations = _import("kansoku_collector.store.migrate", "collector")
    chosen = settings(args)
    done = migrations.migrate(connect.connect(chosen.store_url), chosen.clickhouse_cluster)
    print("\n".join(done) if done else "The schema is up to date.")
    return 0


def settings(args: argparse.Namespace) -> Any:
    """Return the collector's settings with the command line's data directory, if one was given."""
    module = _import("kansoku_collector.settings", "all")
    return _valid(module.Settings, **({"data": args.data} if getattr(args, "data", None) else {}))


def dashboard_settings() -> Any:
    """Return the dashboard's settings."""
    return _valid(_import("kansoku_dashboard.settings", "dashboard").DashboardSettings)


def read_url(args: argparse.Namespace) -> str:
    """Return the URL to read from: the one set, else a running collector's gateway, else the store."""
    if url := os.environ.get("KANSOKU_CLICKHOUSE_READ_URL"):
        return url
    chosen = settings(args)
    secrets = chosen.data / "secrets.json"
    if chosen.embedded and secrets.exists() and listens(chosen.gateway_port):
        key = json.loads(secrets.read_text(encoding="utf-8"))["read"]
        return f"http://reader:{quote(key)}@127.0.0.1:{chosen.gateway_port}/kansoku"
    url = chosen.store_url
    return str(url)


def listens(port: int) -> bool:
    """Tell whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def stop_with_parent() -> None:
    """Stop this process when the one that started it is gone, however it went.

    The parent holds the other end of our standard input and never writes to it: its death closes the pipe.
    """

    def wait() -> None:
        # Not through sys.stdin: a thread that waits there holds a lock which the interpreter needs to exit.
        with suppress(OSError):
            while os.read(0, 1024):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="stop-with-parent", daemon=True).start()


def _valid(model: Any, **values: Any) -> Any:
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        name = name if name.startswith("KANSOKU_") else f"KANSOKU_{name}"
        why = str(first["msg"]).removeprefix("Value error, ").removeprefix(f"{name}: ")
        given = first["input"]
        shown = str(given) if isinstance(given, Path) else given
        raise SettingsError(f"{name}={shown!r} cannot be used: {why}") from error


def _import(module: str, extra: str) -> Any:
    import importlib  # noqa: PLC0415

    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("kansoku"):
            raise
        raise KansokuError(lacking(error.name, extra)) from error


def lacking(name: str | None, extra: str) -> str:
    """Say what to install where a package is missing; the base install is the SDK alone."""
    return f"{name} is not installed; run: pip install 'path/to/kansoku[{extra}]', a clone"
