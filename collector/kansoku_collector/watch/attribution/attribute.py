"""Attribute a move: take out price and cache, walk the chain of dimensions, and describe what is left."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.attribution import MEASURES
from kansoku_collector.store.scope import Period, Scope
from kansoku_collector.watch.attribution.chain import Group, split
from kansoku_collector.watch.attribution.describe import Description
from kansoku_collector.watch.attribution.model import Attribution, Effect
from kansoku_collector.watch.attribution.prices import Adjusted, Habits, Rates, adjust
from kansoku_collector.watch.attribution.question import MONEY, Question, Stretch

PLACES = Decimal(1).scaleb(-12)


class Divided(NamedTuple):
    """A move in numbers: both values, each cause's amount with the rest last, and the calls behind them."""

    before: Decimal
    now: Decimal
    amounts: list[tuple[Effect, Decimal]]
    reference: list[Group]
    current: list[Group]


def attribute(
    client: Client, scope: Scope, measure: str, reference: Period, current: Period
) -> Attribution | None:
    """Split a measure's move between two stretches; None where one of them has no calls.

    A measure is `cost`, `cost_per_call`, another of `store.read.attribution.MEASURES`, or `score:` and the
    name of a score (`score:like`). The parts sum to the whole exactly, in decimals of 12 places.
    """
    if measure not in MEASURES and measure not in MONEY and not measure.startswith("score:"):
        known = ", ".join([*MEASURES, "cost_per_call", "score:NAME"])
        raise ValueError(f"{measure!r} is no measure that can be attributed; known: {known}")
    question = Question(client, scope, measure, reference, current)
    before, now = question.read()
    if not before.calls or not now.calls:
        return None
    divided = divide(measure, before, now, question.rates, question.ratio)
    describe = Description(question, before, now, divided.reference, divided.current)
    upwards = divided.now >= divided.before
    ordered = sorted(divided.amounts, key=lambda each: each[1], reverse=upwards)
    parts = tuple(describe.part(effect, amount) for effect, amount in ordered)
    silent = parts[0].cause == "answered" and describe.ours_unmoved()
    return Attribution(measure, divided.before, divided.now, parts, silent)


def divide(
    measure: str, before: Stretch, now: Stretch, rates: Mapping[str, Rates], ratio: Fraction = Fraction(1)
) -> Divided:
    """Split the difference of two stretches; `ratio` is how much longer the second is.

    A sum is calls times their mean, and the two share its difference evenly (Shapley).
    """
    habits = Habits(before.cells)
    adjusted = [adjust(cell, rates.get(cell.model), habits.of(cell)) for cell in now.cells]
    reference = [Group(cell.state, cell.calls, float(cell.total)) for cell in before.cells]
    current = [Group(c.state, c.calls, each.cost) for c, each in zip(now.cells, adjusted, strict=True)]
    found = effects(reference, current, [cell.model for cell in now.cells], adjusted)
    amounts: list[tuple[Effect, Decimal]] = []
    earlier, latest, scale = before.mean, now.mean, Decimal(1)
    if measure == "cost":
        longer = Decimal(ratio.numerator) / Decimal(ratio.denominator)
        calls = before.calls * longer
        volume = ((now.calls - calls) * (before.mean + now.mean) / 2).quantize(PLACES)
        amounts.append((Effect("volume", float(volume)), volume))
        earlier, latest, scale = before.total * longer, now.total, (calls + now.calls) / 2
    earlier, latest = earlier.quantize(PLACES), latest.quantize(PLACES)
    amounts += [(effect, (Decimal(effect.amount) * scale).quantize(PLACES)) for effect in found]
    rest = latest - earlier - sum((amount for _, amount in amounts), Decimal(0))
    return Divided(earlier, latest, [*amounts, (Effect("rest", float(rest)), rest)], reference, current)


def effects(
    reference: Sequence[Group], current: Sequence[Group], models: Sequence[str], adjusted: Sequence[Adjusted]
) -> list[Effect]:
    """Return what every cause but volume and the rest did to the mean of a call.

    States that are too rare to be predicted by themselves leave steps where nothing moved: what the same walk
    says of the reference itself is taken off.
    """
    calls = sum(group.calls for group in current)
    found = []
    for step, still in zip(split(reference, current), split(reference, reference), strict=True):
        by_value = {value: amount - still.by_value.get(value, 0.0) for value, amount in step.by_value.items()}
        effect = step.effect - still.effect
        found.append(Effect(step.dimension, effect, _driver(by_value, effect)))
    by_model: dict[str, float] = defaultdict(float)
    for model, each in zip(models, adjusted, strict=True):
        by_model[model] += each.price / calls
    price = sum(by_model.values())
    found.append(Effect("cache", sum(each.cache for each in adjusted) / calls))
    found.append(Effect("price", price, _driver(by_model, price)))
    return found


def _driver(by_value: Mapping[str, float], effect: float) -> str:
    """Return the value that does most in the effect's direction."""
    return max(by_value, key=lambda value: by_value[value] if effect >= 0 else -by_value[value], default="")
