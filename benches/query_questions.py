"""Every question that is asked outside a range of time, by name, as calls that take a client."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import cycle

from clickhouse_connect.driver.client import Client
from query_screens import SCOPE, Named, Setting

from kansoku_collector.store.read import (
    conversations,
    forecast,
    incidents,
    overview,
    projects,
    saved_views,
    storage,
    trace,
    traces,
)
from kansoku_collector.store.read.conditions import Filter
from kansoku_collector.store.read.measures import measure
from kansoku_collector.store.read.traces_api import count_spans, read_trace
from kansoku_collector.store.read.user_costs import user_costs
from kansoku_collector.store.scope import Period

# Frequent and rare, one letter and many, half and full width; the last is in no text.
NEEDLES = (
    "収集日を", "refund takes", "ｶｲｷﾞ", "で", "s", "さん、8", "ref c1", "REFUND", "ペットボトル", "xyzzy",
)  # fmt: skip


def of_a_trace(setting: Setting) -> Named:
    """Yield what the screens of one trace and one session ask, and the API."""
    project, ids = SCOPE.project, cycle(setting.trace_ids)  # another trace each time: none is warm
    places: Iterator[trace.Located] = iter(())
    calls: Iterator[tuple[trace.Located, str]] = iter(())

    def locate(client: Client) -> trace.Located:
        found = trace.find(client, project, next(ids))
        assert found  # noqa: S101 - a bench
        return found

    def place(client: Client) -> trace.Located:
        nonlocal places
        if (found := next(places, None)) is None:
            places = cycle([locate(client) for _ in setting.trace_ids])
            found = next(places)
        return found

    def call(client: Client) -> tuple[trace.Located, str]:
        nonlocal calls
        if (found := next(calls, None)) is None:
            known = [place(client) for _ in setting.trace_ids]
            calls = cycle([(one, trace.spans(client, one)[-1].span_id) for one in known])
            found = next(calls)
        return found

    yield "trace: where it lies", locate
    yield "trace: its spans", lambda c: trace.spans(c, place(c))
    yield "trace: one span with its texts", lambda c: trace.span(c, *call(c))
    yield "trace: its feedback", lambda c: trace.feedback(c, place(c))
    yield "trace: by id, whole (API)", lambda c: read_trace(c, project, next(ids))


def of_a_session(setting: Setting) -> Named:
    """Yield what the screen of one session asks."""
    project = SCOPE.project
    kept: list[conversations.Session] = []
    turns: list[str] = []

    def here(client: Client) -> conversations.Session:
        if not kept:
            found = conversations.session(client, project, setting.session)
            assert found, setting.session  # noqa: S101 - a bench
            kept.append(found)
        return kept[0]

    def page(client: Client) -> list[traces.TraceRow]:
        wanted = Filter(here(client).period, SCOPE, session=setting.session)
        rows = traces.page(client, wanted)
        turns[:] = [row.trace_id for row in rows]
        return rows

    yield "session: as a whole", lambda c: conversations.session(c, project, setting.session)
    yield "session: its turns", page
    yield "session: its contexts", lambda c: conversations.contexts(c, project, here(c).period, turns)


def without_a_range(setting: Setting) -> Named:
    """Yield what every screen asks first."""
    project = SCOPE.project
    yield "overview.health", lambda c: overview.health(c, project)
    yield "overview.dimensions", lambda c: overview.dimensions(c, project)
    yield "open_incidents", lambda c: incidents.open_incidents(c, project)
    yield "projects", projects.projects
    yield "saved_views", lambda c: saved_views.saved_views(c, project, "traces", "somebody")
    yield "storage", storage.storage
    yield "schema", storage.schema
    yield "count_spans", lambda c: count_spans(c, project)
    yield "forecast.daily_costs", lambda c: forecast.daily_costs(c, SCOPE, setting.end)


def of_alerts(setting: Setting) -> Named:
    """Yield what alert rules ask each minute."""
    minute = [setting.end.replace(second=0, microsecond=0)]
    windows = {"15m": timedelta(minutes=15), "1d": timedelta(days=1), "7d": timedelta(days=7)}
    for metric in ("cost_usd", "latency_p95", "error_rate", "like_rate", "no_data"):
        for name, window in windows.items():
            for group in ((), ("service",)):
                label = f"alert {metric} {name}{' by service' if group else ''}"
                yield label, lambda c, m=metric, w=window, g=group: measure(c, m, SCOPE, minute, w, g)
    for name, window in windows.items():
        yield f"alert cost of a user {name}", lambda c, w=window: user_costs(c, SCOPE, minute, w, 0.5)


def of_a_search(setting: Setting, needle: str) -> Named:
    """Yield what a search in the texts of the last 24 hours asks."""
    wanted = Filter(Period(setting.end - timedelta(days=1), setting.end), text=needle)
    yield f"search {needle!r}: page", lambda c: traces.page(c, wanted)
    yield f"search {needle!r}: totals", lambda c: traces.totals(c, wanted)
