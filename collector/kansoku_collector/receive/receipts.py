"""The balance of each sending process: what it started, delivered and dropped, beside what arrived here."""

import re
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from kansoku import semconv
from kansoku_collector.decode import otlp

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


@dataclass(slots=True)
class Balance:
    """The last receipt of a process, and what arrived from it."""

    receipt: Receipt
    received: int = 0
    last_seen_ms: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the balance for people and scripts."""
        return {
            "process": self.receipt.process,
            "service": self.receipt.service,
            "started": self.receipt.started,
            "exported": self.receipt.exported,
            "dropped": self.receipt.dropped,
            "received": self.received,
            "last_seen_ms": self.last_seen_ms,
        }


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
    """The balances in memory, bounded; and their sums, which a forgotten process stays part of."""

    _processes: dict[str, "OrderedDict[str, Balance]"] = field(default_factory=dict)  # project -> id
    _sums: dict[str, Counter[str]] = field(default_factory=dict)  # project -> what -> spans
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, project: str, receipt: Receipt, received: int) -> None:
        """Take in the receipt of a request that brought `received` spans."""
        with self._lock:
            processes = self._processes.setdefault(project, OrderedDict())
            balance = processes.get(receipt.process)
            if balance is None:
                balance = processes[receipt.process] = Balance(Receipt(receipt.process, "", 0, 0, {}))
            sums = self._sums.setdefault(project, Counter())
            sums["received"] += received
            balance.received += received
            balance.last_seen_ms = time.time_ns() // 10**6
            # A request from the disk of a process may come late: what it says is out of date.
            if _age(receipt) >= _age(balance.receipt):
                sums.update(_growth(balance.receipt, receipt))
                balance.receipt = receipt
            processes.move_to_end(receipt.process)
            while len(processes) > MAX_PROCESSES:
                processes.popitem(last=False)

    def of(self, project: str) -> list[dict[str, Any]]:
        """Return the balances of a project, last heard of first."""
        with self._lock:
            return [balance.as_json() for balance in reversed(self._processes.get(project, {}).values())]

    def collect(self) -> Iterator[Metric]:
        """Yield the sums over all processes, for Prometheus."""
        family = CounterMetricFamily(
            "kansoku_sdk_spans",
            "Spans by what SDKs say became of them: started, exported, dropped; and received here.",
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
