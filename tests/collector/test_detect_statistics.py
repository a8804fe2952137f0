"""The promises of the statistics, on thousands of simulated streams; seeds were chosen once."""

import numpy as np
import pytest

from kansoku_collector.watch.detect import (
    Detector,
    Hour,
    Plan,
    Series,
    Sums,
    candidates,
    counts,
    levels,
    noise,
    shares,
)

STREAMS = 10_000
BEFORE, AFTER = 36, 24  # hours of reference, hours that are watched
RUN = 240.0  # hours: the stated run length


def wandering(
    chance: np.random.Generator, rows: int, hours: int, truth: noise.Noise, n: np.ndarray
) -> np.ndarray:
    """Return hourly means of streams in which nothing changes, drawn from the model."""
    level = chance.normal(0, 1, rows) * np.sqrt(truth.wander)
    means = np.empty((rows, hours))
    for hour in range(hours):
        means[:, hour] = level + chance.normal(0, 1, rows) * np.sqrt(truth.single / n[:, hour])
        new = chance.normal(0, 1, rows) * np.sqrt(truth.wander * (1 - truth.memory**2))
        level = truth.memory * level + new
    return means + 5.0


def constant(rows: int, single: float, wander: float, memory: float) -> noise.Noise:
    """Return the same noise for every row."""
    return noise.Noise(np.full(rows, single), np.full(rows, wander), np.full(rows, memory))


@pytest.fixture(scope="module")
def watched_levels() -> tuple[np.ndarray, np.ndarray]:
    """Return, for 10,000 null streams and every look, the detector's sum and one candidate's factor."""
    chance = np.random.default_rng(20261121)
    truth = constant(STREAMS, 1.0, 0.02, 0.8)
    n = chance.integers(5, 120, (STREAMS, BEFORE + AFTER)).astype(float)
    y = wandering(chance, STREAMS, BEFORE + AFTER, truth, n) - 5.0
    state = levels.begin(truth)
    start = np.full(STREAMS, BEFORE)
    sums, first = [], []
    for hour in range(BEFORE + AFTER):
        state = levels.aim(state, np.arange(BEFORE, hour + 1))
        if hour >= BEFORE:  # the open hour, with the noise of fewer records
            few = np.maximum(1.0, np.floor(n[:, hour] * 0.3))
            rough = y[:, hour] + chance.normal(0, 1, STREAMS) * np.sqrt(1 / few - 1 / n[:, hour])
            early = levels.judge(levels.advance(state, truth, rough, few, hour), truth, start)
            sums.append(candidates.log_sum(early.log_factor, 1))
        state = levels.advance(state, truth, y[:, hour], n[:, hour], hour)
        if hour >= BEFORE:
            factor = levels.judge(state, truth, start).log_factor
            sums.append(candidates.log_sum(factor, 1))
            first.append(factor[:, 0])
    return np.stack(sums), np.stack(first)


def test_levels_raise_no_more_false_alarms_than_stated_however_often_one_looks(
    watched_levels: tuple[np.ndarray, np.ndarray],
) -> None:
    """At a run length of 240 hours at most a tenth of the streams may alarm in 24 hours, at any look."""
    alarmed = (watched_levels[0] >= np.log(RUN)).any(0).mean()
    assert 0.0 < alarmed <= AFTER / RUN


def test_the_factor_of_one_candidate_is_a_fair_bet(watched_levels: tuple[np.ndarray, np.ndarray]) -> None:
    """By Ville's inequality it reaches 20 in at most one stream of twenty; its mean is at most one."""
    factors = watched_levels[1]
    assert 0.0 < (factors >= np.log(20.0)).any(0).mean() <= 1 / 20
    last = np.exp(np.minimum(factors[-1], np.log(1e4)))
    assert last.mean() <= 1.0 + 3 * last.std() / np.sqrt(STREAMS)


def test_the_expected_sum_grows_by_at_most_one_an_hour(
    watched_levels: tuple[np.ndarray, np.ndarray],
) -> None:
    """That is what makes the run length: the sum minus the hours is a fair game."""
    last = np.exp(np.minimum(watched_levels[0][-1], np.log(1e5)))
    assert last.mean() <= AFTER + 3 * last.std() / np.sqrt(STREAMS)


@pytest.mark.parametrize("rate", [0.002, 0.02])
def test_counts_raise_no_more_false_alarms_than_stated(rate: float) -> None:
    """10,000 streams of rare events whose rate stays: at most a tenth alarm within 24 hours."""
    chance = np.random.default_rng(7)
    n = chance.integers(20, 200, (STREAMS, BEFORE + AFTER)).astype(float)
    events = chance.poisson(n * rate).astype(float)
    expected, even = n * rate, np.ones(STREAMS)
    start, alarmed = np.full(STREAMS, BEFORE), np.zeros(STREAMS, bool)
    for hour in range(BEFORE, BEFORE + AFTER):
        seen = slice(0, hour + 1)
        kept = counts.bounded(events[:, seen], expected[:, seen], even)
        rates = counts.judge(kept, expected[:, seen], even, start, np.arange(BEFORE, hour + 1), 0)
        alarmed |= candidates.log_sum(rates.log_factor, 1) >= np.log(RUN)
    assert 0.0 < alarmed.mean() <= AFTER / RUN


@pytest.mark.parametrize("rate", [0.05, 0.4])
def test_shares_raise_no_more_false_alarms_than_stated(rate: float) -> None:
    """10,000 shares whose odds wander by a quarter: at most a tenth of them alarm within 24 hours."""
    chance = np.random.default_rng(13)
    hours = BEFORE + AFTER
    n = chance.integers(20, 200, (STREAMS, hours)).astype(float)
    truth = constant(STREAMS, 1.0, 0.05, 0.8)
    wander = wandering(chance, STREAMS, hours, constant(STREAMS, 0.0, 0.05, 0.8), n) - 5.0
    p = 1 / (1 + (1 / rate - 1) * np.exp(-wander))
    seen = chance.binomial(n.astype(int), p) / n
    y, weight = shares.odds(seen, n, np.full_like(n, rate))
    unit = np.full(STREAMS, 1 / (rate * (1 - rate)))
    state, start = levels.begin(truth), np.full(STREAMS, BEFORE)
    alarmed = np.zeros(STREAMS, bool)
    for hour in range(hours):
        state = levels.aim(state, np.arange(BEFORE, hour + 1))
        state = levels.advance(state, truth, y[:, hour], weight[:, hour], hour)
        if hour >= BEFORE:
            factor = levels.judge(state, truth, start, unit).log_factor
            alarmed |= candidates.log_sum(factor, 1) >= np.log(RUN)
    assert 0.0 < alarmed.mean() <= AFTER / RUN


def test_odds_are_less_skewed_than_the_shares_they_come_from() -> None:
    """Thirty records of a rare share are skewed; the signed root of its deviance is much less so."""
    chance = np.random.default_rng(17)
    seen = chance.binomial(60, 0.05, (1, STREAMS)) / 60
    y, weight = shares.odds(seen, np.full((1, STREAMS), 60.0), np.full((1, STREAMS), 0.05))

    def skewness(values: np.ndarray) -> float:
        return float(((values - values.mean()) ** 3).mean() / values.std() ** 3)

    assert skewness(seen) > 0.4
    assert abs(skewness(y)) < 0.5 * skewness(seen)
    assert weight[0, 0] == pytest.approx(60 * 0.05 * 0.95)
    assert float((y * np.sqrt(weight)).std()) == pytest.approx(1.0, abs=0.15)


def test_a_share_moves_by_its_odds() -> None:
    """One in five with four times the odds is one in two; it never leaves zero to one."""
    assert shares.moved(0.2, float(np.log(4.0))) == pytest.approx(0.5)
    assert 0.0 < shares.moved(0.0, -50.0) < shares.moved(1.0, 50.0) <= 1.0


def test_the_noise_is_found_that_streams_were_drawn_with() -> None:
    """The fit tells noise of single records from a wandering level, within the coarseness of its grid."""
    chance = np.random.default_rng(3)
    n = chance.integers(20, 120, (60, 504)).astype(float)
    for wander, memory in ((0.0, 0.0), (0.02, 0.85)):
        truth = constant(60, 1.0, wander, memory)
        means = wandering(chance, 60, 504, truth, n)
        found = noise.fit(means - means.mean(1, keepdims=True), n, np.zeros(60))
        assert np.median(found.single) == pytest.approx(noise.MARGIN, rel=0.15)
        assert np.median(found.wander) == pytest.approx(noise.MARGIN * wander, abs=0.01)


def test_a_project_keeps_its_budget_with_noise_that_it_had_to_estimate() -> None:
    """Forty signals of three kinds, two weeks to learn, two to watch, a budget of one alarm a day."""
    chance = np.random.default_rng(11)
    kinds = ("level", "share", "count", "level")
    series = tuple(Series(f"signal {row}", kinds[row % 4], kinds[row % 4]) for row in range(40))  # type: ignore[arg-type]
    detector = Detector(Plan(series, budget_days=1.0))
    rows, hours = len(series), 28 * 24
    truth = constant(rows, 1.0, 0.01, 0.7)
    n = chance.poisson(40 + 30 * np.sin(np.arange(hours) / 24 * 2 * np.pi), (rows, hours)) + 2.0
    x = wandering(chance, rows, hours, truth, n)
    for row in range(rows):
        if kinds[row % 4] != "level":
            rate = 0.3 if kinds[row % 4] == "share" else 0.02
            x[row] = chance.binomial(n[row].astype(int), rate) / n[row]
    found = 0
    for hour in range(hours):
        sums = {
            one: Sums(n[row, hour], n[row, hour], n[row, hour] * x[row, hour])
            for row, one in enumerate(series)
        }
        found += len(detector.observe(Hour(hour, sums)))
    assert found <= 14


def test_the_interval_of_the_change_holds_its_hour() -> None:
    """Of simulated steps at least 80 in 100 began within the 90 % interval (the alarm itself selects)."""
    chance = np.random.default_rng(5)
    rows, hours, began = 100, 24 * 24, 18 * 24 + 5
    series = tuple(Series(f"signal {row}", "mean") for row in range(rows))
    detector = Detector(Plan(series))
    held = found = 0
    for hour in range(hours):
        means = chance.normal(0.12 * (hour >= began), 0.1, rows)
        sums = {one: Sums(100.0, 100.0, 100.0 * means[row]) for row, one in enumerate(series)}
        for finding in detector.observe(Hour(hour, sums)):
            if hour >= began and finding.series == "mean":
                found += 1
                held += finding.change.earliest <= began <= finding.change.latest
    assert found >= 98
    assert held / found >= 0.8
