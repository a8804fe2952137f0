"""`kansoku forget`: delete what is stored of a user, a session or a trace."""

import argparse
from typing import Any

from kansoku_cli import access, parts


def add_commands(commands: Any, data: Any) -> None:
    """Add `forget` to the command line."""
    parser = commands.add_parser("forget", help="delete everything of a user, a session or a trace")
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("--user", default="", help="a user's id: their traces, spans, feedback, sessions")
    whose.add_argument("--session", default="", help="a session's id")
    whose.add_argument("--trace", default="", help="a trace's id")
    parser.add_argument("--project", default="default", help="whose data it is (default: default)")
    parser.add_argument("--yes", action="store_true", help="delete; without it the rows are only counted")
    parser.set_defaults(command=run)
    data(parser)


def run(args: argparse.Namespace) -> int:
    """Count the rows, or delete them and say from which tables."""
    from kansoku_collector.store.forget import Subject, forget  # noqa: PLC0415 - settings() says what to install

    settings = parts.settings(args)
    subject = Subject(args.project, args.user, args.session, args.trace)
    gone = forget(access.writer(args), subject, settings.clickhouse_cluster, dry_run=not args.yes)
    for table, count in gone.items():
        if count:
            print(f"{table:<20} {count}")
    total = sum(gone.values())
    if not args.yes:
        print(f"{total} rows would be deleted; add --yes to delete them.")
        return 0
    print(f"{total} rows deleted. Sums by minute, hour and day stay: they name nobody.")
    print("What waits in the journal or comes later is not covered: run it again then. Backups are yours.")
    return 0
