"""Bifrost's gateway: a span of each request, with model and words, around one of each attempt."""

from kansoku_collector.model import Attributes
from kansoku_collector.normalise.counters import COUNTERS

_REQUEST = "bifrost.request.id"


def is_request(left: Attributes) -> bool:
    """Tell whether a span without an operation is the request: only attempts have counts."""
    return _REQUEST in left and not any(name in left for name in COUNTERS)
