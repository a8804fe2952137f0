"""`kansoku retention`: how long each project keeps content, spans and rollups."""

import argparse
from typing import Any

from kansoku.errors import KansokuError
from kansoku_cli import access, parts


def add_commands(commands: Any, data: Any) -> None:
    """Add `retention show` and `set` to the command line."""
    parser = commands.add_parser("retention", help="show or set how long a project keeps its data")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("show", help="list days by project: content, spans, rollups")
    listing.set_defaults(command=show)
    change = actions.add_parser("set", help="keep the data of a project for other days than the default")
    change.add_argument("project")
    for kind in ("content", "spans", "rollups"):
        change.add_argument(f"--{kind}", type=_days, metavar="DAYS", help="days, or `default`")
    change.set_defaults(command=set_days)
    for action in (listing, change):
        data(action)


def show(args: argparse.Namespace) -> int:
    """Print the days of the defaults and of each project that differs; `*` marks a project's own."""
    from kansoku_collector.store.retention import KINDS, Retention, read_projects  # noqa: PLC0415

    client = access.reader(args)
    found = Retention.of(parts.settings(args), read_projects(client) if client else {})
    print(f"{'project':<24}" + "".join(f"{kind:>10}" for kind in KINDS))
    print(f"{'(default)':<24}" + "".join(f"{found.defaults[kind]:>10}" for kind in KINDS))
    for project, own in sorted(found.projects.items()):
        days = (f"{found.days(project, kind)}{'*' if kind in own else ''}" for kind in KINDS)
        print(f"{project:<24}" + "".join(f"{text:>10}" for text in days))
    return 0


def set_days(args: argparse.Namespace) -> int:
    """Store the values of a project and make the tables follow."""
    from kansoku_collector.store import retention  # noqa: PLC0415

    values = {kind: getattr(args, kind) for kind in retention.KINDS if getattr(args, kind) is not None}
    if not values:
        raise KansokuError("nothing to set: give --content, --spans or --rollups with days, or `default`")
    client = access.writer(args)
    settings = parts.settings(args)
    known = retention.read_projects(client)
    own = {kind: days for kind, days in (known.get(args.project, {}) | values).items() if days}
    wanted = retention.Retention.of(settings, known | {args.project: own})
    wanted.check()
    retention.save(client, args.project, values)
    retention.apply(client, wanted, settings.clickhouse_cluster)
    days = ", ".join(f"{kind} {wanted.days(args.project, kind)}" for kind in retention.KINDS)
    print(f"{args.project} keeps, in days: {days}.")
    print("What is older is removed within a day or two, and no longer accepted within seconds.")
    return 0


def _days(text: str) -> int:
    if text == "default":
        return 0
    if text.isdecimal() and 0 < int(text) <= 25_000:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is neither a number of days from 1 to 25000 nor `default`")
