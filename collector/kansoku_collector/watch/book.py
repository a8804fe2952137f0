"""The incidents that the watch knows: what they have become, what is stored, and what is still to be told."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.incidents import save_incidents
from kansoku_collector.store.read.incidents import Incident, decided
from kansoku_collector.watch.channels import Channel
from kansoku_collector.watch.judgement import Change
from kansoku_collector.watch.message import Event, Message, Words
from kansoku_collector.watch.outbox import Outbox

_TICK = timedelta(microseconds=1)
ROUNDS = 8  # times that a message is tried anew, each later than the last; then it is given up

log = logging.getLogger(__name__)


class Book:
    """Open incidents, and those that ended with a message still to be told.

    Everything that it knows is in the store, or in `_unsaved` until the store has taken it: a new book over
    the same store goes on where this one stopped.
    """

    def __init__(
        self, incidents: Iterable[Incident], outbox: Outbox, interval: timedelta, counts: Counter[str]
    ) -> None:
        self.incidents = {incident.incident_id: incident for incident in incidents}
        self.reasons: dict[str, str] = {}
        self._outbox = outbox
        self._interval = interval
        self._counts = counts
        self._unsaved: dict[str, Incident] = {}
        self._saved = dict(self.incidents)  # as the store has them
        self._rounds: dict[str, tuple[int, datetime]] = {}  # rounds so far, and when the next may start

    def note(self, change: Change) -> None:
        """Remember what an incident has become; it stays to be saved until the store has taken it."""
        incident = change.incident
        known = self.incidents.get(incident.incident_id)
        if known:
            incident = replace(
                incident,
                deliveries=known.deliveries,
                reminders=known.reminders,
                acknowledged=known.acknowledged,
                acknowledged_by=known.acknowledged_by,
                silenced_until=known.silenced_until,
            )
        self._keep(incident)
        if change.event == "updated":
            return
        self.reasons[incident.incident_id] = change.reason
        self._counts[change.event] += 1
        log.info("alert %s: incident %s %s", incident.rule, incident.incident_id, change.event)

    def save(self, client: Client, now: datetime) -> None:
        """Store what is not stored yet; the time of writing decides which state readers see."""
        last = {key: self._saved.get(key, incident) for key, incident in self._unsaved.items()}
        rows = {key: replace(one, updated=after(last[key], now)) for key, one in self._unsaved.items()}
        save_incidents(client, [*rows.values()])
        self._saved |= rows
        self._unsaved.clear()

    def hear(self, client: Client, now: datetime) -> None:
        """Take up what people have decided."""
        projects = {incident.project for incident in self.incidents.values()}
        for project in projects:
            own = [incident for incident in self.incidents.values() if incident.project == project]
            self.incidents |= {i.incident_id: i for i in decided(client, project, own, now)}

    def record(self, client: Client, now: datetime) -> None:
        """Take up how messages went."""
        for message, delivery in self._outbox.results():
            self._counts["delivered" if delivery.delivered else "undelivered"] += 1
            incident = self.incidents.get(message.incident.incident_id)
            if incident is None:
                continue
            same = [
                d for d in incident.deliveries if (d.channel, d.event) == (delivery.channel, delivery.event)
            ]
            others = [d for d in incident.deliveries if d not in same]
            summed = replace(delivery, attempts=delivery.attempts + sum(d.attempts for d in same))
            self._keep(replace(incident, deliveries=(*others, summed)))
        self.save(client, now)

    def remind(self, incident: Incident, every: timedelta | None, now: datetime) -> None:
        """Count a reminder where one is due; nobody is reminded of what was acknowledged or silenced."""
        if not every or incident.resolved or incident.acknowledged or incident.silenced_until:
            return
        number = int((now - incident.opened) / every)
        if number > incident.reminders:
            self._keep(replace(incident, reminders=number))

    def tell(
        self,
        incident: Incident,
        channels: Iterable[Channel],
        words: Callable[[Incident, Event, str], Words],
        now: datetime,
    ) -> None:
        """Queue the messages of an incident that are due; forget it when it has ended and been told."""
        messages = self._untold(incident, channels, words)
        if incident.resolved and not messages and incident.incident_id not in self._unsaved:
            self._forget(incident)
        for message in messages:
            rounds, due = self._rounds.get(message.key, (0, now))
            if now >= due and self._outbox.put(message):
                self._rounds[message.key] = (rounds + 1, now + self._interval * 2**rounds)

    def _untold(
        self,
        incident: Incident,
        channels: Iterable[Channel],
        words: Callable[[Incident, Event, str], Words],
    ) -> list[Message]:
        """Return the messages of an incident's present state that were neither delivered nor given up."""
        if incident.silenced_until:
            return []
        event, number = _event(incident)
        said = words(incident, event, self.reasons.get(incident.incident_id, ""))
        messages = [Message(channel, incident, event, said, number) for channel in channels]
        told = {(d.channel, d.event) for d in incident.deliveries if d.delivered}
        return [
            message
            for message in messages
            if (message.channel.name, message.step) not in told
            and self._rounds.get(message.key, (0, None))[0] < ROUNDS
        ]

    def _keep(self, incident: Incident) -> None:
        self.incidents[incident.incident_id] = self._unsaved[incident.incident_id] = incident

    def _forget(self, incident: Incident) -> None:
        del self.incidents[incident.incident_id]
        self.reasons.pop(incident.incident_id, None)
        self._saved.pop(incident.incident_id, None)
        own = f"{incident.incident_id}:"
        self._rounds = {key: value for key, value in self._rounds.items() if not key.startswith(own)}


def after(incident: Incident, now: datetime) -> datetime:
    """Return the time of writing of a state that follows: later, also where the clock was set back."""
    return max(now, incident.updated + _TICK)


def _event(incident: Incident) -> tuple[Event, int]:
    """Return the event that an incident's state is told as."""
    if incident.resolved:
        return "resolved", 0
    if incident.acknowledged:
        return "acknowledged", 0
    return ("updated", incident.reminders) if incident.reminders else ("opened", 0)
