"""`kansoku export`: a table of a project and a stretch of time as a file."""

import argparse
import os
import sys
from contextlib import nullcontext
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from kansoku.errors import KansokuError
from kansoku_cli import access

FORMATS = {"parquet": "Parquet", "jsonl": "JSONEachRow", "csv": "CSVWithNames"}
TABLES = ("spans", "feedback", "corrections", "metric_points")


def add_commands(commands: Any, data: Any) -> None:
    """Add `export` to the command line."""
    parser = commands.add_parser("export", help="write the rows of a project to a file")
    parser.add_argument("--table", choices=TABLES, default="spans", help="which rows (default: spans)")
    parser.add_argument("--project", default="default", help="whose rows (default: default)")
    parser.add_argument("--since", type=_date, required=True, help="first day, UTC")
    parser.add_argument("--until", type=_date, help="last day, UTC (default: today)")
    parser.add_argument("--format", choices=sorted(FORMATS), default="parquet", help="default: parquet")
    parser.add_argument("--out", type=Path, required=True, help="file to write; - for standard output")
    parser.set_defaults(command=run)
    data(parser)


def run(args: argparse.Namespace) -> int:
    """Stream the rows to a file, whatever their number."""
    from kansoku_collector.store.retention import ROWS  # noqa: PLC0415 - settings() says what to install

    last = args.until or datetime.now(UTC).date()
    if last < args.since:
        raise KansokuError(f"--until {last} is before --since {args.since}: there is no such day")
    client = access.filled(args)
    access.require(client)
    column = ROWS[args.table][0]
    query = (
        f"SELECT * FROM {args.table} WHERE project = {{project:String}}"  # noqa: S608 - names of this file
        f" AND {column} >= {{since:DateTime64(6, 'UTC')}} AND {column} < {{until:DateTime64(6, 'UTC')}}"
        f" ORDER BY {column}"
    )
    values = {
        "project": args.project,
        "since": datetime.combine(args.since, time(), UTC),
        "until": datetime.combine(last + timedelta(days=1), time(), UTC),
    }
    written = 0
    try:
        with (
            nullcontext(sys.stdout.buffer) if str(args.out) == "-" else args.out.open("wb") as target,
            client.raw_stream(query, parameters=values, fmt=FORMATS[args.format]) as stream,
        ):
            while block := stream.read(1 << 20):
                written += target.write(block)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever reads has enough
        return 0
    except OSError as error:
        raise KansokuError(f"{args.out} cannot be written: {error.strerror}") from error
    where = "" if str(args.out) == "-" else f" in {args.out}"
    print(f"{written} bytes of {args.table}{where}", file=sys.stderr)
    return 0


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2026-11-01") from None
