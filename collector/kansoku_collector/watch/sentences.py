"""Say a rule and an incident in a sentence, in English and in Japanese, with the link to their traces."""

from datetime import timedelta
from urllib.parse import urlencode

from kansoku_collector.store.read.incidents import Incident
from kansoku_collector.values import one_line
from kansoku_collector.watch.builtin import Builtin
from kansoku_collector.watch.found_sentences import LONGEST_FILTER, LONGEST_NAME, found_link, tell_found
from kansoku_collector.watch.message import Event, Words
from kansoku_collector.watch.quantities import show, span
from kansoku_collector.watch.rule import Rule
from kansoku_collector.watch.zone import at

# The dashboard's ranges, the shortest first, and its names for the dimensions of the URL.
_RANGES = {"1h": 1, "6h": 6, "24h": 24, "7d": 168, "14d": 336, "30d": 720}
_FILTERS = {"environment": "env", "service": "service", "model": "model", "user": "user"}
_CAUSES = {
    "error_rate": {"status": "error"},
    "call_error_rate": {"status": "error"},
    "like_rate": {"feedback": "disliked"},
    "dislike_rate": {"feedback": "disliked"},
    "unpriced_calls": {"unpriced": "true"},
}
LONGEST = 4000  # characters of a sentence; names in it are of senders' choice
_ENDED = {
    "within": ("it is back within the limit", "しきい値内に戻りました"),
    "unmeasured": ("there are too few samples left to judge", "判定に必要なサンプルがなくなりました"),
    "rule_removed": ("its rule was removed or rewritten", "ルールが削除または変更されました"),
}


def describe(rule: Rule) -> str:
    """Return what a rule does, in English."""
    metric = rule.measured
    if metric.kind == "silence":
        what = f"no span at all for {span(rule.window)}"
    else:
        what = f"{metric.label} over {span(rule.window)} {rule.comparison} {show(rule.limit, rule.unit)}"
        what += _against(rule)[0]
    parts = [f"{rule.name}: {rule.severity} when {what}"]
    if rule.scope.named():
        parts.append("of " + _pairs(rule.scope.named()))
    if rule.groups:
        parts.append(f"one incident for each {' and '.join(rule.groups)}")
    if rule.enough:
        parts.append(f"at least {rule.enough} {metric.noun}")
    if rule.cautious:
        parts.append("its whole 95 % interval")
    if rule.resolve_threshold:
        parts.append(f"ends only at {show(rule.back, rule.unit)}")
    if rule.remind:
        parts.append(f"tells again every {span(rule.remind)}")
    if rule.sustained > 1:
        parts.append(f"{rule.sustained} evaluations in a row")
    parts.append(f"tells {', '.join(rule.notify)}" if rule.notify else "tells nobody, shown on the dashboard")
    return "; ".join(parts) + "."


def tell(
    rule: Rule | Builtin, incident: Incident, *, reason: str = "within", peak: bool = False
) -> tuple[str, str]:
    """Return the sentence in English and in Japanese; `peak` says the worst value, not the latest."""
    if isinstance(rule, Builtin):
        return tell_found(incident, reason=reason, zone=rule.time_zone)
    if incident.resolved:
        return _resolved(rule, incident, reason)
    return _open(rule, incident, peak=peak)


def words(rule: Rule | Builtin, incident: Incident, event: Event, reason: str = "") -> Words:
    """Return what a message about an incident says."""
    if isinstance(rule, Builtin):
        english, japanese = tell_found(incident, reason=reason, zone=rule.time_zone)
        place = found_link(rule, incident)
    else:
        (english, japanese), place = tell(rule, incident, reason=reason or "within"), link(rule, incident)
    if event == "acknowledged":
        person = incident.acknowledged_by
        english = f"Acknowledged{f' by {person}' if person else ''}: {english}"
        japanese = f"確認済み{f'({person})' if person else ''}: {japanese}"
    elif event == "updated":
        english, japanese = f"Still open: {english}", f"継続中: {japanese}"
    return Words(one_line(english, LONGEST), one_line(japanese, LONGEST), place, rule.description)


def link(rule: Rule, incident: Incident) -> str:
    """Return the address at which the dashboard lists the traces that the incident is about."""
    filters = {_FILTERS[name]: value for name, value in incident.scope.items() if name in _FILTERS and value}
    name, version = incident.scope.get("prompt_name", ""), incident.scope.get("prompt_version", "")
    if version:
        filters["prompt"] = f"{name}@{version}"
    hours = (incident.updated - incident.opened + incident.window) / timedelta(hours=1)
    filters["range"] = next((name for name, length in _RANGES.items() if length >= hours), "30d")
    filters = {key: value for key, value in filters.items() if len(value) <= LONGEST_FILTER}
    return f"{rule.dashboard_url}/traces?{urlencode(filters | _CAUSES.get(incident.metric, {}))}"


def _open(rule: Rule, incident: Incident, *, peak: bool) -> tuple[str, str]:
    metric = rule.measured
    value = incident.peak if peak else incident.value
    shown, limit = show(value, rule.unit), show(incident.threshold, rule.unit)
    whom, whom_ja = _whom(incident)
    if metric.kind == "silence":
        return (
            f"{rule.name}: no span for {shown}{whom}, since {at(incident.opened, rule.time_zone)}"
            f" (limit {limit}).",
            f"{rule.name}: {whom_ja}スパンが {shown} 届いていません"
            f"(しきい値 {limit}、{at(incident.opened, rule.time_zone)} から)。",
        )
    against, against_ja = _against(rule)
    side, side_ja = ("above", "超") if incident.comparison == "above" else ("below", "未満")
    # The samples are those of the latest value and say nothing about the worst one.
    of = "" if peak else f" ({incident.samples:,} {metric.noun})"
    of_ja = "" if peak else f"、{metric.noun_ja} {incident.samples:,} 件"
    return (
        f"{rule.name}: {metric.label} {shown}{against}{whom} over {span(incident.window)},"
        f" {side} the limit of {limit}, since {at(incident.opened, rule.time_zone)}"
        f"{of}.",
        f"{rule.name}: {whom_ja}{metric.label_ja}が"
        f"直近{span(incident.window, japanese=True)}で{against_ja}"
        f" {shown}"
        f"(しきい値 {limit} {side_ja}、{at(incident.opened, rule.time_zone)} から{of_ja})。",
    )


def _resolved(rule: Rule, incident: Incident, reason: str) -> tuple[str, str]:
    metric = rule.measured
    end = incident.resolved or incident.updated
    lasted = round((end - incident.opened) / timedelta(minutes=1))
    worst, limit = show(incident.peak, rule.unit), show(incident.threshold, rule.unit)
    english, japanese = _ENDED[reason]
    whom, whom_ja = _whom(incident)
    return (
        f"Resolved: {rule.name}: {metric.label}{whom}: {english}, after {lasted} minutes, at"
        f" {at(end, rule.time_zone)} (worst {worst}, limit {limit}).",
        f"復旧: {rule.name}: {whom_ja}{metric.label_ja}: {japanese}({at(end, rule.time_zone)}、"
        f"継続 {lasted} 分、最悪値 {worst}、しきい値 {limit})。",
    )


def _against(rule: Rule) -> tuple[str, str]:
    """Say what a multiple is a multiple of."""
    if rule.baseline_weeks:
        weeks = rule.baseline_weeks
        return (
            f" of the usual (same window, {weeks} weeks before)",
            f"通常(過去{weeks}週の同じ時間帯の中央値)の",
        )
    if rule.budget_usd:
        money, days = show(rule.budget_usd, "usd"), span(rule.budget_period)
        return (
            f" of the even spending of {money} in {days}",
            f"予算({span(rule.budget_period, japanese=True)}で {money})の均等な消化の",
        )
    return "", ""


def _whom(incident: Incident) -> tuple[str, str]:
    named = {name: value for name, value in incident.scope.items() if value}
    return (f" for {_pairs(named)}", f"[{_pairs(named)}] ") if named else ("", "")


def _pairs(named: dict[str, str]) -> str:
    return ", ".join(f"{name} {one_line(value, LONGEST_NAME)}" for name, value in named.items())
