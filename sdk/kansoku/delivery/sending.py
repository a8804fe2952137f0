"""The queue of one signal and everything behind it: filter, encoder, spool and connection."""

import operator
import os
from collections.abc import Callable
from typing import Any

from kansoku.delivery.export import Codec, Export
from kansoku.delivery.outbox import Outbox
from kansoku.delivery.receipt import Receipt
from kansoku.delivery.transport import Transport
from kansoku.privacy.codec import FilteredCodec
from kansoku.settings import Settings

_FEEDBACK_BATCH = 500  # the collector takes 1,000


def outbox_of(
    settings: Settings,
    signal: str,
    codec: Codec,
    receipt: Receipt,
    *,
    mask: Callable[[str], str] | None = None,
    warm_up: Callable[[], None] | None = None,
) -> Outbox:
    """Return the queue of one signal with everything behind it."""
    receipt.service = settings.service_name or os.environ.get("OTEL_SERVICE_NAME", "")
    transport = Transport(
        f"{settings.endpoint}/v1/{signal}",
        api_key=settings.api_key.get_secret_value(),
        content_type="application/x-protobuf" if signal == "traces" else "application/json",
        timeout=settings.send_timeout,
        retry_seconds=settings.retry_seconds,
        exit_timeout=settings.exit_timeout,
    )
    filtered = FilteredCodec(
        codec,
        mask=settings.mask,
        function=mask,
        key=settings.mask_key.get_secret_value(),
        level=settings.capture_content,
        feedback=signal == "feedback",
    )

    def prepare() -> None:
        filtered.load()
        if warm_up is not None:
            warm_up()

    delivery = Export(
        filtered,
        transport,
        receipt,
        spool=_spool(settings, signal, receipt),
        warm_up=prepare,
    )
    return Outbox(
        delivery,
        receipt,
        capacity=settings.queue_size,
        batch_size=settings.batch_size if signal == "traces" else _FEEDBACK_BATCH,
        delay=settings.batch_seconds,
        name="kansoku-spans" if signal == "traces" else "kansoku-feedback",
        complete=operator.attrgetter("attributes")
        if signal == "traces"
        else None,  # the first look writes them
    )


def _spool(settings: Settings, signal: str, receipt: Receipt) -> Any:
    if settings.spool_dir is None:
        return None
    from kansoku.delivery.spool import Spool, directory  # noqa: PLC0415 - only where it is asked for

    def lost(process: str, items: int, reason: str) -> None:
        if process == receipt.process_id:
            receipt.spooled -= items
            receipt.drop(reason, items)

    # Whose and whereto: what one service left behind must not be sent with the key of another.
    parts = receipt.service, settings.environment, settings.endpoint, signal
    return Spool(
        directory(settings.spool_dir.expanduser(), *parts),
        max_bytes=settings.spool_bytes,
        max_seconds=settings.spool_hours * 3600,
        lost=lost,
    )
