"""Group commit: requests that arrive together become durable together, with one fdatasync."""

import asyncio

from kansoku_collector.journal import Entry, Journal
from kansoku_collector.metrics import Metrics


class Intake:
    """The way into the journal from the event loop; `store` returns when the entry is durable."""

    def __init__(self, journal: Journal, metrics: Metrics) -> None:
        self._journal = journal
        self._metrics = metrics
        self._waiting: list[tuple[Entry, asyncio.Future[None]]] = []
        self._flying: dict[bytes, asyncio.Future[None]] = {}
        self._commit: asyncio.Task[None] | None = None

    async def store(self, entry: Entry) -> bool:
        """Make `entry` durable; False for a retry of a request that already is, or is about to be."""
        if (flying := self._flying.get(entry.digest)) is not None:
            self._metrics.duplicates.inc()
            await asyncio.shield(flying)
            return False
        if self._journal.known(entry.digest):
            self._metrics.duplicates.inc()
            return False
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._flying[entry.digest] = future
        self._waiting.append((entry, future))
        if self._commit is None:
            self._commit = asyncio.create_task(self._run())
        await asyncio.shield(future)  # a client that hangs up must not cancel what others wait for
        return True

    async def _run(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(self._journal.append, [entry for entry, _ in group])
            except Exception as error:  # noqa: BLE001 - every request of the group is told, whatever happened
                _finish(group, error)
            else:
                _finish(group, None)
            for entry, _ in group:
                del self._flying[entry.digest]
        self._commit = None


def _finish(group: list[tuple[Entry, "asyncio.Future[None]"]], error: Exception | None) -> None:
    for _, future in group:
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
            future.exception()  # read here, so that a client that hung up leaves no warning
