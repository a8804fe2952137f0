"""How good rules are on history: pages a week, delay on labelled incidents, rules that never fire."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from kansoku_collector.errors import RulesError
from kansoku_collector.watch.builtin import Builtin
from kansoku_collector.watch.replay import Replayed
from kansoku_collector.watch.rule import Rule
from kansoku_collector.watch.source import read_source

_WEEK = timedelta(days=7)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Label(BaseModel):
    """An incident that really was: when, and which rules should have told it (none named: any)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    rules: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()

    @model_validator(mode="after")
    def _in_order(self) -> "Label":
        """Refuse an end before the start."""
        if _aware(self.end) < _aware(self.start):
            raise ValueError("to is before from")
        return self


@dataclass(frozen=True, slots=True)
class Report:
    """What a replay says of a rules file."""

    weeks: float
    pages: int
    incidents: int
    delays: tuple[timedelta | None, ...]  # of each label; None: missed
    silent: tuple[str, ...]  # rules that never fired

    @property
    def pages_per_week(self) -> float:
        """How often somebody would have been paged."""
        return self.pages / self.weeks

    def problems(self, most_pages: float | None, *, never_fires: bool) -> list[str]:
        """Return what is worse than asked for."""
        found = []
        if most_pages is not None and self.pages_per_week > most_pages:
            found.append(f"{self.pages_per_week:.2f} pages a week (allowed: {most_pages:g})")
        if missed := self.delays.count(None):
            found.append(f"{missed} of {len(self.delays)} labelled incidents missed")
        if never_fires and self.silent:
            found.append(f"never fired: {', '.join(self.silent)}")
        return found

    def __str__(self) -> str:
        """Return the figures, a line each."""
        lines = [
            f"{self.incidents} incidents in {self.weeks * 7:.4g} days",
            f"pages per week: {self.pages_per_week:.2f}",
        ]
        if self.delays:
            caught = [delay / timedelta(minutes=1) for delay in self.delays if delay is not None]
            line = f"labelled incidents: {len(caught)} of {len(self.delays)} told"
            if caught:
                line += f", median delay {median(caught):.0f} min, longest {max(caught):.0f} min"
            lines.append(line)
        if self.silent:
            lines.append(f"never fired: {', '.join(self.silent)}")
        return "\n".join(lines)


def report(
    rules: Sequence[Rule | Builtin],
    incidents: Sequence[Replayed],
    labels: Sequence[Label],
    start: datetime,
    end: datetime,
) -> Report:
    """Judge a replay from `start` to `end` against the labels that began in it."""
    pages = sum(one.rule.severity == "page" for one in incidents)
    fired = {(one.rule.project, one.rule.name) for one in incidents}
    silent = tuple(rule.name for rule in rules if (rule.project, rule.name) not in fired)
    delays = [_delay(label, incidents) for label in labels if start <= _aware(label.start) < end]
    return Report((end - start) / _WEEK, pages, len(incidents), tuple(delays), silent)


def _delay(label: Label, incidents: Sequence[Replayed]) -> timedelta | None:
    """Return how long after the label's start the first of its rules told it; None where none did."""
    first, last = _aware(label.start), _aware(label.end)
    opened = [
        one.incident.opened
        for one in incidents
        if (not label.rules or one.rule.name in label.rules) and first <= one.incident.opened <= last
    ]
    return min(opened) - first if opened else None


def read_labels(path: Path) -> list[Label]:
    """Read a YAML list of `{from: ..., to: ..., rules: ...}`; raise RulesError with file and line."""
    source = read_source(path)
    if not isinstance(source.data, list):
        raise RulesError(f"{path}:1: found no list (expected entries with from, to and rules)")
    found = []
    for i, entry in enumerate(source.data):
        try:
            found.append(Label.model_validate(entry))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            reason = ": ".join(filter(None, [field, first["msg"]]))
            raise RulesError(f"{path}:{source.line((i,))}: {reason}") from error
    return found
