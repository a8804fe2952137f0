"""Where the CPU time of a span goes: the stages of the writer, one after another, on the same requests."""

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from kansoku_collector.decode import otlp
from kansoku_collector.enrich.cost import PriceFile, pricing
from kansoku_collector.enrich.signals import read_signals
from kansoku_collector.metrics import Metrics
from kansoku_collector.model import Span
from kansoku_collector.normalise import normalise
from kansoku_collector.relate.relatives import complete
from kansoku_collector.relate.repeats import Repeats
from kansoku_collector.store.connect import connect
from kansoku_collector.store.migrate import migrate
from kansoku_collector.store.write import Writer

SEGMENT_BYTES = 48 << 20  # as the collector closes them
T = TypeVar("T")


class Stages:
    """Runs segments through the stages and adds up what each costs; merges run beside them."""

    def __init__(self, data: Path) -> None:
        self.client = connect(f"chdb://{data.absolute()}")
        migrate(self.client)
        self.cpu: dict[str, float] = {}
        self._writer = Writer(self.client)
        self._price, self._repeats = pricing(PriceFile(None), Metrics()), Repeats()
        self._segments = 0

    def run(self, bodies: list[bytes]) -> int:
        """Store one segment; return its spans."""
        now_ms = time.time_ns() // 10**6
        requests = self._timed("parse", lambda: [otlp.parse(ExportTraceServiceRequest, b) for b in bodies])
        raw = self._timed("read", lambda: [s.read() for r in requests for s in otlp.find_spans(r, now_ms)])
        rows = self._timed("normalise", lambda: [normalise(span, "default", now_ms)[0] for span in raw])
        self._timed("relate", lambda: self._relate(rows))
        self._timed("enrich", lambda: self._enrich(rows))
        self._segments += 1
        self._timed("insert", lambda: self._writer.spans(rows, f"bench-{self._segments}"))
        return len(rows)

    def _relate(self, rows: list[Span]) -> None:
        complete(rows)
        self._repeats.mark(rows)

    def _enrich(self, rows: list[Span]) -> None:
        for row in rows:
            self._price(row)
            read_signals(row)

    def _timed(self, name: str, work: Callable[[], T]) -> T:
        began = time.process_time()
        result = work()
        self.cpu[name] = self.cpu.get(name, 0.0) + time.process_time() - began
        return result


def measure_stages(bodies: list[bytes], data: Path) -> dict[str, float]:
    """Return CPU milliseconds per 1,000 spans of each stage, the engine's threads included."""
    gc.freeze()  # garbage is looked for as seldom as in the collector
    gc.set_threshold(100_000, 20, 50)
    stages = Stages(data)
    stages.run(bodies[:1])  # lazy imports and first parts are not measured
    stages.cpu.clear()
    spans, segment = 0, list[bytes]()
    for body in bodies[1:]:
        segment.append(body)
        if sum(map(len, segment)) >= SEGMENT_BYTES:
            spans, segment = spans + stages.run(segment), []
    if segment:
        spans += stages.run(segment)
    stages.client.close()
    return {name: round(seconds * 1e6 / spans, 1) for name, seconds in stages.cpu.items()}
