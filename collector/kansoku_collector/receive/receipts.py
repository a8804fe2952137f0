"""The balance of each sending process: what it started, delivered and dropped, beside what arrived here."""

import re
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from kansoku import semconv
from kansoku_collector.decode import otlp
from kansoku_collector.model import Tally

MAX_PROCESSES = 1000  # kept a project; the one heard of longest ago goes first
_MAX_REASONS = 20
_REASON = re.compile(r"[a-z_]{1,32}")
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a request says of the process that sent it."""

    process: str
    service: str
    started: int
    exported: int
    dropped: dict[str, int]


def read_receipt(request: ExportTraceServiceRequest) -> Receipt | None:
    """Return the receipt that a request carries, or None; what is no honest number says nothing."""
    for group in reversed(request.resource_spans):  # it comes last
        if any(pair.key == semconv.PROCESS_ID for pair in group.resource.attributes):
            return _receipt(otlp.attributes(group.resource.attributes))
    return None


def _receipt(found: dict[str, Any]) -> Receipt | None:
    process = found.get(semconv.PROCESS_ID)
    if not isinstance(process, str) or not _ID.fullmatch(process):
        return None
    prefix = semconv.PROCESS_DROPPED
    dropped = {
        key.removeprefix(prefix): number
        for key, value in found.items()
        if key.startswith(prefix)
        and (number := _number(value))
        and _REASON.fullmatch(key.removeprefix(prefix))
    }
    return Receipt(
        process,
        str(found.get(semconv.SERVICE_NAME) or "")[:200],
        _number(found.get(semconv.PROCESS_STARTED)),
        _number(found.get(semconv.PROCESS_EXPORTED)),
        dict(sorted(dropped.items())[:_MAX_REASONS]),
    )


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**53 else 0


@dataclass(eq=False)
class Receipts(Collector):
    """The sums over all processes of a project since the start, for Prometheus; the table has each."""

    _processes: dict[str, "OrderedDict[str, Receipt]"] = field(default_factory=dict)  # project -> id
    _sums: dict[str, Counter[str]] = field(default_factory=dict)  # project -> what -> spans
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, project: str, receipt: Receipt, received: int) -> None:
        """Take in the receipt of a request that brought `received` spans."""
        with self._lock:
            processes = self._processes.setdefault(project, OrderedDict())
            last = processes.get(receipt.process) or Receipt(receipt.process, "", 0, 0, {})
            sums = self._sums.setdefault(project, Counter())
            sums["received"] += received
            # A request from the disk of a process may come late: what it says is out of date.
            if _age(receipt) >= _age(last):
                sums.update(_growth(last, receipt))
                last = receipt
            processes[receipt.process] = last
            processes.move_to_end(receipt.process)
            while len(processes) > MAX_PROCESSES:
                processes.popitem(last=False)

    def settle(self, tallies: Iterable[Tally]) -> None:
        """Take in what became of the spans of a segment."""
        with self._lock:
            for tally in tallies:
                if not tally.process:
                    continue
                sums = self._sums.setdefault(tally.project, Counter())
                sums.update({"stored": tally.stored, "repeated": tally.repeated})
                sums.update({f"refused.{reason}": spans for reason, spans in tally.dropped.items()})

    def collect(self) -> Iterator[Metric]:
        """Yield the sums over all processes, for Prometheus."""
        family = CounterMetricFamily(
            "kansoku_sdk_spans",
            "What SDKs say of their spans: started, exported, dropped; and here: received, stored, refused.",
            labels=["project", "state", "reason"],
        )
        with self._lock:
            for project, sums in sorted(self._sums.items()):
                for what, number in sorted(sums.items()):
                    state, _, reason = what.partition(".")
                    family.add_metric([project, state, reason], number)
        yield family


def _age(receipt: Receipt) -> tuple[int, int]:
    return receipt.started, sum(receipt.dropped.values())


def _growth(old: Receipt, new: Receipt) -> Counter[str]:
    grown = Counter({"started": new.started - old.started, "exported": new.exported - old.exported})
    for reason, number in new.dropped.items():
        grown[f"dropped.{reason}"] = number - old.dropped.get(reason, 0)
    return +grown  # counters never fall
