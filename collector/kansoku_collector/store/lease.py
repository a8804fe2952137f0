"""Who evaluates the rules: of several collectors on one store, the one with the oldest living claim."""

import time
import uuid
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.lock import embedded
from kansoku_collector.store.process import PROCESS, process_name

_COLUMNS = ("claim", "holder", "started", "beat", "evaluated", "released")
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Lease:
    """One collector's claim.

    Times are the store's, so clocks of machines do not matter. A claim that sees another living one when it
    is made never leads at once: by its second look, the other has seen it too. A claim that gave no sign of
    life for `seconds` is dead, and its owner must make a new one.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.holder = process_name()
        self._claim = ""
        self._started = _NEVER
        self._beaten = 0.0
        self.evaluated = _NEVER

    def hold(self, client: Client) -> bool:
        """Give a sign of life; tell whether this collector is the one that evaluates."""
        now = _now(client)
        fresh = not self._claim or time.monotonic() - self._beaten >= self.seconds
        if fresh:
            self._claim, self._started = uuid.uuid4().hex, now
        if fresh or time.monotonic() - self._beaten >= self.seconds / 4:
            self._write(client, now)
        living = self._living(client, now)
        own = (self._started, self._claim)
        if own not in living:  # dead by the store's clock: this process was stopped for a while
            self._claim = ""
            return False
        return living == [own] or (not fresh and own == min(living))

    def note(self, client: Client, evaluated: datetime) -> None:
        """Keep up to which minute the rules are evaluated, for who leads next."""
        if evaluated != self.evaluated:
            self.evaluated = evaluated
            self._write(client, _now(client))

    def release(self, client: Client) -> None:
        """Give the claim up, so that nobody has to wait until it is dead."""
        if self._claim:
            self._write(client, _now(client), released=True)
            self._claim = ""

    def _write(self, client: Client, now: datetime, *, released: bool = False) -> None:
        row = [self._claim, self.holder, self._started, now, self.evaluated, int(released)]
        client.insert("watch_lease", [row], column_names=_COLUMNS)
        self._beaten = time.monotonic()

    def _living(self, client: Client, now: datetime) -> list[tuple[datetime, str]]:
        """Return the claims that count; nobody but this process can have one on an embedded store."""
        life = timedelta(seconds=self.seconds)
        rows = client.query(
            """SELECT started, claim, holder FROM watch_lease FINAL
            WHERE released = 0 AND beat > {oldest:DateTime64(6, 'UTC')}
                AND beat < {latest:DateTime64(6, 'UTC')}""",
            parameters={"oldest": now - life, "latest": now + life},  # later: the clock was set back since
        ).result_rows
        alone = embedded(client)
        return [
            (started.replace(tzinfo=UTC), claim)
            for started, claim, holder in rows
            if not alone or PROCESS in holder
        ]


def last_evaluated(client: Client, now: datetime) -> datetime:
    """Return the minute up to which any collector has evaluated the rules; 1970 where none has.

    What is later than `now` was evaluated by a clock that was ahead, and says nothing.
    """
    found = client.query(
        "SELECT maxIf(evaluated, evaluated <= {now:DateTime64(6, 'UTC')}) FROM watch_lease FINAL",
        parameters={"now": now},
    ).result_rows
    return found[0][0].replace(tzinfo=UTC) if found else _NEVER


def _now(client: Client) -> datetime:
    moment: datetime = client.query("SELECT now64(6, 'UTC')").result_rows[0][0]
    return moment.replace(tzinfo=UTC)
