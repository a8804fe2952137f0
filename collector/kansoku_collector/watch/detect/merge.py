"""One incident for one change: findings whose changes may have begun together are told as one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kansoku_collector.watch.detect.finding import Finding, Moment

OPEN = 14 * 24  # hours in which a slower signal still joins


@dataclass(frozen=True, slots=True)
class Incident:
    """A change and all signals that show it, the first one first.

    `change` is the time that all of its signals leave possible.
    """

    opened: int
    change: Moment
    findings: tuple[Finding, ...]

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that moved, in the order in which they were found."""
        return tuple(dict.fromkeys(finding.signal for finding in self.findings))

    @property
    def loudest(self) -> Finding:
        """The finding with the strongest evidence."""
        return max(self.findings, key=lambda finding: finding.evidence)


class Merger:
    """The incidents that findings may still join."""

    def __init__(self) -> None:
        self.open: list[Incident] = []

    def take(self, findings: Iterable[Finding], now: int) -> list[tuple[str, Incident]]:
        """Give each finding to the incident that it belongs to; return what was opened or updated.

        Findings of one moment are read from the earliest change on, so that their order does not matter.
        """
        self.open = [incident for incident in self.open if now - incident.opened < OPEN]
        changed: dict[int, str] = {}
        ordered = sorted(findings, key=lambda one: (one.change.hour, one.signal, one.series, one.value))
        for finding in ordered:
            home = self._home(finding)
            if home is None:
                home = len(self.open)
                self.open.append(Incident(now, finding.change, (finding,)))
                changed[home] = "opened"
                continue
            incident = self.open[home]
            self.open[home] = replace(
                incident,
                change=_common(incident.change, finding.change),
                findings=(*incident.findings, finding),
            )
            changed.setdefault(home, "updated")
        return [(event, self.open[home]) for home, event in changed.items()]

    def _home(self, finding: Finding) -> int | None:
        """Return the incident whose change is nearest, among those that overlap with the finding's.

        A signal that moves again has changed again, unless it is one value after the other that is new.
        """
        near = [
            (abs(incident.change.hour - finding.change.hour), place)
            for place, incident in enumerate(self.open)
            if incident.change.overlaps(finding.change)
            and (finding.measure == "new_value" or finding.signal not in incident.signals)
        ]
        return min(near)[1] if near else None

    def state(self) -> list[dict[str, Any]]:
        """Return what is needed to restore it, as JSON."""
        return [
            {
                "opened": one.opened,
                "change": [one.change.hour, one.change.earliest, one.change.latest],
                "findings": [finding.state() for finding in one.findings],
            }
            for one in self.open
        ]

    @classmethod
    def restore(cls, state: Iterable[Mapping[str, Any]]) -> "Merger":
        """Return the incidents that `state` was taken from."""
        merger = cls()
        for one in state:
            findings = tuple(Finding.restore(finding) for finding in one["findings"])
            merger.open.append(Incident(one["opened"], Moment(*one["change"]), findings))
        return merger


def _common(one: Moment, other: Moment) -> Moment:
    """Return the hours that both leave possible; where there are none, those between them."""
    earliest, latest = sorted((max(one.earliest, other.earliest), min(one.latest, other.latest)))
    return Moment(min(max(one.hour, earliest), latest), earliest, latest)
