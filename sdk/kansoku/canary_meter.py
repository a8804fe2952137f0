"""How far answers agree, and whether two sets of them come from one distribution. No model, no dependency.

Answers are compared by their character three-grams, which serve Japanese and English alike.
"""

import random
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Generic, TypeVar

Grams = Counter[str]
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Agreement:
    """The meter of non-determinism: one prompt, asked several times."""

    answers: int
    distinct: int
    agreeing: float | None  # chance that two of the answers are the same; None with fewer than two
    likeness: float | None  # mean likeness of two of them, 0 to 1: the same words in other order are alike


@dataclass(frozen=True, slots=True)
class Difference(Generic[Key]):
    """Whether answers changed: `p_value` is how often no change looks at least like this."""

    p_value: float
    shift: float  # mean energy distance, 0 to 2
    by_probe: dict[Key, float]  # energy distance of each


def agreement(answers: Sequence[str]) -> Agreement:
    """Return how far answers to one prompt agree."""
    texts = [normalised(answer) for answer in answers]
    counts = Counter(texts)
    pairs = len(texts) * (len(texts) - 1)
    if not pairs:
        return Agreement(len(texts), len(counts), None, None)
    agreeing = sum(count * (count - 1) for count in counts.values()) / pairs
    grams = [_grams(text) for text in texts]
    likeness = sum(1 - _distance(a, b) for a, b in combinations(grams, 2)) / (pairs / 2)
    return Agreement(len(texts), len(counts), agreeing, likeness)


def compare(
    before: Mapping[Key, Sequence[str]], now: Mapping[Key, Sequence[str]], *, rounds: int = 499, seed: int = 0
) -> Difference[Key] | None:
    """Compare two sets of answers, probe by probe; None where no probe has answers in both.

    The energy distance is summed over the probes and compared with what it is when the answers of each probe
    are dealt anew (a permutation test): exact for any distribution and few answers, if they are independent.
    """
    draw = random.Random(seed)  # noqa: S311 - the same answers give the same figure
    tables = [
        (key, len(before[key]), _table([*before[key], *now[key]]))
        for key in before
        if before[key] and now.get(key)
    ]
    if not tables:
        return None
    shown = {key: _energy(table, list(range(len(table))), count) for key, count, table in tables}
    total = sum(shown.values())
    extreme = 0
    for _ in range(rounds):
        dealt = 0.0
        for _key, count, table in tables:
            order = list(range(len(table)))
            draw.shuffle(order)
            dealt += _energy(table, order, count)
        extreme += dealt >= total - 1e-12
    return Difference((1 + extreme) / (1 + rounds), total / len(tables), shown)


def normalised(answer: str) -> str:
    """Return an answer in one spelling: width, composition and white space do not count."""
    return " ".join(unicodedata.normalize("NFKC", answer).split())


def _table(answers: Sequence[str]) -> list[list[float]]:
    grams = [_grams(normalised(answer)) for answer in answers]
    return [[_distance(a, b) for b in grams] for a in grams]


def _energy(table: list[list[float]], order: Sequence[int], count: int) -> float:
    """Return the energy distance of the first `count` of an order from the others."""
    first, second = order[:count], order[count:]
    across = sum(table[i][j] for i in first for j in second) / (len(first) * len(second))
    inside = sum(table[i][j] for i in first for j in first) / len(first) ** 2
    outside = sum(table[i][j] for i in second for j in second) / len(second) ** 2
    return 2 * across - inside - outside


def _grams(text: str) -> Grams:
    return Counter(text[i : i + 3] for i in range(max(1, len(text) - 2)))


def _distance(a: Grams, b: Grams) -> float:
    """Return 0 for the same three-grams, 1 for none in common."""
    if a == b:
        return 0.0
    return 1 - 2 * (a & b).total() / (a.total() + b.total())
