"""Which findings are one incident, and when it is over: pure, hour after hour.

`detect.merge` brings together what began together. Here is what it cannot know: a signal that goes back to
where it was ends its incident and opens none; one that moves on in the same direction without any news is the
same incident going on; and a new value of ours (a prompt, a release) explains and is no incident by itself.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from kansoku_collector.watch.detect import Finding, Incident, Merger, Moment
from kansoku_collector.watch.detect.finding import SLACK
from kansoku_collector.watch.detect.merge import OPEN

Happened = Literal["opened", "updated", "resolved"]
Reason = Literal["", "back", "settled"]
Level = Callable[[str, str, int], float]  # the mean of a tagged signal's series from an hour on
VENDOR = "answered"  # a new value of it is an incident, unless we ask another model
NEWS = ("asked", "prompt", "release", "fingerprint", "error_type")
EXPLAINS = 6  # hours that news may be away from a change: three calls of a new value may take a while
NEAR = 0.35  # of the move: what is nearer than this to where it was has gone back
MARK = "\x1f"


@dataclass(frozen=True, slots=True)
class Case:
    """An incident of the detector; signals are tagged with their service and environment.

    `back` holds the signals that have gone back, with the hour in which they did. A case that is over is
    remembered for as long as a signal may still follow.
    """

    change: Moment
    opened: int
    findings: tuple[Finding, ...]
    back: tuple[tuple[str, int], ...] = ()
    news: tuple[str, ...] = ()
    resolved: int | None = None
    reason: Reason = ""

    @property
    def key(self) -> tuple[int, str, str]:
        """Name the case by what opened it."""
        return self.opened, self.findings[0].signal, self.findings[0].value

    @property
    def moved(self) -> tuple[str, ...]:
        """The signals that moved, new values left out."""
        return tuple(dict.fromkeys(one.signal for one in self.findings if one.measure != "new_value"))

    @property
    def gone_back(self) -> dict[str, int]:
        """The signals that have gone back, and the hour in which each did."""
        return dict(self.back)

    @property
    def loudest(self) -> list[Finding]:
        """The first finding of every signal, the strongest evidence first and new values last."""
        first: dict[tuple[str, str], Finding] = {}
        for finding in self.findings:
            first.setdefault((finding.signal, finding.value), finding)
        return sorted(first.values(), key=lambda one: (one.measure == "new_value", -one.evidence, one.signal))


class Cases:
    """The open cases of a project, and those that ended a short while ago."""

    def __init__(self) -> None:
        self.merger = Merger()
        self.cases: dict[tuple[int, str, str], Case] = {}
        self.news: list[Finding] = []

    def take(self, findings: Iterable[Finding], now: int, level: Level) -> list[tuple[Happened, Case]]:
        """Take what was found in an hour; return what happened to cases, in the order of their opening."""
        self.cases = {key: case for key, case in self.cases.items() if now - case.opened < 2 * OPEN}
        self.news = [one for one in self.news if now - one.seen < 2 * OPEN]
        happened: dict[tuple[int, str, str], Happened] = {}
        rest = []
        for finding in self._without_news(findings):
            home = self._home(finding, level)
            if home is None:
                rest.append(finding)
            else:
                self.cases[home.key] = home
                happened[home.key] = "updated"
        for event, incident in self.merger.take(rest, now):
            case = self._merged(incident)
            self.cases[case.key] = case
            happened[case.key] = "opened" if event == "opened" else happened.get(case.key, "updated")
        for case in list(self.cases.values()):
            reason = _over(case, now)
            if reason:
                self.cases[case.key] = replace(case, resolved=now, reason=reason)
                happened[case.key] = "resolved"
        self._explain()
        return [(event, self.cases[key]) for key, event in sorted(happened.items())]

    def _without_news(self, findings: Iterable[Finding]) -> list[Finding]:
        """Set new values aside that explain a change and are none; return the others, the earliest first."""
        ordered = sorted(findings, key=lambda one: (one.change.hour, one.signal, one.series, one.value))
        self.news += [one for one in ordered if name_of(one) in NEWS]
        asked = {(place_of(one), one.value) for one in self.news if name_of(one) == "asked"}
        rest = []
        for finding in ordered:
            if name_of(finding) == VENDOR:
                self.news.append(finding)
                if (place_of(finding), finding.value.partition(" → ")[0]) in asked:
                    continue
            if name_of(finding) not in NEWS:
                rest.append(finding)
        return rest

    def _home(self, finding: Finding, level: Level) -> Case | None:
        """Return the case that a finding ends a part of, or goes on with; None where it may be a new one."""
        for case in sorted(self.cases.values(), key=lambda one: -one.opened):
            if finding.signal not in case.moved or finding.signal in case.gone_back:
                continue
            if self._returns(finding, case, level):
                return replace(case, back=(*case.back, (finding.signal, finding.change.hour)))
            if case.resolved is None and self._goes_on(finding, case):
                return replace(case, findings=(*case.findings, finding))
        return None

    def _returns(self, finding: Finding, case: Case, level: Level) -> bool:
        """Tell whether a signal has gone back to where it was before the case."""
        if any(name_of(one) == VENDOR for one in self._news_of(finding.change)):
            return False
        own = [
            one
            for one in case.findings
            if one.signal == finding.signal and one.measure in ("difference", "ratio")
        ]
        if own and finding.measure != "distance":
            now = level(finding.signal, own[0].series, finding.change.hour)
            usual, far, now = (_comparable(own[0], one) for one in (own[0].before, own[-1].after, now))
            return abs(now - usual) <= NEAR * abs(far - usual)
        # The wording of a text has no level to compare: the other signals tell.
        return bool(case.back)

    def _goes_on(self, finding: Finding, case: Case) -> bool:
        """Tell whether a signal moves further the same way with nothing new that would explain it."""
        own = [one for one in case.findings if one.signal == finding.signal]
        same = finding.measure == "distance" or any(_sign(one) == _sign(finding) for one in own)
        later = [one for one in self._news_of(finding.change) if one.change.hour > case.change.latest + SLACK]
        return same and not later

    def _news_of(self, change: Moment, slack: int = SLACK) -> list[Finding]:
        first, last = change.earliest - slack, change.latest + slack
        return [one for one in self.news if first <= one.change.hour <= last]

    def _merged(self, incident: Incident) -> Case:
        first = incident.findings[0]
        known = self.cases.get((incident.opened, first.signal, first.value))
        if known is None:
            return Case(incident.change, incident.opened, incident.findings)
        further = tuple(one for one in known.findings if one not in incident.findings)
        return replace(known, change=incident.change, findings=(*incident.findings, *further))

    def _explain(self) -> None:
        """Write down what was new at the time of each case."""
        for key, case in self.cases.items():
            news = [f"{name_of(one)}: {one.value}" for one in self._news_of(case.change, EXPLAINS)]
            if news and case.resolved is None:
                self.cases[key] = replace(case, news=tuple(dict.fromkeys([*case.news, *news])))

    def state(self) -> dict[str, Any]:
        """Return what is needed to restore it, as JSON."""
        return {
            "merger": self.merger.state(),
            "news": [one.state() for one in self.news],
            "cases": [
                {
                    "change": [one.change.hour, one.change.earliest, one.change.latest],
                    "opened": one.opened,
                    "findings": [finding.state() for finding in one.findings],
                    "back": [list(each) for each in one.back],
                    "news": list(one.news),
                    "resolved": one.resolved,
                    "reason": one.reason,
                }
                for one in self.cases.values()
            ],
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> "Cases":
        """Return the cases that `state` was taken from."""
        cases = cls()
        cases.merger = Merger.restore(state["merger"])
        cases.news = [Finding.restore(one) for one in state["news"]]
        for one in state["cases"]:
            case = Case(
                Moment(*one["change"]),
                one["opened"],
                tuple(Finding.restore(finding) for finding in one["findings"]),
                tuple((signal, hour) for signal, hour in one["back"]),
                tuple(one["news"]),
                one["resolved"],
                one["reason"],
            )
            cases.cases[case.key] = case
        return cases


def tagged(finding: Finding, place: tuple[str, str]) -> Finding:
    """Return a finding that says whose signal it is."""
    return replace(finding, signal=MARK.join([finding.signal, *place]))


def name_of(finding: Finding) -> str:
    """Return the signal of a tagged finding."""
    return finding.signal.partition(MARK)[0]


def place_of(finding: Finding) -> tuple[str, str]:
    """Return service and environment of a tagged finding."""
    _, service, environment = finding.signal.split(MARK)
    return service, environment


def _over(case: Case, now: int) -> Reason:
    """Tell whether a case ends: most of its signals have gone back, or the new state is the usual one."""
    if case.resolved is not None:
        return ""
    if case.moved and 2 * len(case.back) >= len(case.moved):
        return "back"
    return "settled" if now - case.opened >= OPEN else ""


def _comparable(finding: Finding, value: float) -> float:
    return math.log(max(value, 1e-9)) if finding.measure == "ratio" else value


def _sign(finding: Finding) -> bool:
    return finding.effect > (1.0 if finding.measure == "ratio" else 0.0)
