"""Read what a vendor bills: its CSV export, as money by day and model."""

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from kansoku_collector.errors import KansokuError

Row = Mapping[str, str]


class InvoiceError(KansokuError):
    """An invoice cannot be read; the message names the file, the line and the column."""


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


def read_invoice(path: Path) -> Invoice:
    """Read an export of OpenAI or Anthropic, or a CSV with the columns date, model and cost_usd."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            names = {(name or "").strip().lower() for name in reader.fieldnames or ()}
            chosen = next((form for form in _FORMATS if form.columns <= names), None)
            if chosen is None:
                known = "; ".join(", ".join(sorted(form.columns)) for form in _FORMATS)
                raise InvoiceError(f"{path}:1: no known columns; known sets are: {known}")
            costs: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
            for row in reader:
                _add(costs, chosen, row, f"{path}:{reader.line_num}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvoiceError(f"{path}: cannot be read as CSV: {error}") from error
    if not costs:
        raise InvoiceError(f"{path}: there is no row in it")
    return Invoice(chosen.vendor, dict(costs))


def _add(costs: dict[tuple[date, str], Decimal], form: _Format, row: Row, where: str) -> None:
    plain = {
        (key or "").strip().lower(): value.strip() for key, value in row.items() if isinstance(value, str)
    }
    if not any(plain.values()):
        return
    if (currency := plain.get("amount_currency") or plain.get("currency") or "usd").lower() != "usd":
        raise InvoiceError(f"{where}: the currency is {currency!r}; only US dollars can be compared")
    try:
        day, model, dollars = form.read(plain)
    except KeyError as error:
        raise InvoiceError(f"{where}: {error} is missing") from error
    try:
        amount = Decimal(dollars.replace("$", "").replace(",", "") or "0")
    except ArithmeticError as error:
        raise InvoiceError(f"{where}: {dollars!r} is not a number of US dollars") from error
    if not amount.is_finite():
        raise InvoiceError(f"{where}: {dollars!r} is not a number of US dollars")
    costs[_day(day, where), model] += amount


def _day(value: str, where: str) -> date:
    try:
        if value.isdigit():
            return datetime.fromtimestamp(int(value), UTC).date()
        moment = datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError) as error:
        raise InvoiceError(f"{where}: {value!r} is not a date such as 2026-11-02") from error
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date()


def _openai(row: Row) -> tuple[str, str, str]:
    # A line item is "gpt-4o-mini-2024-07-18, input"; what is no model ("web search") stays as it is.
    item = row.get("line_item", "")
    model = item.partition(",")[0].strip()
    return row.get("start_time_iso") or row["start_time"], model, row["amount_value"]


def _anthropic(row: Row) -> tuple[str, str, str]:
    # "Claude Haiku 4.5" is what the console calls claude-haiku-4-5.
    model = re.sub(r"[\s.]+", "-", row["model"].lower()) if " " in row["model"] else row["model"]
    return row["usage_date_utc"], model, row["cost_usd"]


def _simple(row: Row) -> tuple[str, str, str]:
    return row["date"], row["model"], row["cost_usd"]


_FORMATS = (
    _Format("openai", frozenset({"start_time", "amount_value", "line_item"}), _openai),
    _Format("openai", frozenset({"start_time_iso", "amount_value", "line_item"}), _openai),
    _Format("anthropic", frozenset({"usage_date_utc", "model", "token_type", "cost_usd"}), _anthropic),
    _Format("", frozenset({"date", "model", "cost_usd"}), _simple),
)
