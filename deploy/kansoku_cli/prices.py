"""`kansoku prices`: what is priced and by what, one's own prices, history priced anew, invoices compared."""

import argparse
import hashlib
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kansoku.errors import PricesError
from kansoku.pricing.price_list import list_version
from kansoku.pricing.price_overrides import PRICE_FIELDS, Overrides, read_overrides
from kansoku.pricing.prices import Prices
from kansoku_cli import access, parts, price_file
from kansoku_cli.shown import shown

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from kansoku_collector.ledger.reconcile import Line
    from kansoku_collector.store.read.ledger import Priced


def add_commands(commands: Any, add_data: Any) -> None:
    """Register the command and its actions."""
    parser = commands.add_parser("prices", help="check, set and correct prices; reconcile an invoice")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    look = actions.add_parser("check", help="say what is priced by what, and what has no price")
    look.add_argument("--days", type=float, default=7.0, help="how far back to look (default 7)")
    look.set_defaults(command=check)
    own = actions.add_parser("set", help="write a price of one's own into the overrides file")
    own.add_argument("model", help="exact name, or a prefix ending in *")
    own.add_argument("--provider", help="only of this provider")
    own.add_argument("--from", dest="since", type=_date, help="first day, UTC, such as 2026-11-01")
    own.add_argument("--tier", help="only of this tier: flex, priority, batch ...")
    own.add_argument("--above", type=int, help="only for calls with more input tokens than this")
    for name in PRICE_FIELDS:
        own.add_argument(_option(name), dest=name, type=_dollars, metavar="USD", help=_help(name))
    own.set_defaults(command=set_price)
    again = actions.add_parser("reprice", help="price stored calls anew; the old figures are kept")
    again.add_argument("--since", type=_date, required=True, help="first day, UTC")
    again.add_argument("--until", type=_date, help="last day, UTC (default: today)")
    again.add_argument("--model", default="", help="only the calls that this model answered")
    again.add_argument("--dry-run", action="store_true", help="say what would change, change nothing")
    again.set_defaults(command=reprice)
    bill = actions.add_parser("reconcile", help="compare a vendor's invoice (CSV) by model and day")
    bill.add_argument("invoice", type=Path)
    bill.add_argument("--provider", default="", help="compare only calls of this provider")
    bill.add_argument(
        "--column",
        action="append",
        default=[],
        type=_column,
        metavar="MEANING=NAME",
        help="of another vendor's export: which column is the date, the model, the cost_usd; may be repeated",
    )
    bill.set_defaults(command=reconcile)
    for action in (look, own, again):
        action.add_argument("--file", type=Path, help="overrides file (default: KANSOKU_PRICES_FILE)")
    for action in (look, again, bill):
        action.add_argument("--project", default="", help="only this project (default: all)")
    for action in (look, own, again, bill):
        add_data(action)


def check(args: argparse.Namespace) -> int:
    """Print the price list, the overrides, and where the cost of each model comes from."""
    path = _file(args)
    print(f"Price list: genai-prices {list_version()}")
    if path is None:
        print("Overrides:  none (KANSOKU_PRICES_FILE is not set)")
    else:
        found = read_overrides(path)
        print(f"Overrides:  {path}: {_contents(found)}")
    client = access.reader(args)
    if client is None:
        print(f"There is no data yet in {parts.settings(args).data}.")
        return 0
    from kansoku_collector.store.read import ledger  # noqa: PLC0415 - the SDK alone has no store

    until = datetime.now(UTC)
    since = until - timedelta(days=args.days)
    for project in _projects(args, client):
        rows = ledger.by_price(client, project, since, until)
        print(f"\nProject {project}, last {args.days:g} days:")
        _print_priced(rows)
        _print_unknown(ledger.unknown_operations(client, project, since, until))
    return 0


def set_price(args: argparse.Namespace) -> int:
    """Write one price into the overrides file; a running collector follows within seconds."""
    path = _file(args)
    if path is None:
        raise PricesError("there is no overrides file: give --file, or set KANSOKU_PRICES_FILE")
    fields = {"model": args.model, "provider": args.provider, "from": args.since, "tier": args.tier}
    fields |= {"above": args.above} | {name: getattr(args, name) for name in PRICE_FIELDS}
    given = {name: value for name, value in fields.items() if value is not None}
    replaced = price_file.set_price(path, given)
    print(f"{args.model} {'replaced' if replaced else 'added'} in {path}.")
    day = args.since or "DATE"
    file = f" --file {path}" if args.file else ""
    print("A collector whose KANSOKU_PRICES_FILE is this file gives it to calls from now on,")
    print(f"without a restart. For stored ones: kansoku prices reprice --since {day}{file}")
    return 0


def reprice(args: argparse.Namespace) -> int:
    """Price stored calls anew and print what changed by model."""
    if args.until and args.until < args.since:
        raise PricesError(f"--until {args.until} is before --since {args.since}")
    path = _file(args)
    prices = Prices(path)
    client = access.writer(args)
    from kansoku_collector.ledger import reprice as ledger  # noqa: PLC0415

    since = datetime.combine(args.since, time(), UTC)
    until = datetime.combine(args.until + timedelta(days=1), time(), UTC) if args.until else datetime.now(UTC)
    for project in _projects(args, client):
        found = ledger.reprice(
            client, prices, project, since, until,
            model=args.model, label=_label(path), dry_run=args.dry_run,
        )  # fmt: skip
        for model, change in sorted(found.models.items()):
            moved = change.after - change.before
            print(
                f"{project}  {model}: {change.calls} calls, {_usd(change.before)} -> {_usd(change.after)}"
                f" ({_signed(moved)})"
            )
        verb = "would change" if args.dry_run else "changed"
        print(f"{project}: {found.changed} of {found.seen} calls {verb}, {_signed(found.difference)} USD")
    return 0


def reconcile(args: argparse.Namespace) -> int:
    """Print the invoice beside the ledger by day and model; return 1 when they disagree."""
    from kansoku_collector.ledger import reconcile as ledger  # noqa: PLC0415
    from kansoku_collector.ledger.invoice import read_invoice  # noqa: PLC0415
    from kansoku_collector.store.read.ledger import by_model_and_day  # noqa: PLC0415

    invoice = read_invoice(args.invoice, dict(args.column))
    client = access.reader(args)
    if client is None:
        raise PricesError(f"nothing is stored in {parts.settings(args).data}: {access.CHOOSE}")
    days = invoice.days
    rows = []
    for project in _projects(args, client):
        rows += by_model_and_day(client, project, days[0], days[-1])
    lines = ledger.reconcile(invoice, rows, args.provider)
    _print_lines(lines)
    return 0 if all(line.agrees for line in lines) else 1


def _print_priced(rows: "list[Priced]") -> None:
    if not rows:
        print("  no priced calls")
    for row in rows:
        corrected = f", {row.corrected} corrected" if row.corrected else ""
        # Unknown money is no zero; of a call that is priced in part the part is told.
        known = row.cost or row.cost_source != "unpriced"
        print(
            f"  {_name(row)}: {row.calls} calls, {f'{_usd(row.cost)} USD, ' if known else ''}"
            f"{row.cost_source}{f' by {row.price_id}' if row.price_id else ''}{corrected}"
        )
    unpriced: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.cost_source == "unpriced":
            unpriced[_name(row)] += row.calls
    if unpriced:
        names = ", ".join(f"{name} ({count})" for name, count in sorted(unpriced.items()))
        print(f"  Totals are lower bounds; without a price: {names}")
    for row in rows:
        gap = row.reported - row.computed_beside
        if row.cost_source == "computed" and row.reported and abs(gap) > row.reported / 100:
            print(
                f"  {_name(row)}: reported {_usd(row.reported)}, computed"
                f" {_usd(row.computed_beside)} ({_signed(gap)})"
            )


def _print_unknown(operations: dict[str, int]) -> None:
    if operations:
        named = ", ".join(f"{shown(name)} ({spans})" for name, spans in operations.items())
        print(f"  Not billed, with tokens under an operation that is not known: {named}")
        print("  If these are calls of models, set gen_ai.operation.name to chat or generate_content.")


def _contents(found: Overrides) -> str:
    return f"{len(found.prices)} prices, {len(found.aliases)} aliases, {len(found.factors)} factors"


def _name(row: "Priced") -> str:
    return shown(f"{row.provider or '?'}/{row.model or '?'}")


def _print_lines(lines: "list[Line]") -> None:
    print(f"{'day':<10}  {'model':<36}  {'ours':>14}  {'theirs':>14}  {'difference':>14}")
    for line in lines:
        print(
            f"{line.day}  {shown(line.model):<36}  {_usd(line.ours):>14}  {_usd(line.theirs):>14}"
            f"  {_signed(line.difference):>14}"
        )
        for reason in line.reasons:
            print(f"{'':<12}{shown(reason)}")
    ours = sum((line.ours for line in lines), Decimal(0))
    theirs = sum((line.theirs for line in lines), Decimal(0))
    print(f"{'total':<48}  {_usd(ours):>14}  {_usd(theirs):>14}  {_signed(theirs - ours):>14}")


def _file(args: argparse.Namespace) -> Path | None:
    if args.file is not None:
        chosen: Path = args.file
        return chosen
    found: Path | None = parts.settings(args).prices_file
    return found


def _label(path: Path | None) -> str:
    """Name the prices of a run, so that its corrections can be told from those of another."""
    own = f"+overrides-{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}" if path else ""
    return f"genai-prices-{list_version()}{own}"


def _projects(args: argparse.Namespace, client: "Client") -> list[str]:
    from kansoku_collector.store.read import ledger  # noqa: PLC0415

    return [args.project] if args.project else ledger.projects(client)


def _option(name: str) -> str:
    return "--" + name.removesuffix("_per_million").replace("_", "-")


def _help(name: str) -> str:
    if name.endswith("_per_million"):
        return f"USD per 1,000,000 {name.removesuffix('_per_million').replace('_', ' ')} tokens"
    return f"USD {name.replace('_', ' ')}" + (" of a call's duration" if name == "per_hour" else "")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2026-11-01") from None


def _column(text: str) -> tuple[str, str]:
    from kansoku_collector.ledger.invoice import MEANINGS  # noqa: PLC0415 - the SDK alone has no store

    meaning, _, name = text.partition("=")
    if meaning not in MEANINGS or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(f'{m}=NAME' for m in MEANINGS)}")
    return meaning, name


def _dollars(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except ArithmeticError:
        value = Decimal(-1)
    if not value.is_finite() or value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of US dollars")
    return value


def _usd(value: Decimal) -> str:
    return f"{value:.6f}"


def _signed(value: Decimal) -> str:
    return f"{value:+.6f}"
