"""Decide when an incident opens and when it ends: pure, one evaluation after the other."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Literal

from kansoku_collector.store.read.incidents import Incident
from kansoku_collector.store.read.measures import Measure
from kansoku_collector.watch.rule import Rule

Event = Literal["opened", "updated", "resolved"]
Verdict = Literal["beyond", "between", "within", "unknown"]
MAX_OPEN = 100  # incidents of one rule at a time: a rule by release or by prompt may have very many groups


@dataclass(frozen=True, slots=True)
class Change:
    """An incident after an evaluation, and what happened to it; the reason tells how it ended."""

    incident: Incident
    event: Event
    reason: Literal["", "within", "unmeasured", "rule_removed", "back", "settled"] = ""


@dataclass(slots=True)
class _Track:
    """What is remembered about one group between evaluations."""

    beyond: int = 0
    within: int = 0
    unknown_since: datetime | None = None
    incident: Incident | None = None


class Judge:
    """One rule and the state of its groups.

    An incident opens after `for` evaluations in a row beyond the limit, and ends after `resolve_after` in a
    row with the value back within it; values that are beyond while their interval is not do neither.
    Evaluations without enough samples change nothing, until they have lasted for a whole window more: then
    there is nothing left to judge, and the incident ends.
    """

    def __init__(self, rule: Rule, open_incidents: Iterable[Incident] = ()) -> None:
        self.rule = rule
        self._tracks = {group_of(rule, incident): _Track(incident=incident) for incident in open_incidents}

    def step(self, measures: Iterable[Measure], now: datetime) -> list[Change]:
        """Take the measures of one evaluation; return what changed, open incidents included."""
        present = list(measures)
        changes = []
        for measure in self._all(present, now):
            change = self._judge(measure, self._tracks.setdefault(measure.group, _Track()), now)
            if change:
                changes.append(change)
        self._forget({measure.group for measure in present})
        return changes

    def warm(self, measures: Iterable[Measure], now: datetime) -> None:
        """Take the measures of an evaluation already decided, so that runs across a restart are counted."""
        for measure in self._all(measures, now):
            self._count(measure, self._tracks.setdefault(measure.group, _Track()), now)

    @property
    def open(self) -> int:
        """How many incidents are open."""
        return sum(track.incident is not None for track in self._tracks.values())

    def verdict(self, measure: Measure) -> Verdict:
        """Compare a measure with the limit; a cautious rule asks its whole interval."""
        if measure.value is None or measure.samples < self.rule.enough:
            return "unknown"
        sign = 1 if self.rule.comparison == "above" else -1
        if sign * (measure.value - self.rule.limit) <= 0:
            return "within" if sign * (measure.value - self.rule.back) <= 0 else "between"
        nearest = measure.low if sign == 1 else measure.high
        if self.rule.cautious and nearest is not None and sign * (nearest - self.rule.limit) <= 0:
            return "between"
        return "beyond"

    def _judge(self, measure: Measure, track: _Track, now: datetime) -> Change | None:
        if self._count(measure, track, now) == "unknown":
            since = track.unknown_since or now
            if track.incident and now - since >= self.rule.window:
                return self._end(track, track.incident, now, "unmeasured")
            return None
        if track.incident is None:
            return self._open(measure, track, now)
        track.incident = self._updated(track.incident, measure, now)
        if track.within >= self.rule.resolve_after:
            return self._end(track, track.incident, now, "within")
        return Change(track.incident, "updated")

    def _count(self, measure: Measure, track: _Track, now: datetime) -> Verdict:
        """Count the verdict on a measure in the runs of its group; return it."""
        verdict = self.verdict(measure)
        if verdict == "unknown":
            track.unknown_since = track.unknown_since or now
            return verdict
        track.unknown_since = None
        track.beyond = track.beyond + 1 if verdict == "beyond" else 0
        track.within = track.within + 1 if verdict == "within" else 0
        return verdict

    def _all(self, measures: Iterable[Measure], now: datetime) -> list[Measure]:
        """Return the measures, and those of known groups that have none."""
        present = {measure.group: measure for measure in measures}
        return [
            *present.values(),
            *(self._absent(group, now) for group in self._tracks if group not in present),
        ]

    def _open(self, measure: Measure, track: _Track, now: datetime) -> Change | None:
        if track.beyond < self.rule.sustained or self.open >= MAX_OPEN:
            return None
        rule, value = self.rule, measure.value or 0.0
        track.incident = Incident(
            incident_id=identify(rule, measure.group, now),
            rule=rule.name,
            metric=rule.metric,
            severity=rule.severity,
            opened=now,
            updated=now,
            value=value,
            peak=value,
            threshold=rule.limit,
            comparison=rule.comparison,
            samples=measure.samples,
            window=rule.window,
            unit=rule.unit,
            project=rule.project,
            scope=rule.scope.named() | dict(zip(rule.groups, measure.group, strict=True)),
        )
        return Change(track.incident, "opened")

    def _updated(self, incident: Incident, measure: Measure, now: datetime) -> Incident:
        value = measure.value or 0.0
        furthest = max if incident.comparison == "above" else min
        return replace(
            incident, updated=now, value=value, peak=furthest(incident.peak, value), samples=measure.samples
        )

    def _end(
        self, track: _Track, incident: Incident, now: datetime, reason: Literal["within", "unmeasured"]
    ) -> Change:
        track.incident, track.beyond, track.within, track.unknown_since = None, 0, 0, None
        return Change(replace(incident, updated=now, resolved=now), "resolved", reason)

    def _absent(self, group: tuple[str, ...], now: datetime) -> Measure:
        """Return what a group without a single sample measures: a sum is zero, everything else unknown."""
        return Measure(group, now, 0.0 if self.rule.measured.kind == "sum" else None, 0)

    def _forget(self, present: set[tuple[str, ...]]) -> None:
        """Drop groups that are gone with nothing open, unless their absence is what the rule looks for."""
        if self.rule.measured.kind == "sum" and self.rule.comparison == "below":
            return
        self._tracks = {
            group: track for group, track in self._tracks.items() if track.incident or group in present
        }


def group_of(rule: Rule, incident: Incident) -> tuple[str, ...]:
    """Return the values of the rule's `group_by` that an incident is about."""
    return tuple(incident.scope.get(name, "") for name in rule.groups)


def belongs(rule: Rule, incident: Incident) -> bool:
    """Tell whether a stored incident is of this rule as it is now written."""
    scope = rule.scope.named() | dict(zip(rule.groups, group_of(rule, incident), strict=True))
    return (
        (incident.project, incident.rule, incident.metric) == (rule.project, rule.name, rule.metric)
        and incident.comparison == rule.comparison
        and incident.scope == scope
    )


def identify(rule: Rule, group: tuple[str, ...], opened: datetime) -> str:
    """Return the id of an incident: the same for the same rule, group and minute, whoever computes it."""
    text = "\x1f".join([rule.project, rule.name, *group, str(int(opened.timestamp()))])
    return sha256(text.encode()).hexdigest()[:16]
