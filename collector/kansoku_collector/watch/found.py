"""An incident of the detector as it is stored and told: what moved, why, and which calls to look at."""

from datetime import datetime, timedelta
from hashlib import sha256

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read import evidence as shape
from kansoku_collector.store.read.evidence import Evidence, Move, Point, write_evidence
from kansoku_collector.store.read.examples import examples, first_call
from kansoku_collector.store.read.incidents import Incident
from kansoku_collector.store.scope import Period, Scope
from kansoku_collector.watch.attribution import Attribution, attribute, sentence
from kansoku_collector.watch.attribution.sentences import cause_of
from kansoku_collector.watch.cases import VENDOR, Case, Happened, name_of, place_of
from kansoku_collector.watch.detect import Finding
from kansoku_collector.watch.detection import GRACE, HOUR, Detection
from kansoku_collector.watch.judgement import Change
from kansoku_collector.watch.signals import BEYOND, OURS, in_logs, labels_of, moment_of, signal_of, told
from kansoku_collector.watch.sizes import size_of

WEEK = timedelta(days=7)
DAY = timedelta(days=1)
CELL = 6  # hours of a point of the figure
DRAWN = 4  # moves that have a figure
BEFORE, AFTER = 14 * 24, 14 * 24  # hours of a figure around the change
LOUD = 1e300  # JSON knows no infinity
_UNITS = {"tokens": "count", "characters": "count", "calls": "count", "deviations": "count"}


def change_of(client: Client, detection: Detection, happened: Happened, case: Case) -> Change:
    """Return what happened to a case as a change of its incident, with its evidence."""
    found = evidence_of(client, detection, case)
    return Change(incident_of(detection, case, found), happened, case.reason)


def incident_of(detection: Detection, case: Case, found: Evidence) -> Incident:
    """Return the row of an incident; its limit is the level of the reference."""
    entry, loudest = detection.entry, found.moves[0]
    opened = moment_of(case.opened, entry.offset) + HOUR + GRACE
    resolved = None if case.resolved is None else moment_of(case.resolved, entry.offset) + HOUR + GRACE
    now = resolved or detection.done + HOUR + GRACE
    records = sum(point.records for point in loudest.points if point.time >= found.began)
    places = {place_of(one) for one in case.findings}
    service, environment = places.pop() if len(places) == 1 else ("", "")
    return Incident(
        incident_id=_identify(entry.project, case),
        rule=entry.name,
        metric=loudest.signal,
        severity=entry.severity,
        opened=opened,
        updated=now,
        value=loudest.after,
        peak=loudest.after,
        threshold=loudest.before,
        comparison="above" if loudest.after >= loudest.before else "below",
        samples=round(records),
        window=max(HOUR, now - found.began),
        project=entry.project,
        resolved=resolved,
        scope={name: value for name, value in (("service", service), ("environment", environment)) if value},
        unit=_UNITS.get(loudest.unit, loudest.unit),
        evidence=write_evidence(found),
    )


def evidence_of(client: Client, detection: Detection, case: Case) -> Evidence:
    """Return what a case rests on."""
    offset = detection.entry.offset
    loudest = case.loudest
    moves = [_move(detection, case, one, drawn=i < DRAWN) for i, one in enumerate(loudest)]
    place, change = place_of(loudest[0]), loudest[0].change
    began, end = moment_of(change.hour, offset), _end(detection, case, loudest[0])
    current = Period(began, max(end, began + HOUR))
    reference = _reference(detection, case, began)
    scope = Scope(detection.entry.project, service=place[0], environment=place[1])
    answered = next((one.value.partition(" → ")[2] for one in loudest if name_of(one) == VENDOR), "")
    split = _split(client, scope, moves, reference, current)
    ours = any(one.startswith(tuple(f"{name}: " for name in OURS)) for one in case.news)
    first = split.parts[0].first if split and split.parts else None
    shown = name_of(loudest[0])
    return Evidence(
        began=began,
        earliest=moment_of(change.earliest, offset),
        latest=moment_of(change.latest, offset),
        reference=shape.Stretch(reference.start, reference.end),
        current=shape.Stretch(current.start, current.end),
        moves=tuple(moves),
        news=case.news,
        split=split,
        silent=(bool(answered) and not ours) or bool(split and split.silent),
        first=first or first_call(client, scope, current, answered),
        before=tuple(examples(client, scope, reference)),
        after=tuple(examples(client, scope, current, shown, answered) or examples(client, scope, current)),
    )


def _end(detection: Detection, case: Case, loudest: Finding) -> datetime:
    """Return until when the new state is looked at: a week, and not beyond its end."""
    offset = detection.entry.offset
    until = min(detection.done + HOUR, moment_of(loudest.change.hour, offset) + WEEK)
    back = case.gone_back.get(loudest.signal)
    return until if back is None else min(until, moment_of(back, offset))


def _reference(detection: Detection, case: Case, began: datetime) -> Period:
    """Return what is compared with: whole days of the week before, and not beyond an earlier change."""
    offset = detection.entry.offset
    hours = [hour for one in detection.cases.cases.values() if one.key != case.key
             for hour in (one.change.hour, *one.gone_back.values())]  # fmt: skip
    earlier = [moment for hour in hours if (moment := moment_of(hour, offset) + HOUR) < began - HOUR]
    length = began - max([began - WEEK, *earlier])
    if length > DAY:
        length = length // DAY * DAY
    return Period(began - length, began)


def _move(detection: Detection, case: Case, finding: Finding, *, drawn: bool) -> Move:
    """Return how a signal moved, in its own unit."""
    name, offset = name_of(finding), detection.entry.offset
    signal, (service, environment) = signal_of(name), place_of(finding)
    part = detection.parts.get((service, environment))
    panel, until = part.detector.panel if part else None, case.gone_back.get(finding.signal)
    before, after, effect, low, high = size_of(panel, finding, until)
    measure = finding.measure
    if in_logs(signal, finding.series):
        measure = "ratio"
        effect, low, high = (told(signal, "mean", value) for value in (effect, low, high))
    label, label_ja = labels_of(signal, finding.series)
    return Move(
        signal=name,
        label=label,
        label_ja=label_ja,
        unit="share" if finding.series in BEYOND else signal.unit,
        service=service,
        environment=environment,
        measure=measure,
        before=told(signal, finding.series, before),
        after=told(signal, finding.series, after),
        change=effect,
        low=low,
        high=high,
        value=finding.value,
        began=moment_of(finding.change.hour, offset),
        earliest=moment_of(finding.change.earliest, offset),
        latest=moment_of(finding.change.latest, offset),
        seen=moment_of(finding.seen, offset) + HOUR + GRACE,
        evidence=min(finding.evidence, LOUD),
        threshold=finding.threshold,
        back=finding.signal in case.gone_back,
        points=_points(detection, finding) if drawn else (),
    )


def _points(detection: Detection, finding: Finding) -> tuple[Point, ...]:
    """Return the figure of a series around the change, from what the detector remembers."""
    name, place, offset = name_of(finding), place_of(finding), detection.entry.offset
    part = detection.parts.get(place)
    plan = part.detector.plan.series if part else ()
    rows = [row for row, one in enumerate(plan) if (one.signal, one.name) == (name, finding.series)]
    if part is None or not rows:
        return ()
    history, signal = part.detector.panel.history, signal_of(name)
    first = max(history.origin, finding.change.hour - BEFORE)
    first += -first % CELL
    points = []
    for start in range(first, min(history.end, finding.change.hour + AFTER), CELL):
        cut = slice(start - history.origin, start - history.origin + CELL)
        records = history.n[rows[0], cut].astype(float)
        total = float(records.sum())
        mean = float((records * history.x[rows[0], cut]).sum()) / total if total else None
        value = None if mean is None else told(signal, finding.series, mean)
        points.append(Point(moment_of(start, offset), value, round(total, 1)))
    return tuple(points)


def _split(
    client: Client, scope: Scope, moves: list[Move], reference: Period, current: Period
) -> shape.Split | None:
    """Return why the loudest move that can be split has happened."""
    measure = next((name for one in moves if (name := signal_of(one.signal).attributed)), "")
    found = attribute(client, scope, measure, reference, current) if measure else None
    return _told(found) if found else None


def _told(found: Attribution) -> shape.Split:
    english, japanese = sentence(found)
    parts = []
    for one in found.parts:
        if not one.amount:
            continue
        first = one.first and shape.Example(*one.first)
        parts.append(
            shape.Part(one.cause, one.amount, one.value, one.before, one.after, *cause_of(one), first)
        )
    return shape.Split(found.measure, found.before, found.now, found.silent, tuple(parts), english, japanese)


def _identify(project: str, case: Case) -> str:
    """Return the id of an incident: the same for the same change, whoever finds it."""
    text = "\x1f".join([project, "detector", *(str(part) for part in case.key)])
    return sha256(text.encode()).hexdigest()[:16]
