"""What the collector says of itself."""

from collections import Counter

from kansoku_collector.metrics import Metrics


def test_the_watch_is_counted_where_it_counts() -> None:
    """Counts of the alert rules appear as they stand when somebody asks, in both forms."""
    metrics = Metrics()
    counts = Counter(opened=1)
    metrics.follow_watch(counts)
    counts["opened"] += 1
    counts["undelivered"] += 3
    assert 'kansoku_watch_total{event="opened"} 2.0' in metrics.text().decode()
    assert metrics.values()["watch.undelivered"] == 3
