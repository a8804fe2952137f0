"""The signals that are watched without a rule: what each is called, how it is told, and its series."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from kansoku_collector.store.read.evidence import Unit
from kansoku_collector.store.read.hours import BINS, TAILS, VECTORS, Signals
from kansoku_collector.watch.detect import Hour, Plan, Series, Sums
from kansoku_collector.watch.detect.series import Kind

TAIL = 0.05  # of the calls of the reference are beyond a tail's limit
TIMES = ("latency", "first_token")  # of which the calls far above the mean of their hour are counted
FAR = 0.03  # of the calls of the reference are so far above it
SEEN = 24  # hours with data that a series needs before it is watched
VALUES = ("answered", "asked", "prompt", "release", "fingerprint", "error_type")
OURS = ("asked", "prompt", "release")  # a new value of these is our own doing
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal as people are told of it; `logs` says that its mean is one of logarithms."""

    name: str
    label: str
    label_ja: str
    unit: Unit
    attributed: str = ""  # the measure of `watch.attribution` that splits its moves
    logs: bool = False
    worse: Literal["up", "down", "either"] = "up"


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on calls are dear or slow: `tails` as bins, `spreads` as bins above the mean of the hour."""

    tails: Mapping[str, int] = field(default_factory=dict)
    spreads: Mapping[str, float] = field(default_factory=dict)


VOLUME, DAYS = Series("volume", "mean", "level"), Series("volume", "days", "level")
_CALLS = "error"  # the column that every call is in, a user's calls capped

_ALL = [
    Signal("cost", "The cost of a call", "1 呼び出しあたりのコスト", "usd", "cost_per_call", logs=True),
    Signal("in_tokens", "The input tokens of a call", "入力トークン数", "tokens", "cost_per_call",
           logs=True),
    Signal("out_tokens", "The output tokens of an answer", "出力トークン数", "tokens", "output_tokens",
           logs=True),
    Signal("in_chars", "The length of inputs", "入力の長さ", "characters", "cost_per_call", logs=True),
    Signal("latency", "The latency of a call", "呼び出しの応答時間", "seconds", "latency", logs=True),
    Signal("first_token", "The time to the first token", "最初のトークンまでの時間", "seconds", "first_token",
           logs=True),
    Signal("volume", "The number of calls in an hour", "1 時間の呼び出し数", "calls", logs=True,
           worse="either"),
    Signal("language", "The language of inputs", "入力の言語", "share", "cost_per_call", worse="either"),
    Signal("tools", "The share of calls that use a tool", "ツールを呼び出す割合", "share", worse="either"),
    Signal("refusal", "The refusal rate", "拒否の割合", "share", "refusal_rate"),
    Signal("fallback", "The rate of fallback answers", "定型回答の割合", "share"),
    Signal("truncation", "The rate of truncated answers", "途中で切れた回答の割合", "share",
           "truncation_rate"),
    Signal("empty", "The rate of empty answers", "空の回答の割合", "share"),
    Signal("invalid_json", "The rate of answers that are not the JSON asked for", "JSON でない回答の割合",
           "share"),
    Signal("repetition", "How much answers repeat themselves", "回答内の繰り返し", "share"),
    Signal("token_density", "The number of tokens per character", "1 文字あたりのトークン数", "score",
           "cost_per_call", logs=True, worse="either"),
    Signal("cached", "The share of input tokens read from a cache", "キャッシュから読んだ入力トークンの割合",
           "share", "cost_per_call", worse="down"),
    Signal("reasoning", "The share of output tokens spent on reasoning", "推論に使った出力トークンの割合",
           "share", "output_tokens", worse="either"),
    Signal("error", "The error rate of calls", "呼び出しのエラー率", "share", "error_rate"),
    Signal("feedback", "The share of dislikes", "低評価の割合", "share", "score:like"),
    Signal("corrected", "The share of rated answers that were corrected", "訂正された回答の割合", "share"),
    Signal("retrieval", "The score of the best document", "最良文書のスコア", "score", worse="down"),
    Signal("score_gap", "The gap between the scores of the best two documents", "最良文書と次点のスコア差",
           "score", worse="either"),
    Signal("no_document", "The rate of searches without a document", "検索結果なしの割合", "share"),
    Signal("tool_error", "The error rate of tools", "ツールのエラー率", "share"),
    Signal("in_text", "What inputs are about", "入力の内容", "deviations", worse="either"),
    Signal("out_text", "The wording of answers", "回答の文体と内容", "deviations", worse="either"),
    Signal("answered", "The model that answers", "応答するモデル", "calls", worse="either"),
]  # fmt: skip
SIGNALS = {signal.name: signal for signal in _ALL}
_RARE = (
    "refusal", "fallback", "truncation", "empty", "error", "feedback", "no_document", "tool_error",
    "invalid_json", "corrected",
)  # fmt: skip
BEYOND = ("tail", "spread", "loops")
# What such a series is called: the share of calls beyond nearly all of the reference, or beyond a limit.
EXTREMES = {
    "cost": ("The share of dear calls", "高額な呼び出しの割合"),
    "latency": ("The share of slow calls", "遅い呼び出しの割合"),
    "first_token": ("The share of calls with a late first token", "最初のトークンが遅い呼び出しの割合"),
    "repetition": ("The rate of answers that go round in circles", "堂々巡りする回答の割合"),
}
DAILY = ("The number of calls in a day", "1 日の呼び出し数")
# Which series of the store speak for which signal, and how they are distributed.
_KINDS: dict[str, tuple[str, str, Kind]] = {
    **{name: (name, "mean", "level") for name in ("cost", "in_tokens", "out_tokens", "in_chars", "latency")},
    "first_token": ("first_token", "mean", "level"),
    "japanese": ("language", "ja", "share"),
    "english": ("language", "en", "share"),
    "tools": ("tools", "share", "share"),
    "repetition": ("repetition", "share", "share"),
    "loops": ("repetition", "loops", "count"),
    **{
        f"{side}_{language}": ("token_density", f"{side} {language}", "level")
        for side in ("said", "sent")
        for language in ("ja", "en", "other")
    },
    "cached": ("cached", "share", "share"),
    "reasoning": ("reasoning", "share", "share"),
    "score_gap": ("score_gap", "mean", "level"),
    **{name: (name, "rate", "count") for name in _RARE},
    "retrieval": ("retrieval", "mean", "level"),
}  # fmt: skip


def signal_of(name: str) -> Signal:
    """Return a signal; a score is one of its own."""
    if name in SIGNALS:
        return SIGNALS[name]
    score = name.removeprefix("score:")
    return Signal(name, f"The score {score}", f"スコア {score}", "score", name, worse="down")


def series_of(key: str) -> Series:
    """Return the series that a column of the store's sums is."""
    return Series(*_KINDS.get(key, (key, "mean", "level")))


def plan_of(
    seen: Mapping[str, int],
    ignored: Iterable[str],
    *,
    limits: Limits,
    budget_days: float,
    warm_up_days: int,
) -> Plan:
    """Return the plan for series with enough hours of data; what never comes takes no part of the budget."""
    without = set(ignored)
    keys = [key for key in sorted(seen) if seen[key] >= SEEN and signal_name(key) not in without]
    series = [series_of(key) for key in keys if key not in VECTORS]
    series += [Series(name, "tail", "share") for name in sorted(limits.tails) if name in keys]
    series += [Series(name, "spread", "share") for name in sorted(limits.spreads) if name in keys]
    if seen.get(_CALLS, 0) >= SEEN and VOLUME.signal not in without:
        series += [VOLUME, DAYS]
    return Plan(
        tuple(series),
        tuple(key for key in keys if key in VECTORS),
        VALUES,
        budget_days=budget_days,
        warm_up_days=warm_up_days,
    )


def telling(signals: Signals) -> list[str]:
    """Return the columns that say something in an hour.

    Texts that are all the same say nothing, nor does a share of nothing: no tool, no cache, one language.
    """
    return [key for key in signals.sums if (_varied if key in VECTORS else _mixed)(signals, key)]


def _varied(signals: Signals, key: str) -> bool:
    return sum(value * value for value in signals.vectors[key]) < 1 - 1e-6


def _mixed(signals: Signals, key: str) -> bool:
    weight, _, total = signals.sums[key]
    return series_of(key).kind != "share" or 0 < total < weight


def signal_name(key: str) -> str:
    """Return the signal that a column of the store's sums speaks for."""
    return key if key in VECTORS else series_of(key).signal


def limits_of(hours: Sequence[Signals]) -> Limits:
    """Return from where on calls are dear or slow, as the hours of the reference tell."""
    return Limits(_tails(hours), _spreads(hours))


def _tails(hours: Sequence[Signals]) -> dict[str, int]:
    """Return for each tail the bin from which on it begins: about one call in twenty of the reference."""
    found = {}
    totals: dict[str, dict[int, float]] = {name: {} for name in TAILS}
    for hour in hours:
        for name, bins in hour.tails.items():
            for at, weight in bins.items():
                totals[name][at] = totals[name].get(at, 0.0) + weight
    for name, bins in totals.items():
        whole, above = sum(bins.values()), 0.0
        for at in sorted(bins, reverse=True):
            above += bins[at]
            if above >= TAIL * whole / 2:
                if above <= 4 * TAIL * whole:
                    found[name] = at
                break
    return found


def _spreads(hours: Sequence[Signals]) -> dict[str, float]:
    """Return how far above the mean of their hour few calls of the reference were.

    A provider that is slow as a whole moves the mean and the tail with it; calls that are slow beside the
    others of their hour are told apart from that.
    """
    found = {}
    for name in TIMES:
        places = sorted(
            (at + 0.5 - _middle(hour, name), weight)
            for hour in hours
            for at, weight in hour.tails.get(name, {}).items()
        )
        whole, above = sum(weight for _, weight in places), 0.0
        for place, weight in reversed(places):
            above += weight
            if above >= FAR * whole:
                if place > 0 and above <= 4 * FAR * whole:
                    found[name] = place
                break
    return found


def _middle(signals: Signals, name: str) -> float:
    """Return the mean of the logarithms of an hour, in bins."""
    weight, _, total = signals.sums[name]
    return total / weight * BINS / math.log(2)


def _above(signals: Signals, name: str, far: float) -> float:
    """Return the weight of the calls so far above the mean of their hour; calls lie evenly in their bins."""
    first = _middle(signals, name) + far
    bins = signals.tails.get(name, {})
    return sum(weight * min(max(at + 1 - first, 0.0), 1.0) for at, weight in bins.items())


def hour_of(index: int, signals: Signals | None, limits: Limits) -> Hour:
    """Return an hour as the detector takes it; None is an hour without a call."""
    if signals is None:
        return Hour(index, {})
    sums = {series_of(key): Sums(*one) for key, one in signals.sums.items() if key not in VECTORS}
    for name, limit in limits.tails.items():
        if name in signals.sums:
            weight, square, _ = signals.sums[name]
            above = sum(w for at, w in signals.tails.get(name, {}).items() if at >= limit)
            sums[Series(name, "tail", "share")] = Sums(weight, square, min(above, weight))
    for name, far in limits.spreads.items():
        if name in signals.sums:
            weight, square, _ = signals.sums[name]
            sums[Series(name, "spread", "share")] = Sums(
                weight, square, min(_above(signals, name, far), weight)
            )
    if _CALLS in signals.sums:
        sums[VOLUME] = _volume(signals.sums[_CALLS][0])
    vectors = {
        name: (vector, Sums(*signals.sums[name]))
        for name, vector in signals.vectors.items()
        if name in signals.sums
    }
    return Hour(index, sums, vectors, signals.news)


def _volume(calls: float) -> Sums:
    """Return the logarithm of a number of calls as if it were a mean of as many: busy hours tell more."""
    return Sums(calls, calls, calls * math.log(calls))


def day_of(calls: float) -> Sums:
    """Return the logarithm of the calls of a day, as one record: where hours wander, days are steady."""
    return Sums(1.0, 1.0, math.log(calls)) if calls > 0 else Sums()


def index_of(hour: datetime, offset: timedelta) -> int:
    """Return the number of an hour on a clock that is `offset` ahead of UTC."""
    return int(hour.timestamp()) // 3600 + round(offset / _HOUR)


def moment_of(index: int, offset: timedelta) -> datetime:
    """Return the beginning of an hour of that clock, in UTC."""
    return datetime.fromtimestamp((index - round(offset / _HOUR)) * 3600, UTC)


def labels_of(signal: Signal, series: str) -> tuple[str, str]:
    """Return what people call a series of a signal, in English and Japanese."""
    if series in BEYOND:
        return EXTREMES[signal.name]
    return DAILY if series == DAYS.name else (signal.label, signal.label_ja)


def in_logs(signal: Signal, series: str) -> bool:
    """Tell whether a series is a mean of logarithms, and no share of dear or slow calls."""
    return signal.logs and series not in BEYOND


def told(signal: Signal, series: str, value: float) -> float:
    """Return a level in the signal's unit."""
    return math.exp(min(value, 700.0)) if in_logs(signal, series) else value
