"""What price and cache did to the cost of calls whose tokens are known.

Prices are read from the calls themselves, so that overrides and corrections count as they were charged.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kansoku_collector.store.read.attribution import BUCKETS, Cell, Priced

Floats = NDArray[np.float64]
_CACHEABLE = [BUCKETS.index(n) for n in ("input_fresh", "cache_read", "cache_write_5m", "cache_write_1h")]
_FIT = 2e-3  # a price that explains its calls this well is the price


@dataclass(frozen=True, slots=True)
class Rates:
    """Dollars a token of each bucket, of one model, before and now; the same when nothing says otherwise."""

    before: Floats
    now: Floats
    before_id: str
    now_id: str

    @property
    def changed(self) -> bool:
        """Whether the price changed."""
        return not np.allclose(self.before, self.now, rtol=1e-4, atol=0)

    def told(self) -> tuple[str, str]:
        """Return the price of a million fresh input and visible output tokens, before and now."""
        fresh, visible = BUCKETS.index("input_fresh"), BUCKETS.index("output_visible")
        before, now = (
            f"${rates[fresh] * 1e6:.4g} / ${rates[visible] * 1e6:.4g}" for rates in (self.before, self.now)
        )
        return before, now


@dataclass(frozen=True, slots=True)
class Adjusted:
    """What the calls of one cell would have cost at the reference's prices and share of cached input."""

    cost: float
    cache: float  # what of the cell's cost is due to another share of cached input
    price: float


def read_rates(reference: Sequence[Priced], current: Sequence[Priced]) -> dict[str, Rates]:
    """Return the prices of the models that were called in both stretches and whose calls tell them."""
    found = {}
    for model in {call.model for call in reference} & {call.model for call in current}:
        before = [call for call in reference if call.model == model]
        now = [call for call in current if call.model == model]
        ids = before[-1].price_id, now[-1].price_id
        both = _fit([*before, *now])
        if both is not None:  # one price explains all: it did not change
            found[model] = Rates(both, both, *ids)
            continue
        old, new = _blend(before), _blend(now)
        if old is not None and new is not None:
            found[model] = Rates(*_complete(old, new), *ids)
    return found


def adjust(cell: Cell, rates: Rates | None, usual: Floats | None) -> Adjusted:
    """Take price and cache out of a cell's cost; `usual` is how its input would have been billed before.

    Each is valued at the mean of the other's before and after, so that neither goes first.
    """
    cost = float(cell.total)
    if rates is None:
        return Adjusted(cost, 0.0, 0.0)
    usage = np.array(cell.usage, dtype=np.float64)
    as_before = usage.copy()
    if usual is not None:
        as_before[_CACHEABLE] = usual
    cache = float((usage - as_before) @ (rates.before + rates.now) / 2)
    price = float((rates.now - rates.before) @ (usage + as_before) / 2)
    return Adjusted(cost - cache - price, cache, price)


def cached_share(cells: Sequence[Cell]) -> float:
    """Return the share of all input that was read from a cache."""
    usage = np.array([cell.usage for cell in cells], dtype=np.float64)[:, _CACHEABLE].sum(0)
    return float(usage[1] / usage.sum()) if usage.sum() else 0.0


class Habits:
    """How the reference's input was billed, fresh or by cache: of a state, of a prompt, of a model."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._sums: dict[tuple[str, ...], Floats] = {}
        for cell in cells:
            sums = np.array([*np.array(cell.usage)[_CACHEABLE], cell.calls], dtype=np.float64)
            for key in self._keys(cell):
                self._sums[key] = self._sums.get(key, np.zeros(len(sums))) + sums

    def of(self, cell: Cell) -> Floats | None:
        """Return how a cell's input would have been billed; None where its models are new.

        Inputs that the prompt never had, such as longer ones, have as many cached tokens as its others: what
        is cached is the part before the input. A new prompt has the model's share of them.
        """
        total = float(np.array(cell.usage)[_CACHEABLE].sum())
        state, prompt, models = (self._sums.get(key) for key in self._keys(cell))
        if state is None and prompt is not None:
            by_cache = prompt[1:-1] / prompt[-1] * cell.calls
            by_cache *= min(1.0, total / by_cache.sum()) if by_cache.sum() else 1.0
            return np.array([total - by_cache.sum(), *by_cache])
        sums = models if state is None else state
        if sums is None or not sums[:-1].sum():
            return None
        usual: Floats = total * sums[:-1] / sums[:-1].sum()
        return usual

    @staticmethod
    def _keys(cell: Cell) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        state = cell.state
        models = state.request_model, state.answered
        return (*state[:-1], cell.model), (state.prompt, *models), models


def _blend(calls: Sequence[Priced]) -> Floats | None:
    """Return the mean of the prices that a stretch had; None where some calls tell none."""
    entries: dict[str, list[Priced]] = {}
    for call in calls:
        entries.setdefault(call.price_id, []).append(call)
    found = [(_fit(priced), len(priced)) for priced in entries.values()]
    rates: Floats = np.zeros(len(BUCKETS))
    for each, count in found:
        if each is None:
            return None
        rates = rates + each * count / len(calls)
    return rates


def _fit(calls: Sequence[Priced]) -> Floats | None:
    """Return the prices that explain the calls' costs, or None where none do."""
    usage = np.array([call.usage for call in calls], dtype=np.float64)
    costs = np.array([float(call.cost) for call in calls])
    scale = np.maximum(usage.max(0), 1.0)
    # Weighed by cost: a call of a tenth of a cent tells a price as well as one of a dollar.
    solution = np.linalg.lstsq(usage / scale / costs[:, None], np.ones(len(calls)), rcond=1e-9)[0]
    missed = np.abs(usage / scale @ solution / costs - 1)
    if float(np.quantile(missed, 0.9)) > _FIT:
        return None
    rates: Floats = solution / scale
    return rates


def _complete(before: Floats, now: Floats) -> tuple[Floats, Floats]:
    """Give a bucket that only one stretch used its price in the other, in proportion."""
    both = (before != 0) & (now != 0)
    ratio = float(now[both].sum() / before[both].sum()) if both.any() and before[both].sum() else 1.0
    before = np.where((before == 0) & (now != 0), now / ratio if ratio else now, before)
    return before, np.where((now == 0) & (before != 0), before * ratio, now)
