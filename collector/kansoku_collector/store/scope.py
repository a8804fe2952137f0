"""What a question is about: a stretch of time, and the slice of traffic."""

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

Dimension = Literal["model", "provider", "service", "environment", "release", "operation", "prompt"]

# SQL of a dimension's value in a row of the rollups; empty where the row has none.
VALUES: dict[Dimension, str] = {
    "model": "toString(model)",
    "provider": "toString(provider)",
    "service": "toString(service)",
    "environment": "toString(environment)",
    "release": "toString(release)",
    "operation": "toString(operation)",
    "prompt": "if(prompt_version = '', '', concat(prompt_name, '@', prompt_version))",
}


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` (included) to `end` (excluded); both aware, compared in UTC."""

    start: datetime
    end: datetime

    @classmethod
    def last(cls, length: timedelta, *, now: datetime | None = None) -> "Period":
        """Return the stretch of `length` that ends now."""
        end = now or datetime.now(UTC)
        return cls(end - length, end)

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    def previous(self) -> "Period":
        """Return the stretch of the same length just before."""
        return replace(self, start=self.start - self.length, end=self.start)

    def params(self) -> dict[str, datetime]:
        """Bind `{start:DateTime64(6, 'UTC')}` and `{end:DateTime64(6, 'UTC')}`."""
        return {"start": self.start.astimezone(UTC), "end": self.end.astimezone(UTC)}


@dataclass(frozen=True, slots=True)
class Scope:
    """A slice of traffic: a project, and any of its dimensions; an empty string means all."""

    project: str = "default"
    environment: str = ""
    service: str = ""
    release: str = ""
    provider: str = ""
    model: str = ""
    prompt_name: str = ""
    prompt_version: str = ""

    def where(self, *, model_column: str = "model") -> str:
        """Return the SQL condition for these dimensions, with bound parameters of the same names.

        Tables without a `model` column of their own (spans) pass an expression.
        """
        parts = ["project = {project:String}"]
        for name in self._set():
            column = model_column if name == "model" else name
            parts.append(f"{column} = {{{name}:String}}")
        return " AND ".join(parts)

    def params(self) -> dict[str, str]:
        """Bind the parameters that `where` names."""
        return {"project": self.project} | {name: getattr(self, name) for name in self._set()}

    def _set(self) -> list[str]:
        return [f.name for f in fields(self) if f.name != "project" and getattr(self, f.name)]
