"""Where a version changed: of the model that answers, of a prompt, of a release."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from math import sqrt
from operator import attrgetter
from typing import Literal, NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.scope import Period, Scope

Kind = Literal["model", "prompt", "release"]
MEMORY = timedelta(days=7)  # a version not seen for so long is new when it appears
MIN_TAKEOVER = 20  # samples of a bucket, for a majority in it to count
_NEVER = -(10**12)  # before every time
_HOUR = 3600
_COLUMNS: dict[Kind, tuple[str, str]] = {
    "model": ("service", "model"),
    "prompt": ("prompt_name", "prompt_version"),
    "release": ("service", "release"),
}
MAJORITY = 0.6  # more than a split of traffic in halves can show by chance

# What follows the name of a model family: a date, a snapshot number, a channel.
_VERSION = re.compile(
    r"([-@:._](\d{4}-\d{2}-\d{2}|\d{8}|\d{3,6}|v?\d+:\d+|latest|preview|exp|\d{2}-\d{2}))+$"
)


@dataclass(frozen=True, slots=True)
class VersionChange:
    """A version that was not there before, or that took over from another.

    `name` is the service for a model or a release, the prompt's name for a prompt.
    """

    time: datetime
    kind: Kind
    name: str
    before: str
    after: str


class _Use(NamedTuple):
    """How often a version was used in one bucket; times in seconds, for there are thousands of these."""

    kind: Kind
    series: tuple[str, ...]
    version: str
    bucket: int
    time: int  # its first hour in the bucket
    used: int


def version_changes(client: Client, scope: Scope, period: Period) -> list[VersionChange]:
    """Return the changes of the period in time order.

    A version counts as new when the seven days before it do not have it and its series (model: service,
    provider and family; prompt: name; release: service) had another. Versions that run side by side give no
    further marks, until an older one takes over: more than 60 % of two buckets in a row, beyond chance.
    """
    uses = _uses(client, scope, period)
    models = _versioned([use for use in uses if use.kind == "model"])
    others = [use for use in uses if use.kind != "model"]
    start = period.start.timestamp() // _HOUR * _HOUR
    appeared = [
        *_changes(models, start, lambda use: (*use.series, family(use.version))),
        *_changes(others, start, lambda use: use.series),
    ]
    known = {(change.name, change.after) for change in appeared}
    switched = [
        change
        for change in _changes(models, start, lambda use: use.series[:1], new=False)
        if (change.name, change.after) not in known
    ]
    found = sorted([*appeared, *switched], key=lambda change: change.time)
    return _to_the_minute(client, scope, found)


@lru_cache(4096)
def family(model: str) -> str:
    """Return a model's name without its date, snapshot number or channel."""
    return _VERSION.sub("", model.lower().rpartition("/")[2]) or model


def _versioned(uses: list[_Use]) -> list[_Use]:
    """Leave out a family's bare name where a version of it is known: a stream cut short never says which."""
    known = {name for use in uses if (name := family(use.version)) != use.version.lower()}
    return [use for use in uses if use.version.lower() not in known]


def _uses(client: Client, scope: Scope, period: Period) -> list[_Use]:
    """Count the uses of each version by bucket (an hour for each week of the period), memory included.

    The rows are read once, by all that any series tells apart, and counted for each kind from what remains.
    """
    hours = max(1, round(period.length / timedelta(days=7)))
    rows = client.query(
        f"""SELECT kind, series, version, toUnixTimestamp(bucket), toUnixTimestamp(min(first)),
            sum(count) AS used
        FROM (
            SELECT toStartOfInterval(time, INTERVAL {hours} HOUR, 'UTC') AS bucket, min(time) AS first,
                toInt64(sum(calls)) - toInt64(sum(call_errors)) AS answered,
                arrayMap(one -> toString(one), [service, provider]) AS by_provider,
                toString(model) AS model_name, toString(release) AS released,
                toString(prompt_name) AS prompt, toString(prompt_version) AS version_of_prompt,
                toInt64(sum(spans)) AS all_spans
            FROM rollup_hour
            WHERE {scope.where()} AND time >= {{start:DateTime64(6, 'UTC')}} - INTERVAL 1 HOUR
                AND time < {{end:DateTime64(6, 'UTC')}}
            GROUP BY service, provider, model, release, prompt_name, prompt_version, bucket
        )
        ARRAY JOIN ['model', 'prompt', 'release'] AS kind,
            [by_provider, [prompt], [by_provider[1]]] AS series,
            [model_name, version_of_prompt, released] AS version,
            [answered, all_spans, all_spans] AS count  -- a failed call has only the name that was asked for
        WHERE version != '' GROUP BY kind, series, version, bucket
        HAVING used > 0 ORDER BY bucket, used DESC""",  # noqa: S608 - values bound
        parameters=scope.params() | Period(period.start - MEMORY, period.end).params(),
    ).result_rows
    return [_Use(kind, tuple(series), *rest) for kind, series, *rest in rows]


def _changes(
    uses: Iterable[_Use], start: float, series_of: Callable[[_Use], tuple[str, ...]], *, new: bool = True
) -> list[VersionChange]:
    """Find the changes of each series from `start` on; without `new`, only take-overs."""
    by_series: dict[tuple[str, ...], list[_Use]] = defaultdict(list)
    for use in uses:
        by_series[use.kind, *series_of(use)].append(use)
    return [
        VersionChange(datetime.fromtimestamp(time, UTC), rows[0].kind, series[1], before, after)
        for series, rows in by_series.items()
        for time, before, after in _walk(rows, new=new)
        if time >= start
    ]


def _walk(rows: list[_Use], *, new: bool) -> Iterator[tuple[int, str, str]]:
    """Yield (time, before, after) of one series, its buckets in time order, in each the most used first."""
    seen: dict[str, int] = {}
    memory = int(MEMORY.total_seconds())
    announced: set[str] = set()  # already yielded as new: their taking over is no second change
    present, rival, since = "", "", _NEVER
    for _, group in groupby(rows, key=attrgetter("bucket")):
        used = list(group)
        first, present = not seen, present or used[0].version
        for use in used:
            version, time = use.version, use.time
            if new and not first and time - seen.get(version, _NEVER) > memory:
                announced.add(version)
                yield time, present, version
            seen[version] = time
        ahead = _majority(used)
        if ahead is None or ahead.version == present:
            rival = ""
        elif ahead.version != rival:
            rival, since = ahead.version, ahead.time
        else:
            if rival not in announced:
                yield since, present, rival
            announced.discard(rival)
            present, rival = rival, ""


def _majority(used: list[_Use]) -> _Use | None:
    """Return the version with more than its majority of a bucket, beyond chance (95 %, one side)."""
    total, most = sum([use.used for use in used]), used[0]
    if total < MIN_TAKEOVER or most.used <= total * MAJORITY:
        return None
    chance = 1.645 * sqrt(MAJORITY * (1 - MAJORITY) / total)
    return most if most.used / total > MAJORITY + chance else None


def _to_the_minute(client: Client, scope: Scope, changes: list[VersionChange]) -> list[VersionChange]:
    """Return the changes at the minute that their hour first had the version."""
    firsts: dict[tuple[str, ...], datetime] = {}
    for kind in {change.kind for change in changes}:
        series, version = _COLUMNS[kind]
        asked = [change for change in changes if change.kind == kind]
        rows = client.query(
            f"""SELECT {series}, {version}, toUnixTimestamp(toStartOfHour(time)) AS hour, min(time)
            FROM rollup_minute
            WHERE {scope.where()}
                AND time >= {{start:DateTime64(6, 'UTC')}} AND time < {{end:DateTime64(6, 'UTC')}}
                AND toStartOfHour(time) IN {{hours:Array(DateTime('UTC'))}}
                AND {version} IN {{versions:Array(String)}}
            GROUP BY {series}, {version}, hour""",  # noqa: S608 - names of this file, values bound
            parameters=scope.params()
            | Period(min(c.time for c in asked), max(c.time for c in asked) + timedelta(hours=1)).params()
            | {
                "hours": sorted({change.time for change in asked}),
                "versions": sorted({change.after for change in asked}),
            },
        ).result_rows
        firsts |= {(kind, *names, str(hour)): first.replace(tzinfo=UTC) for *names, hour, first in rows}
    return [
        replace(change, time=firsts.get((change.kind, change.name, change.after, _hour(change)), change.time))
        for change in changes
    ]


def _hour(change: VersionChange) -> str:
    return str(int(change.time.timestamp()))
