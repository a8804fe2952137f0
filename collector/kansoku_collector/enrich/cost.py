"""What a call cost, in US dollars at the price of the span's own time.

Our own computation wins over what the sender reports: one price list for all senders, and a price that can be
corrected later. `cost_source` says what a figure rests on: `computed` from counted usage, `estimated` from
guessed usage, `reported` by the sender where no price is known, `unpriced` where there is neither: not zero.
What a vendor reports is kept beside our figure in `reported_usd`, so that both can be compared. Only what the
program itself states that it paid (Langfuse's and LangSmith's own fields for it) goes before our figure.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from pathlib import Path

from kansoku import semconv
from kansoku.errors import PricesError
from kansoku.pricing.price_list import Cost, is_listed
from kansoku.pricing.price_terms import Terms, read_terms
from kansoku.pricing.prices import Prices
from kansoku.usage import Usage
from kansoku_collector.metrics import Metrics
from kansoku_collector.model import Span
from kansoku_collector.values import number

# What a vendor or a client says; the first of these that is there.
REPORTED = (semconv.COST_REPORTED_USD, "llm.cost.total", semconv.VENDOR_COST, "operation.cost")
# Names by which a call's model may be priced when neither model of the row is.
NAMES = (semconv.AZURE_DEPLOYMENT, semconv.ROUTER_MODEL)
# Every attribute besides the terms that a price depends on.
PRICED_BY = frozenset(
    (*REPORTED, *NAMES, semconv.COST_USD, semconv.COST_STATED_USD, semconv.UPSTREAM_PROVIDER)
)
MISSING = "kansoku.cost.unpriced"  # pieces without a price: the cost is only a part of what was paid
_BUCKETS = attrgetter(*Usage._fields)
_EXACT = Decimal("0.000000000001")
_TOO_MUCH = Decimal(10) ** 9  # no single call costs a billion dollars
_RELOAD_SECONDS = 5.0
log = logging.getLogger("kansoku")


class PriceFile:
    """Prices that follow their overrides file: a change counts within seconds, a broken one is not taken."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._prices = Prices(path)
        self._stamp = self._read_stamp()
        self._next = 0.0

    def __call__(self) -> Prices:
        """Return the prices in force."""
        now = time.monotonic()
        if self._path is not None and now >= self._next:
            self._next = now + _RELOAD_SECONDS
            if (stamp := self._read_stamp()) != self._stamp:
                self._stamp = stamp
                try:
                    self._prices = Prices(self._path)
                except PricesError as error:
                    log.error("the price overrides are not taken, the former ones stay in force: %s", error)
        return self._prices

    def _read_stamp(self) -> tuple[int, int] | None:
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size


def pricing(prices: Prices | Callable[[], Prices], metrics: Metrics) -> Callable[[Span], None]:
    """Return the stage that prices a row."""
    current = prices if callable(prices) else lambda: prices

    def price(span: Span) -> None:
        if not span.billed:
            return
        put_cost(span, current())
        if span.cost_source == "unpriced":
            metrics.count_unpriced(span.response_model or span.request_model)

    return price


def put_cost(span: Span, prices: Prices) -> None:
    """Write cost, source and price of a row, and what the sender reports."""
    told = not span.attributes.keys().isdisjoint(PRICED_BY)
    if told and span.reported_usd is None:
        span.reported_usd = _reported(span)
    span.cost_usd = span.cost_input_usd = Decimal(0)
    span.cost_source = span.price_id = ""
    span.attributes.pop(MISSING, None)
    if told and (stated := _dollars(span.attributes.get(semconv.COST_STATED_USD))) is not None:
        span.cost_usd = span.reported_usd = stated
        span.cost_source = "reported"
        return
    # Only a price of one's own goes by the time of a call.
    seconds = Decimal(span.duration_ns) / 10**9 if prices.overrides else Decimal(0)
    terms = read_terms(span.attributes, span.provider, seconds)
    cost = _cost(span, prices, terms, told=told)
    if cost is not None:
        span.cost_usd, span.cost_input_usd = cost.total.quantize(_EXACT), cost.input.quantize(_EXACT)
        span.price_id = cost.price_id
        if not cost.missing:
            span.cost_source = "estimated" if span.usage_source == "estimated" else "computed"
            return
    reported = span.reported_usd or _sdk_cost(span)
    if reported is not None:
        span.cost_usd, span.cost_input_usd, span.price_id = reported, Decimal(0), ""
        span.cost_source = "reported"
    elif cost is not None or span.usage_source != "none" or terms.units:
        span.cost_source = "unpriced"
        if cost is not None:
            span.attributes[MISSING] = ",".join(cost.missing)


def _cost(span: Span, prices: Prices, terms: Terms, *, told: bool) -> Cost | None:
    names = [span.response_model, span.request_model, *map(span.attributes.get, NAMES if told else ())]
    models = [name for name in dict.fromkeys(names) if name]
    hour = _hour(span.start)
    usage = Usage(*_BUCKETS(span)) if span.usage_source != "none" else Usage()
    for provider in _sellers(span) if told else (span.provider,):
        for model in prices.order(provider, models, span.start // (3600 * 10**9)):
            cost = prices.cost(provider, model, usage, hour, terms)
            if cost is None or not 0 <= cost.total < _TOO_MUCH:
                continue
            # Without usage only what is counted otherwise has a cost: pieces, and the time of a machine.
            if span.usage_source != "none" or cost.total:
                return cost
    return None


def _sellers(span: Span) -> tuple[str, ...]:
    """Return whose price a call may have: a router's own, else that of the provider behind it."""
    behind = span.attributes.get(semconv.UPSTREAM_PROVIDER, "").strip().lower()
    if not behind:
        return (span.provider,)
    # The list has Hugging Face's prices once for each provider behind it.
    if is_listed(pair := f"{span.provider}_{behind}"):
        return (pair, behind, span.provider)
    return (span.provider, behind) if is_listed(span.provider) else (behind, span.provider)


def _reported(span: Span) -> Decimal | None:
    """Take the sender's own figure out of the attributes; zero says that the sender knew no price."""
    for name in REPORTED:
        if (found := _dollars(span.attributes.get(name))) is not None:
            return found
    return None


def _sdk_cost(span: Span) -> Decimal | None:
    """Return what our own SDK computed: by a price of its own that this side does not have."""
    return _dollars(span.attributes.get(semconv.COST_USD))


def _dollars(value: object) -> Decimal | None:
    found = number(value)
    if found is None or not 0 < found < float(_TOO_MUCH):
        return None
    exact = Decimal(value) if isinstance(value, str) else Decimal(repr(found))
    return exact.quantize(_EXACT) or None


@lru_cache(maxsize=64)
def _at(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * 3600, UTC)


def _hour(start_ns: int) -> datetime:
    """Return the hour of a span; list prices change at hours, overrides at days."""
    return _at(start_ns // (3600 * 10**9))
