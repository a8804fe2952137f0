"""What changed: how far each stretch of time is from its reference, and where versions changed.

Sums and histograms come from the rollups; Python sees one row a stretch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from statistics import median
from typing import Any, Literal

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.psi import Base, spread_of
from kansoku_collector.store.read.versions import VersionChange, version_changes
from kansoku_collector.store.scope import Period, Scope

__all__ = ["SIGNALS", "DriftCell", "VersionChange", "drift_strip", "version_changes"]

SIGNALS = (
    *("output_length", "input_length", "refusals", "invalid_json", "repetition"),
    *("language_mix", "retrieval_score", "error_rate"),
)
TWELFTHS = 12  # in which repetition is counted
REFERENCE = timedelta(days=7)
MIN_SAMPLES = 20  # of a cell: fewer are not compared
MIN_REFERENCE = 100
WANTED_SAMPLES = 2 * MIN_SAMPLES  # of a typical cell: with less traffic cells are made wider
FEWEST_CELLS = 12
MOST_BEFORE = 500  # cells before the period that are compared with one another; of more, a sample is
SAMPLED_HOURS = 7  # one hour in so many: in seven days, each hour of the day once
ENOUGH_BEFORE = 1_000  # answers in that sample; with fewer, all hours are read
DRAWN_P = 0.001  # a cell has an index when no change would show as much less often than this
PAIR_P = 0.02  # or less often than this in it and in the cell beside it
DRAWN_PSI = 0.1  # and the corrected index is at least this

# What a cell is compared with: the days before the period, or the period's own first third.
Reference = Literal["before", "first_third", "none"]

SHARES = frozenset({"refusals", "invalid_json", "error_rate"})  # of calls that are well and not
# Nearly all answers repeat nothing: in their order the few others would be pooled with them.
_UNORDERED = SHARES | {"language_mix", "repetition"}
_BAD, _GOOD = "bad", "good"


@dataclass(frozen=True, slots=True)
class DriftCell:
    """One signal in one stretch of time against its reference.

    `psi` is None where there are too few samples to tell, and 0.0 where noise explains what is seen; else it
    is the index less what no change would give. `level` is the mean of the signal in its own unit (tokens,
    a share, a score), None for the language mix.
    """

    signal: str
    time: datetime
    psi: float | None
    samples: int
    reference_samples: int
    reference: Reference = "none"
    width: timedelta = timedelta(0)
    raw_psi: float | None = None
    p_value: float | None = None
    level: float | None = None
    reference_level: float | None = None

    @property
    def drifted(self) -> bool:
        """Tell whether the cell shows more than noise, and enough of it to matter."""
        return self.psi is not None and self.psi >= DRAWN_PSI


# Cell number (negative: before the period) -> signal -> histogram.
Stretches = dict[int, dict[str, dict[Any, int]]]


def drift_strip(client: Client, scope: Scope, period: Period, buckets: int = 46) -> list[DriftCell]:
    """Return at most `buckets` cells for each signal of `SIGNALS`, in time order, signal by signal.

    Where a typical cell would hold too few answers to tell anything, cells are wider, twelve at the fewest.
    The reference of a signal is the seven days before the period when they hold 100 samples, else the first
    third of what the period holds (those cells have no index of their own), else there is none.
    """
    width = cell_width(period, buckets)
    origin = _floor(period.start, width)
    whole = Period(origin - REFERENCE, period.end)
    every = SAMPLED_HOURS if REFERENCE / width > MOST_BEFORE else 1
    stretches = _stretches(client, scope, whole, origin, width, every)
    if every > 1 and _answers_before(stretches) < ENOUGH_BEFORE:
        stretches = _stretches(client, scope, whole, origin, width, 1)
    wider = _widening(stretches, ceil((period.end - origin) / width))
    stretches, width = _widened(stretches, wider), wider * width
    cells = ceil((period.end - origin) / width)
    return [cell for signal in SIGNALS for cell in cells_of(signal, stretches, origin, width, cells)]


def cell_width(period: Period, buckets: int) -> timedelta:
    """Return the width of a cell: whole minutes below an hour, whole hours above."""
    minutes = ceil(period.length / timedelta(minutes=1) / buckets)
    if minutes < 60:
        return timedelta(minutes=max(1, minutes))
    return timedelta(hours=ceil(minutes / 60))


def _widening(stretches: Stretches, cells: int) -> int:
    """Return how many cells to join so that half of those with answers hold enough of them."""
    counts = [sum(row["output_length"].values()) for cell, row in stretches.items() if cell >= 0]
    typical = median([count for count in counts if count] or [WANTED_SAMPLES])
    return max(1, min(ceil(WANTED_SAMPLES / typical), cells // FEWEST_CELLS))


def _widened(stretches: Stretches, wider: int) -> Stretches:
    """Join every `wider` cells into one, those before the period likewise."""
    if wider == 1:
        return stretches
    joined: Stretches = {}
    for cell, row in stretches.items():
        into = joined.setdefault(cell // wider, {signal: {} for signal in row})
        for signal, histogram in row.items():
            _add(into[signal], histogram)
    return joined


def _floor(moment: datetime, width: timedelta) -> datetime:
    """Return the start of the minute or the hour, whichever the cells are made of."""
    unit = 60 if width < timedelta(hours=1) else 3600
    return datetime.fromtimestamp(moment.timestamp() // unit * unit, UTC)


def _answers_before(stretches: Stretches) -> int:
    return sum(sum(row["output_length"].values()) for cell, row in stretches.items() if cell < 0)


def _stretches(
    client: Client, scope: Scope, period: Period, origin: datetime, width: timedelta, every: int
) -> Stretches:
    """Aggregate every signal by cell in one query: before `origin`, of one hour in `every`."""
    table = "rollup_minute" if width < timedelta(hours=1) else "rollup_hour"
    of_calls = scope.model or scope.provider  # requests have no model
    tried, failed = ("calls", "call_errors") if of_calls else ("roots", "root_errors")
    rows = client.query(
        f"""SELECT toInt32(floor((toUnixTimestamp(time) - {{origin:Int64}}) / {{width:Int64}})) AS cell,
            sumMap(output_length), sumMap(input_length), sumMap(top_scores), sumMap(languages),
            sumMap(repetitions), sum(answers), sum(refusals) + sum(fallbacks), sum({tried}), sum({failed}),
            sum(json_answers), sum(json_invalid)
        FROM {table}
        WHERE {scope.where()} AND time >= toDateTime({{start:DateTime64(6, 'UTC')}}, 'UTC')
            AND time < {{end:DateTime64(6, 'UTC')}}
            AND (toUnixTimestamp(time) >= {{origin:Int64}}
                OR intDiv(toUnixTimestamp(time), 3600) % {{every:UInt8}} = 0)
        GROUP BY cell ORDER BY cell""",  # noqa: S608 - names of this file, values bound
        parameters=scope.params()
        | period.params()
        | {"origin": int(origin.timestamp()), "width": int(width.total_seconds()), "every": every},
    ).result_rows
    return {
        cell: {
            "output_length": output,
            "input_length": input_,
            "retrieval_score": scores,
            "language_mix": languages,
            "refusals": _share(refused, answers),
            "error_rate": _share(errors, total),
            "invalid_json": _share(invalid, asked),
            "repetition": repetitions,
        }
        for cell, (output, input_, scores, languages, repetitions), counts in (
            (row[0], row[1:6], row[6:]) for row in rows
        )
        for answers, refused, total, errors, asked, invalid in [counts]
    }


def _share(bad: int, total: int) -> dict[str, int]:
    """Return a histogram of two bins; an answer may be a refusal and a fallback at once, and counts once."""
    bad = min(bad, total)
    return {_BAD: bad, _GOOD: total - bad} if total else {}


def cells_of(
    signal: str, stretches: Stretches, origin: datetime, width: timedelta, cells: int
) -> list[DriftCell]:
    """Compare every cell of the period with the signal's reference."""
    shown = {cell: row[signal] for cell, row in stretches.items() if row[signal]}
    kind, chosen = _reference(shown, cells)
    base = _merge([shown[cell] for cell in chosen])
    usable = [shown[cell] for cell in chosen if sum(shown[cell].values()) >= MIN_SAMPLES]
    ordered = signal not in _UNORDERED
    spread = spread_of(usable, ordered=ordered)
    reference, usual = Base(base, ordered=ordered), level(signal, base)
    result = []
    for cell in range(cells):
        histogram = shown.get(cell, {})
        found = DriftCell(
            signal,
            origin + cell * width,
            psi=None,
            samples=sum(histogram.values()),
            reference_samples=reference.total,
            reference=kind,
            width=width,
            level=level(signal, histogram),
            reference_level=usual,
        )
        if kind != "none" and cell not in chosen and found.samples >= MIN_SAMPLES:
            seen = reference.compare(histogram, spread)
            found = replace(found, psi=seen.excess, raw_psi=seen.raw, p_value=seen.p_value)
        result.append(found)
    return [_shown(result, i) for i in range(cells)]


def _shown(cells: list[DriftCell], at: int) -> DriftCell:
    """Return a cell with 0.0 for its index when noise is a good enough explanation."""
    cell = cells[at]
    if cell.psi is None or cell.p_value is None or cell.p_value < DRAWN_P:
        return cell
    beside = [other.p_value for other in cells[max(0, at - 1) : at + 2] if other is not cell]
    if cell.p_value < PAIR_P and any(p is not None and p < PAIR_P for p in beside):
        return cell
    return replace(cell, psi=0.0)


def _reference(shown: Mapping[int, Mapping[Any, int]], cells: int) -> tuple[Reference, frozenset[int]]:
    """Choose the cells to compare with: those before the period, else the first third of the period's own."""
    before = frozenset(cell for cell in shown if cell < 0)
    if sum(sum(shown[cell].values()) for cell in before) >= MIN_REFERENCE:
        return "before", before
    known = sorted(cell for cell in shown if 0 <= cell < cells)
    first = frozenset([*before, *known[: len(known) // 3]])
    if sum(sum(shown[cell].values()) for cell in first) >= MIN_REFERENCE:
        return "first_third", first
    return "none", frozenset()


def _merge(histograms: list[dict[Any, int]]) -> dict[Any, int]:
    total: dict[Any, int] = {}
    for histogram in histograms:
        _add(total, histogram)
    return total


def _add(total: dict[Any, int], histogram: Mapping[Any, int]) -> None:
    for bin_, count in histogram.items():
        total[bin_] = total.get(bin_, 0) + count


def level(signal: str, histogram: Mapping[Any, int]) -> float | None:
    """Return the mean in the signal's own unit, from the middles of the bins."""
    total = sum(histogram.values())
    if not total or signal == "language_mix":
        return None
    if signal in SHARES:
        return histogram.get(_BAD, 0) / total
    if signal == "repetition":
        return float(sum(count * bin_ for bin_, count in histogram.items())) / TWELFTHS / total
    if signal == "retrieval_score":
        return float(sum(count * (bin_ + 0.5) / 20 for bin_, count in histogram.items())) / total
    return float(sum(count * (2 ** ((bin_ + 0.5) / 2) - 1) for bin_, count in histogram.items())) / total
