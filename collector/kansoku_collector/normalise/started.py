"""When an answer began, told as a moment instead of as a duration."""

from datetime import datetime

from kansoku_collector.model import RawSpan, Span


def put_started(raw: RawSpan, span: Span, moment: str) -> None:
    """Store the time to the first token from the moment (ISO 8601) at which the answer began."""
    try:
        started = datetime.fromisoformat(moment).timestamp()
    except (ValueError, OverflowError, OSError):
        return
    span.streaming = True
    seconds = started - raw.start_ns / 1e9
    if 0 <= seconds <= max(1.0, 2 * span.duration_ns / 1e9):  # another clock's time is not ours
        span.time_to_first_token = round(seconds, 6)
