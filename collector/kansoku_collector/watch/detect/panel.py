"""All series of a project side by side: their history, their model of no change, their evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kansoku_collector.watch.detect import candidates, counts, levels, noise, season, shares
from kansoku_collector.watch.detect.finding import Measure, Moment, locate
from kansoku_collector.watch.detect.series import HOURS_OF_WEEK, Floats, History, Series

IN_PROGRESS = 1.0  # log Bayes factor from which a step is taken out before the noise is fitted
Z90 = 1.645
Described = tuple[Moment, tuple[Measure, float, float, float, float, float]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The evidence at one moment: of each series, and behind it of each candidate."""

    log_evidence: Floats
    steps: levels.Steps
    rates: counts.Rates
    hours: candidates.Hours


class Panel:
    """The series of a plan; rows are series, in the plan's order."""

    def __init__(self, series: Sequence[Series], warm_up: int) -> None:
        self.series = tuple(series)
        self.warm_up = warm_up  # hours from a series' first record on in which nothing is said about it
        rows = len(series)
        self.count = np.array([one.kind == "count" for one in series], bool)
        self.share = np.array([one.kind == "share" for one in series], bool)
        self.history = History(rows)
        self.base = np.zeros(rows, np.int64)  # the first hour of the present state of affairs
        self.start = np.zeros(rows, np.int64)  # the first hour in which the next change may begin
        self.mean = np.zeros(rows)
        self.course = np.zeros((rows, HOURS_OF_WEEK))
        self.noise = noise.Noise(np.ones(rows), np.zeros(rows), np.zeros(rows))
        self.dispersion = np.ones(rows)
        self._filter = levels.begin(self._of_levels())

    @property
    def hours(self) -> int:
        """How many hours of history there are."""
        return self.history.n.shape[1]

    @property
    def end(self) -> int:
        """The hour after the last one that is over."""
        return self.history.end

    def append(self, index: int, n: Floats, x: Floats, keep: int, *, learning: bool) -> None:
        """Add an hour that is over."""
        if not learning:
            for hour in range(self.end, index):  # hours in which nothing came
                self._filter = self._advanced(hour, np.zeros_like(n), x)
            self._filter = self._advanced(index, n, x)
        if self.history.append(index, n, x, keep) and not learning:
            self.rebuild()

    def judge(self, index: int, n: Floats, x: Floats) -> Verdict:
        """Weigh the evidence with what is known of the hour `index`."""
        state = self._filter
        for hour in range(self.end, index):
            state = self._advance(state, hour, np.zeros_like(n), x)
        state = self._advance(state, index, n, x)
        rows = ~self.count
        steps = levels.judge(state, self._of_levels(), self.start[rows], self._unit())
        rates = self._rates(state.hours, index, n, x)
        weight = candidates.weights(state.hours, index)
        evidence = np.full(len(self.series), -np.inf)
        evidence[rows] = candidates.total(steps.log_factor, weight)
        evidence[self.count] = candidates.total(rates.log_factor, weight)
        return Verdict(evidence, steps, rates, state.hours)

    def describe(self, row: int, verdict: Verdict) -> Described:
        """Say since when and by how much a series has moved."""
        kind = int((self.count[:row] == self.count[row]).sum())
        factor = (verdict.rates if self.count[row] else verdict.steps).log_factor[kind]
        moment = locate(verdict.hours, factor + np.log(candidates.spans(verdict.hours)))
        at = int(np.flatnonzero(verdict.hours == moment.hour)[0])
        if self.count[row]:
            rates, mean = verdict.rates, self._usual_rates()[kind]
            before = rates.before[kind, at] / max(rates.usual_before[kind, at], 1e-12) * mean
            after = rates.after[kind, at] / max(rates.usual_after[kind, at], 1e-12) * mean
            few = 1 / max(rates.before[kind, at], 0.5) + 1 / max(rates.after[kind, at], 0.5)
            spread = np.exp(Z90 * np.sqrt(self.dispersion[row] * few))
            if not before:  # there is no ratio to nothing
                return moment, ("difference", after, after / spread, after * spread, before, after)
            ratio = after / before
            return moment, ("ratio", ratio, ratio / spread, ratio * spread, before, after)
        size, error = verdict.steps.size[kind, at], Z90 * np.sqrt(verdict.steps.variance[kind, at])
        before = self._mean(row, moment.hour)
        if self.share[row]:
            low, middle, high = (shares.moved(before, by) for by in (size - error, size, size + error))
            return moment, ("difference", middle - before, low - before, high - before, before, middle)
        return moment, ("difference", size, size - error, size + error, before, before + size)

    def error(self, row: int, records: float, hours: int) -> float:
        """Return the standard error of a series' mean over some hours, on the series' own scale."""
        memory, spread = float(self.noise.memory[row]), 1.0
        if self.share[row]:  # its noise is in logarithmic odds
            spread = max(float(self.mean[row] * (1 - self.mean[row])), shares.LEAST)
        wander = float(self.noise.wander[row]) * spread**2 * (1 + memory) / (1 - memory) / max(1, hours)
        return float(np.sqrt(float(self.noise.single[row]) * spread / max(records, 1e-9) + wander))

    def restart(self, rows: Sequence[int], base: int, start: int) -> None:
        """Begin a new state of affairs for some series; call `learn` or `rebuild` after it."""
        for row in rows:
            self.base[row], self.start[row] = base, start
            self.mean[row] = self._mean(row, self.end)

    def learn(self, *, begins: bool = False) -> None:
        """Fit mean, course of the week and noise to the history, with changes of level taken out.

        When it begins nothing is known yet by which a change could be seen.
        """
        n = self.history.n.astype(float)
        first = self.history.origin
        hours = first + np.arange(self.hours)
        begun = np.where((n > 0).any(1), first + (n > 0).argmax(1), self.end)
        self.start = np.maximum(self.start, np.where(self.base > 0, 0, begun + self.warm_up))
        self.mean = np.array([self._mean(row, self.end) for row in range(len(self.series))])
        flat = self._flat(n, hours, None if begins else self._settled())
        centre = (n * flat).sum(1) / np.maximum(n.sum(1), 1e-12)
        self.course = season.profile(flat, n, first)
        usual = centre[:, None] + self.course[:, hours % HOURS_OF_WEEK]
        rest, weight = self._rest(flat, n, usual, centre)
        moves = (self.mean > 0) & (self.mean < 1)
        self.noise = noise.fit(rest, weight, np.where(self.share & moves, 1.0, 0.0))
        usual = np.maximum(centre[:, None] + self.course[:, hours % HOURS_OF_WEEK], 0.1 * centre[:, None]) * n
        self.dispersion = np.ones(len(self.series))
        events = (n * flat)[self.count]
        self.dispersion[self.count] = noise.dispersion(events, usual[self.count])
        self.rebuild()

    def rebuild(self) -> None:
        """Pass the filter over the history again, under the present model."""
        state = levels.begin(self._of_levels())
        hours = candidates.at(self.end - 1)
        first, of_levels = self.history.origin, self._of_levels()
        y, seen = self._measured(first, self.history.n.astype(float), self.history.x.astype(float))
        for column in range(self.hours):
            begun = int(np.searchsorted(hours, first + column, "right"))
            if begun > len(state.hours):  # those that are yet to come have seen nothing
                state = levels.aim(state, hours[:begun])
            state = levels.advance(state, of_levels, y[:, column], seen[:, column], first + column)
        self._filter = state

    def _flat(
        self, n: Floats, hours: np.ndarray, verdict: tuple[levels.Steps, counts.Rates] | None
    ) -> Floats:
        """Return the means with the last change, and one that seems to be in progress, taken out."""
        flat = self.history.x.astype(float)
        for row in range(len(self.series)):
            self._join(flat[row], n[row], hours < self.base[row], count=bool(self.count[row]))
            if verdict is None:
                continue
            kind = int((self.count[:row] == self.count[row]).sum())
            factor = (verdict[1] if self.count[row] else verdict[0]).log_factor[kind]
            best = int(factor.argmax())
            if factor[best] > IN_PROGRESS:
                later = hours >= self._filter.hours[best]
                self._join(flat[row], n[row], later, count=bool(self.count[row]))
        return flat

    @staticmethod
    def _join(flat: Floats, n: Floats, part: np.ndarray, *, count: bool) -> None:
        """Bring a part of a row to the level of the rest, in place."""
        inside, outside = (n * part).sum(), (n * ~part).sum()
        if inside <= 0 or outside <= 0:
            return
        there, here = (n * part * flat).sum() / inside, (n * ~part * flat).sum() / outside
        if not count:
            flat[part] += here - there
        elif there > 0 and here > 0:
            flat[part] *= here / there

    def _settled(self) -> tuple[levels.Steps, counts.Rates]:
        """Weigh the candidates with the hours that are over."""
        rows = ~self.count
        steps = levels.judge(self._filter, self._of_levels(), self.start[rows], self._unit())
        none = np.zeros(len(self.series))
        rates = self._rates(self._filter.hours, self.end, none, none)
        return steps, rates

    def _mean(self, row: int, until: int) -> float:
        """Return the mean of a series since its base; of all its history where that is empty."""
        first, last = int(self.base[row]) - self.history.origin, until - self.history.origin
        for part in (slice(max(0, first), max(0, last)), slice(None)):
            n = self.history.n[row, part].astype(float)
            if n.sum() > 0:
                return float((n * self.history.x[row, part]).sum() / n.sum())
        return 0.0

    def _of_levels(self) -> noise.Noise:
        rows = ~self.count
        return noise.Noise(self.noise.single[rows], self.noise.wander[rows], self.noise.memory[rows])

    def _advanced(self, index: int, n: Floats, x: Floats) -> levels.Filter:
        return self._advance(self._filter, index, n, x)

    def _advance(self, state: levels.Filter, index: int, n: Floats, x: Floats) -> levels.Filter:
        return self._step(levels.aim(state, candidates.at(index)), index, n, x)

    def _step(self, state: levels.Filter, index: int, n: Floats, x: Floats) -> levels.Filter:
        y, seen = self._measured(index, n[:, None], x[:, None])
        return levels.advance(state, self._of_levels(), y[:, 0], seen[:, 0], index)

    def _measured(self, first: int, n: Floats, x: Floats) -> tuple[Floats, Floats]:
        """Return what is left of the levels beside the usual in the hours from `first` on, and its weight."""
        hours = first + np.arange(n.shape[1])
        usual = self.mean[:, None] + self.course[:, hours % HOURS_OF_WEEK]
        y, weight = self._rest(x, n, usual, self.mean)
        past = hours[None, :] >= self.base[:, None]
        return y[~self.count], (weight * past)[~self.count]

    def _rest(self, x: Floats, n: Floats, usual: Floats, mean: Floats) -> tuple[Floats, Floats]:
        """Return what is left of means beside the usual, and its weights; shares in logarithmic odds."""
        rest, weight = x - usual, n.copy()
        least, most = 0.1 * mean[self.share], 1 - 0.1 * (1 - mean[self.share])
        p = np.clip(usual[self.share], least[:, None], most[:, None])
        rest[self.share], weight[self.share] = shares.odds(x[self.share], n[self.share], p)
        weight[self.share & ((mean <= 0) | (mean >= 1))] = 0.0  # what never varied has no odds
        return rest, weight

    def _unit(self) -> Floats:
        """Return the variance of a record on the scale of each level: the unit of the sizes of steps."""
        spread = np.where(self.share, np.maximum(self.mean * (1 - self.mean), shares.LEAST), 1.0)
        return np.asarray((self.noise.single / spread)[~self.count])

    def _rates(self, hours: candidates.Hours, index: int, n: Floats, x: Floats) -> counts.Rates:
        events, expected = self._counts(index, n, x)
        spread, start = self.dispersion[self.count], self.start[self.count]
        return counts.judge(events, expected, spread, start, hours, self.history.origin)

    def _counts(self, index: int, n: Floats, x: Floats) -> tuple[Floats, Floats]:
        """Return events and expected events by hour since each base, up to the hour `index`."""
        rows = self.count
        gap = np.zeros((len(n), index - self.end))
        records = np.hstack([self.history.n.astype(float), gap, n[:, None]])[rows]
        means = np.hstack([self.history.x.astype(float), gap, x[:, None]])[rows]
        hours = self.history.origin + np.arange(records.shape[1])
        mean = self._usual_rates()[:, None]
        expected = records * np.maximum(mean + self.course[rows][:, hours % HOURS_OF_WEEK], 0.1 * mean + 1e-9)
        events = counts.bounded(records * means, expected, self.dispersion[rows])
        past = hours[None, :] >= self.base[rows][:, None]
        return events * past, expected * past

    def _usual_rates(self) -> Floats:
        """Return the mean of each count, that of one event where none was ever seen.

        What is compared is where events lie, which does not depend on the mean: it only must not be nothing.
        """
        rows = self.count
        records = self.history.n[rows].astype(float).sum(1)
        return np.asarray(np.maximum(self.mean[rows], 1 / np.maximum(records, 1.0)))

    def state(self) -> dict[str, Any]:
        """Return what is needed to restore it, as JSON; series are kept by name."""
        return {
            "series": [[one.signal, one.name, one.kind] for one in self.series],
            "history": self.history.state(),
            "base": self.base.tolist(),
            "start": self.start.tolist(),
            "mean": self.mean.tolist(),
            "course": self.course.tolist(),
            "single": self.noise.single.tolist(),
            "wander": self.noise.wander.tolist(),
            "memory": self.noise.memory.tolist(),
            "dispersion": self.dispersion.tolist(),
        }

    @classmethod
    def restore(cls, series: Sequence[Series], warm_up: int, state: Mapping[str, Any]) -> "Panel":
        """Return the panel that `state` was taken from, with the series of the present plan."""
        panel = cls(series, warm_up)
        stored = {tuple(one): row for row, one in enumerate(state["series"])}
        pairs = [
            (row, stored[key])
            for row, one in enumerate(series)
            if (key := (one.signal, one.name, one.kind)) in stored
        ]
        history = History.restore(state["history"])
        panel.start[:] = history.end + warm_up  # of a series that is new
        panel.history.origin = history.origin
        panel.history.n = np.zeros((len(series), history.n.shape[1]), np.float32)
        panel.history.x = np.zeros_like(panel.history.n)
        into, old = [new for new, _ in pairs], [past for _, past in pairs]
        panel.history.n[into], panel.history.x[into] = history.n[old], history.x[old]
        if not pairs:
            return panel
        for name in ("base", "start", "mean", "course", "dispersion"):
            getattr(panel, name)[into] = np.array(state[name])[old]
        for name in ("single", "wander", "memory"):
            getattr(panel.noise, name)[into] = np.array(state[name])[old]
        if panel.hours:
            panel.rebuild()
        return panel
