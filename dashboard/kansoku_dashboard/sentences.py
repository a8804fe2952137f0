"""An incident as a sentence: what, since when, how much, against which limit; and the way to its traces."""

from datetime import UTC, datetime, tzinfo

from kansoku_collector.store.read.evidence import read_evidence
from kansoku_collector.store.read.incidents import Incident
from kansoku_collector.store.read.metrics import METRICS
from kansoku_dashboard import findings
from kansoku_dashboard.durations import duration
from kansoku_dashboard.figures.style import count, money, share
from kansoku_dashboard.text import plain
from kansoku_dashboard.words import tell

WRITERS = {"usd": money, "seconds": duration, "share": share, "count": count}
ISO = "%Y-%m-%dT%H:%M:%SZ"
# A scope's dimensions and the parameters of the URL that filter by them.
PARAMETERS = {"environment": "env", "service": "service", "model": "model", "user": "user"}
CAUSES = {
    "error_rate": {"status": "error"},
    "call_error_rate": {"status": "error"},
    "like_rate": {"feedback": "disliked"},
    "dislike_rate": {"feedback": "disliked"},
    "unpriced_calls": {"unpriced": "true"},
}


def sentence(incident: Incident, tongue: str, zone: tzinfo, now: datetime) -> str:
    """Return the incident in words, as Markdown with every foreign name escaped."""
    if found := read_evidence(incident.evidence):
        return findings.sentence(found, tongue, zone)
    return tell(
        tongue,
        f"alerts.sentence_{incident.comparison}",
        what=metric(incident.metric, tongue),
        where=where(incident, tongue),
        value=plain(written(incident.metric, incident.value, incident.unit)),
        limit=plain(written(incident.metric, incident.threshold, incident.unit)),
        since=plain(clock(incident.opened, zone, now)),
        samples=plain(count(incident.samples)),
        noun=noun(incident.metric, tongue),
    )


def metric(name: str, tongue: str) -> str:
    """Return what a metric is called."""
    known = METRICS.get(name)
    if known is None:
        return plain(name)
    return known.label_ja if tongue == "ja" else known.label


def noun(name: str, tongue: str) -> str:
    """Return what a sample of a metric is."""
    known = METRICS.get(name)
    return "" if known is None else (known.noun_ja if tongue == "ja" else known.noun)


def where(incident: Incident, tongue: str) -> str:
    """Return the slice that an incident is about, in bold; empty for all traffic."""
    names = " · ".join(f"**{plain(value)}**" for value in incident.scope.values() if value)
    return tell(tongue, "alerts.where", names=names) if names else ""


def written(name: str, value: float, unit: str = "") -> str:
    """Write a value of a metric in its unit, or as the multiple that a rule compares."""
    if unit == "times":
        return f"{value:.3g}x"
    known = METRICS.get(name)
    return WRITERS[known.unit](value) if known else f"{value:g}"


def what(incident: Incident, tongue: str) -> str:
    """Return what an incident is about, as plain text."""
    found = read_evidence(incident.evidence)
    if found and found.moves:
        return findings.label(found.moves[0], tongue)
    known = METRICS.get(incident.metric)
    return incident.metric if known is None else known.label_ja if tongue == "ja" else known.label


def amount(incident: Incident, value: float, tongue: str) -> str:
    """Write a value of an incident in its unit."""
    found = read_evidence(incident.evidence)
    if found and found.moves:
        return findings.write_value(found.moves[0].unit, value, tongue)
    return written(incident.metric, value, incident.unit)


def limit(incident: Incident, tongue: str) -> str:
    """Write what a value is held against: a rule's limit, or the level before a found change."""
    text = amount(incident, incident.threshold, tongue)
    if incident.evidence:
        return tell(tongue, "found.before", value=text)
    return f"{'>' if incident.comparison == 'above' else '<'} {text}"


def clock(moment: datetime, zone: tzinfo, now: datetime) -> str:
    """Write a moment as the reader's clock shows it, the date unless today, the year if another."""
    local, today = moment.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return local.strftime("%H:%M")
    return local.strftime("%m-%d %H:%M" if local.year == today.year else "%Y-%m-%d %H:%M")


def way(incident: Incident, now: datetime) -> dict[str, str]:
    """Return the query parameters under which Traces lists what caused the incident."""
    filters = {PARAMETERS[key]: value for key, value in incident.scope.items() if key in PARAMETERS and value}
    name, version = incident.scope.get("prompt_name", ""), incident.scope.get("prompt_version", "")
    if version:
        filters["prompt"] = f"{name}@{version}"
    found = read_evidence(incident.evidence)
    start = found.began if found else incident.opened - incident.window
    end = incident.resolved or now
    stretch = {"from": f"{start.astimezone(UTC):{ISO}}", "to": f"{end.astimezone(UTC):{ISO}}"}
    return filters | CAUSES.get(incident.metric, {}) | stretch
