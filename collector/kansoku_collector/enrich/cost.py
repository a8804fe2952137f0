"""What a call cost, in US dollars at the price of the span's own time.

Our own computation wins over what the sender reports: one price list for all senders, and a price that can be
corrected later. A reported cost is kept only where no price is known (`cost_source` = reported). A call whose
model has no price and whose sender reports nothing is `unpriced`, which is not zero.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter

from kansoku import semconv
from kansoku.prices import Prices
from kansoku.usage import Usage
from kansoku_collector.metrics import Metrics
from kansoku_collector.model import Span
from kansoku_collector.values import number

_REPORTED = (semconv.COST_USD, "llm.cost.total", "gen_ai.usage.cost", "operation.cost")
_BUCKETS = attrgetter(*Usage._fields)
_EXACT = Decimal("0.000000000001")
_TOO_MUCH = Decimal(10) ** 9  # no single call costs a billion dollars


def pricing(prices: Prices, metrics: Metrics) -> Callable[[Span], None]:
    """Return the stage that prices a row."""

    def price(span: Span) -> None:
        if not span.billed:
            return
        reported = _reported(span)
        if span.usage_source != "none":
            usage = Usage(*_BUCKETS(span))
            for model in dict.fromkeys((span.response_model, span.request_model)):
                cost = prices.cost(span.provider, model, usage, _hour(span.start)) if model else None
                if cost is not None and 0 <= cost.total < _TOO_MUCH:
                    span.cost_usd = cost.total.quantize(_EXACT)
                    span.cost_input_usd = cost.input.quantize(_EXACT)
                    span.cost_source, span.price_id = "computed", cost.price_id
                    return
        if reported is not None:
            span.cost_usd, span.cost_source = reported, "reported"
        elif span.usage_source != "none":
            span.cost_source = "unpriced"
            metrics.unpriced.labels(span.response_model or span.request_model or "unknown").inc()

    return price


def _reported(span: Span) -> Decimal | None:
    """Take the sender's own figure out of the attributes; zero says that the sender knew no price."""
    found = None
    for name in _REPORTED:
        value = number(span.attributes.get(name))
        if value is not None and found is None and 0 < value < float(_TOO_MUCH):
            found = Decimal(repr(value)).quantize(_EXACT)
    return found


@lru_cache(maxsize=64)
def _at(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * 3600, UTC)


def _hour(start_ns: int) -> datetime:
    """Return the hour of a span; list prices change at hours, overrides at days."""
    return _at(start_ns // (3600 * 10**9))
