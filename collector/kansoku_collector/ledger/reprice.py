"""Price history anew: what differs becomes a correction beside the old figure, and the rollups follow.

The same prices give the same figures, so a second run finds nothing to do; one that was interrupted is first
brought to its end.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from clickhouse_connect.driver.client import Client

from kansoku.pricing.price_terms import ATTRIBUTES
from kansoku.pricing.prices import Prices
from kansoku_collector.enrich.cost import PRICED_BY, put_cost
from kansoku_collector.model import Span
from kansoku_collector.store.corrections import BATCH, finish_interrupted, save_corrections
from kansoku_collector.store.read.ledger import calls_by_hour

_FIGURES = ("cost_usd", "cost_input_usd", "cost_source")
_COPIED = (
    "environment", "service", "release", "operation", "provider", "model", "prompt_name", "prompt_version",
)  # fmt: skip
_FIELDS = (
    "project", "trace_id", "span_id", "duration_ns", "provider", "request_model", "response_model",
    "usage_source", "input_fresh", "cache_read", "cache_write_5m", "cache_write_1h", "output_visible",
    "reasoning", "audio_in", "audio_out", "image", "reported_usd", "operation", "environment", "service",
    "release", "prompt_name", "prompt_version",
)  # fmt: skip
_WANTED = tuple(sorted(ATTRIBUTES | PRICED_BY))


@dataclass
class Change:
    """What pricing anew did to the calls of one model."""

    calls: int = 0
    before: Decimal = Decimal(0)
    after: Decimal = Decimal(0)


@dataclass
class Repriced:
    """What a run found; sums weigh a call by how many it stands for, as the totals do."""

    seen: int = 0
    changed: int = 0
    finished: int = 0  # batches of an interrupted run that were completed first
    models: dict[str, Change] = field(default_factory=dict)

    @property
    def difference(self) -> Decimal:
        """By how much the total changes, in US dollars."""
        return sum((change.after - change.before for change in self.models.values()), Decimal(0))


def reprice(
    client: Client,
    prices: Prices,
    project: str,
    since: datetime,
    until: datetime,
    *,
    model: str = "",
    label: str = "",
    dry_run: bool = False,
) -> Repriced:
    """Price every billed call between `since` and `until` anew and store what differs.

    `label` names the price list on the corrections. A dry run stores nothing.
    """
    result = Repriced(finished=0 if dry_run else finish_interrupted(client))
    for calls in calls_by_hour(client, project, since, until, _WANTED, model):
        result.seen += len(calls)
        corrections = _corrections(calls, prices, result)
        while group := list(islice(corrections, BATCH)):
            if not dry_run:
                batch = _name(group)
                now = datetime.now(UTC)
                rows = [[*row[:-1], now, batch, label] for row in group]
                save_corrections(client, rows, batch)
    return result


def _corrections(calls: list[dict[str, Any]], prices: Prices, result: Repriced) -> Iterator[list[Any]]:
    """Yield the rows of calls whose figure differs; the last value is the batch that they follow."""
    for call in calls:
        span = Span(**{name: call[name] for name in _FIELDS}, attributes=dict(call["attributes"]))
        span.start, span.billed = call["start_ns"], True
        put_cost(span, prices)
        if all(getattr(span, name) == call[name] for name in _FIGURES):
            continue
        change = result.models.setdefault(span.model, Change())
        result.changed += 1
        change.calls += call["times"]
        change.before += call["cost_usd"] * call["times"]
        change.after += span.cost_usd * call["times"]
        yield [
            *(span.project, span.trace_id, span.span_id, span.start, span.duration_ns, call["times"]),
            *(getattr(span, name) for name in _COPIED),
            *(call["cost_usd"], call["cost_input_usd"], call["cost_source"], call["price_id"]),
            *(span.cost_usd, span.cost_input_usd, span.cost_source, span.price_id),
            call["batch"],
        ]


def _name(rows: list[list[Any]]) -> str:
    """Name a batch by what it says, and by what it follows: the way back from a price is another batch."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update("\x1f".join(map(str, row)).encode("utf-8", "replace") + b"\x1e")
    return digest.hexdigest()[:32]
