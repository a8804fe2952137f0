"""The detector of a project: all of its series, one budget of false alarms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kansoku_collector.watch.detect import candidates
from kansoku_collector.watch.detect.direction import Direction
from kansoku_collector.watch.detect.finding import Finding, Moment
from kansoku_collector.watch.detect.novelty import Novelty
from kansoku_collector.watch.detect.panel import Panel, Verdict
from kansoku_collector.watch.detect.series import Floats, Hour, Series, check, effective

KEEP = 6 * 168  # hours of history
LEARN = 72  # hours between two fits of what is usual
LONGEST = (KEEP - 168) // 24  # days of warm-up that the history always holds
COMPANY = 10.0  # so many times less evidence names a signal beside one that alarms


@dataclass(frozen=True, slots=True)
class Plan:
    """What is watched, and how often a false alarm may be expected: at most one in `budget_days`.

    The budget is for the whole project: each signal has an equal part of it, each series of a signal an
    equal part of the signal's, and where a text signal has vectors these have half.
    """

    series: tuple[Series, ...]
    vectors: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    budget_days: float = 30.0
    warm_up_days: int = 14

    def __post_init__(self) -> None:
        """Refuse what cannot be watched."""
        check(self.series)
        if self.budget_days <= 0 or not 7 <= self.warm_up_days <= LONGEST:
            raise ValueError(
                f"budget of {self.budget_days} days, warm-up of {self.warm_up_days} days (expected a "
                f"positive budget and at least 7 days, as a week has a weekend, at most {LONGEST})"
            )

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that share the budget."""
        return tuple(dict.fromkeys([*(one.signal for one in self.series), *self.vectors]))

    @property
    def threshold(self) -> float:
        """The weighted e-value at which a change is declared: the budget in hours."""
        return self.budget_days * 24

    def weight(self, signal: str, *, vector: bool = False) -> float:
        """Return the part of the budget of one series of a signal, or of its vectors."""
        share = 1.0 / len(self.signals)
        count = sum(one.signal == signal for one in self.series)
        if signal in self.vectors:
            share *= 0.5 if count else 1.0
        return share if vector else share / max(1, count)


class Detector:
    """Takes the hours of a project as they pass and tells which signals have changed.

    Hours come in order, the last one as often as wanted while it is open and once more when it is over.
    What is usual is fitted anew every few days, which costs as much as forty hours: the hour that is due for
    it is observed first, and `fit` may be called in a quiet moment; else the next look does it.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.panel = Panel(plan.series, plan.warm_up_days * 24)
        self.directions = {name: Direction() for name in plan.vectors}
        self.novelty = {name: Novelty() for name in plan.values}
        self.evidence: dict[str, float] = {}
        self.fit_due = False
        self._silent: dict[str, int] = {}  # signals found in the open hour: when their change began
        self._logs = np.log([plan.weight(one.signal) for one in plan.series]) if plan.series else np.zeros(0)

    @property
    def learning(self) -> bool:
        """Tell whether the reference weeks are not yet over."""
        return self.panel.hours < self.plan.warm_up_days * 24

    def observe(self, hour: Hour, *, closed: bool = True) -> list[Finding]:
        """Take an hour that is over, or what is known of the open one; return the changes that it shows."""
        if self.panel.hours and hour.index < self.panel.end:
            raise ValueError(
                f"hour {hour.index} came after it was closed (expected {self.panel.end} or later)"
            )
        self.fit()
        learning = self.learning
        n, x = self._numbers(hour)
        findings = self._new_values(hour, closed=closed, learning=learning)
        if not learning:
            findings += self._changes(hour, n, x)
        if closed:
            self._close(hour, n, x, learning)
        return findings

    def _numbers(self, hour: Hour) -> tuple[Floats, Floats]:
        """Return effective records and mean of each series, in the precision in which they are kept."""
        pairs = [effective(hour.sums[one]) if one in hour.sums else (0.0, 0.0) for one in self.plan.series]
        both = np.array(pairs, np.float32).reshape(-1, 2).astype(float)
        return both[:, 0], both[:, 1]

    def _new_values(self, hour: Hour, *, closed: bool, learning: bool) -> list[Finding]:
        findings = []
        for signal, novelty in self.novelty.items():
            counts = hour.values.get(signal, {})
            for value, count in novelty.take(counts, closed=closed, learning=learning):
                moment = Moment(hour.index, hour.index, hour.index)
                findings.append(
                    Finding(
                        signal, "value", hour.index, np.inf, 1.0, moment, "new_value",
                        count, count, count, 0.0, count, value,
                    )
                )  # fmt: skip
        return findings

    def _changes(self, hour: Hour, n: Floats, x: Floats) -> list[Finding]:
        """Weigh the evidence of every signal at this moment; where it suffices, tell the change."""
        verdict = self.panel.judge(hour.index, n, x)
        weighted = verdict.log_evidence + self._logs
        bets = {}
        for name, direction in self.directions.items():
            vector, sums = hour.vectors.get(name, (np.zeros(0), None))
            records = effective(sums)[0] if sums else 0.0
            bets[name] = direction.bet(hour.index, np.asarray(vector, float), records)
        found = []
        for signal in self.plan.signals:
            rows = [row for row, one in enumerate(self.plan.series) if one.signal == signal]
            logs = [float(weighted[row]) for row in rows]
            if signal in bets:
                learned = self.directions[signal].evidence(bets[signal])
                logs.append(learned + float(np.log(self.plan.weight(signal, vector=True))))
            total = float(candidates.log_sum(np.array([logs]), 1)[0])
            if signal in self._silent:
                total = -np.inf
            self.evidence[signal] = total
            if total >= np.log(self.plan.threshold / COMPANY):
                found.append(self._described(signal, hour.index, total, logs, rows, verdict))
        heard = self._heard(found)
        self._silent |= {one.signal: one.change.hour for one in heard}
        return heard

    def _heard(self, found: Sequence[Finding]) -> list[Finding]:
        """Return the changes with enough evidence, and beside them what moved in the same hour with less."""
        alarms = [one for one in found if one.evidence >= self.plan.threshold]
        return [
            one if one in alarms else replace(one, threshold=self.plan.threshold / COMPANY)
            for one in found
            if one in alarms or any(alarm.change.holds(one.change.hour) for alarm in alarms)
        ]

    def _described(
        self, signal: str, seen: int, total: float, logs: list[float], rows: list[int], verdict: Verdict
    ) -> Finding:
        """Describe a change by the series, or the direction, that speaks loudest for it."""
        loudest = int(np.argmax(logs))
        if loudest < len(rows):
            row = rows[loudest]
            name, change, described = self.plan.series[row].name, *self.panel.describe(row, verdict)
        else:
            change, size = self.directions[signal].locate(seen)
            name, described = "direction", ("distance", size, size, size, 0.0, size)
        evidence = float(np.exp(min(total, 700.0)))
        return Finding(signal, name, seen, evidence, self.plan.threshold, change, *described)

    def _close(self, hour: Hour, n: Floats, x: Floats, learning: bool) -> None:
        self.panel.append(hour.index, n, x, KEEP, learning=learning)
        for name, direction in self.directions.items():
            vector, sums = hour.vectors.get(name, (None, None))
            if vector is not None and sums is not None:
                direction.close(hour.index, np.asarray(vector, float), effective(sums)[0], KEEP)
        for signal, began in self._silent.items():
            rows = [row for row, one in enumerate(self.plan.series) if one.signal == signal]
            self.panel.restart(rows, began, hour.index + 1)
            if signal in self.directions:
                self.directions[signal].restart(began)
        again = bool(self._silent)
        self._silent = {}
        if self.learning:
            return
        if learning:
            self._learn(begins=True)
        elif again:
            self.panel.rebuild()
        self.fit_due = not learning and (hour.index + 1) % LEARN == 0

    def fit(self) -> None:
        """Fit what is usual anew, where that is due."""
        if self.fit_due:
            self.fit_due = False
            self._learn()

    def _learn(self, *, begins: bool = False) -> None:
        self.panel.learn(begins=begins)
        for direction in self.directions.values():
            direction.learn()

    def state(self) -> dict[str, Any]:
        """Return what is needed to go on after a restart exactly as without one, as JSON."""
        return {
            "panel": self.panel.state(),
            "directions": {name: one.state() for name, one in self.directions.items()},
            "novelty": {name: one.state() for name, one in self.novelty.items()},
            "evidence": {name: value for name, value in sorted(self.evidence.items()) if np.isfinite(value)},
            "silent": dict(self._silent),
            "fit_due": self.fit_due,
        }

    @classmethod
    def restore(cls, plan: Plan, state: Mapping[str, Any]) -> "Detector":
        """Return the detector that `state` was taken from; a series that is new in the plan starts empty."""
        detector = cls(plan)
        detector.panel = Panel.restore(plan.series, plan.warm_up_days * 24, state["panel"])
        for name in plan.vectors:
            if name in state["directions"]:
                detector.directions[name] = Direction.restore(state["directions"][name])
        for name in plan.values:
            if name in state["novelty"]:
                detector.novelty[name] = Novelty.restore(state["novelty"][name])
        detector.evidence, detector._silent = dict(state["evidence"]), dict(state["silent"])
        detector.fit_due = bool(state.get("fit_due"))  # states of before have made it
        return detector
