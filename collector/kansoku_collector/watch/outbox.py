"""Send messages beside the clock: a slow or dead webhook delays no evaluation."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, Queue
from threading import Event, Thread

from kansoku_collector.store.read.incidents import Delivery
from kansoku_collector.watch.message import Message
from kansoku_collector.watch.notify import deliver

log = logging.getLogger(__name__)


@dataclass
class Outbox:
    """One thread that delivers messages in order, and a queue of how each went."""

    send: Callable[..., Delivery] = deliver
    _waiting: Queue[Message | None] = field(default_factory=Queue)
    _done: Queue[tuple[Message, Delivery]] = field(default_factory=Queue)
    _pending: set[str] = field(default_factory=set)
    _stopping: Event = field(default_factory=Event)
    _thread: Thread | None = None

    def put(self, message: Message) -> bool:
        """Queue a message, unless the same one is waiting or under way."""
        if message.key in self._pending:
            return False
        self._pending.add(message.key)
        self._waiting.put(message)
        return True

    def results(self) -> list[tuple[Message, Delivery]]:
        """Return how the messages went that were finished since the last call."""
        found: list[tuple[Message, Delivery]] = []
        while True:
            try:
                message, delivery = self._done.get_nowait()
            except Empty:
                return found
            self._pending.discard(message.key)
            found.append((message, delivery))

    def start(self) -> None:
        """Start to deliver."""
        self._thread = Thread(target=self._run, name="kansoku-outbox", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """Deliver what waits, for at most `seconds`, without pauses between attempts."""
        self._stopping.set()
        self._waiting.put(None)
        if self._thread:
            self._thread.join(seconds)

    def _run(self) -> None:
        while (message := self._waiting.get()) is not None:
            try:
                delivery = self.send(message, pause=self._stopping.wait)
            except Exception as error:  # noqa: BLE001 - a message must never end the thread; counted as a failure
                delivery = Delivery(message.channel.name, message.step, "", False, 0, type(error).__name__)
            if not delivery.delivered:
                log.warning(
                    "alert %s: message to channel %s (%s) failed after %d attempts: %s",
                    *(message.incident.rule, message.channel.name, message.channel.host),
                    *(delivery.attempts, delivery.detail),
                )
            self._done.put((message, delivery))
