"""Which of some spans are stored: what the writer asks before it inserts spans that came late."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

Identity = tuple[str, str, str]  # project, trace id, span id
Place = tuple[str, int]  # project, hour since the epoch
_CHUNK = 500  # spans of one query: their trace ids travel in its address
_HOUR_NS = 3600 * 10**9
_GAP_NS = _HOUR_NS  # spans further apart are asked for apart, so that no query reads what lies between
BACK_NS = 120 * 10**9  # the record of a stream is stored at the start of the stream, before its own


class Sought(NamedTuple):
    """A span to look for; its start tells where."""

    project: str
    start_ns: int
    trace_id: str
    span_id: str


def find_stored(client: Client, sought: Sequence[Sought]) -> dict[Identity, set[int]]:
    """Return by identity when each span that is stored was received, in ms since the epoch."""
    found: dict[Identity, set[int]] = {}
    for chunk in _chunks(sorted(sought)):
        project, wanted = chunk[0].project, {(span.trace_id, span.span_id) for span in chunk}
        rows = client.query(
            """SELECT trace_id, span_id, toUnixTimestamp64Milli(received) FROM spans
            WHERE project = {project:String} AND start >= {first:DateTime64(9, 'UTC')}
                AND start < {last:DateTime64(9, 'UTC')} AND trace_id IN {traces:Array(String)}""",
            parameters={
                "project": project,
                "first": _second(chunk[0].start_ns - BACK_NS),
                "last": _second(chunk[-1].start_ns + 10**9),
                "traces": sorted({trace_id for trace_id, _ in wanted}),
            },
        ).result_rows
        for trace_id, span_id, received in rows:
            if (trace_id, span_id) in wanted:
                found.setdefault((project, trace_id, span_id), set()).add(received)
    return found


def find_held(client: Client, places: Iterable[Place]) -> set[Place]:
    """Return of which hours of a project the store has spans."""
    hours: dict[str, list[int]] = {}
    for project, hour in sorted(places):
        hours.setdefault(project, []).append(hour)
    found: set[Place] = set()
    for project, wanted in hours.items():
        for at in range(0, len(wanted), _CHUNK):
            chunk = wanted[at : at + _CHUNK]
            rows = client.query(
                """SELECT DISTINCT intDiv(toUnixTimestamp(toStartOfHour(start)), 3600) FROM spans
                WHERE project = {project:String} AND start >= {first:DateTime64(9, 'UTC')}
                    AND start < {last:DateTime64(9, 'UTC')}
                    AND toStartOfHour(start) IN {hours:Array(DateTime('UTC'))}""",
                parameters={
                    "project": project,
                    "first": _second(chunk[0] * _HOUR_NS),
                    "last": _second((chunk[-1] + 1) * _HOUR_NS),
                    "hours": [_second(hour * _HOUR_NS) for hour in chunk],
                },
            ).result_rows
            found |= {(project, int(hour)) for (hour,) in rows}
    return found


def _chunks(sought: list[Sought]) -> Iterator[list[Sought]]:
    """Split spans in order of project and time where either changes much, and at `_CHUNK`."""
    start = 0
    for at, (one, other) in enumerate(pairwise(sought), 1):
        apart = one.project != other.project or other.start_ns - one.start_ns > _GAP_NS
        if apart or at - start >= _CHUNK:
            yield sought[start:at]
            start = at
    if sought:
        yield sought[start:]


def _second(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // 10**9, UTC)
