"""The detectors of all projects on the clock: taken up from the store, hour by hour, and written back."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from kansoku_collector.store.read.hours import calls_of_hour, kept_hours, projects_with_calls
from kansoku_collector.store.scope import Period
from kansoku_collector.store.signals import (
    drop_later,
    drop_old_states,
    known_projects,
    last_states,
    save_states,
)
from kansoku_collector.watch.builtin import Builtin
from kansoku_collector.watch.detection import BACK, HOUR, Detection, last_hour
from kansoku_collector.watch.found import change_of
from kansoku_collector.watch.judgement import Change
from kansoku_collector.watch.seen import Seen, StoppedError

LATE = timedelta(hours=24)  # after so long it is counted what came to an hour too late
SLICE_SECONDS = 5.0  # of a tick: what is left to do is done in the next, so that the lease stays alive

log = logging.getLogger(__name__)


class Lookout:
    """The detection of every project with traffic; one that fails begins again where the store is."""

    def __init__(
        self,
        entry: Builtin,
        counts: Counter[str],
        now: Callable[[], datetime],
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.entry, self._counts, self._now, self._stopping = entry, counts, now, stopping
        self._detections: dict[str, Detection] = {}
        self._finished: dict[str, datetime] = {}

    def forget(self) -> None:
        """Put everything down: another collector goes on, or this one takes it up from the store again."""
        self._detections.clear()
        self._finished.clear()

    def projects(self, client: Client, now: datetime) -> list[str]:
        """Return the projects with something to be observed."""
        last = last_hour(now)
        if self._finished and all(done >= last for done in self._finished.values()):
            return []
        found = {*known_projects(client), *projects_with_calls(client, Period(last - BACK, last + HOUR))}
        if self.entry.projects:
            found &= set(self.entry.projects)
        return sorted(one for one in found if self._finished.get(one, last - HOUR) < last)

    def watches(self, project: str) -> bool:
        """Tell whether a project's incidents are this detector's."""
        return not self.entry.projects or project in self.entry.projects

    def look(self, client: Client, project: str, note: Callable[[Client, Iterable[Change]], object]) -> None:
        """Observe the hours of a project that are due; `note` stores what an hour shows, then it is done."""
        with suppress(StoppedError):
            self._observe(client, project, note)

    def _observe(
        self, client: Client, project: str, note: Callable[[Client, Iterable[Change]], object]
    ) -> None:
        now = self._now()
        detection = self._detections.pop(project, None) or self._recall(client, project, now)
        began = time.monotonic()
        for hour in detection.due(now):
            happened = detection.step(client, hour)
            note(client, [change_of(client, detection, event, case) for event, case in happened])
            self._save(client, detection)
            self.count_late(client, project, hour - LATE)
            if time.monotonic() - began > SLICE_SECONDS or self._stopping():
                break
        self._detections[project], self._finished[project] = detection, detection.done

    def fit(self) -> None:
        """Fit what is usual anew for one service that is due: for a tick in which no hour is.

        What is not fitted when the next hour is observed is fitted then, with the same result.
        """
        for project in list(self._detections):
            detection = self._detections.pop(project)  # one that fails is taken up from the store again
            fitted = detection.fit()
            self._detections[project] = detection
            if fitted:
                return

    def _recall(self, client: Client, project: str, now: datetime) -> Detection:
        """Return the detection of a project where the store has it, else a new one."""
        entry, seen = self.entry.of(project), Seen(project, keeps=True, stopping=self._stopping)
        stored = last_states(client, project)
        if stored and stored[0] > now:
            log.warning(
                "detector: project %s: its hours after %s are yet to come, and forgotten", project, now
            )
            with suppress(ClickHouseError):  # a sharded table takes no deletion; then it begins anew
                drop_later(client, project, last_hour(now))
            stored = last_states(client, project)
            stored = None if stored and stored[0] > now else stored
        detection = Detection.restore(client, entry, seen, *stored) if stored else None
        if detection is None:
            detection = Detection.begin(entry, seen, now)
            self._save(client, detection)
        return detection

    def _save(self, client: Client, detection: Detection) -> None:
        states, now = detection.states(), datetime.now(UTC)
        project = detection.entry.project
        save_states(client, project, detection.done, states, now)
        detection.saved()
        if detection.snapshots(detection.done):
            with suppress(ClickHouseError):  # a sharded table takes no deletion; its TTL removes them
                drop_old_states(client, project, detection.done)

    def count_late(self, client: Client, project: str, hour: datetime) -> None:
        """Count the calls of an hour that came after it was observed; they are in no finding."""
        kept = kept_hours(client, project, Period(hour, hour + HOUR))
        if not kept:
            return
        late = calls_of_hour(client, project, hour) - sum(one.calls for one in kept)
        if late > 0:
            self._counts["late_calls"] += late
            log.info(
                "detector: project %s: %d calls of %s came too late to be looked at", project, late, hour
            )
