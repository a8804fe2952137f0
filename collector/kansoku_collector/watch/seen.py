"""What the detector has seen of a project's hours: kept ones as they were seen, others from the spans."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.hours import Signals, hours_of, kept_hours, measured_hours
from kansoku_collector.store.scope import Period
from kansoku_collector.store.signals import keep_hours

HOUR = timedelta(hours=1)
WEEK = 168  # hours that a replay reads ahead
DAY = 24  # hours of spans that are read at once: a week in one question takes no less, and cannot be left


class StoppedError(Exception):
    """The collector is to end: what was read is kept, and the rest is read after its next start."""


class Seen:
    """The hours of a project. The clock keeps what it reads; a replay keeps nothing and reads a week on.

    Weeks of a large project take minutes to read: between two days of them it asks whether to go on.
    """

    def __init__(self, project: str, *, keeps: bool, stopping: Callable[[], bool] = lambda: False) -> None:
        self.project, self.keeps, self._stopping = project, keeps, stopping
        self._ahead: dict[datetime, list[Signals]] = {}

    def at(self, client: Client, hour: datetime, places: Collection[tuple[str, str]]) -> list[Signals]:
        """Return what is known of an hour; `places` are those that are looked at."""
        if hour not in self._ahead:
            wanted = hours_of(Period(hour, hour + (1 if self.keeps else WEEK) * HOUR))
            self._ahead = {one: [] for one in wanted} | self._read(client, wanted, places)
        return self._ahead[hour]

    def history(self, client: Client, period: Period, places: Collection[tuple[str, str]]) -> list[Signals]:
        """Return the hours of a stretch, in their order."""
        hours = hours_of(period)
        found = self._read(client, hours, places)
        return [one for hour in hours for one in found.get(hour, [])]

    def go_on(self) -> None:
        """Raise StoppedError when the collector is to end: whoever works on weeks asks now and then."""
        if self._stopping():
            raise StoppedError

    def _read(
        self, client: Client, hours: list[datetime], places: Collection[tuple[str, str]]
    ) -> dict[datetime, list[Signals]]:
        found: dict[datetime, list[Signals]] = {}
        if not hours:
            return found
        for one in kept_hours(client, self.project, Period(hours[0], hours[-1] + HOUR)):
            found.setdefault(one.hour, []).append(one)
        for stretch in _stretches([hour for hour in hours if hour not in found]):
            if stretch.length > HOUR:
                self.go_on()
            measured = measured_hours(client, self.project, stretch)
            for one in measured:
                found.setdefault(one.hour, []).append(one)
            if self.keeps and places:
                self._keep(client, stretch, measured, min(places))
        return found

    def _keep(self, client: Client, stretch: Period, measured: list[Signals], place: tuple[str, str]) -> None:
        """Store what was read; an hour without calls has a row as well, so that it stays one."""
        full = {one.hour for one in measured}
        empty = [Signals(hour, *place) for hour in hours_of(stretch) if hour not in full]
        keep_hours(client, self.project, [*measured, *empty], stretch.end)


def _stretches(hours: list[datetime]) -> list[Period]:
    """Return runs of hours without a gap, a day long at the most."""
    found: list[Period] = []
    for hour in hours:
        last = found[-1] if found else None
        if last and last.end == hour and last.length < DAY * HOUR:
            found[-1] = Period(last.start, hour + HOUR)
        else:
            found.append(Period(hour, hour + HOUR))
    return found
