"""Read what a vendor bills: its CSV export, as money by day and model."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from kansoku_collector.ledger.invoice_text import InvoiceError, amount, day, read_table

Row = Mapping[str, str]
# What a plain invoice says of a line; `columns` of `read_invoice` names the columns that say it.
MEANINGS = ("date", "model", "cost_usd")
_SHOWN = 20  # columns of a file that an error lists


class Invoice(NamedTuple):
    """What was billed by (day, model); `vendor` is "" where the file does not tell."""

    vendor: str
    costs: dict[tuple[date, str], Decimal]

    @property
    def days(self) -> list[date]:
        """The days that it covers, in order."""
        return sorted({day for day, _ in self.costs})

    @property
    def total(self) -> Decimal:
        """Everything that it bills."""
        return sum(self.costs.values(), Decimal(0))


class _Format(NamedTuple):
    """A kind of export: the columns that tell it, and what a row says."""

    vendor: str
    columns: frozenset[str]
    read: Callable[[Row], tuple[str, str, str]]  # day, model, dollars


def read_invoice(path: Path, columns: Mapping[str, str] | None = None) -> Invoice:
    """Read an export of OpenAI or Anthropic, or a CSV with the columns date, model and cost_usd.

    `columns` names the columns of any other export by `MEANINGS`. Raises InvoiceError.
    """
    names, rows = read_table(path)
    chosen = _named(path, names, columns) if columns else _known(path, names)
    costs: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    for line, row in rows:
        _add(costs, chosen, row, f"{path}:{line}")
    if not costs:
        raise InvoiceError(f"{path}: there is no row in it")
    return Invoice(chosen.vendor, dict(costs))


def _known(path: Path, names: list[str]) -> _Format:
    chosen = next((form for form in _FORMATS if form.columns <= set(names)), None)
    if chosen is None:
        shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        raise InvoiceError(
            f"{path}:1: no export of OpenAI's or Anthropic's, and no columns date, model, cost_usd;"
            f" name yours: --column date=NAME --column model=NAME --column cost_usd=NAME."
            f" It has: {shown or 'nothing'}"
        )
    return chosen


def _named(path: Path, names: list[str], columns: Mapping[str, str]) -> _Format:
    taken = {meaning: columns.get(meaning, meaning).strip().lower() for meaning in MEANINGS}
    for meaning, name in taken.items():
        if name not in names:
            raise InvoiceError(
                f"{path}:1: there is no column {name!r} for the {meaning}; it has: {', '.join(names)}"
            )
    return _Format(
        "",
        frozenset(taken.values()),
        lambda row: (row[taken["date"]], row[taken["model"]], row[taken["cost_usd"]]),
    )


def _add(costs: dict[tuple[date, str], Decimal], form: _Format, row: Row, where: str) -> None:
    if not any(row.values()):
        return
    currency = next((row[name] for name in _CURRENCIES if row.get(name)), "usd")
    if currency.lower() != "usd":
        raise InvoiceError(f"{where}: the currency is {currency!r}; only US dollars can be compared")
    try:
        when, model, dollars = form.read(row)
    except KeyError as error:
        raise InvoiceError(f"{where}: {error} is missing") from error
    costs[day(when, where), model] += amount(dollars, where)


def _openai(row: Row) -> tuple[str, str, str]:
    # A line item is "gpt-4o-mini-2024-07-18, input"; what is no model ("web search") stays as it is.
    item = row.get("line_item", "")
    model = item.partition(",")[0].strip()
    return row.get("start_time_iso") or row["start_time"], model, row["amount_value"]


def _anthropic(row: Row) -> tuple[str, str, str]:
    # "Claude Haiku 4.5" is what the console calls claude-haiku-4-5; searches and containers have no model.
    model = row["model"] or row.get("cost_type") or row["token_type"]
    model = re.sub(r"[\s.]+", "-", model.lower()) if " " in model else model
    return row["usage_date_utc"], model, row["cost_usd"]


def _simple(row: Row) -> tuple[str, str, str]:
    return row["date"], row["model"], row["cost_usd"]


_CURRENCIES = (
    "amount_currency",
    "currency",
    "lineitem/currencycode",
    "billingcurrency",
    "billingcurrencycode",
)
_FORMATS = (
    _Format("openai", frozenset({"start_time", "amount_value", "line_item"}), _openai),
    _Format("openai", frozenset({"start_time_iso", "amount_value", "line_item"}), _openai),
    _Format("anthropic", frozenset({"usage_date_utc", "model", "token_type", "cost_usd"}), _anthropic),
    _Format("", frozenset(MEANINGS), _simple),
)
