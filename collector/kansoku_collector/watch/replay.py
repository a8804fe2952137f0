"""Evaluate rules over history as if they had run then; nothing is stored, nothing is sent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.incidents import Incident
from kansoku_collector.store.read.measures import measure
from kansoku_collector.watch.judgement import Judge
from kansoku_collector.watch.rule import Rule
from kansoku_collector.watch.sentences import tell

BATCH = 500  # evaluations asked in one query


@dataclass(frozen=True, slots=True)
class Replayed:
    """An incident that would have been; as text, a line to read."""

    incident: Incident
    rule: Rule

    def __str__(self) -> str:
        """Return when it was, and its sentence."""
        end = self.incident.resolved
        until = f"{end:%Y-%m-%d %H:%M}" if end else "still open"
        sentence, _ = tell(self.rule, replace(self.incident, resolved=None), peak=True)
        return f"{self.incident.opened:%Y-%m-%d %H:%M} to {until}  {sentence}"


def replay(
    client: Client, rules: Sequence[Rule], start: datetime, end: datetime, step: timedelta
) -> list[Replayed]:
    """Return the incidents that `rules` would have opened from `start` to `end`, evaluated every `step`.

    `step` is whole minutes; moments are those of whole minutes, UTC.
    """
    if step < timedelta(minutes=1) or step % timedelta(minutes=1):
        raise ValueError(f"a step of {step} is not whole minutes")
    first = datetime.fromtimestamp(-(-start.timestamp() // 60) * 60, UTC)
    ends = [first + i * step for i in range(int((end - first) / step) + 1)]
    found = [one for rule in rules for one in _one_rule(client, rule, ends)]
    return sorted(found, key=lambda one: (one.incident.opened, one.rule.name))


def _one_rule(client: Client, rule: Rule, ends: list[datetime]) -> list[Replayed]:
    judge = Judge(rule)
    incidents: dict[str, Incident] = {}
    for i in range(0, len(ends), BATCH):
        batch = ends[i : i + BATCH]
        measures = measure(client, rule.metric, rule.slice(), batch, rule.window, rule.group_by)
        at = {now: list(group) for now, group in groupby(measures, key=lambda one: one.end)}
        for now in batch:
            for change in judge.step(at.get(now, []), now):
                incidents[change.incident.incident_id] = change.incident
    return [Replayed(incident, rule) for incident in incidents.values()]
