"""Deliver a message: an attempt, and more of them at growing distances while that may help."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from kansoku_collector.store.read.incidents import Delivery
from kansoku_collector.watch.carriers import Outcome, carry
from kansoku_collector.watch.message import Message

ATTEMPTS = 4
PAUSES_SECONDS = (1.0, 2.0, 4.0)  # between attempts


def deliver(
    message: Message,
    *,
    pause: Callable[[float], object] = time.sleep,
    send: Callable[[Message], Outcome] = carry,
) -> Delivery:
    """Send a message, up to four times; return how it went, without the address."""
    outcome, attempt = Outcome(False, False, ""), 0
    for attempt in range(1, ATTEMPTS + 1):
        outcome = send(message)
        if outcome.final:
            break
        if attempt < ATTEMPTS:
            pause(PAUSES_SECONDS[attempt - 1])
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return Delivery(message.channel.name, message.step, now, outcome.delivered, attempt, outcome.detail)
