"""The reader's clock."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

SECONDS = "%Y-%m-%d %H:%M:%S"


def zone() -> tzinfo:
    """Return the time zone of the reader's browser, UTC where it is not known."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def written(moment: datetime, form: str = "%Y-%m-%d %H:%M") -> str:
    """Write a moment as the reader's clock shows it, with the zone: 2026-11-24 06:39 JST."""
    return moment.astimezone(zone()).strftime(f"{form} %Z")


def now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)
