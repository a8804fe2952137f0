"""A segment on its way into the store, and what came of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from kansoku_collector.accounts import Accounts
from kansoku_collector.aside import Lacking
from kansoku_collector.entries import Entry
from kansoku_collector.faults import Row, insert_apart
from kansoku_collector.journal import Segment
from kansoku_collector.model import Feedback, MetricPoint
from kansoku_collector.store.write import Writer
from kansoku_collector.traffic import Patience


class Written(NamedTuple):
    """What came of writing a segment: the segments finished by it, and the requests that cannot be stored."""

    finished: list[Segment]
    refused: list[tuple[Entry, str]]
    lacking: list[Lacking]


@dataclass(slots=True)
class Job:
    """A segment that is being written. A careful one goes around rows that are refused."""

    segment: Segment
    writer: Writer
    careful: bool
    accounts: Accounts
    patience: Patience
    seen: set[int] = field(default_factory=set)  # spans of its earlier batches
    refused: dict[int, tuple[Entry, str]] = field(default_factory=dict)
    feedback: list[Feedback] = field(default_factory=list)
    points: list[MetricPoint] = field(default_factory=list)
    owners: dict[int, Entry] = field(default_factory=dict)  # of feedback and points
    stored: int = 0

    def refuse(self, entry: Entry, reason: str) -> None:
        """Note a request of which something cannot be stored."""
        self.refused.setdefault(id(entry), (entry, reason))

    def insert(
        self, into: Callable[[Sequence[Row], str], None], rows: Sequence[Row], name: str
    ) -> list[tuple[Row, str]]:
        """Insert rows under a token of this segment; return those that are refused."""
        token = f"{self.segment.token}-{name}"
        if self.careful:
            return insert_apart(into, rows, token)
        into(rows, token)
        return []
