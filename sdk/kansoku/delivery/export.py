"""From finished items to the collector: mask, encode, send; split what is too large, spool what must wait."""

import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from kansoku import semconv
from kansoku.delivery.receipt import Receipt
from kansoku.delivery.transport import (
    ACCEPTED,
    AWAY,
    REFUSED,
    TOO_LARGE,
    Reply,
    Transport,
    backoff,
    pack,
    unpack,
)
from kansoku.guard import swallow

if TYPE_CHECKING:
    from kansoku.delivery.spool import Claim, Spool

Mask = Callable[[Mapping[str, Any]], Mapping[str, Any]]
_DRAIN_SECONDS = 0.5  # how long the spool is emptied before the queue gets its turn again
_MANY = 30  # failures in a row after which the wait grows no longer


class Codec(Protocol):
    """How items of one kind become bodies, and bodies of a refused size become smaller ones."""

    def encode(self, batch: Iterable[Any], mask: Mask | None) -> Iterator[tuple[bytes, int]]:
        """Yield (body, number of items); an item that cannot be encoded is left out."""

    def halve(self, body: bytes) -> list[tuple[bytes, int]]:
        """Split a body in two."""

    def shrink(self, body: bytes) -> bytes:
        """Cut the content of a body hard."""

    def receipt(self, receipt: Receipt, items: int) -> bytes:
        """Return what is appended to a body that carries `items`, for the collector's balance."""


class Export:
    """Delivers batches, and counts each item in `receipt` once: exported, spooled, or dropped by reason.

    With a spool nothing waits in memory for a collector that is away; without one a batch is tried again
    for a while, and the queue fills meanwhile. `warm_up` is run first, in the background thread.
    """

    def __init__(
        self,
        codec: Codec,
        transport: Transport,
        receipt: Receipt,
        *,
        spool: "Spool | None" = None,
        mask: Mask | None = None,
        warm_up: Callable[[], None] | None = None,
    ) -> None:
        self._codec = codec
        self._transport = transport
        self._receipt = receipt
        self._spool = spool
        self._mask = mask
        self._warm_up = warm_up
        self._settled = 0
        self._flying: tuple[bytes, int] | None = None
        self._backlog = spool is not None
        self._failures = 0
        self._hopeless = False
        self._quiet_until = 0.0

    def prepare(self) -> None:
        """Load what is slow to load; a fork waits for it, because a half-done import would stay half done."""
        self._transport.prepare()
        if self._warm_up is not None:
            self._warm_up()

    def deliver(self, batch: list[Any], closing: threading.Event) -> None:
        """Mask, encode and send a batch, or spool it, or give it up."""
        self._settled = 0
        try:
            if not self._hopeless:
                for body, items in self._codec.encode(batch, self._mask):
                    self._dispatch(body, items, closing)
                    if self._hopeless:
                        break
        finally:
            reason = semconv.EXIT if self._hopeless else semconv.ENCODE
            self._receipt.drop(reason, max(0, len(batch) - self._settled))

    def idle(self, closing: threading.Event) -> float | None:
        """Send what waits on the disk, for a short while; return when to come again."""
        until = time.monotonic() + _DRAIN_SECONDS
        while self._spool is not None and self._backlog and not closing.is_set():
            now = time.monotonic()
            if now < self._quiet_until:
                return self._quiet_until - now
            if now > until:
                return 0.0
            self._send_oldest(self._spool, closing)
        return None

    def finish(self) -> None:
        """Tell the collector of what was dropped last, and hang up."""
        closing = threading.Event()
        closing.set()
        if self._receipt.untold() and not self._failures and (told := self._codec.receipt(self._receipt, 0)):
            self._transport.post(pack(told), closing)
        self._transport.close()

    def interrupt(self) -> None:
        """Cut off the request under way; called from another thread."""
        self._transport.interrupt()

    def rescue(self, batch: list[Any]) -> None:
        """Spool a batch, and what is under way, because the background thread is stuck; or give it up."""
        if self._spool is None:
            self._receipt.drop(semconv.EXIT, len(batch))
            return
        if (flying := self._flying) is not None:
            # Not counted here: the thread does so if it ever comes back; what comes twice is stored once.
            self._spool.put(*flying, self._receipt.process_id)
        spooled = 0
        for body, items in self._codec.encode(batch, self._mask):
            self._store(self._spool, pack(self._with_receipt(body, items)), items, self._receipt)
            spooled += items
        self._receipt.drop(semconv.ENCODE, len(batch) - spooled)

    def forked(self) -> None:
        """Forget the parent's connection and what it has under way."""
        self._transport.forget()
        self._flying = None
        self._hopeless = False

    def _dispatch(self, body: bytes, items: int, closing: threading.Event) -> None:
        packed = pack(self._with_receipt(body, items))
        self._settled += items
        if self._spool is not None and self._backlog:
            self._store(self._spool, packed, items, self._receipt)  # behind what waits already
            return
        self._flying = (packed, items)
        last = closing.is_set()
        try:
            send = self._transport.send if self._spool is None else self._transport.post
            reply = send(packed, closing)
        finally:
            self._flying = None
        self._failures = self._failures + 1 if reply.outcome == AWAY else 0
        # An attempt made at the end was the last one: what is behind it is not even encoded.
        self._hopeless = last and reply.outcome == AWAY and self._spool is None
        self._settle(reply, packed, items, self._receipt, closing)

    def _settle(
        self, reply: Reply, packed: bytes, items: int, receipt: Receipt, closing: threading.Event
    ) -> None:
        """Count what became of a body that was sent; send it in parts if it was too large."""
        if reply.outcome == ACCEPTED:
            left_out = min(reply.rejected, items)
            receipt.exported += items - left_out
            receipt.drop(semconv.REFUSED, left_out)
        elif reply.outcome == TOO_LARGE:
            self._send_smaller(packed, items, receipt, closing)
        elif reply.outcome == REFUSED:
            receipt.drop(semconv.REFUSED, items)
        elif self._spool is None:
            receipt.drop(semconv.EXIT if closing.is_set() else semconv.LOST, items)
        else:
            self._wait_after(reply)
            self._store(self._spool, packed, items, receipt)

    def _send_smaller(self, packed: bytes, items: int, receipt: Receipt, closing: threading.Event) -> None:
        """Send a body that is too large in halves, and a single item without most of its content."""
        try:
            parts = self._codec.halve(unpack(packed))
            single = len(parts) < 2
            if single:
                parts = [(self._codec.shrink(part), number) for part, number in parts]
        except (ValueError, OSError, EOFError, zlib.error) as error:  # damaged on the disk
            swallow("export.split", error)
            parts, single = [], True
        for part, number in parts:
            smaller = pack(part)
            reply = self._transport.send(smaller, closing)
            if single and reply.outcome == TOO_LARGE:
                self._transport.report(f"one item is too large even without its content: {reply.reason}")
                reply = reply._replace(outcome=REFUSED)
            self._settle(reply, smaller, number, receipt, closing)
        receipt.drop(semconv.REFUSED, items - sum(number for _, number in parts))

    def _with_receipt(self, body: bytes, items: int) -> bytes:
        return body + self._codec.receipt(self._receipt, items)

    def _store(self, spool: "Spool", packed: bytes, items: int, receipt: Receipt) -> None:
        if reason := spool.put(packed, items, receipt.process_id):
            receipt.drop(reason, items)
        else:
            receipt.spooled += items
            self._backlog = True

    def _send_oldest(self, spool: "Spool", closing: threading.Event) -> None:
        claim = spool.claim()
        if claim is None:
            self._backlog = False
            return
        try:
            reply = self._transport.post(claim.body, closing)
        except BaseException:
            claim.release()
            raise
        if reply.outcome == AWAY:
            claim.release()
            self._failures += 1
            self._wait_after(reply)
            return
        self._failures = 0
        self._finish_claim(claim, reply, closing)

    def _finish_claim(self, claim: "Claim", reply: Reply, closing: threading.Event) -> None:
        own = claim.process == self._receipt.process_id
        receipt = self._receipt if own else Receipt()  # another process has counted it as spooled
        if own:
            receipt.spooled -= claim.items
        self._settle(reply, claim.body, claim.items, receipt, closing)
        claim.done()

    def _wait_after(self, reply: Reply) -> None:
        pause = backoff(min(self._failures, _MANY)) if reply.wait is None else reply.wait
        self._quiet_until = time.monotonic() + pause
