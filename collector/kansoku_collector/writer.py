"""The thread that empties the journal into ClickHouse, whatever ClickHouse does meanwhile."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from clickhouse_connect.driver.client import Client

from kansoku_collector.events import Held
from kansoku_collector.faults import is_about_data, sentence
from kansoku_collector.job import Written
from kansoku_collector.journal import Journal, Segment
from kansoku_collector.metrics import Metrics
from kansoku_collector.pipeline import Pipeline
from kansoku_collector.store.write import Writer

ATTEMPTS = 3  # at data that ClickHouse or its client refuse; everything else is tried until it works
LONGEST_PAUSE = 30.0
_DECISIONS_SECONDS = 1.0  # how often to look whether somebody decided about segments set aside
Work = Callable[[Writer], Written]
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
        self._looked = 0.0
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
        self._look()
        for segment in self._journal.due(everything=everything):
            if segment not in self._pipeline.late and not self._attempt(segment, self._write(segment)):
                return False
        for held in self._pipeline.late.overdue(everything=everything):
            if not self._attempt(held.segment, self._write_late(held)):
                return False
        self._measure()
        return True

    def _look(self) -> None:
        """Carry out what was decided about segments that are set aside."""
        if time.monotonic() - self._looked < _DECISIONS_SECONDS:
            return
        self._looked = time.monotonic()
        try:
            self._metrics.set_aside.set(self._journal.carry_out())
        except Exception as error:  # noqa: BLE001 - a border: on a full disk the decision stays where it is
            log.warning("segments that were set aside cannot be taken back now: %s", error)

    def _write(self, segment: Segment) -> Work:
        # Twice in doubt for the data; then each row has to show whether it is the one.
        careful = self._attempts.get(segment.token, 0) >= ATTEMPTS - 1
        return lambda writer: self._pipeline.write(segment, writer, careful=careful)

    def _write_late(self, held: Held) -> Work:
        return lambda writer: Written([self._pipeline.write_late(held, writer)], [], [])

    def _attempt(self, segment: Segment, work: Work) -> bool:
        try:
            written = work(self._open())
            if written.refused:
                self._keep(segment, written)
            for finished in written.finished:
                self._journal.done(finished)
                self._attempts.pop(finished.token, None)
        except Exception as error:  # noqa: BLE001 - a border: no segment may stop the ones behind it
            return self._failed(segment, error)
        self._pause = 0.0
        return True

    def _keep(self, segment: Segment, written: Written) -> None:
        path = self._journal.keep(segment, written.refused, written.lacking)
        self._metrics.bad_segments.inc()
        log.error(
            "%d requests of segment %s cannot be stored and are set aside as %s: %s",
            len(written.refused),
            segment.token,
            path.name,
            written.refused[0][1],
        )

    def _open(self) -> Writer:
        if self._writer is None:
            self._client = self._open_client()
            self._writer = Writer(self._client)
        return self._writer

    def _failed(self, segment: Segment, error: Exception) -> bool:
        self._metrics.insert_errors.inc()
        self._measure()
        if is_about_data(error) or _is_about_file(error, segment):
            attempts = self._attempts[segment.token] = self._attempts.get(segment.token, 0) + 1
            if attempts >= ATTEMPTS:
                return self._set_aside(segment, error)
        else:
            self._disconnect()  # the next attempt connects anew
        self._pause = min(LONGEST_PAUSE, self._pause * 2 or 0.5)
        log.warning(
            "ClickHouse did not take segment %s, trying again in %.1f s: %s",
            segment.token,
            self._pause,
            sentence(error),
        )
        return False

    def _set_aside(self, segment: Segment, error: Exception) -> bool:
        try:
            path = self._journal.set_aside(segment, sentence(error))
        except OSError as problem:
            log.error("segment %s cannot be set aside: %s", segment.token, problem)
            self._pause = LONGEST_PAUSE
            return False
        self._attempts.pop(segment.token, None)
        self._pipeline.late.forget(segment)
        self._metrics.bad_segments.inc()
        log.error("segment %s cannot be stored, it is now %s: %s", segment.token, path, sentence(error))
        return True

    def _disconnect(self) -> None:
        self._writer = None
        if self._client is not None:
            with suppress(Exception):
                self._client.close()
            self._client = None

    def _measure(self) -> None:
        self._metrics.journal_bytes.set(self._journal.bytes)
        oldest = self._journal.oldest_ms
        self._metrics.lag.set(max(0.0, time.time() - oldest / 1000) if oldest else 0.0)


def _is_about_file(error: Exception, segment: Segment) -> bool:
    """Tell whether the segment itself cannot be read: its disk is damaged, or somebody removed it."""
    return isinstance(error, OSError) and error.filename == str(segment.path)
