"""Evidence for a change of a text's mean n-gram vector, along a direction that is learned as time goes.

Each hour a direction is learned from hours that are over: from one half of the reference to the last hours,
or to the last days. Then the next hour is projected on it and compared with the other half. The direction
is known before the hour that is tested, so that the product of exp(size * z - size^2 / 2) is a fair bet.
"""

from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np

from kansoku_collector.watch.detect.finding import Moment, locate
from kansoku_collector.watch.detect.noise import MARGIN
from kansoku_collector.watch.detect.series import Floats, pack, unpack

HALF_LIVES = (8.0, 48.0)
SIZES = np.array([0.2, 0.5, 1.0, 2.0])
GAP = 1  # sessions run on into the next hour: the last hour does not teach
LAG = 48  # and the last two days are no reference
LEAST = 72  # hours of reference
ENOUGH = 14 * 24  # hours of reference from which on it waits: no hour joins it that is looked back on
CLIP = 4.0
REACH = 12 * 24  # hours that are looked back on
NEAR = 1.0  # standard errors from the former reference: a change that did not last


class Direction:
    """One text signal: its hourly mean vectors, and the running bets on a change."""

    def __init__(self, start: int = 0) -> None:
        self.base = self.origin = start
        self.vectors = np.zeros((0, 0), np.float16)
        self.n = np.zeros(0, np.float32)
        self.bets = np.zeros((len(HALF_LIVES), len(SIZES)))
        self._fitted = 0  # the hours known when the reference was last learned
        self._ready = False
        self._former: tuple[int, int, int] | None = None  # base and fit before an alarm, the hour after it

    def append(self, index: int, vector: Floats, n: float, keep: int) -> None:
        """Add an hour that is over."""
        if not len(self.n):
            self.origin = index
            self.base = max(self.base, index)
            self.vectors = np.zeros((0, len(vector)), np.float16)
        gap = index - self.origin - len(self.n)
        empty = np.zeros((gap, self.vectors.shape[1]), np.float16)
        self.vectors = np.vstack([self.vectors, empty, vector[None, :].astype(np.float16)])
        self.n = np.concatenate([self.n, np.zeros(gap, np.float32), np.array([n], np.float32)])
        drop = max(0, len(self.n) - keep)
        self.vectors, self.n, self.origin = self.vectors[drop:], self.n[drop:], self.origin + drop

    def learn(self) -> None:
        """Learn the reference from the hours since the last change that are far enough back."""
        self._fitted = self.origin + len(self.n)
        self._prepare()

    def _prepare(self) -> None:
        known, settled = self._known()
        n, hours = self.n[known].astype(float), (self.origin + np.arange(len(self.n)))[known]
        self._ready = bool((n[settled] > 0).sum() >= LEAST)
        if not self._ready:
            return
        vectors = self.vectors[known].astype(float)
        mean = _average(vectors, n * settled)
        rest = vectors - mean
        if not settled.all():  # a step that may be in progress is no noise
            rest[~settled] -= _average(rest, n * ~settled)
        course = _course(rest, n, hours % 24)
        rest = rest - course[hours % 24]
        odd = hours // 24 % 2 == 1
        self._mean, self._course = mean, course
        self._learn = _average(rest, n * (settled & odd))
        self._compare = _average(rest, n * (settled & ~odd))
        self._heavy = float((n * (settled & ~odd)).sum())
        self._rest = rest * np.sqrt(n)[:, None]
        spread = self._rest.var(0)
        self._scale = np.maximum(spread + 1e-3 * spread.sum(), 1e-12)  # texts may all be the same
        self._look_back()

    def _known(self) -> tuple[slice, np.ndarray]:
        """Return the hours that tell noise and course of day, and which of them are the reference.

        Both leave the last two days out; the reference, as soon as it has two weeks, the days that are looked
        back on. A small change takes a week or two to be told from chance. A reference that took its hours in
        before that would come to be like them, and the change would never be found.
        """
        first, end = max(0, self.base - self.origin), self._fitted - self.origin
        last = max(first, end - LAG)
        return slice(first, last), np.arange(first, last) < max(end - REACH, first + ENOUGH)

    def _look_back(self) -> None:
        """Free the hours of the last days from the reference, and aim at them."""
        first = max(0, self.base - self.origin, len(self.n) - REACH)
        hours = self.origin + np.arange(first, len(self.n))
        self._recent = self.vectors[first:].astype(float) - self._mean - self._course[hours % 24]
        self._records = self.n[first:].astype(float)
        self._aims = [self._aim(half_life) for half_life in HALF_LIVES]

    def bet(self, index: int, vector: Floats, n: float) -> Floats:
        """Return the bets after this hour, without keeping them."""
        if n <= 0 or not len(self.n) or not self._ready:
            return self.bets
        rest = vector.astype(np.float16).astype(float) - self._mean - self._course[index % 24]
        bets = self.bets.copy()
        for row, aim in enumerate(self._aims):
            if aim is None:
                continue
            along, deviation, company = aim
            doubt = deviation * np.sqrt(MARGIN * (1 + n / self._heavy))
            z = np.clip(np.sqrt(n) * ((rest - self._compare) @ along) / doubt, -CLIP, CLIP)
            bets[row] = (1 + bets[row]) * np.exp(SIZES * z - SIZES**2 / 2 * company)
        return bets

    def close(self, index: int, vector: Floats, n: float, keep: int) -> None:
        """Keep the bets of an hour that is over, and the hour."""
        self.bets = self.bet(index, vector, n)
        self.append(index, vector, n, keep)
        if self._ready:
            self._look_back()
        self._reconsider()

    def evidence(self, bets: Floats) -> float:
        """Return the logarithm of the mean of the bets."""
        mean = float(bets.mean())
        return float(np.log(mean)) if mean > 0 else -np.inf

    def locate(self, index: int) -> tuple[Moment, float]:
        """Return when the change began, and its size in standard deviations of an hour.

        Read with the memory that won, each hour along the direction that the others teach: along their own
        the hours before the change would seem to have moved as well.
        """
        won = int(self.bets.mean(1).argmax())
        aim = self._aims[won] if self._ready else None
        if aim is None:
            return Moment(index, index, index), 0.0
        _, deviation, company = aim
        z = np.sqrt(self._records) * self._along_others(HALF_LIVES[won]) / deviation
        z = np.clip(z, -2 * CLIP, 2 * CLIP)
        hours = self.origin + len(self.n) - len(z) + np.arange(len(z))
        after = z[::-1].cumsum()[::-1]
        length = np.arange(len(z), 0, -1.0)
        belief = 0.5 * np.maximum(after, 0) ** 2 / (length * company) - 0.5 * np.log(length)
        moment = locate(hours, belief)
        return moment, float(z[hours >= moment.hour].mean())

    def restart(self, base: int) -> None:
        """Begin anew after a change: its texts are the new reference, the one before is kept for a while."""
        end = self.origin + len(self.n)
        if self._ready:
            self._former = self.base, self._fitted, end
        elif self._former is not None:
            self._former = *self._former[:2], end
        self.base = base
        self.bets = np.zeros_like(self.bets)
        self.learn()

    def _reconsider(self) -> None:
        """Take the former reference back where a change did not last.

        Asked daily, from two days after an alarm until its hour is no longer looked back on. A new reference
        takes five days to begin and two weeks to be as good. After a false alarm, or when another series of
        the signal alarmed and these vectors never moved, that time would be lost.
        """
        if self._former is None:
            return
        base, fitted, alarmed = self._former
        age = self.origin + len(self.n) - alarmed
        if age >= REACH:
            self._former = None
        elif age >= LAG and age % 24 == 0:
            before = copy(self)
            before.base, before._fitted = base, fitted
            before._prepare()
            if before._ready and before._back(self.base, alarmed):
                self.base, self._former = base, None
                self.learn()

    def _back(self, began: int, alarmed: int) -> bool:
        """Tell whether the hours since an alarm are less than a standard error from this reference.

        They are read along the direction of the hours that led to the alarm, which did not choose them.
        """
        hours = self.origin + len(self.n) - len(self._records) + np.arange(len(self._records))
        led = self._records * ((hours >= began) & (hours < alarmed))
        since = self._records * (hours >= alarmed)
        if not (led.sum() and since.sum()):
            return False
        along, deviation, company = self._towards(_average(self._recent, led))
        moved = float((_average(self._recent, since) - self._compare) @ along)
        few = 1 / float(since.sum()) + 1 / self._heavy
        return moved < NEAR * deviation * float(np.sqrt(MARGIN * company * few))

    def _aim(self, half_life: float) -> tuple[Floats, float, float] | None:
        """Return the direction from the reference to the last hours, where there are enough."""
        weight = self._weight(half_life)
        if len(weight) - GAP < half_life / 2 or weight.sum() <= 0:
            return None
        return self._towards(_average(self._recent, weight))

    def _towards(self, mean: Floats) -> tuple[Floats, float, float]:
        """Return the direction from the reference to a mean, weighed by the noise.

        With it: the reference's deviation along it, and how much neighbouring hours hang together on it.
        """
        along = (mean - self._learn) / self._scale
        along /= max(float(np.linalg.norm(along)), 1e-12)
        z = self._rest @ along
        z = z - z.mean()
        variance = max(float(z @ z) / len(z), 1e-12)
        z = np.clip(z, -4 * variance**0.5, 4 * variance**0.5)
        like = [float(z[k:] @ z[:-k]) / len(z) / variance for k in range(1, 9)]
        return along, variance**0.5, float(np.clip(1 + 2 * sum(like), 1.0, 4.0))

    def _weight(self, half_life: float) -> Floats:
        """Return how much each of the recent hours teaches."""
        age = np.arange(len(self._records))[::-1] - GAP
        return np.where(age >= 0, self._records * 0.5 ** (np.maximum(age, 0) / half_life), 0.0)

    def _along_others(self, half_life: float) -> Floats:
        """Return where each recent hour is along the direction learned from all the others."""
        weight = self._weight(half_life)
        part = (weight / weight.sum())[:, None]
        others = (_average(self._recent, weight) - part * self._recent) / np.maximum(1 - part, 1e-9)
        along = (others - self._learn) / self._scale
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
        return np.asarray(((self._recent - self._compare) * along).sum(1))

    def state(self) -> dict[str, Any]:
        """Return what is needed to restore it, as JSON."""
        return {
            "base": self.base,
            "origin": self.origin,
            "vectors": pack(self.vectors),
            "n": pack(self.n),
            "bets": self.bets.tolist(),
            "fitted": self._fitted,
            "former": self._former,
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> "Direction":
        """Return the direction that `state` was taken from."""
        direction = cls(int(state["base"]))
        direction.origin = int(state["origin"])
        direction.vectors, direction.n = unpack(state["vectors"]), unpack(state["n"])
        direction.bets, direction._fitted = np.array(state["bets"]), int(state["fitted"])
        if former := state.get("former"):  # states of before have none
            direction._former = int(former[0]), int(former[1]), int(former[2])
        if direction._fitted:
            direction._prepare()
        return direction


def _average(rest: Floats, weight: Floats) -> Floats:
    return np.asarray((weight @ rest) / max(float(weight.sum()), 1e-12))


def _course(rest: Floats, n: Floats, hour: np.ndarray) -> Floats:
    """Return the usual deviation by hour of day, shrunk by one F statistic over all dimensions."""
    course = np.zeros((24, rest.shape[1]))
    if len(n) < 168:
        return course
    total = np.bincount(hour, n, 24)
    for one in range(24):
        if total[one] > 0:
            course[one] = n[hour == one] @ rest[hour == one] / total[one]
    left = rest - course[hour]
    noise = (n[:, None] * left**2).sum() / (len(n) - 24)
    signal = (total[:, None] * course**2).sum() / 23
    return course * max(0.0, 1 - noise / signal) if signal > 0 else course * 0
