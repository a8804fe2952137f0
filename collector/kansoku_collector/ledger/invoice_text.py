"""What is written in an invoice's file: its encoding, its separator, its amounts and days, or why not."""

import codecs
import csv
import io
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from kansoku_collector.errors import KansokuError

_SEPARATORS = (",", ";", "\t")
_AMOUNT = re.compile(r"(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)?(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
_COMMA = re.compile(r"[0-9.]*,[0-9]+")
_COMPACT = re.compile(r"(?:19|20)[0-9]{6}")
_SLASHES = re.compile(r"((?:19|20)[0-9]{2})/([0-9]{1,2})/([0-9]{1,2})(.*)")
_EITHER = re.compile(r"[0-9]{1,2}[/.][0-9]{1,2}[/.][0-9]{2,4}")


class InvoiceError(KansokuError):
    """An invoice cannot be read; the message names the file, the line and what to change."""


def read_table(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Return the columns of a CSV file, in small letters, and its rows, each with the number of its line.

    UTF-8, UTF-16 and Shift-JIS, separated by commas, semicolons or tabs, as spreadsheets write them.
    """
    text = _decode(path)
    first = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        columns = [(name or "").strip().lower() for name in reader.fieldnames or ()]
        rows = [
            (
                reader.line_num,
                {(k or "").strip().lower(): v.strip() for k, v in row.items() if isinstance(v, str)},
            )
            for row in reader
        ]
    except csv.Error as error:
        raise InvoiceError(f"{path}:{reader.line_num}: cannot be read as CSV: {error}") from error
    return columns, rows


def _decode(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvoiceError(f"{path}: {error.strerror}") from error
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    # Excel in Japan writes the last.
    encodings: tuple[str, ...] = ("utf-16",) if wide else ("utf-8-sig", "cp932")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise InvoiceError(f"{path}: neither UTF-8 nor Shift-JIS text: save it as “CSV UTF-8”")


def amount(text: str, where: str) -> Decimal:
    """Return US dollars: 1,234.56 and $5 and (5.00), which is negative; nothing is zero.

    A comma that does not stand before three digits is an error: it may be a decimal comma.
    """
    shown = text.replace("$", "").replace(" ", "").replace("\u2212", "-")
    negative = shown.startswith("-") or (shown.startswith("(") and shown.endswith(")"))
    digits = shown.strip("()").removeprefix("-").removeprefix("+")
    if not digits:
        return Decimal(0)
    if not _AMOUNT.fullmatch(digits):
        hint = "; write the decimals behind a point: 1234.56" if _COMMA.fullmatch(digits) else ""
        raise InvoiceError(f"{where}: {text!r} is not a number of US dollars{hint}")
    try:
        value = Decimal(digits.replace(",", ""))
    except ArithmeticError as error:
        raise InvoiceError(f"{where}: {text!r} is not a number of US dollars") from error
    return -value if negative else value


def day(text: str, where: str) -> date:
    """Return the day, UTC, of a date, a date and time, or seconds since 1970."""
    try:
        if text.isdigit() and not _COMPACT.fullmatch(text):
            return datetime.fromtimestamp(int(text), UTC).date()
        parts = _SLASHES.fullmatch(text)
        shown = f"{parts[1]}-{parts[2]:0>2}-{parts[3]:0>2}{parts[4]}" if parts else text
        moment = datetime.fromisoformat(shown)
    except (ValueError, OverflowError, OSError) as error:
        hint = ""
        if not text or text.lower().startswith(("total", "subtotal", "合計", "小計")):
            hint = ": take lines of totals out"
        elif _EITHER.match(text):
            hint = ", and may be day or month first: write the year first"
        raise InvoiceError(f"{where}: {text!r} is not a date such as 2026-11-02{hint}") from error
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date()
