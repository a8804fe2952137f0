"""Detect changes of streams of hourly sums, with a stated rate of false alarms however often one looks.

A pure library: sums go in, findings come out, the state is JSON; the same input gives the same findings.
"""

from kansoku_collector.watch.detect.detector import Detector, Plan
from kansoku_collector.watch.detect.finding import Finding, Moment
from kansoku_collector.watch.detect.merge import Incident, Merger
from kansoku_collector.watch.detect.series import Hour, Series, Sums
from kansoku_collector.watch.detect.topics import assign, centroids

__all__ = [
    "Detector",
    "Finding",
    "Hour",
    "Incident",
    "Merger",
    "Moment",
    "Plan",
    "Series",
    "Sums",
    "assign",
    "centroids",
]
