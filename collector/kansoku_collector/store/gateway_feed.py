"""Carry insert data from the socket to the engine's thread, a few chunks at a time."""

import asyncio
from collections.abc import Iterator

from kansoku_collector.store.gateway_request import Body, ClientGoneError


class Feed:
    """Insert data for the engine's thread, taken from the event loop's queue; `stop` makes it fail."""

    def __init__(self, queue: "asyncio.Queue[bytes | None]", loop: asyncio.AbstractEventLoop) -> None:
        self._queue = queue
        self._loop = loop
        self._stopped = False

    def __iter__(self) -> Iterator[bytes]:
        while (chunk := asyncio.run_coroutine_threadsafe(self._queue.get(), self._loop).result()) is not None:
            yield chunk
        if self._stopped:
            raise ClientGoneError

    def stop(self) -> None:
        """End the data as cut off: nothing of it will be stored."""
        self._stopped = True
        while self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(None)


async def pump(
    body: Body, start: int, queue: "asyncio.Queue[bytes | None]", work: "asyncio.Future[None]"
) -> None:
    """Move the body into the queue; once the insert has failed, only read on: some clients send all first."""
    async for chunk in body.rest(start):
        await _put(queue, chunk, work)
    await _put(queue, None, work)


async def _put(
    queue: "asyncio.Queue[bytes | None]", item: bytes | None, work: "asyncio.Future[None]"
) -> None:
    if work.done():
        return
    placing = asyncio.ensure_future(queue.put(item))
    await asyncio.wait({placing, work}, return_when=asyncio.FIRST_COMPLETED)
    placing.cancel()
