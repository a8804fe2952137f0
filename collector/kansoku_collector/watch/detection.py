"""The detector of one project over the store: hour after hour, the same for the clock and for a replay."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.hours import Signals, traffic
from kansoku_collector.store.scope import Period
from kansoku_collector.watch.builtin import Builtin
from kansoku_collector.watch.cases import MARK, Case, Cases, Happened, tagged
from kansoku_collector.watch.detect import Detector, Finding, Hour, Plan, Series, Sums
from kansoku_collector.watch.detect.detector import KEEP
from kansoku_collector.watch.seen import Seen
from kansoku_collector.watch.signals import (
    DAYS,
    VOLUME,
    Limits,
    day_of,
    hour_of,
    index_of,
    limits_of,
    plan_of,
    telling,
)
from kansoku_collector.watch.sizes import mean_since

HOUR = timedelta(hours=1)
GRACE = timedelta(minutes=10)  # an hour is looked at this long after its end: spans of long calls come late
DAY = 24  # hours
BACK = KEEP * HOUR  # how far back is learned from
LEAST_CALLS = 100  # in that time, before a service is watched
MOST_PLACES = 200  # services and environments of a project, the most called first
SNAPSHOT = 24  # every so many hours all detectors are written down, and new ones begin

Place = tuple[str, str]


@dataclass
class Part:
    """The detector of one service in one environment."""

    detector: Detector
    limits: Limits
    seen: dict[str, int] = field(default_factory=dict)  # hours with data, of each column of the store's sums

    def observe(self, index: int, signals: Signals | None) -> list[Finding]:
        """Take an hour that is over; return what it shows."""
        for key in telling(signals) if signals else ():
            self.seen[key] = min(self.seen.get(key, 0) + 1, KEEP)
        hour = hour_of(index, signals, self.limits)
        if (index + 1) % DAY == 0 and DAYS in self.detector.plan.series:  # midnight of the project's clock
            hour = replace(hour, sums={**hour.sums, DAYS: day_of(self._calls_of_day(hour))})
        return self.detector.observe(hour)

    def _calls_of_day(self, hour: Hour) -> float:
        """Return the calls of the day that ends with an hour; none where its beginning was not counted."""
        calls = self.detector.panel.history.n[self.detector.plan.series.index(VOLUME)].astype(float)
        before, day = calls[: 1 - DAY], calls[1 - DAY :]
        return float(day.sum()) + hour.sums.get(VOLUME, Sums()).weight if before.any() else 0.0

    def plan(self, plan: Plan) -> None:
        """Go on with another plan."""
        if (plan.series, plan.vectors) != (self.detector.plan.series, self.detector.plan.vectors):
            self.detector = Detector.restore(plan, self.detector.state())
        self.detector.plan = plan

    def state(self) -> dict[str, Any]:
        """Return what is needed to restore it, as JSON."""
        plan = asdict(self.detector.plan)
        far = asdict(self.limits)
        return {"plan": plan, **far, "seen": self.seen, "detector": self.detector.state()}

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> "Part":
        """Return the part that `state` was taken from."""
        plan = state["plan"]
        series = tuple(Series(**one) for one in plan["series"])
        names = {name: tuple(plan[name]) for name in ("vectors", "values")}
        found = Plan(series, **names, budget_days=plan["budget_days"], warm_up_days=plan["warm_up_days"])
        limits = Limits(dict(state["tails"]), dict(state.get("spreads", {})))
        return cls(Detector.restore(found, state["detector"]), limits, dict(state["seen"]))


class Detection:
    """The detectors of a project and its cases; `done` is the last hour that was observed."""

    def __init__(self, entry: Builtin, seen: Seen, done: datetime) -> None:
        self.entry, self.done = entry, done
        self.parts: dict[Place, Part] = {}
        self.cases = Cases()
        self._seen = seen
        self._fresh = False  # parts have begun that no snapshot holds

    @classmethod
    def begin(cls, entry: Builtin, seen: Seen, now: datetime) -> "Detection":
        """Return the detection that looks for the first time: what is over by now is learned, not told."""
        return cls(entry, seen, last_hour(now))

    def due(self, now: datetime) -> list[datetime]:
        """Return the hours that are over and not yet observed, the oldest first."""
        count = int((last_hour(now) - self.done) / HOUR)
        return [self.done + (i + 1) * HOUR for i in range(max(0, count))]

    def step(self, client: Client, hour: datetime) -> list[tuple[Happened, Case]]:
        """Observe an hour that is over; return what happened to cases."""
        if not self.parts or self.snapshots(hour):
            self._admit(client, hour)
        if not self.parts:
            self.done = hour
            return []
        rows = {one.place: one for one in self._seen.at(client, hour, self.parts)}
        index = self.index(hour)
        found = [
            tagged(finding, place)
            for place, part in self.parts.items()
            for finding in part.observe(index, rows.get(place))
            if finding.signal not in self.entry.ignore
        ]
        self.done = hour
        return self.cases.take(found, index, self._level)

    def fit(self) -> bool:
        """Fit what is usual anew for one part that is due; tell whether there was one."""
        due = next((part for part in self.parts.values() if part.detector.fit_due), None)
        if due:
            due.detector.fit()
        return due is not None

    def _level(self, signal: str, series: str, since: int) -> float:
        """Return the mean of a series from an hour on, as the detector remembers it."""
        name, service, environment = signal.split(MARK)
        return mean_since(self.parts[service, environment].detector.panel, name, series, since)

    def index(self, hour: datetime) -> int:
        """Return the number of an hour on the project's own clock."""
        return index_of(hour, self.entry.offset)

    def snapshots(self, hour: datetime) -> bool:
        """Tell whether all parts are to be written down after an hour."""
        return int(hour.timestamp()) // 3600 % SNAPSHOT == 0

    def _admit(self, client: Client, hour: datetime) -> None:
        """Begin with services that have been called for long enough; drop those that are called no more."""
        period = Period(hour - BACK, hour)
        known = {(one.service, one.environment): one for one in traffic(client, self.entry.project, period)}
        self.parts = {place: part for place, part in self.parts.items() if place in known}
        oldest = hour - timedelta(days=self.entry.warm_up_days)
        fresh = {
            place: one.first
            for place, one in list(known.items())[:MOST_PLACES]
            if place not in self.parts and one.first < oldest and one.calls >= LEAST_CALLS
        }
        self._fresh = self._fresh or bool(fresh)
        if fresh:
            history = self._seen.history(client, Period(min(fresh.values()), hour), {*self.parts, *fresh})
            for place, first in fresh.items():
                own = [one for one in history if one.place == place]
                self.parts[place] = self._learnt(own, Period(first, hour))
        for part in self.parts.values():
            part.plan(self._plan(part.seen, part.limits))

    def _learnt(self, history: Sequence[Signals], period: Period) -> Part:
        """Return the detector that has seen the history of a service, and has told nothing of it."""
        reference = period.start + timedelta(days=self.entry.warm_up_days)
        limits = limits_of([one for one in history if one.hour < reference])
        hours = {one.hour: one for one in history}
        seen: dict[str, int] = {}
        for one in history:
            for key in telling(one):
                seen[key] = seen.get(key, 0) + 1
        part = Part(Detector(self._plan(seen, limits)), limits)
        for i in range(int(period.length / HOUR)):
            self._seen.go_on()
            hour = period.start + i * HOUR
            part.observe(self.index(hour), hours.get(hour))
        return part

    def _plan(self, seen: Mapping[str, int], limits: Limits) -> Plan:
        """Return the plan of a part; the budget is the project's, shared by all parts."""
        return plan_of(
            seen,
            self.entry.ignore,
            limits=limits,
            budget_days=float(self.entry.false_alarm_days * max(1, len(self.parts))),
            warm_up_days=self.entry.warm_up_days,
        )

    def states(self) -> dict[str, dict[str, Any]]:
        """Return what is to be stored after the last hour: of the project, after some hours of all parts."""
        states: dict[str, dict[str, Any]] = {
            "": {
                "parts": [list(place) for place in self.parts],
                "cases": self.cases.state(),
                "offset": self.entry.utc_offset,
            }
        }
        if self._fresh or self.snapshots(self.done):
            states |= {_part(place): part.state() for place, part in self.parts.items()}
        return states

    def saved(self) -> None:
        """Note that the states are stored."""
        self._fresh = False

    @classmethod
    def restore(
        cls,
        client: Client,
        entry: Builtin,
        seen: Seen,
        done: datetime,
        states: Mapping[str, tuple[datetime, Any]],
    ) -> "Detection | None":
        """Return the detection that stood so after the hour `done`; None where its clock was another one.

        Parts go on from their last snapshots: the hours since are observed again, and say nothing twice.
        """
        own = states[""][1]
        if own["offset"] != entry.utc_offset:
            return None
        detection = cls(entry, seen, done)
        detection.cases = Cases.restore(own["cases"])
        places = [(service, environment) for service, environment in own["parts"]]
        stored = {place: states[_part(place)] for place in places if _part(place) in states}
        if not stored:
            return detection
        oldest = min(hour for hour, _ in stored.values())
        history = seen.history(client, Period(oldest + HOUR, done + HOUR), set(stored))
        rows = {(one.hour, one.place): one for one in history}
        for place, (hour, state) in stored.items():
            part = Part.restore(state)
            for i in range(int((done - hour) / HOUR)):
                at = hour + (i + 1) * HOUR
                part.observe(detection.index(at), rows.get((at, place)))
            detection.parts[place] = part
        return detection


def last_hour(now: datetime) -> datetime:
    """Return the last hour that is over for long enough to be looked at."""
    seconds = (now - GRACE).timestamp() // 3600 * 3600
    return datetime.fromtimestamp(seconds, UTC) - HOUR


def _part(place: Place) -> str:
    return MARK.join(place)
