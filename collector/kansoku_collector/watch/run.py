"""Evaluate the alert rules on a clock, in a thread of the collector; keep incidents, send messages."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event, Thread

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.incidents import save_incidents
from kansoku_collector.store.read.incidents import Incident, open_incidents, past_incidents
from kansoku_collector.store.read.measures import measure
from kansoku_collector.store.scope import Period
from kansoku_collector.watch.judgement import Change, Judge, belongs
from kansoku_collector.watch.notify import Message
from kansoku_collector.watch.outbox import Outbox
from kansoku_collector.watch.rule import Rule

ROUNDS = 8  # times that a message is tried anew, each later than the last; then it is given up
UNSENT = timedelta(hours=1)  # an end this recent is still told after a restart

log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class Watch:
    """The clock: every `interval_seconds` each rule is measured at the last whole minute.

    Nothing that fails ends it: a query that fails skips its rule, a store that is away skips the evaluation,
    both are logged and counted in `counts` and tried again. `now` and `outbox` are replaced in tests.
    """

    def __init__(
        self,
        open_client: Callable[[], Client],
        rules: Sequence[Rule],
        interval_seconds: float,
        *,
        now: Callable[[], datetime] = _now,
        outbox: Outbox | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._open_client = open_client
        self._rules = {(rule.project, rule.name): rule for rule in rules}
        self._interval = interval_seconds
        self._now = now
        self._outbox = outbox or Outbox()
        self._client: Client | None = None
        self._judges: dict[tuple[str, str], Judge] | None = None  # None until the store has told what is open
        self._incidents: dict[str, Incident] = {}  # open, or ended with a message still to be told
        self._minute: datetime | None = None  # evaluated last
        self._unsaved: dict[str, Incident] = {}
        self._rounds: dict[str, tuple[int, datetime]] = {}  # rounds so far, and when the next may start
        self._reasons: dict[str, str] = {}
        self._stopping = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Start the clock and the outbox."""
        self._outbox.start()
        self._thread = Thread(target=self._run, name="kansoku-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the clock, and record the messages that are sent meanwhile."""
        self._stopping.set()
        if self._thread:
            self._thread.join(30)
        self._outbox.stop()
        self._attempt(self._record, "recording deliveries")
        self._forget_client()

    def tick(self) -> None:
        """Evaluate every rule, once a minute however often this is called, and send what is due."""
        moment = self._now()
        minute = moment.astimezone(UTC).replace(second=0, microsecond=0)
        if not self._attempt(self._recall, "reading open incidents"):
            return
        self._attempt(self._record, "recording deliveries")
        if minute != self._minute:
            self._minute = minute
            self._judge_all(minute)
        self._tell(moment)

    def _judge_all(self, minute: datetime) -> None:
        self.counts["evaluations"] += 1
        for key, judge in (self._judges or {}).items():
            rule = self._rules[key]
            self._attempt(partial(self._evaluate, judge=judge, minute=minute), f"rule {rule.name!r}")

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.tick()
            except Exception:  # an error of ours must not end the watch; counted and logged
                self.counts["errors"] += 1
                log.exception("alerts: an evaluation failed")
            self._stopping.wait(self._interval)

    def _attempt(self, work: Callable[[Client], None], what: str) -> bool:
        """Do something with the store; when it fails, say so, count it, and open a new client next time."""
        try:
            self._client = self._client or self._open_client()
            work(self._client)
        except Exception as error:  # noqa: BLE001 - a store that is away must not end the watch; counted
            self.counts["failures"] += 1
            log.warning("alerts: %s failed, will be tried again: %s", what, error)
            self._forget_client()
            return False
        return True

    def _forget_client(self) -> None:
        with suppress(Exception):  # a client that failed may fail to close
            if self._client:
                self._client.close()
        self._client = None

    def _recall(self, client: Client) -> None:
        """Take up the incidents that were open when the collector last stopped; end those without a rule."""
        if self._judges is not None:
            return
        now = self._now()
        projects = {rule.project for rule in self._rules.values()}
        stored = [incident for project in projects for incident in _known(client, project, now)]
        owned = {key: [i for i in stored if belongs(rule, i)] for key, rule in self._rules.items()}
        kept = {i.incident_id: i for incidents in owned.values() for i in incidents}
        orphans = [i for i in stored if not i.resolved and i.incident_id not in kept]
        save_incidents(client, [replace(i, updated=now, resolved=now) for i in orphans])
        for incident in orphans:
            log.info("alert %s: its rule is gone, the incident is closed", incident.rule)
        self._incidents = kept
        self._judges = {
            key: Judge(self._rules[key], [i for i in incidents if not i.resolved])
            for key, incidents in owned.items()
        }

    def _evaluate(self, client: Client, judge: Judge, minute: datetime) -> None:
        rule = judge.rule
        measures = measure(client, rule.metric, rule.slice(), [minute], rule.window, rule.group_by)
        for change in judge.step(measures, minute):
            self._note(change)
        self._save(client)

    def _note(self, change: Change) -> None:
        """Remember what an incident has become; it stays to be saved until the store has taken it."""
        incident = change.incident
        known = self._incidents.get(incident.incident_id)
        kept = replace(incident, deliveries=known.deliveries if known else ())
        self._incidents[incident.incident_id] = kept
        self._unsaved[incident.incident_id] = kept
        if change.event == "updated":
            return
        self._reasons[incident.incident_id] = change.reason
        self.counts[change.event] += 1
        log.info("alert %s: incident %s %s", incident.rule, incident.incident_id, change.event)

    def _save(self, client: Client) -> None:
        """Store what is not stored yet; the time of writing decides which state readers see."""
        now = self._now()
        save_incidents(client, [replace(incident, updated=now) for incident in self._unsaved.values()])
        self._unsaved.clear()

    def _record(self, client: Client) -> None:
        """Take up how messages went."""
        for message, delivery in self._outbox.results():
            self.counts["delivered" if delivery.delivered else "undelivered"] += 1
            incident = self._incidents.get(message.incident.incident_id)
            if incident is None:
                continue
            same = [
                d for d in incident.deliveries if (d.channel, d.event) == (delivery.channel, delivery.event)
            ]
            others = [d for d in incident.deliveries if d not in same]
            summed = replace(delivery, attempts=delivery.attempts + sum(d.attempts for d in same))
            kept = replace(incident, deliveries=(*others, summed))
            self._incidents[incident.incident_id] = kept
            self._unsaved[incident.incident_id] = kept
        self._save(client)

    def _tell(self, moment: datetime) -> None:
        """Queue the messages that are due; forget incidents that have ended and been told."""
        for incident in list(self._incidents.values()):
            rule = self._rules[incident.project, incident.rule]
            messages = self._untold(rule, incident)
            if incident.resolved and not messages and incident.incident_id not in self._unsaved:
                del self._incidents[incident.incident_id]
                self._reasons.pop(incident.incident_id, None)
                self._rounds = {
                    k: v for k, v in self._rounds.items() if not k.startswith(incident.incident_id)
                }
            for message in messages:
                rounds, due = self._rounds.get(message.key, (0, moment))
                if moment >= due and self._outbox.put(message):
                    later = moment + timedelta(seconds=self._interval * 2**rounds)
                    self._rounds[message.key] = (rounds + 1, later)

    def _untold(self, rule: Rule, incident: Incident) -> list[Message]:
        """Return the messages of an incident's present state that were neither delivered nor given up."""
        event = "resolved" if incident.resolved else "opened"
        reason = self._reasons.get(incident.incident_id, "")
        told = {d.channel for d in incident.deliveries if d.delivered and d.event == event}
        messages = [Message(c, rule, incident, event, reason) for c in rule.channels if c.name not in told]
        return [m for m in messages if self._rounds.get(m.key, (0, None))[0] < ROUNDS]


def _known(client: Client, project: str, now: datetime) -> list[Incident]:
    """Return what is open, and what ended a short while ago and may still have to be told."""
    past = past_incidents(client, project, Period.last(UNSENT, now=now))
    return [*open_incidents(client, project), *(incident for incident in past if incident.resolved)]
