"""The product's detector as a plug-in of the drift benchmark: records to hourly sums, sums to findings.

The sums are those that rollups hold: by hour, with at most `CAP` calls of one user counted in full. The open
hour is looked at `looks` times.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kansoku_collector.watch.detect import Detector, Hour, Plan, Series, Sums, assign, centroids

DAY, CAP, TOPICS = 86400.0, 6, 12
LOGS = ("in_chars", "in_tok", "out_tok", "cost", "latency", "ttft")
RARE = ("refusal", "json_bad", "trunc", "error", "fb_bad")
TAILS = ("cost", "latency", "ttft")
TIMES, FAR = ("latency", "ttft"), 0.03
MONDAY = 4 * 24  # the streams begin on one
TEXTS = {"in_text": "in_id", "out_text": "out_id"}
CATEGORIES = ("model", "fingerprint", "prompt_version")
VOLUME, DAYS = Series("volume", "mean"), Series("volume", "days")
SCORE = 0.2  # the harness keeps scores from here on


class Kansoku:
    """Detector at its default settings; `replay` is what the harness calls."""

    def __init__(self, looks: int = 4, **settings: Any) -> None:
        self.looks, self.settings = looks, settings
        self.name = f"kansoku_{looks}_looks"
        self.when: list[tuple[int, str, str, int]] = []

    def replay(self, stream: Any, pool: Any) -> list[tuple[float, str, float]]:
        """Return (time, signal, score) of every look with a score worth keeping."""
        return list(self.play(stream, pool))

    def play(self, stream: Any, pool: Any) -> Iterator[tuple[float, str, float]]:
        """Yield the same, look by look."""
        vectors = pool.embedding("hash")
        reference = stream.slice(0, stream.days_ref * DAY)
        tails = {name: np.quantile(reference[name], 0.95) for name in TAILS}
        topics = {name: _topics(reference[column], vectors) for name, column in TEXTS.items()}
        values = _values(stream.col, vectors, tails, topics)
        far = _far(reference)
        plan = Plan(
            (*values, VOLUME, DAYS),
            tuple(TEXTS),
            CATEGORIES,
            **{"warm_up_days": int(stream.days_ref), **self.settings},
        )
        detector, hours = Detector(plan), round(stream.days * 24)
        parts = [
            _sums(stream.col, values, vectors, hours, part / self.looks, far)
            for part in range(1, self.looks + 1)
        ]
        for hour in range(hours):
            for part in range(1, self.looks + 1):
                last = part == self.looks
                if not last and (detector.learning or hour < stream.days_ref * 24):
                    continue
                findings = detector.observe(
                    _hour(hour, parts[part - 1], stream.col, part / self.looks), closed=last
                )
                now = (hour + part / self.looks) * 3600.0
                yield from self._events(now, detector, findings)

    def _events(self, now: float, detector: Detector, findings: list[Any]) -> list[tuple[float, str, float]]:
        limit = np.log(detector.plan.threshold)
        found = {
            one.signal: max(1.0, float(np.log(one.evidence) / limit))
            for one in findings
            if one.evidence < np.inf
        }
        found |= {one.signal: max(1.0, found.get(one.signal, 1.0)) for one in findings}
        self.when += [
            (one.seen - MONDAY, one.signal, one.series, one.change.hour - MONDAY) for one in findings
        ]
        rest = {
            signal: float(value / limit)
            for signal, value in detector.evidence.items()
            if signal not in found and SCORE * limit <= value < limit
        }
        return [(now, signal, score) for signal, score in {**rest, **found}.items()]


def _topics(texts: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    sample = np.random.default_rng(0).choice(texts, min(len(texts), 6000), replace=False)
    return centroids(vectors[sample], TOPICS)


def _far(reference: dict) -> dict[Series, float]:
    """Return how far above the mean of their hour a few calls of the reference were."""
    found, hour = {}, (reference["ts"] // 3600.0).astype(np.int64)
    for name in TIMES:
        value = np.log(np.maximum(reference[name], 1e-9))
        mean = np.bincount(hour, value) / np.maximum(np.bincount(hour), 1)
        found[Series(name, "spread", "share")] = float(np.quantile(value - mean[hour], 1 - FAR))
    return found


def _values(col: dict, vectors: np.ndarray, tails: dict, topics: dict) -> dict[Series, np.ndarray]:
    """Return the value of every series for every record (NaN: does not apply)."""
    values = {Series(name, "mean"): np.log(np.maximum(col[name], 1e-9)) for name in LOGS}
    values |= {Series(name, "share", "share"): col[name] for name in ("lang_ja", "tool")}
    values |= {
        Series("eval", "mean"): col["eval"],
        Series("model", "share", "share"): (col["model"] == 0).astype(float),
    }
    values |= {Series(name, "rate", "count"): col[name] for name in RARE}
    values |= {Series(name, "tail", "share"): (col[name] > tails[name]).astype(float) for name in TAILS}
    values |= {Series(name, "spread", "share"): values[Series(name, "mean")] for name in TIMES}
    for name, column in TEXTS.items():
        used, place = np.unique(col[column], return_inverse=True)
        topic, distance = assign(vectors[used], topics[name])
        values[Series(name, "distance")] = distance[place].astype(float)
        values |= {
            Series(name, f"topic {one}", "share"): (topic[place] == one).astype(float)
            for one in range(TOPICS)
        }
    return values


def _sums(
    col: dict, values: dict, vectors: np.ndarray, hours: int, part: float, far: dict[Series, float]
) -> dict[str, Any]:
    """Return sums by hour over the first `part` of each hour; a spread beside the mean of the same part."""
    inside = np.flatnonzero(col["ts"] % 3600.0 <= part * 3600.0)
    hour, user = (col["ts"][inside] // 3600.0).astype(np.int64), col["user"][inside].astype(np.int64)
    groups: dict[bytes, tuple[np.ndarray, ...]] = {}
    sums = {}
    for series, all_values in values.items():
        value = all_values[inside]
        known = np.isfinite(value)
        key = np.packbits(known).tobytes()
        if key not in groups:
            at = np.flatnonzero(known)
            _, place, count = np.unique(
                hour[at] * 1_000_003 + user[at], return_inverse=True, return_counts=True
            )
            weight = (np.minimum(count, CAP) / count)[place]
            groups[key] = (
                at,
                weight,
                np.bincount(hour[at], weight, hours),
                np.bincount(hour[at], weight**2, hours),
            )
        at, weight, total, square = groups[key]
        whole = np.bincount(hour[at], weight * value[at], hours)
        if series in far:
            beyond = value[at] - (whole / np.maximum(total, 1e-9))[hour[at]] > far[series]
            whole = np.bincount(hour[at], weight * beyond, hours)
        sums[series] = total, square, whole
    at, weight, total, square = groups[np.packbits(np.ones(len(inside), bool)).tobytes()]
    means = {}
    edges = np.searchsorted(hour, np.arange(hours + 1))
    for name, column in TEXTS.items():
        rows = col[column][inside]
        means[name] = np.zeros((hours, vectors.shape[1]))
        for one in range(hours):
            span = slice(edges[one], edges[one + 1])
            means[name][one] = weight[span] @ vectors[rows[span]] / max(total[one], 1e-9)
    return {"sums": sums, "means": means, "total": total, "square": square}


def _hour(hour: int, known: dict[str, Any], col: dict, part: float) -> Hour:
    sums = {
        series: Sums(total[hour], square[hour], value[hour])
        for series, (total, square, value) in known["sums"].items()
    }
    total = known["total"][hour]
    size = Sums(total, known["square"][hour])
    if part == 1 and total:  # an open hour has too few calls by nature
        sums[VOLUME] = Sums(total, total, total * np.log(total))
    if part == 1 and hour % 24 == 23:
        sums[DAYS] = Sums(1.0, 1.0, np.log(max(known["total"][hour - 23 : hour + 1].sum(), 1.0)))
    vectors = {name: (means[hour], size) for name, means in known["means"].items()}
    first, last = np.searchsorted(col["ts"], [hour * 3600.0, (hour + part) * 3600.0])
    values = {}
    for name in CATEGORIES:
        found, count = np.unique(col[name][first:last], return_counts=True)
        values[name] = {str(value): int(times) for value, times in zip(found, count, strict=True)}
    return Hour(MONDAY + hour, sums, vectors, values)
