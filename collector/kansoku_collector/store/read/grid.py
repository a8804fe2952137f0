"""The buckets of a chart: how wide, from which rollup, and their SQL."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from kansoku_collector.store.scope import Period

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WIDTHS = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 7 * DAY)
MOST = 170  # a chart is some 600 pixels wide


@dataclass(frozen=True, slots=True)
class Grid:
    """Buckets of one width from `start` (a multiple of the width) to `end`; the last may not be over yet."""

    start: datetime
    end: datetime
    width: timedelta

    @classmethod
    def of(cls, period: Period, most: int = MOST) -> "Grid":
        """Choose the narrowest width that gives at most `most` buckets."""
        width = next((width for width in WIDTHS if period.length / width <= most), WIDTHS[-1])
        return cls(floor(period.start, width), period.end.astimezone(UTC), width)

    @property
    def table(self) -> str:
        """The coarsest rollup that can tell these buckets apart."""
        if self.width >= DAY:
            return "rollup_day"
        return "rollup_minute" if self.width < HOUR else "rollup_hour"

    @property
    def bucket(self) -> str:
        """SQL of the column `bucket`."""
        return "toStartOfInterval(time, toIntervalSecond({width:UInt32}), 'UTC') AS bucket"

    @property
    def within(self) -> str:
        """SQL of the condition on time."""
        return "time >= {start:DateTime64(6, 'UTC')} AND time < {end:DateTime64(6, 'UTC')}"

    def params(self) -> dict[str, Any]:
        """Bind what `bucket` and `within` name."""
        return {"start": self.start, "end": self.end, "width": int(self.width.total_seconds())}

    def times(self) -> list[datetime]:
        """Return the start of every bucket."""
        count = -(-(self.end - self.start) // self.width)
        return [self.start + self.width * place for place in range(count)]

    def aware(self, rows: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
        """Yield rows with their first column, the bucket, aware of its zone."""
        for time, *rest in rows:
            yield time.replace(tzinfo=UTC), *rest


def floor(moment: datetime, width: timedelta) -> datetime:
    """Return the last multiple of `width` since the epoch that is not after `moment`, in UTC."""
    seconds = int(width.total_seconds())
    return datetime.fromtimestamp(int(moment.timestamp()) // seconds * seconds, UTC)
