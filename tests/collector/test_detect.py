"""What the detector does with the hours of a project: warm-up, changes, restarts, floods, seasons."""

import json
from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import pytest

from kansoku_collector.watch.detect import (
    Detector,
    Finding,
    Hour,
    Incident,
    Merger,
    Moment,
    Plan,
    Series,
    Sums,
    assign,
    centroids,
    season,
)
from kansoku_collector.watch.detect.finding import locate
from kansoku_collector.watch.detect.series import effective

COST, REFUSED, JAPANESE = (
    Series("cost", "mean"),
    Series("refusal", "rate", "count"),
    Series("ja", "share", "share"),
)
PLAN = Plan((COST, REFUSED, JAPANESE), values=("model",), warm_up_days=7)
WEEK = 168
Level = Callable[[int], float]


def steady(value: float) -> Level:
    """Return a level that stays."""
    return lambda _: value


def traffic(
    hours: int, cost: Level = steady(0.0), refused: Level = steady(0.02), seed: int = 1, calls: float = 100.0
) -> Iterator[Hour]:
    """Yield hours of simulated calls whose cost and refusals have the given levels."""
    chance = np.random.default_rng(seed)
    for hour in range(hours):
        n = float(chance.poisson(calls * (1 + 0.6 * np.sin(hour / 24 * 2 * np.pi)))) + 1
        sums = {
            COST: Sums(n, n, n * cost(hour) + float(chance.normal(0, 0.7 * np.sqrt(n)))),
            REFUSED: Sums(n, n, float(chance.poisson(n * refused(hour)))),
            JAPANESE: Sums(n, n, float(chance.binomial(int(n), 0.5))),
        }
        yield Hour(hour, sums, values={"model": {"small": int(n)}})


def found(detector: Detector, hours: Iterator[Hour]) -> list[Finding]:
    """Return everything that a detector finds in these hours."""
    return [finding for hour in hours for finding in detector.observe(hour)]


def test_a_dearer_prompt_is_found_with_its_hour_and_size() -> None:
    """Cost rises by 15 % at hour 230: found within a day, located, its size in the interval."""
    began = 230
    findings = found(Detector(PLAN), traffic(260, cost=lambda hour: 0.14 * (hour >= began)))
    assert [(one.signal, one.series, one.measure) for one in findings] == [("cost", "mean", "difference")]
    [finding] = findings
    assert began <= finding.seen < began + 24
    assert finding.change.earliest <= began <= finding.change.latest
    assert finding.low <= 0.14 <= finding.high
    assert finding.evidence >= finding.threshold == PLAN.budget_days * 24 == 720
    assert finding.after - finding.before == pytest.approx(finding.effect)


def test_rare_events_that_double_are_found_as_a_ratio() -> None:
    """Refusals go from 2 to 6 of 100."""
    findings = found(Detector(PLAN), traffic(260, refused=lambda hour: 0.06 if hour >= 220 else 0.02))
    assert [one.signal for one in findings] == ["refusal"]
    assert findings[0].measure == "ratio"
    assert findings[0].low <= 3.0 <= findings[0].high
    assert abs(findings[0].change.hour - 220) <= 6


def test_what_goes_back_is_found_again() -> None:
    """A level that rises and falls is two changes, four days apart."""
    findings = found(Detector(PLAN), traffic(360, cost=lambda hour: 0.2 * (200 <= hour < 300)))
    assert [one.signal for one in findings] == ["cost", "cost"]
    assert findings[0].effect > 0.1
    assert findings[1].effect < -0.1


def test_a_slow_rise_is_found() -> None:
    """Cost that grows by 3 % a day has no moment, and is a change all the same."""
    findings = found(Detector(PLAN), traffic(360, cost=lambda hour: 0.03 * max(0, hour - 190) / 24))
    assert findings
    assert {one.signal for one in findings} == {"cost"}


def test_the_course_of_the_week_is_no_change() -> None:
    """Cost that is higher at noon and lower on weekends, four weeks: nothing is found."""

    def course(hour: int) -> float:
        return 0.3 * float(np.sin(hour / 24 * 2 * np.pi)) - 0.3 * (hour // 24 % 7 in {2, 3})

    assert found(Detector(Plan(PLAN.series)), traffic(4 * WEEK, cost=course)) == []


def test_a_weekend_with_a_smaller_swing_is_learned() -> None:
    """Load halves on weekends, and so does the swing of the day: two of them are enough to know it."""
    hours = np.arange(2 * WEEK)
    weekend = (hours + 72) % WEEK // 24 >= 5
    course = np.sin(hours / 24 * 2 * np.pi) * np.where(weekend, 0.1, 0.6)
    x = (course + np.random.default_rng(8).normal(0, 0.1, len(hours)))[None, :]
    learned = season.profile(x, np.full(x.shape, 50.0), 0)[0]
    assert np.sqrt(((learned - course[:WEEK] + course.mean()) ** 2).mean()) < 0.06


def test_a_week_that_moves_as_a_whole_is_found_on_top_of_its_course() -> None:
    """The usual course does not hide a step on it."""

    def course(hour: int) -> float:
        return 0.3 * float(np.sin(hour / 24 * 2 * np.pi)) + 0.15 * (hour >= 360)

    assert [one.signal for one in found(Detector(Plan(PLAN.series)), traffic(400, cost=course))] == ["cost"]


def test_nothing_is_said_during_the_warm_up() -> None:
    """The first days are learned; a step within them is part of what is usual."""
    detector = Detector(PLAN)
    assert found(detector, traffic(7 * 24, cost=lambda hour: 0.5 * (hour > 100))) == []
    assert not detector.learning


def test_a_flood_of_one_hour_is_no_change() -> None:
    """One hour with fifty times the errors and ten times the cost does not page."""

    def cost(hour: int) -> float:
        return 2.3 * (hour == 200)

    assert found(Detector(PLAN), traffic(240, cost, lambda hour: 1.0 if hour == 210 else 0.02)) == []


def test_capped_weights_make_a_flooding_user_count_little() -> None:
    """A thousand calls of one user with a weight of six are worth what their weights say."""
    calm, flood = Sums(100.0, 100.0, 200.0), Sums(106.0, 100.0 + 6 * 6 / 1000, 200.0 + 6 * 50.0)
    assert effective(calm) == (100.0, 2.0)
    records, mean = effective(flood)
    assert records < 113
    assert mean < 5.0


def test_looking_at_the_open_hour_leaves_no_trace() -> None:
    """Looks at half-hours leave no trace where nothing is found."""
    hours = list(traffic(250))
    silent, looking = Detector(PLAN), Detector(PLAN)
    for hour in hours:
        silent.observe(hour)
        half = {one: Sums(s.weight / 2, s.square / 2, s.total / 2) for one, s in hour.sums.items()}
        assert looking.observe(Hour(hour.index, half), closed=False) == []
        looking.observe(hour)
    assert json.dumps(looking.state()) == json.dumps(silent.state())


def test_a_large_change_does_not_wait_for_the_end_of_the_hour() -> None:
    """Cost doubles: said in the middle of an hour, once, and dated."""
    detector, said = Detector(PLAN), []
    for hour in traffic(240, cost=lambda hour: 0.7 * (hour >= 220)):
        for part in (0.25, 0.5, 0.75):
            seen = {
                one: Sums(s.weight * part, s.square * part, s.total * part) for one, s in hour.sums.items()
            }
            said += [
                (hour.index, part, one) for one in detector.observe(Hour(hour.index, seen), closed=False)
            ]
        said += [(hour.index, 1.0, one) for one in detector.observe(hour)]
    [(index, part, finding)] = said
    assert 220 <= index <= 221
    assert part < 1
    assert abs(finding.change.hour - 220) <= 1


def test_what_moves_in_the_hour_of_an_alarm_is_named_with_less_evidence() -> None:
    """Cost and refusals rise together: refusals are named with the cost, before they would alarm alone."""

    def refused(hour: int) -> float:
        return 0.05 if hour >= 220 else 0.02

    [alone] = found(Detector(PLAN), traffic(260, refused=refused, seed=2))
    both = found(Detector(PLAN), traffic(260, lambda hour: 0.3 * (hour >= 220), refused, seed=2))
    assert {one.signal for one in both} == {"cost", "refusal"}
    assert len({one.seen for one in both}) == 1
    assert both[0].seen < alone.seen
    [refusal] = [one for one in both if one.signal == "refusal"]
    assert refusal.threshold == PLAN.threshold / 10 <= refusal.evidence < PLAN.threshold
    assert alone.threshold == PLAN.threshold <= alone.evidence


def test_no_signal_is_named_without_an_alarm_or_for_another_time() -> None:
    """Evidence of a tenth opens nothing, and joins nothing that began at another time."""
    detector = Detector(PLAN)
    weak = finding("refusal", 100, 98, 101, PLAN.threshold / 9)
    near = finding("cost", 101, 99, 103, PLAN.threshold)
    far = finding("cost", 120, 110, 122, PLAN.threshold)
    assert detector._heard([weak]) == []
    assert detector._heard([weak, far]) == [far]
    assert [one.signal for one in detector._heard([weak, near])] == ["refusal", "cost"]


def test_a_restart_changes_nothing() -> None:
    """A detector restored from JSON at any hour finds the same, to the last bit, as one that ran through."""
    hours = list(traffic(260, cost=lambda hour: 0.14 * (hour >= 220)))
    through, stopped = Detector(PLAN), Detector(PLAN)
    expected, got = [], []
    for hour in hours:
        expected += through.observe(hour)
        if hour.index in {50, 167, 168, 200, 223, 240}:
            stopped = Detector.restore(PLAN, json.loads(json.dumps(stopped.state())))
        got += stopped.observe(hour)
    assert expected
    assert got == expected
    assert json.dumps(stopped.state()) == json.dumps(through.state())


def test_when_the_fit_is_made_changes_nothing() -> None:
    """At once, at the next look, or by a detector that was killed before it: the same to the last bit."""
    hours = list(traffic(220, cost=lambda hour: 0.14 * (hour >= 205)))
    waiting, due = Detector(PLAN), []
    found(waiting, iter(hours[:212]))
    at_once, killed = (Detector.restore(PLAN, waiting.state()) for _ in range(2))
    for hour in hours[212:]:
        changes = at_once.observe(hour)
        due += [hour.index] * at_once.fit_due
        at_once.fit()
        killed = Detector.restore(PLAN, json.loads(json.dumps(killed.state())))
        assert waiting.observe(hour) == changes == killed.observe(hour)
    assert due == [215]
    assert json.dumps(waiting.state()) == json.dumps(at_once.state()) == json.dumps(killed.state())


def test_a_series_that_joins_the_plan_has_a_warm_up_of_its_own() -> None:
    """A score with a day of its own that is first given in week two: nothing is said before it is learned."""
    late, chance = Series("score", "mean"), np.random.default_rng(2)
    detector, findings = Detector(Plan((COST,), warm_up_days=7)), []
    for hour in traffic(330):
        if hour.index == 240:
            detector = Detector.restore(Plan((COST, late), warm_up_days=7), detector.state())
        mean = 0.3 * float(np.sin(hour.index / 24 * 2 * np.pi)) + float(chance.normal(0, 0.14))
        given = {late: Sums(50.0, 50.0, 50.0 * mean)} if hour.index >= 216 else {}
        findings += detector.observe(Hour(hour.index, {COST: hour.sums[COST], **given}))
    assert findings == []


def test_an_hour_that_is_over_is_not_taken_twice() -> None:
    """Hours come in order: a late one is refused, with what was expected."""
    detector = Detector(PLAN)
    found(detector, traffic(3))
    with pytest.raises(ValueError, match=r"hour 1 came after it was closed \(expected 3 or later\)"):
        detector.observe(Hour(1, {}))


def test_hours_without_traffic_are_no_evidence() -> None:
    """A silent weekend between two equal weeks finds nothing, and is kept as hours without records."""
    detector = Detector(PLAN)
    hours = [hour for hour in traffic(320) if not 200 <= hour.index < 250]
    assert found(detector, iter(hours)) == []
    assert detector.panel.hours == 320


def test_a_series_that_begins_late_has_a_warm_up_of_its_own() -> None:
    """A score that is first given in week two is not judged against nothing."""
    late = Series("score", "mean")
    chance = np.random.default_rng(2)
    detector = Detector(Plan((COST, late), warm_up_days=7))
    findings = []
    for hour in traffic(390):
        score = 0.8 if hour.index < 300 else 0.6
        given = {late: Sums(50.0, 50.0, 50.0 * (score + float(chance.normal(0, 0.02))))}
        findings += detector.observe(Hour(hour.index, {**hour.sums, **(given if hour.index >= 230 else {})}))
    assert findings == []


def test_a_new_model_is_told_once_at_its_third_call() -> None:
    """A value that was never seen is a fact: three records of it are enough, in one hour or in several."""
    detector = Detector(PLAN)
    found(detector, traffic(7 * 24))
    said = []
    for hour, calls in ((168, 1), (169, 1), (170, 1), (171, 50)):
        said += detector.observe(Hour(hour, {}, values={"model": {"small": 90, "large": calls}}))
    assert [(one.seen, one.signal, one.value, one.measure) for one in said] == [
        (170, "model", "large", "new_value")
    ]


def test_a_plan_states_its_budget() -> None:
    """Weights of all series together are one; nonsense is refused."""
    plan = Plan((COST, REFUSED, Series("text", "topic 0"), Series("text", "topic 1")), vectors=("text",))
    weights = sum(plan.weight(one.signal) for one in plan.series) + plan.weight("text", vector=True)
    assert weights == pytest.approx(1.0)
    with pytest.raises(ValueError, match="listed twice"):
        Plan((COST, COST))
    with pytest.raises(ValueError, match="at least 7 days"):
        Plan((COST,), warm_up_days=3)
    with pytest.raises(ValueError, match="at most 35"):
        Plan((COST,), warm_up_days=36)


TEXT = Plan((), vectors=("text",), warm_up_days=7)


def texts(hours: int, moved: int, seed: int = 4) -> Iterator[Hour]:
    """Yield hours of mean vectors that move a little, in all dimensions, from the hour `moved` on."""
    chance = np.random.default_rng(seed)
    centre, shift = chance.normal(0, 0.06, 64), chance.normal(0, 1, 64)
    shift *= 0.05 / np.linalg.norm(shift)
    for hour in range(hours):
        mean = centre + shift * (hour >= moved) + chance.normal(0, 0.12 / np.sqrt(100), 64)
        yield Hour(hour, {}, {"text": (mean, Sums(100.0, 100.0))})


def test_a_text_that_changes_in_no_single_dimension_is_found_along_a_learned_direction() -> None:
    """The direction is learned from hours that are over; the change is dated."""
    findings = found(Detector(TEXT), texts(300, moved=240))
    assert [(one.signal, one.series) for one in findings] == [("text", "direction")]
    assert findings[0].change.earliest <= 240 <= findings[0].change.latest + 1
    assert abs(findings[0].change.hour - 240) <= 3
    assert findings[0].seen <= 250
    assert findings[0].effect > 0.5


def test_texts_that_stay_are_not_found_to_change() -> None:
    """Three weeks of steady texts, five projects: no alarm, whatever directions were tried."""
    for seed in range(5):
        assert found(Detector(TEXT), texts(21 * 24, moved=10**6, seed=seed)) == []


def test_a_direction_survives_a_restart() -> None:
    """Vectors are kept in half precision from the start, so that a restored one bets the same."""
    through, stopped = Detector(TEXT), Detector(TEXT)
    expected, got = [], []
    for hour in texts(300, moved=240):
        expected += through.observe(hour)
        if hour.index in {200, 243}:
            stopped = Detector.restore(TEXT, json.loads(json.dumps(stopped.state())))
        got += stopped.observe(hour)
    assert expected
    assert got == expected
    assert json.dumps(stopped.state()) == json.dumps(through.state())


def test_topics_gather_what_is_alike() -> None:
    """Centroids of three heaps of vectors assign each heap to one topic."""
    chance = np.random.default_rng(0)
    heaps = np.eye(16)[[0, 5, 9]].repeat(50, 0) + chance.normal(0, 0.05, (150, 16))
    vectors = (heaps / np.linalg.norm(heaps, axis=1, keepdims=True)).astype(np.float32)
    topic, distance = assign(vectors, centroids(vectors, 3, seed=2))
    assert len({tuple(set(topic[start : start + 50].tolist())) for start in (0, 50, 100)}) == 3
    assert distance.max() < 0.2


def test_the_interval_is_the_shortest_with_nine_tenths_of_the_belief() -> None:
    """Belief on hours 40 to 42: those, and the time that the first of them stands for."""
    hours = np.array([10, 20, 30, 40, 41, 42, 43])
    belief = np.log(np.array([0.01, 0.01, 0.02, 0.3, 0.4, 0.25, 0.01]))
    assert locate(hours, belief) == Moment(41, 31, 42)


def finding(signal: str, hour: int, earliest: int, latest: int, evidence: float = 2000.0) -> Finding:
    """Return a finding about a change at an hour."""
    change = Moment(hour, earliest, latest)
    return Finding(signal, "mean", hour + 3, evidence, 1080.0, change, "difference", 1.0, 0.5, 1.5, 0.0, 1.0)


def test_signals_of_one_change_are_one_incident() -> None:
    """Cost and tokens that move together are told once; latency that moves a week later is another."""
    merger = Merger()
    [(event, first)] = merger.take(
        [finding("tokens", 101, 99, 102), finding("cost", 100, 98, 101, 9000.0)], 104
    )
    assert (event, first.signals, first.loudest.signal) == ("opened", ("cost", "tokens"), "cost")
    assert first.change == Moment(100, 99, 101)
    [(event, second)] = merger.take([finding("length", 101, 97, 106)], 110)
    assert (event, second.signals) == ("updated", ("cost", "tokens", "length"))
    [(event, third)] = merger.take([finding("latency", 270, 268, 272)], 275)
    assert (event, third.signals) == ("opened", ("latency",))


def test_a_signal_that_moves_again_is_another_incident() -> None:
    """The same signal cannot change twice in one change."""
    merger = Merger()
    merger.take([finding("cost", 100, 98, 101)], 104)
    assert [event for event, _ in merger.take([finding("cost", 101, 99, 110)], 112)] == ["opened"]


def test_the_order_of_findings_does_not_matter_and_incidents_survive_a_restart() -> None:
    """Replay gives the same incidents; so does a merger restored from JSON."""
    three = [finding("a", 100, 98, 101), finding("b", 103, 99, 104), finding("c", 300, 299, 301)]
    one, other = Merger(), Merger()
    assert one.take(three, 305) == other.take(three[::-1], 305)
    again = Merger.restore(json.loads(json.dumps(one.state())))
    assert again.open == one.open
    assert all(isinstance(incident, Incident) for incident in again.open)
    assert one.take([], 305 + 15 * 24) == []
    assert one.open == []


@pytest.mark.parametrize("kind", ["level", "share"])
def test_the_error_of_a_mean_is_told_on_the_scale_of_the_series(kind: Literal["level", "share"]) -> None:
    """A mean of 0.2 over days: its error is that of zeros and ones, not that of their odds."""
    one, chance = Series("tools", "share", kind), np.random.default_rng(3)
    detector = Detector(Plan((one,), warm_up_days=7))
    for hour in range(200):
        detector.observe(Hour(hour, {one: Sums(100.0, 100.0, float(chance.binomial(100, 0.2)))}))
    assert detector.panel.error(0, 2400.0, 24) == pytest.approx((0.2 * 0.8 / 2400) ** 0.5, rel=0.35)
