"""Where a version changed: of the model that answers, of a prompt, of a release."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from math import sqrt
from typing import Literal

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.scope import Period, Scope

Kind = Literal["model", "prompt", "release"]
MEMORY = timedelta(days=7)  # a version not seen for so long is new when it appears
MIN_TAKEOVER = 20  # samples of a bucket, for a majority in it to count
_NEVER = datetime.min.replace(tzinfo=UTC)
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


@dataclass(frozen=True, slots=True)
class _Use:
    """How often a version was used in one bucket."""

    series: tuple[str, ...]
    version: str
    bucket: datetime
    time: datetime  # its first hour in the bucket
    count: int


def version_changes(client: Client, scope: Scope, period: Period) -> list[VersionChange]:
    """Return the changes of the period in time order.

    A version counts as new when the seven days before it do not have it and its series (model: service,
    provider and family; prompt: name; release: service) had another. Versions that run side by side give no
    further marks, until an older one takes over: more than 60 % of two buckets in a row, beyond chance.
    """
    answered = "sum(calls) - sum(call_errors)"  # a failed call has only the name that was asked for
    models = _versioned(_uses(client, scope, period, "model", ("service", "provider"), answered))
    families = [replace(use, series=(*use.series, family(use.version))) for use in models]
    prompts = _uses(client, scope, period, "prompt_version", ("prompt_name",), "sum(spans)")
    releases = _uses(client, scope, period, "release", ("service",), "sum(spans)")
    appeared = [
        *_changes("model", families, period.start),
        *_changes("prompt", prompts, period.start),
        *_changes("release", releases, period.start),
    ]
    known = {(change.name, change.after) for change in appeared}
    by_service = [replace(use, series=(use.series[0],)) for use in models]
    switched = [
        change
        for change in _changes("model", by_service, period.start, new=False)
        if (change.name, change.after) not in known
    ]
    found = sorted([*appeared, *switched], key=lambda change: change.time)
    return _to_the_minute(client, scope, found)


def family(model: str) -> str:
    """Return a model's name without its date, snapshot number or channel."""
    return _VERSION.sub("", model.lower().rpartition("/")[2]) or model


def _versioned(uses: list[_Use]) -> list[_Use]:
    """Leave out a family's bare name where a version of it is known: a stream cut short never says which."""
    known = {name for use in uses if (name := family(use.version)) != use.version.lower()}
    return [use for use in uses if use.version.lower() not in known]


def _uses(
    client: Client, scope: Scope, period: Period, column: str, series: tuple[str, ...], count: str
) -> list[_Use]:
    """Count the uses of each version by bucket (an hour for each week of the period), memory included."""
    hours = max(1, round(period.length / timedelta(days=7)))
    rows = client.query(
        f"""SELECT {", ".join(series)}, {column},
            toStartOfInterval(time, INTERVAL {hours} HOUR, 'UTC') AS bucket, min(time), {count} AS used
        FROM rollup_hour
        WHERE {scope.where()} AND {column} != '' AND time >= {{start:DateTime64(6, 'UTC')}} - INTERVAL 1 HOUR
            AND time < {{end:DateTime64(6, 'UTC')}}
        GROUP BY {", ".join(series)}, {column}, bucket
        HAVING used > 0 ORDER BY bucket, used DESC""",  # noqa: S608 - names of this file, values bound
        parameters=scope.params() | Period(period.start - MEMORY, period.end).params(),
    ).result_rows
    return [
        _Use(tuple(names), version, bucket, first.replace(tzinfo=UTC), int(used))
        for *names, version, bucket, first, used in rows
    ]


def _changes(kind: Kind, uses: Iterable[_Use], start: datetime, *, new: bool = True) -> list[VersionChange]:
    """Find the changes of each series from `start` on; without `new`, only take-overs."""
    by_series: dict[tuple[str, ...], list[_Use]] = defaultdict(list)
    for use in uses:
        by_series[use.series].append(use)
    return [
        VersionChange(time, kind, series[0], before, after)
        for series, rows in by_series.items()
        for time, before, after in _walk(rows, new=new)
        if time >= start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    ]


def _walk(rows: list[_Use], *, new: bool) -> Iterator[tuple[datetime, str, str]]:
    """Yield (time, before, after) of one series, its buckets in time order."""
    seen: dict[str, datetime] = {}
    announced: set[str] = set()  # already yielded as new: their taking over is no second change
    present, rival, since = "", "", _NEVER
    for _, group in groupby(rows, key=lambda use: use.bucket):
        used = list(group)
        first, present = not seen, present or used[0].version
        for use in used:
            if new and not first and use.time - seen.get(use.version, _NEVER) > MEMORY:
                announced.add(use.version)
                yield use.time, present, use.version
            seen[use.version] = use.time
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
    total = sum(use.count for use in used)
    most = max(used, key=lambda use: use.count)
    if total < MIN_TAKEOVER:
        return None
    chance = 1.645 * sqrt(MAJORITY * (1 - MAJORITY) / total)
    return most if most.count / total > MAJORITY + chance else None


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
