"""Describe a part: its cause's state before and after, and the first call with the new one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from kansoku_collector.watch.attribution.chain import DIMENSIONS, NEW, Group, shares_of
from kansoku_collector.watch.attribution.model import MIXES, OURS, Cause, Effect, Part
from kansoku_collector.watch.attribution.prices import cached_share
from kansoku_collector.watch.attribution.question import Question, Stretch

_STRAYS = 0.05  # calls with something new on our side that do not count as a change of ours


@dataclass(frozen=True, slots=True)
class Description:
    """What is known of both stretches, to put words to the causes."""

    question: Question
    before: Stretch
    now: Stretch
    reference: Sequence[Group]
    current: Sequence[Group]

    def part(self, effect: Effect, amount: Decimal) -> Part:
        """Return the part with its states."""
        cause = effect.cause
        if cause == "rest":
            return Part(cause, amount)
        if cause == "volume":
            calls = self.before.calls * float(self.question.ratio)
            return Part(cause, amount, "", f"{calls:,.0f}", f"{self.now.calls:,}")
        if cause == "cache":
            was, became = (f"{cached_share(stretch.cells):.0%}" for stretch in (self.before, self.now))
            return Part(cause, amount, "", was, became)
        if cause == "price":
            return self._price(amount, effect.value)
        return self._state(cause, amount, effect.value)

    def ours_unmoved(self) -> bool:
        """Tell whether prompts, releases and the models asked for are those of before."""
        for cause in OURS:
            before, now = self._shares(cause)
            if sum(share for value, share in now.items() if before.get(value, 0.0) < NEW) > _STRAYS:
                return False
        return True

    def _price(self, amount: Decimal, model: str) -> Part:
        rates = self.question.rates.get(model)
        if rates is None or not rates.changed:
            return Part("price", amount)
        known = rates.now_id == rates.before_id
        first = None if known else self.question.first_price(model, rates.now_id)
        before, now = rates.told()
        return Part("price", amount, model, before, now, first)

    def _state(self, cause: Cause, amount: Decimal, value: str) -> Part:
        before, now = self._shares(cause)
        moved = amount != 0 and now.get(value, 0.0) > before.get(value, 0.0)
        first = self.question.first(cause, value) if moved and value else None
        if cause in MIXES:
            return Part(
                cause, amount, value, f"{before.get(value, 0):.0%}", f"{now.get(value, 0):.0%}", first
            )
        return Part(cause, amount, value, _lost(before, now), value, first)

    def _shares(self, cause: Cause) -> tuple[dict[str, float], dict[str, float]]:
        depth = DIMENSIONS.index(cause)
        return shares_of(self.reference, depth), shares_of(self.current, depth)


def _lost(before: Mapping[str, float], now: Mapping[str, float]) -> str:
    """Return the value whose share of the calls fell most."""
    return max(before, key=lambda value: before[value] - now.get(value, 0.0))
