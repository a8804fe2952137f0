"""What the collector says of itself."""

from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

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


def test_the_names_of_senders_make_only_so_many_series() -> None:
    """A sender that calls each model by another name fills neither memory nor Prometheus; all calls count."""
    metrics = Metrics()
    for number in range(300):
        metrics.count_unpriced(f"model-{number}")
    metrics.count_unpriced("")
    metrics.count_unpriced("model-0")
    metrics.count_unpriced("m" * 10_000)
    found = {name: value for name, value in metrics.values().items() if name.startswith("unpriced_calls")}
    assert len(found) == 101
    assert sum(found.values()) == 303
    assert (found["unpriced_calls.model-0"], found["unpriced_calls.other"]) == (2, 202)
    assert max(map(len, found)) < 200


def test_every_series_is_one_that_prometheus_takes_and_means() -> None:
    """Each family has help and type of its own, names end as theirs do, and none is there twice."""
    metrics = Metrics()
    metrics.requests.labels("traces", "200").inc()
    metrics.dropped.labels("traces", 'a "reason"\n\\').inc()
    families = list(text_string_to_metric_families(metrics.text().decode()))
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert family.documentation
        assert family.type in ("counter", "gauge")
        assert family.name.startswith("kansoku_")
        assert not family.name.endswith("_created")
        for sample in family.samples:
            assert sample.name == family.name + ("_total" if family.type == "counter" else "")
