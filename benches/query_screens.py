"""Every question of the screens that have a range of time, by screen and name: calls that take a client."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read import (
    arrivals,
    beside,
    conversations,
    drift,
    errors,
    facets,
    incidents,
    latency,
    ledger,
    overview,
    prompts,
    quality,
    quality_texts,
    receipts,
    sessions,
    slices,
    speed,
    spend,
    tokens,
    traces,
)
from kansoku_collector.store.read.conditions import Filter
from kansoku_collector.store.scope import Period, Scope

Question = Callable[[Client], Any]
Named = Iterator[tuple[str, Question]]
SCOPE = Scope()
SLICE = Scope(service="guide", environment="production")
MODEL = Scope(model="gpt-5.6-mini")
PROMPT = Scope(prompt_name="guide-answer")
SCOPES = (("", SCOPE), (" service", SLICE), (" model", MODEL))


@dataclass(frozen=True)
class Setting:
    """What the questions are about: the end of the data, traces of all its days, and one user and session."""

    end: datetime
    trace_ids: tuple[str, ...]
    user: str
    session: str

    @property
    def trace_id(self) -> str:
        """A trace of the last day."""
        return self.trace_ids[0]


def of_overview(period: Period) -> Named:
    """Yield what the Overview asks."""
    for name, scope in SCOPES:
        yield f"beside.totals{name}", lambda c, s=scope: beside.totals(c, s, period)
        yield f"beside.series{name}", lambda c, s=scope: beside.series(c, s, period)
        yield f"slices{name}", lambda c, s=scope: slices.slices(c, s, period)
        yield f"beside.thumbs{name}", lambda c, s=scope: beside.thumbs(c, s, period)
        yield f"drift_strip{name}", lambda c, s=scope: drift.drift_strip(c, s, period)
    yield "overview.cost_by_model", lambda c: overview.cost_by_model(c, SCOPE, period)
    yield "overview.gaps", lambda c: overview.gaps(c, SCOPE.project, period)
    yield "version_changes", lambda c: drift.version_changes(c, SCOPE, period)
    yield "incidents", lambda c: incidents.past_incidents(c, SCOPE.project, period)


def of_traces(period: Period, setting: Setting) -> Named:
    """Yield what the list of traces asks, with each kind of filter."""
    everything = Filter(period)
    filters = {
        "": everything,
        " service": replace(everything, scope=SLICE),
        " model": replace(everything, scope=MODEL),
        " prompt": replace(everything, scope=PROMPT),
        " operation": replace(everything, operation="execute_tool"),
        " errors": replace(everything, status="error"),
        " user": replace(everything, user=setting.user),
        " session": replace(everything, session=setting.session),
        " tag": replace(everything, tag="beta"),
        " disliked": replace(everything, feedback="disliked"),
        " unrated": replace(everything, feedback="unrated"),
        " score": replace(everything, score="helpful", max_score=0.3),
        " dear": replace(everything, min_cost=0.02),
        " slow": replace(everything, min_seconds=60.0),
    }
    for name, wanted in filters.items():
        yield f"traces.page{name}", lambda c, w=wanted: traces.page(c, w)
        yield f"traces.totals{name}", lambda c, w=wanted: traces.totals(c, w)
    for sort in ("cost", "duration"):
        yield f"traces.page by {sort}", lambda c, s=sort: traces.page(c, everything, sort=s)
    yield "traces.neighbours", lambda c: traces.neighbours(c, everything, setting.trace_id)
    for name in ("", " service", " errors"):
        yield f"facets{name}", lambda c, w=filters[name]: facets.facets(c, w)
    nobody = replace(everything, user="nobody", status="error")
    yield "traces.loosen", lambda c: traces.loosen(c, nobody)


def of_sessions(period: Period, setting: Setting) -> Named:
    """Yield what Sessions and Users ask."""
    for order in ("latest", "cost", "requests", "failed"):
        yield f"sessions by {order}", lambda c, o=order: sessions.sessions(c, SCOPE, period, order=o)
        yield f"users by {order}", lambda c, o=order: sessions.users(c, SCOPE, period, order=o)
    yield "sessions of a user", lambda c: sessions.sessions(c, SCOPE, period, user=setting.user)
    yield "sessions service", lambda c: sessions.sessions(c, SLICE, period)
    yield "sessions.count_active", lambda c: sessions.count_active(c, SCOPE, period)
    names: list[str] = []
    people: list[str] = []

    def listed(client: Client) -> list[str]:
        names[:] = names or [row.session_id for row in sessions.sessions(client, SCOPE, period)]
        return names

    def known(client: Client) -> list[str]:
        people[:] = people or [row.user_id for row in sessions.users(client, SCOPE, period)]
        return people

    ask = conversations
    yield "conversations.openings", lambda c: ask.openings(c, SCOPE.project, period, listed(c))
    yield "opinions of sessions", lambda c: ask.opinions(c, SCOPE.project, period, "session_id", listed(c))
    yield "opinions of users", lambda c: ask.opinions(c, SCOPE.project, period, "user_id", known(c))
    yield "conversations.disliked_users", lambda c: ask.disliked_users(c, SCOPE, period)


def of_cost(period: Period) -> Named:
    """Yield what Cost asks."""
    for name in ("model", "service", "prompt"):
        yield f"cost_over_time {name}", lambda c, n=name: spend.cost_over_time(c, SCOPE, period, n)
        yield f"tokens.usage_by {name}", lambda c, n=name: tokens.usage_by(c, SCOPE, period, n)
    yield "cost_by_user", lambda c: spend.cost_by_user(c, SCOPE, period)
    yield "metered", lambda c: spend.metered(c, SCOPE, period)
    yield "unpriced_models", lambda c: spend.unpriced_models(c, SCOPE, period)
    yield "in_sessions", lambda c: spend.in_sessions(c, SCOPE, period)
    yield "price_versions", lambda c: spend.price_versions(c, SCOPE, period)
    first, last = period.start.date(), period.end.date()
    yield "ledger.by_model_and_day", lambda c: ledger.by_model_and_day(c, SCOPE.project, first, last)


def of_latency(period: Period) -> Named:
    """Yield what Latency & errors asks."""
    slowest = Filter(period)
    for name, scope in SCOPES:
        yield f"speed.summary{name}", lambda c, s=scope: speed.summary(c, s, period)
        yield f"speed.by_step{name}", lambda c, s=scope: speed.by_step(c, s, period)
        yield f"errors_over_time{name}", lambda c, s=scope: errors.errors_over_time(c, s, period)
        yield f"errors_by_type{name}", lambda c, s=scope: errors.errors_by_type(c, s, period)
    yield "speed.over_time", lambda c: speed.over_time(c, SCOPE, period)
    yield "speed.over_time first token", lambda c: speed.over_time(c, SCOPE, period, first_token=True)
    yield "speed.rates_over_time", lambda c: speed.rates_over_time(c, SCOPE, period)
    yield "speed.by_model", lambda c: speed.by_model(c, SCOPE, period)
    yield "latency.heat_map", lambda c: latency.heat_map(c, SCOPE, period, most=60)
    yield "heat_map first token", lambda c: latency.heat_map(c, SCOPE, period, kind="first_token", most=60)
    yield "slowest traces", lambda c: traces.page(c, slowest, sort="duration", size=10)


def of_quality(period: Period) -> Named:
    """Yield what Quality asks."""
    for split in quality.SPLITS:
        yield f"liked_by {split}", lambda c, s=split: quality.liked_by(c, SCOPE, period, s)
        yield f"liked_over_time {split}", lambda c, s=split: quality.liked_over_time(c, SCOPE, period, s)
    for name, scope in SCOPES:
        yield f"outcomes{name}", lambda c, s=scope: quality.outcomes(c, s, period)
        yield f"outcomes_over_time{name}", lambda c, s=scope: quality.outcomes_over_time(c, s, period)
        yield f"scores{name}", lambda c, s=scope: quality_texts.scores(c, s, period)
        yield f"remarks{name}", lambda c, s=scope: quality_texts.remarks(c, s, period)
        yield f"remarks_count{name}", lambda c, s=scope: quality_texts.remarks_count(c, s, period)
    score = {"name": "helpful", "source": "evaluator"}
    yield "score_over_time", lambda c: quality_texts.score_over_time(c, SCOPE, period, **score)
    yield "prompt_versions", lambda c: prompts.prompt_versions(c, SCOPE, period)


def of_health(period: Period) -> Named:
    """Yield what Health asks."""
    yield "arrivals", lambda c: arrivals.arrivals(c, SCOPE.project, period)
    yield "arrivals.unpriced", lambda c: arrivals.unpriced(c, SCOPE, period)
    yield "receipts", lambda c: receipts.receipts(c, SCOPE.project, since=period.start)


def of_a_range(period: Period, setting: Setting) -> Named:
    """Yield what all screens with a range ask for it."""
    yield from of_overview(period)
    yield from of_traces(period, setting)
    yield from of_sessions(period, setting)
    yield from of_cost(period)
    yield from of_latency(period)
    yield from of_quality(period)
    yield from of_health(period)
