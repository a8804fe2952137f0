"""Alert rules as data: a YAML file read with its line numbers, every problem of it named at once."""

import os
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from kansoku_collector.errors import RulesError
from kansoku_collector.store.read.measures import DIMENSIONS
from kansoku_collector.store.read.metrics import METRICS, Metric
from kansoku_collector.store.scope import Scope
from kansoku_collector.watch.channels import Channel
from kansoku_collector.watch.quantities import duration, threshold
from kansoku_collector.watch.source import Place, Problem, Source, read_source

DASHBOARD = "http://127.0.0.1:8501"


def _one_of(kind: str, known: tuple[str, ...]) -> BeforeValidator:
    """Return a validator that names the closest known value."""

    def check(value: Any) -> Any:
        if value in known:
            return value
        close = get_close_matches(str(value), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
        raise ValueError(f"{value!r} is no {kind}; {hint}")

    return BeforeValidator(check)


def _listed(value: Any) -> Any:
    """Take one value for a list of one."""
    return [value] if isinstance(value, str) else value


Dimension = Annotated[str, _one_of("dimension", DIMENSIONS)]
Duration = Annotated[timedelta, BeforeValidator(duration)]


class Filters(BaseModel):
    """The slice of traffic that a rule is about; what is not named is not filtered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    environment: str = ""
    service: str = ""
    release: str = ""
    provider: str = ""
    model: str = ""
    prompt_name: str = ""
    prompt_version: str = ""

    def named(self) -> dict[str, str]:
        """Return the filters that are set."""
        return {name: value for name, value in self.model_dump().items() if value}


class Entry(BaseModel):
    """One rule as a person writes it; docs/alerts.md lists the same fields and a test compares them."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str = Field(
        min_length=1, max_length=100, description="What the alert is called; unique in the file."
    )
    metric: Annotated[str, _one_of("metric", tuple(METRICS))] = Field(
        description="What is measured; see the table."
    )
    comparison: Literal["above", "below"] = Field(
        default="above", description="Which side of the threshold is bad. Not for `no_data`."
    )
    threshold: str | None = Field(
        default=None,
        description="The limit with its unit: `5s`, `800ms`, `2%`, `$10`, `1000`. Not for `no_data`.",
    )
    window: Duration = Field(
        description="How far back each evaluation looks: `15m`, `1h`, `1d`; at most 31d."
    )
    min_samples: int | None = Field(
        default=None, ge=0, description="Fewer samples in the window decide nothing. Default: see the table."
    )
    interval_aware: bool | None = Field(
        default=None,
        description="Fire only when the whole 95 % interval is beyond the threshold. Default: true for rates,"
        " false for percentiles; sums and means have no interval.",
    )
    scope: Filters = Field(
        default=Filters(),
        description=f"Which traffic it is about: {', '.join(f'`{d}`' for d in DIMENSIONS)}.",
    )
    group_by: Annotated[tuple[Dimension, ...], BeforeValidator(_listed)] = Field(
        default=(), description="One incident for each value of these dimensions (one, or a list)."
    )
    sustained: int = Field(
        default=1,
        ge=1,
        le=1000,
        alias="for",
        description="Evaluations in a row beyond the limit before it opens.",
    )
    resolve_after: int = Field(
        default=3, ge=1, le=1000, description="Evaluations in a row back within the limit before it resolves."
    )
    severity: Literal["page", "ticket", "info"] = Field(default="ticket", description="How grave it is.")
    description: str = Field(
        default="", max_length=2000, description="What to do, for the reader of the message."
    )
    notify: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=(), description="Names of the channels that are told."
    )
    project: str = Field(default="default", min_length=1, description="The project whose traffic it watches.")

    @model_validator(mode="after")
    def _fits_its_metric(self) -> Self:
        """Refuse what this metric cannot do."""
        metric = METRICS[self.metric]
        if metric.kind == "silence":
            if self.threshold is not None or "comparison" in self.model_fields_set:
                raise ValueError("no_data takes no threshold and no comparison; its window is the limit")
        elif "comparison" not in self.model_fields_set or self.threshold is None:
            raise ValueError(f"{self.metric} needs a comparison (above or below) and a threshold")
        else:
            threshold(self.threshold, metric.unit)
        _check_dimensions(metric, {*self.scope.named(), *self.group_by})
        if self.interval_aware and not metric.has_interval:
            raise ValueError(f"{self.metric} has no interval; interval_aware is for rates and percentiles")
        return self


class Rule(Entry):
    """A rule with its channels found and the address of the dashboard for its links."""

    channels: tuple[Channel, ...] = ()
    dashboard_url: str = DASHBOARD

    @property
    def measured(self) -> Metric:
        """The metric."""
        return METRICS[self.metric]

    @property
    def limit(self) -> float:
        """The threshold in the metric's own unit: USD, seconds, a share, a count."""
        if self.threshold is None:
            return self.window.total_seconds()
        return threshold(self.threshold, self.measured.unit)

    @property
    def enough(self) -> int:
        """Samples below which nothing is decided."""
        return self.measured.floor if self.min_samples is None else self.min_samples

    @property
    def cautious(self) -> bool:
        """Tell whether the interval, not the value, must be beyond the threshold."""
        by_default = self.measured.kind in {"share", "votes"}
        return by_default if self.interval_aware is None else self.interval_aware

    def slice(self) -> Scope:
        """Return the traffic that it is about."""
        return Scope(project=self.project, **self.scope.named())


def read_rules(path: Path | str, environment: Mapping[str, str] | None = None) -> list[Rule]:
    """Read a rules file; `${NAME}` in a channel is taken from `environment`.

    Raises RulesError whose message has one line `file:line: reason` for each problem of the file.
    """
    known = os.environ if environment is None else environment
    source = read_source(Path(path))
    problems = list(source.problems)
    root = source.data if isinstance(source.data, dict) else {}
    if not problems and not isinstance(source.data, dict):
        problems.append(Problem(1, "found no mapping (expected the keys rules and channels)"))
    problems += _unknown(root, source)
    channels = _channels(root.get("channels") or {}, source, known, problems)
    entries = _entries(root.get("rules"), source, problems)
    url = root.get("dashboard_url") or DASHBOARD
    problems += _crossed(entries, channels, source)
    if problems:
        raise RulesError("\n".join(f"{path}:{p.line}: {p.reason}" for p in sorted(problems)))
    return [
        Rule.model_construct(
            **{name: getattr(entry, name) for name in Entry.model_fields},
            channels=tuple(channel for name in entry.notify if (channel := channels[name])),
            dashboard_url=str(url).rstrip("/"),
        )
        for entry in entries.values()
    ]


def _check_dimensions(metric: Metric, asked: set[str]) -> None:
    if metric.of_requests and asked & {"model", "provider"}:
        raise ValueError(
            f"{metric.name} is of requests, which have no model or provider; use a metric of calls"
        )
    if metric.kind == "votes" and "provider" in asked:
        raise ValueError(f"{metric.name} is of votes, which have no provider; use model or prompt_version")


def _unknown(root: dict[str, Any], source: Source) -> list[Problem]:
    known = ("rules", "channels", "dashboard_url")
    return [
        Problem(source.line((name,)), f"unknown key {name!r} (expected {', '.join(known)})")
        for name in root
        if name not in known
    ]


def _channels(
    data: Any, source: Source, environment: Mapping[str, str], problems: list[Problem]
) -> dict[str, Channel | None]:
    """Read the channels; one that is wrong stays as None, so that rules naming it are not blamed as well."""
    if not isinstance(data, dict):
        problems.append(
            Problem(source.line(("channels",)), "channels is no mapping (expected name: {url: ...})")
        )
        return {}
    found: dict[str, Channel | None] = {}
    for name, entry in data.items():
        place = ("channels", name)
        fields = entry if isinstance(entry, dict) else {}
        try:
            found[name] = Channel.model_validate({"name": name} | fields, context=environment)
        except ValidationError as error:
            found[name] = None
            problems += _explain(error, source, place, f"channel {name!r}")
    return found


def _entries(data: Any, source: Source, problems: list[Problem]) -> dict[int, Entry]:
    """Read the rules one by one, by their place in the list."""
    if not isinstance(data, list) or not data:
        problems.append(
            Problem(source.line(("rules",)), "found no rules (expected a list under the key rules)")
        )
        return {}
    found = {}
    for i, entry in enumerate(data):
        name = entry.get("name") if isinstance(entry, dict) else None
        try:
            found[i] = Entry.model_validate(entry)
        except ValidationError as error:
            problems += _explain(error, source, ("rules", i), f"rule {name!r}" if name else f"rule {i + 1}")
    return found


def _crossed(entries: dict[int, Entry], channels: dict[str, Any], source: Source) -> list[Problem]:
    """Find names used twice and channels that do not exist."""
    problems = []
    lines: dict[str, int] = {}
    defined = ", ".join(channels) or "none is defined"
    for i, entry in entries.items():
        line = source.line(("rules", i, "name"))
        if entry.name in lines:
            problems.append(
                Problem(line, f"rule {entry.name!r} has the name of the rule at line {lines[entry.name]}")
            )
        lines.setdefault(entry.name, line)
        problems += [
            Problem(
                source.line(("rules", i, "notify")),
                f"rule {entry.name!r}: no channel {name!r} (expected one of: {defined})",
            )
            for name in entry.notify
            if name not in channels
        ]
    return problems


def _explain(error: ValidationError, source: Source, place: Place, subject: str) -> list[Problem]:
    """Turn pydantic's findings into sentences at their lines."""
    problems = []
    for found in error.errors(include_url=False):
        at = (*place, *found["loc"])
        field = ".".join(str(part) for part in found["loc"])
        if found["type"] == "missing":
            reason = f"{field} is missing"
        elif found["type"] == "extra_forbidden":
            reason = f"unknown field {field!r}{_close(str(found['loc'][-1]), place)}"
        else:
            reason = ": ".join(filter(None, [field, found["msg"].removeprefix("Value error, ")]))
            if isinstance(found["input"], str) and found["type"] != "value_error":
                reason += f" (found {found['input']!r})"
        problems.append(Problem(source.line(at), f"{subject}: {reason}"))
    return problems


def _close(name: str, place: Place) -> str:
    model = Channel if place[0] == "channels" else Entry
    known = [
        field.alias or key for key, field in model.model_fields.items() if key != "name" or model is Entry
    ]
    close = get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else f" (expected one of: {', '.join(known)})"
