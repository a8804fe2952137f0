"""Evaluate rules over history as if they had run then; nothing is stored, nothing is sent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.hours import projects_with_calls
from kansoku_collector.store.read.incidents import Incident
from kansoku_collector.store.read.measures import Measure
from kansoku_collector.store.scope import Period
from kansoku_collector.watch.builtin import NAME, Builtin
from kansoku_collector.watch.detection import Detection
from kansoku_collector.watch.found import change_of
from kansoku_collector.watch.judgement import Change, Judge
from kansoku_collector.watch.readings import read
from kansoku_collector.watch.rule import Rule
from kansoku_collector.watch.seen import Seen
from kansoku_collector.watch.sentences import tell
from kansoku_collector.watch.zone import FORM, local

BATCH = 500  # evaluations asked in one query


@dataclass(frozen=True, slots=True)
class Replayed:
    """An incident that would have been; as text, a line to read."""

    incident: Incident
    rule: Rule | Builtin

    def __str__(self) -> str:
        """Return when it was, and its sentence."""
        end = self.incident.resolved
        zone = self.rule.time_zone
        until = f"{local(end, zone):{FORM}}" if end else "still open"
        sentence, _ = tell(self.rule, replace(self.incident, resolved=None), peak=True)
        return f"{local(self.incident.opened, zone):{FORM}} to {until}  {sentence}"


def replay(
    client: Client,
    rules: Sequence[Rule],
    start: datetime,
    end: datetime,
    step: timedelta,
    detectors: Sequence[Builtin] = (),
) -> list[Replayed]:
    """Return the incidents that rules and detectors would have opened from `start` to `end`.

    Rules are evaluated every `step`, which is whole minutes; moments are those of whole minutes, UTC. A
    detector is that of one project, and begins at `start` with what was before it as history.
    """
    found: dict[tuple[str, str], Replayed] = {}
    for rule, change in events(client, rules, start, end, step):
        found[rule.name, change.incident.incident_id] = Replayed(change.incident, rule)
    for detector in detectors:
        for change in detected(client, detector, start, end):
            found[NAME, change.incident.incident_id] = Replayed(change.incident, detector)
    return sorted(found.values(), key=lambda one: (one.incident.opened, one.rule.name))


def detectors_of(client: Client, entry: Builtin | None, start: datetime, end: datetime) -> list[Builtin]:
    """Return the detector of every project that it watches and that had calls."""
    if entry is None:
        return []
    projects = entry.projects or projects_with_calls(client, Period(start, end))
    return [entry.of(project) for project in projects]


def detected(client: Client, detector: Builtin, start: datetime, end: datetime) -> Iterator[Change]:
    """Yield every change of every incident of a detector, as the clock would have made it."""
    detection = Detection.begin(detector, Seen(detector.project, keeps=False), start)
    for hour in detection.due(end):
        for happened, case in detection.step(client, hour):
            yield change_of(client, detection, happened, case)


def events(
    client: Client, rules: Sequence[Rule], start: datetime, end: datetime, step: timedelta
) -> Iterator[tuple[Rule, Change]]:
    """Yield every change of every incident, rule by rule, as the clock would have made it."""
    if step < timedelta(minutes=1) or step % timedelta(minutes=1):
        raise ValueError(f"a step of {step} is not whole minutes")
    ends = moments(start, end, step)
    for rule in rules:
        judge = Judge(rule)
        for now, measures in by_moment(client, rule, ends):
            for change in judge.step(measures, now):
                yield rule, change


def by_moment(
    client: Client, rule: Rule, ends: Sequence[datetime]
) -> Iterator[tuple[datetime, list[Measure]]]:
    """Yield the measures of a rule at each of `ends`, in their order."""
    for i in range(0, len(ends), BATCH):
        batch = ends[i : i + BATCH]
        ordered = sorted(read(client, rule, batch), key=lambda one: one.end)
        at = {now: list(group) for now, group in groupby(ordered, key=lambda one: one.end)}
        for now in batch:
            yield now, at.get(now, [])


def moments(start: datetime, end: datetime, step: timedelta) -> list[datetime]:
    """Return the moments from `start` to `end`, both included, at which the clock looks."""
    first = first_at(start, step)
    return [first + i * step for i in range(int((end - first) / step) + 1)] if first <= end else []


def first_at(moment: datetime, step: timedelta, *, down: bool = False) -> datetime:
    """Return the first moment from `moment` on at which the clock looks; the last one before, when `down`."""
    seconds = int(step.total_seconds())
    whole = moment.timestamp() // seconds if down else -(-moment.timestamp() // seconds)
    return datetime.fromtimestamp(whole * seconds, UTC)
