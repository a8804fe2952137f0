"""Evaluate rules and the detector on a clock, in a thread of the collector; keep incidents, tell them."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event, Thread

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.incidents import save_incidents
from kansoku_collector.store.lease import Lease, last_evaluated
from kansoku_collector.store.read.incidents import Incident, open_incidents, past_incidents
from kansoku_collector.store.scope import Period
from kansoku_collector.store.signals import known_projects
from kansoku_collector.watch.book import Book, after
from kansoku_collector.watch.builtin import NAME, Builtin
from kansoku_collector.watch.judgement import Change, Judge, belongs
from kansoku_collector.watch.lookout import Lookout
from kansoku_collector.watch.outbox import Outbox
from kansoku_collector.watch.replay import by_moment, first_at, moments
from kansoku_collector.watch.rule import Rule
from kansoku_collector.watch.sentences import words

UNSENT = timedelta(hours=1)  # an end this recent is still told after a restart
CATCH_UP = timedelta(hours=1)  # minutes missed while nobody evaluated are evaluated late, this far back
_MINUTE = timedelta(minutes=1)

log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class Watch:
    """The clock: every `interval_seconds` each rule is measured at the last whole minute.

    The detector, where there is one, observes each hour once it is over.

    Of several collectors on one store, the one that holds the lease evaluates. Nothing that fails ends the
    clock: a rule whose query fails, and a store that is away, are logged, counted in `counts` and evaluated
    late. `now`, `outbox` and `lease` are replaced in tests; `heard` gets each change.
    """

    def __init__(
        self,
        open_client: Callable[[], Client],
        rules: Sequence[Rule],
        interval_seconds: float,
        *,
        detector: Builtin | None = None,
        now: Callable[[], datetime] = _now,
        outbox: Outbox | None = None,
        lease: Lease | None = None,
        heard: Callable[[Change], object] = lambda _change: None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._open_client = open_client
        self._rules = {(rule.project, rule.name): rule for rule in rules}
        self._interval = interval_seconds
        self._step = max(1, round(interval_seconds / 60)) * _MINUTE
        self._now = now
        self._outbox = outbox or Outbox()
        self._lease = lease or Lease(max(30.0, 3 * interval_seconds))
        self._heard = heard
        self._client: Client | None = None
        self._book: Book | None = None  # None until the store has told what is open, and without the lease
        self._judges: dict[tuple[str, str], Judge] = {}
        self._evaluated: dict[tuple[str, str], datetime] = {}
        self._moment: datetime | None = None  # of the last look
        self._stopping = Event()
        self._lookout = Lookout(detector, self.counts, now, self._stopping.is_set) if detector else None
        self._thread: Thread | None = None

    def start(self) -> None:
        """Start the clock and the outbox."""
        self._outbox.start()
        self._thread = Thread(target=self._run, name="kansoku-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the clock, record the messages that are sent meanwhile, and let another collector lead."""
        self._stopping.set()
        if self._thread:
            self._thread.join(30)
        self._outbox.stop()
        if self._book:
            self._attempt(partial(self._book.record, now=self._now()), "recording deliveries")
        self._attempt(self._lease.release, "giving up the lease")
        self._forget_client()

    def tick(self) -> None:
        """With the lease, evaluate every rule up to the last whole minute, and send what is due."""
        moment = self._now()
        if not self._attempt(self._lead, "taking the lease") or self._book is None:
            return
        self._attempt(partial(self._book.record, now=moment), "recording deliveries")
        minute = first_at(moment, self._step, down=True)
        if any(self._evaluated.get(key, minute - self._step) < minute for key in self._rules):
            self.counts["evaluations"] += 1
            for key, judge in self._judges.items():
                what = f"rule {self._rules[key].name!r}"
                self._attempt(partial(self._evaluate, key=key, judge=judge, minute=minute), what)
        self._attempt(partial(self._note_progress, minute=minute), "keeping the evaluated minute")
        if self._lookout:
            self._attempt(partial(self._detect, lookout=self._lookout, moment=moment), "looking for projects")
        self._tell(self._book, moment)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.tick()
            except Exception:  # an error of ours must not end the watch; counted and logged
                self.counts["errors"] += 1
                log.exception("alerts: an evaluation failed")
            self._stopping.wait(self._interval)

    def _attempt(self, work: Callable[[Client], object], what: str) -> bool:
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

    def _lead(self, client: Client) -> None:
        """Take up the work where this or another collector has left it; put it down without the lease."""
        if not self._lease.hold(client):
            if self._book:
                log.info("alerts: another collector evaluates the rules now")
            self._put_down()
            return
        now = self._now()
        if self._moment and now < self._moment - 2 * self._step:
            log.warning(
                "alerts: the clock was set back from %s: rules are evaluated from now on", self._moment
            )
            self._put_down()
        self._moment = now
        if self._book is None:
            self._recall(client, now)
        if self._book:
            self._book.hear(client, now)

    def _put_down(self) -> None:
        self._book = None
        if self._lookout:
            self._lookout.forget()

    def _recall(self, client: Client, now: datetime) -> None:
        """Read what is open and ended lately; end what has no rule or is of a wrong clock."""
        projects = {rule.project for rule in self._rules.values()} | {*known_projects(client)}
        told = [incident for project in sorted(projects) for incident in _known(client, project, now)]
        stored = [incident for incident in told if incident.opened <= now + self._step]
        owned = {key: [i for i in stored if belongs(rule, i)] for key, rule in self._rules.items()}
        kept = {i.incident_id: i for incidents in owned.values() for i in incidents}
        kept |= {i.incident_id: i for i in stored if self._found(i)}
        orphans = [i for i in told if not i.resolved and i.incident_id not in kept]
        save_incidents(client, [replace(i, updated=after(i, now), resolved=now) for i in orphans])
        for incident in orphans:
            log.info("alert %s: its rule is gone, or its time is to come: it is closed", incident.rule)
        judges = {
            key: Judge(self._rules[key], [i for i in incidents if not i.resolved])
            for key, incidents in owned.items()
        }
        last = last_evaluated(client, now)
        known = now - last <= CATCH_UP
        if known:
            for judge in judges.values():
                self._warm(client, judge, last)
        self._judges, self._evaluated = judges, dict.fromkeys(judges, last) if known else {}
        self._book = Book(kept.values(), self._outbox, timedelta(seconds=self._interval), self.counts)

    def _warm(self, client: Client, judge: Judge, last: datetime) -> None:
        """Count the evaluations before the restart that `for` and `resolve_after` look back on."""
        count = max(judge.rule.sustained, judge.rule.resolve_after)
        ends = [last - i * self._step for i in reversed(range(count))]
        for now, measures in by_moment(client, judge.rule, ends):
            judge.warm(measures, now)

    def _evaluate(self, client: Client, key: tuple[str, str], judge: Judge, minute: datetime) -> None:
        """Judge every minute since the last one that was judged."""
        book = self._book
        since = self._evaluated.get(key, minute - self._step)
        ends = moments(max(since + self._step, minute - CATCH_UP), minute, self._step)
        if book is None or not ends:
            return
        for now, measures in by_moment(client, judge.rule, ends):
            for change in judge.step(measures, now):
                book.note(change)
                self._heard(change)
            self._evaluated[key] = now
        book.save(client, self._now())

    def _found(self, incident: Incident) -> bool:
        """Tell whether an incident is the detector's."""
        return self._lookout is not None and incident.rule == NAME and self._lookout.watches(incident.project)

    def _detect(self, client: Client, lookout: Lookout, moment: datetime) -> None:
        """Let the detector observe the hours that are over, project by project; fit when there is none."""
        projects = lookout.projects(client, moment)
        if not projects:
            lookout.fit()
        for project in projects:
            if self._attempt(self._lease.hold, "keeping the lease"):
                what = f"the detector of project {project!r}"
                self._attempt(partial(lookout.look, project=project, note=self._note_found), what)

    def _note_found(self, client: Client, changes: Iterable[Change]) -> None:
        """Keep what the detector found, before it goes on."""
        for change in changes:
            if self._book:
                self._book.note(change)
                self._heard(change)
        if self._book:
            self._book.save(client, self._now())

    def _note_progress(self, client: Client, minute: datetime) -> None:
        """Keep the minute up to which every rule is evaluated."""
        self._lease.note(client, min([self._evaluated.get(key, minute) for key in self._rules] or [minute]))

    def _tell(self, book: Book, moment: datetime) -> None:
        """Queue the messages that are due."""
        for known in list(book.incidents.values()):
            rule = self._teller(known)
            if rule is None:
                continue
            book.remind(known, rule.remind, moment)
            incident = book.incidents[known.incident_id]
            book.tell(incident, rule.channels, partial(words, rule), moment)

    def _teller(self, incident: Incident) -> Rule | Builtin | None:
        """Return what an incident's channels and words are taken from."""
        if self._lookout and self._found(incident):
            return self._lookout.entry.of(incident.project)
        return self._rules.get((incident.project, incident.rule))


def _known(client: Client, project: str, now: datetime) -> list[Incident]:
    """Return what is open, and what ended a short while ago and may still have to be told."""
    past = past_incidents(client, project, Period.last(UNSENT, now=now), now)
    return [*open_incidents(client, project, now), *(incident for incident in past if incident.resolved)]
