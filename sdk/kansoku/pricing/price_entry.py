"""One table of a file of prices, read field by field; an error names file, line, table and field."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from kansoku.errors import PricesError

_TOO_MUCH = 10**12  # USD; whoever writes more has slipped
FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(9999, 12, 31)


class Entry:
    """One table of the file, and where it stands."""

    def __init__(self, path: Path, kind: str, number: int, fields: dict[str, Any], text: str) -> None:
        self.fields = fields
        self._where = f"[[{kind}]] number {number}"
        self._path = path
        self._lines = text.splitlines()
        heads = [at for at, line in enumerate(self._lines) if line.strip().startswith(f"[[{kind}]]")]
        self._head = heads[number - 1] if number <= len(heads) else 0

    def error(self, name: str, reason: str) -> PricesError:
        """Return an error that names the line of a field, or of the entry when it has none."""
        line = self._head
        for at in range(self._head + 1, len(self._lines)):
            if self._lines[at].strip().startswith("["):
                break
            if self._lines[at].partition("=")[0].strip().strip("\"'") == name:
                line = at
                break
        return PricesError(f"{self._path}:{line + 1}: {self._where}: {reason}")

    def refuse_unknown(self, known: frozenset[str]) -> None:
        """Raise for the first field that is not known."""
        if unknown := sorted(set(self.fields) - known):
            raise self.error(
                unknown[0], f"unknown field {unknown[0]!r}; known are {', '.join(sorted(known))}"
            )

    def text(self, name: str, *, otherwise: str | None = None) -> str:
        """Return a text field; without `otherwise` it must be there."""
        value = self.fields.get(name, otherwise)
        if not isinstance(value, str) or (not value and otherwise is None):
            reason = f"{name!r} is missing; give the model's name, or a prefix ending in *"
            raise self.error(name, reason if name not in self.fields else f"{name!r} must be a text")
        return value

    def day(self, name: str, otherwise: date) -> date:
        """Return a date."""
        value = self.fields.get(name, otherwise)
        if isinstance(value, datetime):
            value = value.date()
        if not isinstance(value, date):
            raise self.error(name, f"{name!r} must be a date such as 2026-01-01, not {value!r}")
        return value

    def days(self) -> tuple[date, date]:
        """Return the first day, and the day after the last one."""
        since, until = self.day("from", FIRST_DAY), self.day("until", _LAST_DAY)
        if since >= until:
            raise self.error("until", f"'until' must be after 'from' ({since})")
        return since, until

    def number(self, name: str, unit: str = " of USD") -> Decimal | None:
        """Return a number, of US dollars unless told otherwise; None when it is left out."""
        value = self.fields.get(name)
        if value is None:
            return None
        found = None
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            try:
                found = Decimal(str(value))
            except ArithmeticError:
                found = None
        if found is None:
            raise self.error(name, f"{name!r} must be a number{unit}, not {value!r}")
        if not found.is_finite() or not 0 <= found < _TOO_MUCH:
            raise self.error(name, f"{name!r} must be 0 or more and below {_TOO_MUCH}, not {value!r}")
        return found
