"""Refuse spans that are older than what their project keeps: stored, they would vanish without a word."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kansoku_collector.receive.answer import Rejected
from kansoku_collector.store.retention import Retention

_EARLIEST_NS = 946_684_800 * 10**9  # before 2000 it is no age but a clock that was never set


@dataclass
class Ages:
    """How old a span may be; `retention` is what the store says now, without it any age will do.

    So it will while the clock is not `trusted`: by one that is a year ahead every span is too old.
    """

    retention: Retention | None = None
    trusted: bool = True

    def oldest_ns(self, project: str, received_ms: int) -> int:
        """Return the earliest start that is accepted."""
        if self.retention is None or not self.trusted:
            return 0
        return self.retention.oldest_ns(project, received_ms * 10**6)


def leave_out_old(groups: Any, oldest_ns: int, rejected: Rejected) -> bool:
    """Remove the spans that began before `oldest_ns`; tell whether there were any.

    They are removed before the journal, so that a replay cannot decide otherwise than the answer said.
    """
    found = False
    for group in groups:
        for part in group.scope_spans:
            starts = [span.start_time_unix_nano for span in part.spans]
            if min(starts, default=oldest_ns) >= oldest_ns:
                continue
            old = [at for at, start in enumerate(starts) if _EARLIEST_NS <= start < oldest_ns]
            for at in reversed(old):
                day = datetime.fromtimestamp(starts[at] / 1e9, UTC).date()
                limit = datetime.fromtimestamp(oldest_ns / 1e9, UTC).date()
                rejected.add(
                    "older_than_retention",
                    f"span {part.spans[at].span_id.hex()} is of {day}; the project keeps spans since {limit}",
                )
                del part.spans[at]
            found |= bool(old)
    return found
