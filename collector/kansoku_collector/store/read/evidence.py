"""What a found change rests on: the shape of `incidents.evidence`, and the texts that it points at.

Texts themselves are not in it: what is forgotten or has become too old is then gone from incidents too.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from clickhouse_connect.driver.client import Client

Unit = Literal["usd", "seconds", "tokens", "characters", "share", "score", "deviations", "calls"]
Measure = Literal["ratio", "difference", "distance", "new_value"]
VERSION = 1


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `start` (included) to `end` (excluded), UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Point:
    """A row of the figure: the mean of a signal in the hours from `time` on; None where nothing came."""

    time: datetime
    value: float | None
    records: float


@dataclass(frozen=True, slots=True)
class Move:
    """How one signal moved, the loudest of its series speaking for it.

    `before` and `after` are in `unit`; those of money, times and lengths are geometric means. `change` is
    `after / before` of a *ratio*, `after - before` of a *difference*, standard deviations of an hour of a
    *distance* (a text), and the number of calls of a *new_value*, which is `value`. `low` and `high` hold the
    change with 90 %. The change began at `began`, with 90 % between `earliest` and `latest`, and was declared
    at `seen`, when `evidence` had reached `threshold`. `back` tells that it has gone back since.
    """

    signal: str
    label: str
    label_ja: str
    unit: Unit
    service: str
    environment: str
    measure: Measure
    before: float
    after: float
    change: float
    low: float
    high: float
    value: str
    began: datetime
    earliest: datetime
    latest: datetime
    seen: datetime
    evidence: float  # 1e300 at the most
    threshold: float
    back: bool = False
    points: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """A call to look at."""

    trace_id: str
    span_id: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Part:
    """What one cause did to the measure, in its unit, in both languages; with the first call that had it."""

    cause: str
    amount: Decimal
    value: str
    before: str
    after: str
    text: str
    text_ja: str
    first: Example | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """A move of a measure and its parts, the largest first; they sum to `now - before` to the last digit."""

    measure: str
    before: Decimal
    now: Decimal
    silent: bool
    parts: tuple[Part, ...]
    text: str
    text_ja: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything about one found change: `moves` the loudest first, what is compared, why, and examples.

    `silent` names the case in which the model that answers changed and nothing on our side did. `news` are
    values that appeared at the same time (`prompt: guide@v15`).
    """

    began: datetime
    earliest: datetime
    latest: datetime
    reference: Stretch
    current: Stretch
    moves: tuple[Move, ...]
    news: tuple[str, ...] = ()
    split: Split | None = None
    silent: bool = False
    first: Example | None = None  # the first call with the new state
    before: tuple[Example, ...] = ()
    after: tuple[Example, ...] = ()
    version: int = VERSION


def write_evidence(evidence: Evidence) -> str:
    """Return it as the JSON of `incidents.evidence`; money as text, times in ISO 8601."""
    return json.dumps(asdict(evidence), default=_plain, ensure_ascii=False, allow_nan=False)


def read_evidence(text: str) -> Evidence | None:
    """Return what `write_evidence` has written; None where there is none, or one of another version."""
    found = json.loads(text) if text else {}
    if found.get("version") != VERSION:
        return None
    split = found["split"]
    return Evidence(
        **_times(found, "began", "earliest", "latest"),
        reference=Stretch(**_times(found["reference"], "start", "end")),
        current=Stretch(**_times(found["current"], "start", "end")),
        moves=tuple(_move(one) for one in found["moves"]),
        news=tuple(found["news"]),
        split=None if split is None else _split(split),
        silent=found["silent"],
        first=_example(found["first"]),
        before=tuple(Example(**one | _times(one, "time")) for one in found["before"]),
        after=tuple(Example(**one | _times(one, "time")) for one in found["after"]),
    )


def example_texts(
    client: Client, project: str, examples: Sequence[Example]
) -> dict[tuple[str, str], tuple[str, str]]:
    """Return input and output of the examples that are still stored, by (trace id, span id)."""
    if not examples:
        return {}
    rows = client.query(
        """SELECT trace_id, span_id, input_text, output_text FROM spans
        WHERE project = {project:String} AND start >= {first:DateTime64(6, 'UTC')}
            AND start <= {last:DateTime64(6, 'UTC')} + INTERVAL 1 MILLISECOND
            AND (trace_id, span_id) IN {ids:Array(Tuple(String, String))}""",
        parameters={
            "project": project,
            "first": min(one.time for one in examples),
            "last": max(one.time for one in examples),
            "ids": [(one.trace_id, one.span_id) for one in examples],
        },
    ).result_rows
    return {(trace, span): (asked, answered) for trace, span, asked, answered in rows}


def _plain(value: object) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def _times(found: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: datetime.fromisoformat(found[name]) for name in names}


def _move(found: dict[str, Any]) -> Move:
    points = tuple(Point(**one | _times(one, "time")) for one in found["points"])
    return Move(**found | _times(found, "began", "earliest", "latest", "seen") | {"points": points})


def _example(found: dict[str, Any] | None) -> Example | None:
    return None if found is None else Example(**found | _times(found, "time"))


def _split(found: dict[str, Any]) -> Split:
    parts = tuple(
        Part(**one | {"amount": Decimal(one["amount"]), "first": _example(one["first"])})
        for one in found["parts"]
    )
    money = {name: Decimal(found[name]) for name in ("before", "now")}
    return Split(**found | money | {"parts": parts})
