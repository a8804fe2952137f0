"""`kansoku export`: a table of a project and a stretch of time as a file."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Any

from kansoku.errors import KansokuError
from kansoku_cli import access

FORMATS = {"parquet": "Parquet", "jsonl": "JSONEachRow", "csv": "CSVWithNames"}
TABLES = ("spans", "feedback", "corrections", "metric_points")
_LONGEST_ERROR = 64 << 10  # bytes at the end of an answer, in which ClickHouse says what went wrong


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
    """Stream the rows to a file, whatever their number; the file is whole, or what it was before."""
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - settings() says what to install

    from kansoku_collector.store.retention import ROWS  # noqa: PLC0415

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
    written, tail = 0, b""
    try:
        with (
            _target(args.out) as target,
            client.raw_stream(query, parameters=values, fmt=FORMATS[args.format]) as stream,
        ):
            tag = getattr(stream, "headers", {}).get("x-clickhouse-exception-tag", "")
            while block := stream.read(1 << 20):
                written += target.write(block)
                tail = (tail + block)[-_LONGEST_ERROR:]
            if said := _said_last(tail, tag):
                raise KansokuError(f"ClickHouse stopped in the middle of the rows: {said}")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever reads has enough
        return 0
    except HTTPError as error:
        raise KansokuError(f"ClickHouse went away in the middle of the rows: {error}") from error
    except OSError as error:
        raise KansokuError(f"{args.out} cannot be written: {error.strerror}") from error
    where = "" if str(args.out) == "-" else f" in {args.out}"
    print(f"{written} bytes of {args.table}{where}", file=sys.stderr)
    return 0


@contextmanager
def _target(out: Path) -> Iterator[IO[bytes]]:
    """Yield what to write to; a file takes its name when it is whole, and leaves nothing where it is not."""
    if str(out) == "-":
        yield sys.stdout.buffer
        return
    if out.exists() and not out.is_file():  # a pipe, which has no other name
        with out.open("wb") as target:
            yield target
        return
    draft = out.with_name(f".{out.name}.part")
    try:
        with draft.open("wb") as target:
            yield target
        draft.replace(out)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _said_last(tail: bytes, tag: str) -> str:
    """Return the error at the end of an answer whose status had said that all was well; nothing if none."""
    _, found, rest = tail.partition(b"__exception__\r\n%s\r\n" % tag.encode())
    return rest.decode("utf-8", "replace").partition("\n")[0].strip() if tag and found else ""


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2026-11-01") from None
