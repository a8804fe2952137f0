"""One alert rule: what a person may write, and what the watch works with."""

from datetime import timedelta
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from kansoku_collector.store.read.measures import DIMENSIONS
from kansoku_collector.store.read.metrics import METRICS, Metric
from kansoku_collector.store.scope import Scope
from kansoku_collector.watch.channels import Channel
from kansoku_collector.watch.quantities import Quantity, duration, threshold

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
    """One rule as a person writes it; docs/alerts lists the same fields and a test compares them."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str = Field(
        min_length=1, max_length=100, description="What the alert is called; unique in the file."
    )
    metric: Annotated[str, _one_of("metric", tuple(METRICS))] = Field(
        description="What is measured; see the table."
    )
    comparison: Literal["above", "below"] = Field(
        default="above",
        description="`above` or `below`: the side of the"
        " threshold that is bad. Required, save for `no_data`.",
    )
    threshold: str | None = Field(
        default=None,
        description="The limit with its unit: `5s`, `800ms`,"
        " `2%`, `$10`, `1000`. Required, save for `no_data`.",
    )
    window: Duration = Field(
        description="How far back each evaluation looks: `15m`, `1h`, `1d`; at most 31d."
    )
    resolve_threshold: str | None = Field(
        default=None,
        description="Where the incident may end, when that is nearer to the usual than `threshold`: values"
        " between the two neither open nor end.",
    )
    baseline_weeks: int | None = Field(
        default=None,
        ge=1,
        le=8,
        description="Compare with the usual: the median of the same window in so many weeks before. The"
        " threshold is then a multiple such as `1.5x`.",
    )
    budget: str | None = Field(
        default=None,
        description="Burn rate, for `cost_usd`: money for `budget_period`, such as `$300`. The threshold is"
        " then a multiple of spending it evenly, such as `2x`.",
    )
    budget_period: Duration = Field(
        default=timedelta(days=30), description="The time that the budget is for. Default: 30d."
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
    remind: Duration | None = Field(
        default=None,
        description="Tell again each time this long has passed, until it is acknowledged, silenced or over.",
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
            limit = threshold(self.threshold, self.unit)
            self._check_end(limit)
        self._check_comparisons(metric)
        _check_dimensions(metric, {*self.scope.named(), *self.group_by})
        if self.interval_aware and not metric.has_interval:
            raise ValueError(f"{self.metric} has no interval; interval_aware is for rates and percentiles")
        return self

    @property
    def unit(self) -> Quantity:
        """The unit of the threshold and of what is compared with it."""
        return "times" if self.baseline_weeks or self.budget else METRICS[self.metric].unit

    def _check_end(self, limit: float) -> None:
        if self.resolve_threshold is None:
            return
        end = threshold(self.resolve_threshold, self.unit)
        if (end > limit) if self.comparison == "above" else (end < limit):
            raise ValueError(
                f"resolve_threshold {self.resolve_threshold} is beyond the threshold {self.threshold}"
            )

    def _check_comparisons(self, metric: Metric) -> None:
        if self.baseline_weeks and self.budget:
            raise ValueError("baseline_weeks and budget exclude each other (expected one of them)")
        if self.baseline_weeks and (metric.kind == "silence" or self.metric == "cost_per_user"):
            raise ValueError(f"baseline_weeks is not for {self.metric}")
        if self.metric == "cost_per_user" and (self.comparison == "below" or self.group_by):
            raise ValueError("cost_per_user has one incident a user, above a limit (expected no group_by)")
        if self.budget is None:
            return
        if self.metric != "cost_usd" or self.group_by:
            raise ValueError("budget is for cost_usd without group_by")
        if threshold(self.budget, "usd") <= 0:
            raise ValueError("budget is zero (expected money such as $300)")


class Rule(Entry):
    """A rule with its channels found, the dashboard's address for its links and the clock of its messages."""

    channels: tuple[Channel, ...] = ()
    dashboard_url: str = DASHBOARD
    time_zone: str = "UTC"

    @property
    def measured(self) -> Metric:
        """The metric."""
        return METRICS[self.metric]

    @property
    def limit(self) -> float:
        """The threshold in the metric's own unit: USD, seconds, a share, a count."""
        if self.threshold is None:
            return self.window.total_seconds()
        return threshold(self.threshold, self.unit)

    @property
    def back(self) -> float:
        """The limit within which a value must be for an incident to end."""
        return threshold(self.resolve_threshold, self.unit) if self.resolve_threshold else self.limit

    @property
    def per_user(self) -> bool:
        """Tell whether each user is a group."""
        return self.metric == "cost_per_user"

    @property
    def groups(self) -> tuple[str, ...]:
        """The dimensions each of whose values has its own incident."""
        return (*self.group_by, "user") if self.per_user else self.group_by

    @property
    def budget_usd(self) -> float:
        """The budget; 0 where there is none."""
        return threshold(self.budget, "usd") if self.budget else 0.0

    @property
    def planned(self) -> float:
        """What the window costs when the budget is spent evenly."""
        return self.budget_usd * (self.window / self.budget_period)

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


def _check_dimensions(metric: Metric, asked: set[str]) -> None:
    if metric.of_requests and asked & {"model", "provider"}:
        raise ValueError(
            f"{metric.name} is of requests, which have no model or provider; use a metric of calls"
        )
    if metric.kind == "votes" and "provider" in asked:
        raise ValueError(f"{metric.name} is of votes, which have no provider; use model or prompt_version")
