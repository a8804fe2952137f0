"""Every question that the dashboard and the alerts ask, by name, as calls that take a client."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read import (
    drift,
    facets,
    incidents,
    latency,
    ledger,
    overview,
    prompts,
    sessions,
    slices,
    tokens,
    trace,
    traces,
    votes,
)
from kansoku_collector.store.read.conditions import Filter
from kansoku_collector.store.read.measures import measure
from kansoku_collector.store.read.traces_api import read_trace
from kansoku_collector.store.scope import Period, Scope

Question = Callable[[Client], Any]
SCOPE = Scope()
SLICE = Scope(service="guide", environment="production")
MODEL = Scope(model="gpt-5.6-mini")
NEEDLES = ("収集日を", "refund takes", "ｶｲｷﾞ", "で", "s", "さん、8", "ref c1")


@dataclass(frozen=True)
class Setting:
    """What the questions are about: the end of the data, and a trace and a user in it."""

    end: datetime
    trace_id: str
    user: str


def of_a_trace(setting: Setting) -> Iterator[tuple[str, Question]]:
    """Yield what the screen of one trace and the API ask."""
    trace_id = setting.trace_id

    def located(client: Client) -> trace.Located:
        found = trace.find(client, SCOPE.project, trace_id)
        assert found, trace_id  # noqa: S101 - a bench
        return found

    kept: list[trace.Located] = []

    def here(client: Client) -> trace.Located:
        kept[:] = kept or [located(client)]
        return kept[0]

    yield "trace: where it lies", located
    yield "trace: its spans", lambda c: trace.spans(c, here(c))
    yield "trace: its feedback", lambda c: trace.feedback(c, here(c))
    yield "trace: by id, whole (API)", lambda c: read_trace(c, SCOPE.project, trace_id)


def of_a_range(setting: Setting, days: int) -> Iterator[tuple[str, Question]]:
    """Yield what the screens with a range ask for the `days` before the end."""
    period = Period(setting.end - timedelta(days=days), setting.end)
    everything = Filter(period)
    for name, scope in (("all", SCOPE), ("service", SLICE), ("model", MODEL)):
        yield f"overview.totals {name}", lambda c, s=scope: overview.totals(c, s, period)
        yield f"overview.series {name}", lambda c, s=scope: overview.series(c, s, period)
    yield "overview.cost_by_model", lambda c: overview.cost_by_model(c, SCOPE, period)
    yield "overview.gaps", lambda c: overview.gaps(c, SCOPE.project, period)
    yield "slices", lambda c: slices.slices(c, SCOPE, period)
    yield "votes", lambda c: votes.votes(c, SCOPE, period)
    yield "votes_total service", lambda c: votes.votes_total(c, SLICE, period)
    yield "votes_by_slice", lambda c: votes.votes_by_slice(c, SCOPE, period)
    yield "drift_strip", lambda c: drift.drift_strip(c, SCOPE, period)
    yield "version_changes", lambda c: drift.version_changes(c, SCOPE, period)
    yield "incidents", lambda c: incidents.past_incidents(c, SCOPE.project, period)
    yield "traces.page", lambda c: traces.page(c, everything)
    yield "traces.page by cost", lambda c: traces.page(c, everything, sort="cost")
    yield "traces.page service", lambda c: traces.page(c, replace(everything, scope=SLICE))
    yield "traces.page user", lambda c: traces.page(c, replace(everything, user=setting.user))
    yield "traces.page errors", lambda c: traces.page(c, replace(everything, status="error"))
    yield "traces.page disliked", lambda c: traces.page(c, replace(everything, feedback="disliked"))
    yield "traces.totals", lambda c: traces.totals(c, everything)
    yield "traces.neighbours", lambda c: traces.neighbours(c, everything, setting.trace_id)
    yield "facets", lambda c: facets.facets(c, everything)
    yield "sessions", lambda c: sessions.sessions(c, SCOPE, period)
    yield "sessions by cost", lambda c: sessions.sessions(c, SCOPE, period, order="cost")
    yield "sessions of a user", lambda c: sessions.sessions(c, SCOPE, period, user=setting.user)
    yield "users", lambda c: sessions.users(c, SCOPE, period)
    yield "users and sessions counted", lambda c: sessions.count_active(c, SCOPE, period)
    yield "tokens.usage_over_time", lambda c: tokens.usage_over_time(c, SCOPE, period)
    yield "tokens.usage_by model", lambda c: tokens.usage_by(c, SCOPE, period, "model")
    yield "latency.percentiles_by model", lambda c: latency.percentiles_by(c, SCOPE, period, "model")
    yield "latency.heat_map", lambda c: latency.heat_map(c, SCOPE, period)
    yield "prompt_versions", lambda c: prompts.prompt_versions(c, SCOPE, period)
    first, last = period.start.date(), period.end.date()
    yield "ledger.by_model_and_day", lambda c: ledger.by_model_and_day(c, SCOPE.project, first, last)


def without_a_range(setting: Setting) -> Iterator[tuple[str, Question]]:
    """Yield what every screen asks first, and what an alert rule asks each minute."""
    yield "overview.health", lambda c: overview.health(c, SCOPE.project)
    yield "overview.dimensions", lambda c: overview.dimensions(c, SCOPE.project)
    yield "open_incidents", lambda c: incidents.open_incidents(c, SCOPE.project)
    minute = [setting.end.replace(second=0, microsecond=0)]
    for metric in ("cost_usd", "latency_p95", "error_rate", "like_rate", "no_data"):
        for name, window in (("15m", timedelta(minutes=15)), ("7d", timedelta(days=7))):
            for group in ((), ("service",)):
                label = f"alert {metric} {name}{' by service' if group else ''}"
                yield label, lambda c, m=metric, w=window, g=group: measure(c, m, SCOPE, minute, w, g)


def of_a_search(setting: Setting, needle: str) -> Iterator[tuple[str, Question]]:
    """Yield what a search in the texts of the last 24 hours asks."""
    wanted = Filter(Period(setting.end - timedelta(days=1), setting.end), text=needle)
    yield f"search {needle!r}: page", lambda c: traces.page(c, wanted)
    yield f"search {needle!r}: totals", lambda c: traces.totals(c, wanted)
