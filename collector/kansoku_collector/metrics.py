"""What the collector counts about itself, for `/metrics` (Prometheus) and `/v1/stats` (JSON)."""

from collections.abc import Iterator, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Metric,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

# A second series beside each counter, which says when the process began.
disable_created_metrics()  # type: ignore[no-untyped-call]
_MOST_MODELS = 100
_LONGEST_NAME = 128


class Followed(Collector):
    """Counts that are kept elsewhere, read when somebody asks for metrics."""

    def __init__(self, name: str, text: str, label: str, counts: Mapping[str, int]) -> None:
        self._name, self._text, self._label, self._counts = name, text, label, counts

    def collect(self) -> Iterator[Metric]:
        """Yield the counts as they stand."""
        family = CounterMetricFamily(f"kansoku_{self._name}", self._text, labels=[self._label])
        for key, value in sorted(self._counts.items()):
            family.add_metric([key], value)
        yield family


class Metrics:
    """The counters of one collector, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter("requests", "Requests answered.", "signal", "status")
        self.duplicates = self._counter(
            "duplicate_requests", "Requests acknowledged because they were stored before."
        )
        self.received = self._counter("spans_received", "Spans in requests that could be read.")
        self.stored = self._counter("spans_stored", "Spans written to ClickHouse.")
        self.repeated = self._counter("spans_repeated", "Spans left out because they were stored before.")
        self.feedback = self._counter("feedback_stored", "Feedback rows written to ClickHouse.")
        self.points = self._counter("metric_points_stored", "Data points of metrics written to ClickHouse.")
        self.cut = self._counter("cut", "Parts cut off items that were stored.", "signal", "reason")
        self.dropped = self._counter("dropped", "Items refused or given up.", "signal", "reason")
        self._unpriced = self._counter("unpriced_calls", "Billed model calls without a known price.", "model")
        self._unpriced_models: set[str] = set()
        self.fallbacks = self._counter(
            "unreadable_spans", "Spans stored uninterpreted after an error of ours."
        )
        self.late_events = self._counter("late_events", "GenAI log events stored as rows of their own.")
        self.insert_errors = self._counter("insert_errors", "Failed writes to ClickHouse.")
        self.bad_segments = self._counter(
            "bad_segments", "Journal segments of which something was set aside because it cannot be stored."
        )
        self.set_aside = self._gauge(
            "segments_set_aside", "Segments that wait for `kansoku journal retry` or `drop`."
        )
        self.journal_bytes = self._gauge("journal_bytes", "Bytes acknowledged and not yet in ClickHouse.")
        self.lag = self._gauge("lag_seconds", "Age of the oldest request that is not yet in ClickHouse.")

    def count_unpriced(self, model: str) -> None:
        """Count a call without a price; senders choose the names, so only so many get a series."""
        model = model[:_LONGEST_NAME] or "unknown"
        if model not in self._unpriced_models:
            if len(self._unpriced_models) >= _MOST_MODELS:
                model = "other"
            else:
                self._unpriced_models.add(model)
        self._unpriced.labels(model).inc()

    def follow_watch(self, counts: Mapping[str, int]) -> None:
        """Export what the watch counts: evaluations, failures, incidents opened and resolved, deliveries."""
        self.registry.register(Followed("watch", "What the alert rules did.", "event", counts))

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"kansoku_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"kansoku_{name}", text, registry=self.registry)

    def text(self) -> bytes:
        """Return everything in the Prometheus text format."""
        return generate_latest(self.registry)

    def values(self) -> dict[str, float]:
        """Return everything as one flat object; labels are joined to the name with dots."""
        found = {}
        for family in self.registry.collect():
            for sample in family.samples:
                name = sample.name.removeprefix("kansoku_").removesuffix("_total")
                found[".".join([name, *sample.labels.values()])] = sample.value
        return found
