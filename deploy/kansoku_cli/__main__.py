"""`kansoku`: one command for the whole of it, and one for each part."""

import argparse
import importlib.metadata
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kansoku.errors import KansokuError
from kansoku_cli import alerts, canary, doctor, export, forget, journal, keys, parts, prices, retention, up

Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code. Errors are one sentence on standard error."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments[:1] == ["demo"]:  # its options are its own
            return parts.demo(arguments[1:])
        args = _parser().parse_args(arguments)
        command: Command = args.command
        return command(args)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `kansoku ... | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - `_told` raises what is a fault of ours
        print(f"kansoku: {_told(error)}", file=sys.stderr)
        return 1


def _told(error: Exception) -> str:
    """Return a sentence about what the operator can mend; raise what is a fault of ours."""
    if isinstance(error, ModuleNotFoundError):
        if (error.name or "kansoku").startswith("kansoku"):
            raise error
        return parts.lacking(error.name, "all")
    if isinstance(error, OSError):
        if error.filename is None:
            raise error
        return f"{error.filename}: {error.strerror}"
    if type(error).__module__.startswith("clickhouse_connect."):  # its store went away, or has no memory
        from kansoku_collector.faults import sentence  # noqa: PLC0415 - it is installed where these come from

        return f"ClickHouse did not answer: {sentence(error)}"
    if not isinstance(error, KansokuError):
        raise error
    return str(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kansoku", description="Trace, price and watch LLM applications on ClickHouse."
    )
    parser.add_argument(
        "--version", action="version", version=f"kansoku {importlib.metadata.version('kansoku')}"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    start = commands.add_parser(
        "up", help="run collector, embedded ClickHouse and dashboard in the foreground"
    )
    _data(start)
    start.add_argument(
        "--demo", action="store_true", help="add a sample application: 14 days of history, then live traffic"
    )
    start.add_argument(
        "--days", type=float, default=14.0, help="days of history that the demo fills in (default 14)"
    )
    start.add_argument("--no-dashboard", action="store_true", help="run the collector alone")
    start.set_defaults(command=up.run)

    collect = commands.add_parser("collect", help="run the collector (and embedded ClickHouse)")
    _data(collect)
    collect.add_argument("--stop-with-parent", action="store_true", help=argparse.SUPPRESS)
    collect.set_defaults(command=parts.collect)

    dashboard = commands.add_parser("dashboard", help="run the dashboard")
    dashboard.add_argument("--stop-with-parent", action="store_true", help=argparse.SUPPRESS)
    dashboard.set_defaults(command=parts.dashboard)

    commands.add_parser(
        "demo", help="run the sample application against a collector (see `kansoku demo --help`)"
    )

    migrate = commands.add_parser(
        "migrate", help="bring the schema of the ClickHouse in KANSOKU_CLICKHOUSE_URL up to date"
    )
    _data(migrate)
    migrate.set_defaults(command=parts.migrate)

    _keys(commands)
    prices.add_commands(commands, _data)
    for part in (retention, forget, export, doctor):
        part.add_commands(commands, _data)
    canary.add_commands(commands, _data)
    journal.add_commands(commands, _data)

    alerts.add_commands(commands)
    return parser


def _keys(commands: Any) -> None:
    parser = commands.add_parser("keys", help="create, list, rotate and revoke API keys")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    create = actions.add_parser("create", help="create a key and print it, once")
    create.add_argument("name", help="what the key is for, such as web")
    create.add_argument(
        "--scope", action="append", required=True, help="ingest, feedback, read or admin; may be repeated"
    )
    create.set_defaults(command=keys.create)
    revoke = actions.add_parser("revoke", help="take every key of a name back")
    revoke.add_argument("name")
    revoke.set_defaults(command=keys.revoke)
    rotate = actions.add_parser("rotate", help="replace the keys of a name by a new one and print it, once")
    rotate.add_argument("name")
    rotate.add_argument(
        "--grace",
        type=float,
        default=0.0,
        metavar="HOURS",
        help="how long the old ones stay good (default 0)",
    )
    rotate.set_defaults(command=keys.rotate)
    listing = actions.add_parser("list", help="list names, projects and scopes; keys themselves are not kept")
    listing.set_defaults(command=keys.show)
    for action in (create, revoke, rotate):
        action.add_argument(
            "--project", default="default", help="whose data the key is for (default: default)"
        )
    for action in (create, revoke, rotate, listing):
        _data(action)


def _data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, help="data directory (default: KANSOKU_DATA, else ~/.local/share/kansoku)"
    )


if __name__ == "__main__":
    sys.exit(main())
