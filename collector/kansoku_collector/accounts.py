"""What became of the spans of one segment, by project and sending process: the rows of `receipts`."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kansoku_collector.aside import Lacking
from kansoku_collector.entries import Entry
from kansoku_collector.model import Tally
from kansoku_collector.receive.receipts import Receipt


@dataclass(slots=True)
class Accounts:
    """Counts while a segment is written; `retried` segments were received before, and counted then."""

    retried: bool = False
    _tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    _processes: dict[int, str] = field(default_factory=dict)  # of each request
    _lacking: Counter[tuple[str, str]] = field(default_factory=Counter)

    def open(self, entry: Entry, receipt: Receipt | None) -> None:
        """Take in what a request says of the process that sent it."""
        self._processes[id(entry)] = receipt.process if receipt else ""
        tally = self._of(entry)
        if receipt is not None and not self.retried:
            tally.take(receipt.service, receipt.started, receipt.exported, receipt.dropped)

    def receive(self, entry: Entry, spans: int) -> None:
        """Count the spans that a request brought."""
        if not self.retried:
            self._of(entry).received += spans

    def store(self, entries: Iterable[Entry | None]) -> None:
        """Count spans that are stored, each by its request."""
        for entry, spans in _count(entries):
            self._of(entry).stored += spans

    def repeat(self, entries: Iterable[Entry | None]) -> None:
        """Count spans that were stored before."""
        for entry, spans in _count(entries) if not self.retried else ():
            self._of(entry).repeated += spans

    def lack(self, entries: Iterable[Entry | None]) -> None:
        """Count spans that cannot be stored now."""
        for entry, spans in _count(entries):
            self._lacking[entry.project, self._processes[id(entry)]] += spans

    def note(self, entry: Entry, content: dict[str, Any]) -> None:
        """Take in what was said of spans that are not in the journal."""
        process = str(content.get("process") or "")
        self._processes[id(entry)] = process
        tally = self._of(entry)
        told = content.get("receipt")
        if told:
            tally.take(told["service"], told["started"], told["exported"], told["dropped"])
        tally.received += int(content.get("received") or 0)
        for reason, spans in (content.get("dropped") or {}).items():
            tally.dropped[reason] = tally.dropped.get(reason, 0) + int(spans)

    @property
    def rows(self) -> list[Tally]:
        """What is written to the table, in an order that does not change."""
        return [tally for _, tally in sorted(self._tallies.items())]

    @property
    def lacking(self) -> list[Lacking]:
        """Whose spans are missing because they are set aside."""
        return [Lacking(project, process, n) for (project, process), n in sorted(self._lacking.items())]

    def _of(self, entry: Entry) -> Tally:
        key = (entry.project, self._processes.get(id(entry), ""))
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally(*key, first_seen=entry.received_ms)
        tally.last_seen = max(tally.last_seen, entry.received_ms)
        return tally


def _count(entries: Iterable[Entry | None]) -> Iterable[tuple[Entry, int]]:
    found: dict[int, tuple[Entry, int]] = {}
    for entry in entries:
        if entry is not None:
            found[id(entry)] = (entry, found.get(id(entry), (entry, 0))[1] + 1)
    return found.values()
