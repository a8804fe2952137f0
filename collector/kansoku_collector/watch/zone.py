"""The clock of messages: a receiver of mail or of a webhook has none of its own."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

FORM = "%Y-%m-%d %H:%M"


def read_zone(name: str) -> str:
    """Return the name of a time zone, such as Asia/Tokyo; raise ValueError where there is none."""
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone (expected a name such as Asia/Tokyo or UTC)") from None


def local(moment: datetime, zone: str) -> datetime:
    """Return a moment on the clock of a zone; without one it is one of UTC, as the store's."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(ZoneInfo(zone))


def at(moment: datetime, zone: str) -> str:
    """Write a moment with its zone: 2026-11-24 06:39 JST."""
    return local(moment, zone).strftime(f"{FORM} %Z")
