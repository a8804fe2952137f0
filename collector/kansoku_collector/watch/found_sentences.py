"""Say what the detector found, in English and in Japanese, with the link to its traces."""

from datetime import datetime
from urllib.parse import urlencode

from kansoku_collector.store.read.evidence import Evidence, Move, read_evidence
from kansoku_collector.store.read.incidents import Incident
from kansoku_collector.values import one_line
from kansoku_collector.watch.builtin import Builtin
from kansoku_collector.watch.quantities import show
from kansoku_collector.watch.zone import at, local

_ENDED = {
    "back": ("it has gone back to what it was", "元の状態に戻りました"),
    "settled": (
        "it has lasted for two weeks, and is what is usual from now on",
        "2週間続いたため、今後は通常の状態として扱います",
    ),
    "rule_removed": ("the detector does not watch it any more", "検知の対象から外れました"),
}
LONGEST_NAME = 120  # characters of a name in a sentence; senders choose names
LONGEST_FILTER = 500  # of a value in a link: a longer one leaves no address that anybody takes
_OTHERS = 4  # further signals that a sentence names


def tell_found(incident: Incident, *, reason: str = "", zone: str = "UTC") -> tuple[str, str]:
    """Return the sentences: what moved, since when, by how much, for whom, what else, and why."""
    found = read_evidence(incident.evidence)
    if found is None:
        return (
            f"{incident.rule}: {incident.metric} changed.",
            f"{incident.rule}: {incident.metric} が変化しました。",
        )
    whom, whom_ja = _whom(incident)
    silent, silent_ja = _silent(found)
    what, what_ja = _moved(found.moves[0])
    since, since_ja = _since(found, zone)
    also, also_ja = _also(found)
    why, why_ja = _why(found)
    english = f"{silent}{what}{whom}, {since}.{also}{why}"
    japanese = f"{whom_ja}{silent_ja}{what_ja}({since_ja})。{also_ja}{why_ja}"
    if incident.resolved:
        ended, ended_ja = _ENDED.get(reason, _ENDED["back"] if found.moves[0].back else _ENDED["settled"])
        end = at(incident.resolved, zone)
        return f"Resolved at {end}, {ended}: {english}", f"復旧({end}、{ended_ja}): {japanese}"
    return english, japanese


def found_link(entry: Builtin, incident: Incident) -> str:
    """Return the address at which the dashboard lists the traces since the change began."""
    found = read_evidence(incident.evidence)
    filters = {"service": incident.scope.get("service", ""), "env": incident.scope.get("environment", "")}
    if found:
        filters |= {
            "from": f"{found.current.start:%Y-%m-%dT%H:%M:%SZ}",
            "to": f"{found.current.end:%Y-%m-%dT%H:%M:%SZ}",
        }
    if incident.metric == "error":
        filters["status"] = "error"
    if incident.metric == "feedback":
        filters["feedback"] = "disliked"
    known = {key: value for key, value in filters.items() if 0 < len(value) <= LONGEST_FILTER}
    return f"{entry.dashboard_url}/traces?{urlencode(known)}"


def _moved(move: Move) -> tuple[str, str]:
    if move.measure == "new_value":
        return f"{move.label} is new: {move.value}", f"{move.label_ja}が新しくなりました: {move.value}"
    if move.measure == "distance":
        return (
            f"{move.label} changed ({move.change:.1f} standard deviations of an hour)",
            f"{move.label_ja}が変化しました(1時間の標準偏差の {move.change:.1f} 倍)",
        )
    way, way_ja = ("rose", "上昇") if move.after >= move.before else ("fell", "低下")
    before, after = written(move, move.before), written(move, move.after)
    size = _size(move)
    return (
        f"{move.label} {way} from {before} to {after} ({size})",
        f"{move.label_ja}が {before} から {after} に{way_ja}しました({size})",
    )


def _size(move: Move) -> str:
    """Write the change with its 90 % interval, the smaller end first."""
    if move.measure == "ratio":
        change, low, high = (f"{100 * (value - 1):+.0f}%" for value in (move.change, move.low, move.high))
    elif move.unit == "share":
        change, low, high = (f"{100 * value:+.1f} pt" for value in (move.change, move.low, move.high))
    else:
        change, low, high = (f"{value:+.3g}" for value in (move.change, move.low, move.high))
    return f"{change}; 90 %: {low} … {high}"


def written(move: Move, value: float) -> str:
    """Write a level in the unit of its signal."""
    if move.unit in ("usd", "seconds", "share"):
        return show(value, move.unit)
    return f"{value:.3g}" if move.unit == "score" else f"{value:,.0f}"


def _since(found: Evidence, zone: str) -> tuple[str, str]:
    began, earliest, latest = (local(one, zone) for one in (found.began, found.earliest, found.latest))
    told = at(began, zone)
    if earliest == latest:
        return f"since {told}", f"{told} から"
    near = _clock(began, earliest), _clock(began, latest)
    return (
        f"since about {told} (between {near[0]} and {near[1]})",
        f"{told} 頃から、{near[0]} と {near[1]} の間に開始",
    )


def _clock(beside: datetime, moment: datetime) -> str:
    return f"{moment:%H:%M}" if moment.date() == beside.date() else f"{moment:%m-%d %H:%M}"


def _also(found: Evidence) -> tuple[str, str]:
    """Name the other signals, and what was new at the time."""
    others = [one for one in found.moves[1:] if one.measure != "new_value"]
    english = [f"{_small(one.label)} ({_short(one)})" for one in others[:_OTHERS]]
    japanese = [f"{one.label_ja}({_short(one)})" for one in others[:_OTHERS]]
    more = len(others) - _OTHERS
    text = f" Also moved: {', '.join(english)}{f' and {more} more' if more > 0 else ''}." if others else ""
    text_ja = (
        f"ほかに {'、'.join(japanese)}{f' など {more} 件' if more > 0 else ''} も変化しました。"
        if others
        else ""
    )
    if found.news:
        news = [one_line(name, LONGEST_NAME) for name in found.news]
        text += f" New at that time: {', '.join(news)}."
        text_ja += f"同じ時期に新しく現れたもの: {'、'.join(news)}。"
    return text, text_ja


def _short(move: Move) -> str:
    return f"{move.change:.1f} sd" if move.measure == "distance" else _size(move).partition(";")[0]


def _small(label: str) -> str:
    return label[:1].lower() + label[1:]


def _silent(found: Evidence) -> tuple[str, str]:
    if not found.silent:
        return "", ""
    return "Silent model change: ", "無通知のモデル変更: "


def _why(found: Evidence) -> tuple[str, str]:
    """Say what explains most of the move, where it could be split."""
    split = found.split
    if split is None or not split.parts or split.parts[0].cause == "rest":
        return "", ""
    return f" {split.text}", split.text_ja


def _whom(incident: Incident) -> tuple[str, str]:
    named = ", ".join(
        f"{name} {one_line(value, LONGEST_NAME)}" for name, value in incident.scope.items() if value
    )
    return (f" for {named}", f"[{named}] ") if named else ("", "")
