"""`kansoku journal`: what could not be stored, beside a running collector or a stopped one."""

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kansoku.errors import KansokuError
from kansoku_cli import parts
from kansoku_cli.shown import shown

_STATES = {"waits": "waits", "retry": "is stored again soon", "drop": "is dropped soon"}


def add_commands(commands: Any, data: Any) -> None:
    """Add `journal list`, `retry` and `drop` to the command line."""
    parser = commands.add_parser("journal", help="list what could not be stored; store it again or drop it")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list what is set aside, since when and why")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(command=show)
    retry = actions.add_parser("retry", help="store it again; a running collector begins within seconds")
    retry.set_defaults(command=decide, decision="retry", done="stored again")
    drop = actions.add_parser("drop", help="give it up for good; the receipts count what is lost")
    drop.set_defaults(command=decide, decision="drop", done="dropped")
    for action in (retry, drop):
        action.add_argument("name", nargs="*", help="names from `kansoku journal list`")
        action.add_argument("--all", action="store_true", help="everything that is set aside")
    for action in (listing, retry, drop):
        data(action)


def show(args: argparse.Namespace) -> int:
    """List the segments set aside, with their reasons."""
    from kansoku_collector import aside  # noqa: PLC0415 - settings() says what to install if it is missing

    found = aside.listed(_journal(args))
    if args.json:
        print(json.dumps([asdict(segment) for segment in found], indent=2))
        return 0
    if not found:
        print("Nothing is set aside.")
    for segment in found:
        since = datetime.fromtimestamp(segment.since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        spans = sum(lacking.spans for lacking in segment.lacking)
        print(f"{segment.name}  {_STATES[segment.state]}, since {since}, {segment.bytes} bytes")
        print(f"    requests: {segment.requests}, spans that are not stored: {spans or 'not known'}")
        for reason in segment.reasons[:5]:
            print(f"    {shown(reason)}")
        if len(segment.reasons) > 5:
            print(f"    and {len(segment.reasons) - 5} more reasons")
    return 0


def decide(args: argparse.Namespace) -> int:
    """Have segments stored again, or dropped."""
    journal = _journal(args)
    from kansoku_collector import aside  # noqa: PLC0415

    if bool(args.name) == args.all:
        raise KansokuError("name what is meant (`kansoku journal list` shows it), or say --all")
    known = {segment.name for segment in aside.listed(journal) if segment.state == "waits"}
    if unknown := [name for name in args.name if name not in known]:
        raise KansokuError(f"{unknown[0]} is not set aside; `kansoku journal list` shows what is")
    done = aside.decide(journal, args.name, args.decision)
    print(f"{len(done)} will be {args.done}, by the collector that runs or by its next start.")
    return 0


def _journal(args: argparse.Namespace) -> Path:
    path: Path = parts.settings(args).data / "journal"
    if not path.is_dir():
        raise KansokuError(f"there is no journal in {path.parent}: name the collector's data with --data")
    return path
