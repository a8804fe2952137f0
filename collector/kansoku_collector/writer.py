"""The thread that empties the journal into ClickHouse, whatever ClickHouse does meanwhile."""

import logging
import re
import threading
import time
from collections.abc import Callable

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DataError

from kansoku_collector.errors import StoreError
from kansoku_collector.events import Held
from kansoku_collector.journal import Journal, Segment
from kansoku_collector.metrics import Metrics
from kansoku_collector.pipeline import Pipeline
from kansoku_collector.store.write import Writer

ATTEMPTS = 3  # at data that ClickHouse or its client refuse; everything else is tried until it works
LONGEST_PAUSE = 30.0
# ClickHouse's codes for "this data is wrong", as opposed to "not now".
_DATA_CODES = frozenset({6, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 128, 131, 190, 321, 349, 407, 469})
Work = Callable[[Writer], list[Segment]]
log = logging.getLogger("kansoku")


class WriterThread:
    """Writes due segments in order; `stop` writes what it can and leaves the rest to the journal."""

    def __init__(
        self, journal: Journal, pipeline: Pipeline, open_client: Callable[[], Client], metrics: Metrics
    ) -> None:
        self._journal = journal
        self._pipeline = pipeline
        self._open_client = open_client
        self._metrics = metrics
        self._writer: Writer | None = None
        self._client: Client | None = None
        self._attempts: dict[str, int] = {}
        self._pause = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kansoku-writer", daemon=True)

    def start(self) -> None:
        """Start writing."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Close the open segment, write for at most `timeout` seconds, and end."""
        self._deadline = time.monotonic() + timeout
        self._stopping.set()
        self._journal.ready.set()
        self._thread.join(timeout + 5)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._journal.ready.wait(0.05 if not self._pause else self._pause)
            self._pass(everything=False)
        while time.monotonic() < self._deadline and self._journal.bytes:
            if not self._pass(everything=True):
                self._stopping.wait(0.2)
                time.sleep(0.2)
        if self._client is not None:
            self._client.close()

    def _pass(self, *, everything: bool) -> bool:
        """Write every due segment; return False when ClickHouse has to be waited for."""
        for segment in self._journal.due(everything=everything):
            if segment not in self._pipeline.late and not self._attempt(segment, self._write(segment)):
                return False
        for held in self._pipeline.late.overdue(everything=everything):
            if not self._attempt(held.segment, self._write_late(held)):
                return False
        self._measure()
        return True

    def _write(self, segment: Segment) -> Work:
        return lambda writer: self._pipeline.write(segment, writer)

    def _write_late(self, held: Held) -> Work:
        return lambda writer: [self._pipeline.write_late(held, writer)]

    def _attempt(self, segment: Segment, work: Work) -> bool:
        try:
            for finished in work(self._open()):
                self._journal.done(finished)
                self._attempts.pop(finished.token, None)
        except Exception as error:  # noqa: BLE001 - a border: no segment may stop the ones behind it
            return self._failed(segment, error)
        self._pause = 0.0
        return True

    def _open(self) -> Writer:
        if self._writer is None:
            self._client = self._open_client()
            self._writer = Writer(self._client)
        return self._writer

    def _failed(self, segment: Segment, error: Exception) -> bool:
        self._metrics.insert_errors.inc()
        self._measure()
        if _is_about_data(error):
            attempts = self._attempts[segment.token] = self._attempts.get(segment.token, 0) + 1
            if attempts >= ATTEMPTS:
                path = self._journal.set_aside(segment, f"{type(error).__name__}: {error}")
                self._metrics.bad_segments.inc()
                log.error(
                    "segment %s cannot be stored and is set aside as %s: %s", segment.token, path.name, error
                )
                return True
        else:
            self._writer = None  # the next attempt connects anew
        self._pause = min(LONGEST_PAUSE, self._pause * 2 or 0.5)
        log.warning(
            "ClickHouse did not take segment %s, trying again in %.1f s: %s",
            segment.token,
            self._pause,
            error,
        )
        return False

    def _measure(self) -> None:
        self._metrics.journal_bytes.set(self._journal.bytes)
        oldest = self._journal.oldest_ms
        self._metrics.lag.set(max(0.0, time.time() - oldest / 1000) if oldest else 0.0)


def _is_about_data(error: Exception) -> bool:
    """Tell whether trying again cannot help: the data is wrong, not the moment."""
    if isinstance(error, DataError):
        return True
    if isinstance(error, ClickHouseError | StoreError | OSError | MemoryError):
        code = re.search(r"\bCode: (\d+)", str(error))
        return code is not None and int(code[1]) in _DATA_CODES
    return True
