"""What the store needs now and then, in a thread of its own: bring traces together, remove old rows."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.ageing import Ageing, remove
from kansoku_collector.store.crossing import apart, bring_together, emptied, merge_month
from kansoku_collector.store.scope import Period

FIRST_SECONDS = 60.0  # after the start, when there is most else to do
SECONDS = 600.0
_LATE = timedelta(minutes=10)  # so long after its end an hour is taken to be over
_RECENT = timedelta(hours=3)
_ROUND_SECONDS = 24 * 3600.0  # how often all hours are gone through: something may have come late
_AGEING_SECONDS = 3600.0  # how often what is too old may be removed
_BREATH_SECONDS = 0.05  # between two days of them
_EVER = datetime(1971, 1, 1, tzinfo=UTC)
log = logging.getLogger("kansoku")


class Housekeeping:
    """Every ten minutes the last hours, and once a day all hours. What fails is logged and tried again."""

    def __init__(
        self, open_client: Callable[[], Client], *, embedded: bool, ageing: Ageing | None = None
    ) -> None:
        self._open_client = open_client
        self._embedded = embedded  # a server merges by itself, and may hold months of a size to leave alone
        self._client: Client | None = None
        self._ageing = ageing
        self._aged = -_AGEING_SECONDS
        self._gone_round = -_ROUND_SECONDS
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kansoku-housekeeping", daemon=True)

    def start(self) -> None:
        """Start keeping house."""
        self._thread.start()

    def stop(self) -> None:
        """End it; a merge that is under way is given up, and done another time."""
        self._stopping.set()
        if self._embedded and self._thread.is_alive():
            with suppress(Exception):  # the store may be gone
                client = self._open_client()
                client.command("SYSTEM STOP MERGES traces")
                self._thread.join(5)
                client.command("SYSTEM START MERGES traces")
                client.close()

    def look(self, now: datetime) -> None:
        """Bring together what lies apart in the hours that are over."""
        self._client = client = self._client or self._open_client()
        over = (now - _LATE).replace(minute=0, second=0, microsecond=0)
        everything = time.monotonic() - self._gone_round >= _ROUND_SECONDS
        moved: dict[datetime, int] = {}  # rows by month
        for hours in apart(client, Period(_EVER if everything else over - _RECENT, over)):
            if self._stopping.wait(_BREATH_SECONDS):
                return
            month = hours.start.replace(day=1, hour=0)
            moved[month] = moved.get(month, 0) + bring_together(client, hours)
        if everything:
            if count := sum(moved.values()):
                log.info("traces that crossed an hour: %d rows were brought together", count)
            self._gone_round = time.monotonic()
            self._merge(client, {month for month, count in moved.items() if count})

    def age(self) -> None:
        """Let the embedded engine remove what is too old, if it is time for that."""
        if not self._embedded or self._ageing is None or time.monotonic() - self._aged < _AGEING_SECONDS:
            return
        self._client = self._client or self._open_client()
        remove(self._client, self._ageing, self._stopping.wait)
        self._aged = time.monotonic()

    def _merge(self, client: Client, moved: set[datetime]) -> None:
        if not self._embedded:
            return
        failed: Exception | None = None
        for month in sorted(moved.union(emptied(client))):
            if self._stopping.is_set():
                return
            try:
                merge_month(client, month)
            except Exception as error:  # noqa: BLE001 - one that cannot be merged keeps no other from it
                failed = error
        if failed is not None:
            raise failed

    def _run(self) -> None:
        pause = FIRST_SECONDS
        while not self._stopping.wait(pause):
            pause = SECONDS
            try:
                self.look(datetime.now(UTC))
            except Exception as error:  # noqa: BLE001 - a border: lists are right without it
                if not self._stopping.is_set():
                    log.warning("traces that cross an hour are not brought together now: %s", error)
                self._forget_client()
            try:
                self.age()
            except Exception as error:  # noqa: BLE001 - a border: tried again in ten minutes
                if not self._stopping.is_set():
                    log.warning("what is too old cannot be removed now: %s", error)
                self._forget_client()
        self._forget_client()

    def _forget_client(self) -> None:
        with suppress(Exception):  # a client that failed may fail to close
            if self._client is not None:
                self._client.close()
        self._client = None
