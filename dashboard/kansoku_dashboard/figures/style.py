"""What all figures share: colours that stay with their entity, inks for both themes, number formats."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

Figure = dict[str, Any]

# Colours that keep apart in both themes and for the common colour blindnesses; red is kept for alarm.
PALETTE = ("#4A6FDC", "#E0893B", "#36A297", "#9A8DBB", "#B560C4", "#8C9A3B", "#4FA3D1", "#C58B6B")
OTHER = "#7C8698"
# More entities than colours share them: on one chart the second of a colour is dotted or hatched.
DASHES = ("solid", "dot", "dash", "dashdot")
HATCHES = ("", "/", "x", ".")
ALARM = "#D9485F"
WARN = "#D98A35"
TOP = 7

# A figure cannot follow a change of theme without a rerun. Its texts take Streamlit's own ink; these
# are marks and fills that show on both backgrounds.
GRID = "rgba(128,138,155,0.18)"
GAP_FILL = "rgba(128,138,155,0.16)"
MARK = "#D9485F"
PALE = 0.45  # opacity of what is not finished yet

KINDS = {
    "chat": PALETTE[0],
    "text_completion": PALETTE[0],
    "generate_content": PALETTE[0],
    "embeddings": "#5CB8A8",
    "rerank": "#2E8F7F",
    "retrieval": PALETTE[2],
    "execute_tool": PALETTE[1],
    "invoke_agent": "#6B7890",
    "chain": "#8E9AB0",
    "guardrail": PALETTE[3],
    "evaluation": PALETTE[4],
    "image": PALETTE[5],
    "other": "#A3ADBC",
}


def colour_of_kind(operation: str) -> str:
    """Return the colour of a span's operation."""
    return KINDS.get(operation, KINDS["other"])


def colours(entities: Iterable[str]) -> dict[str, str]:
    """Give each entity its colour; the same set of entities always gives the same colours.

    Pass all that exist, not those that a filter left: the place comes from the name's hash, of the least
    taken ones the next from there.
    """
    taken = [0] * len(PALETTE)
    given: dict[str, str] = {}
    for entity in sorted(set(entities)):
        first = int.from_bytes(blake2b(entity.encode(), digest_size=4).digest()) % len(PALETTE)
        order = [(first + step) % len(PALETTE) for step in range(len(PALETTE))]
        place = min(order, key=taken.__getitem__)
        taken[place] += 1
        given[entity] = PALETTE[place]
    return given


def strokes(inks: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """Return how each series is drawn, so that those of one colour on a chart can be told apart."""
    return [kinds[inks[:place].count(ink) % len(kinds)] for place, ink in enumerate(inks)]


def money(usd: float | None) -> str:
    """Write dollars with the digits they carry: $7.4B, $1,204, $60.95, $0.0071, $0.00061; else a dash."""
    if usd is None:
        return "–"
    if usd == 0:
        return "$0"
    size = abs(usd)
    if size < 0.0001:
        return "<$0.0001"
    if size >= 1e9:
        return f"{'-' if usd < 0 else ''}${size / 1e9:,.1f}B"
    # Of less than a tenth of a cent four digits would leave one, and a limit would read like what is over it.
    digits = 0 if size >= 1000 else 2 if size >= 1 else 4 if size >= 0.001 else 5
    return f"{'-' if usd < 0 else ''}${size:,.{digits}f}"


def money_axis(most: float) -> dict[str, Any]:
    """Return how an axis of dollars is written: $0.005, $1,200, and $12k, $500B where there are more."""
    digits = {"exponentformat": "B"} if most >= 10_000 else {"tickformat": ",.3~r"}
    return {"tickprefix": "$"} | digits


# Units of science are the same everywhere; minutes and hours are words.
_LONG = {"en": ("{} min {:02d} s", "{} h {:02d} min"), "ja": ("{}分{:02d}秒", "{}時間{:02d}分")}


def seconds(value: float | None, tongue: str = "en") -> str:
    """Write a duration: 740 ms, 3.31 s, 2 min 05 s, 1 h 20 min; a dash if unknown."""
    if value is None:
        return "–"
    if value < 0.001:
        return f"{value * 1e6:.0f} µs"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    of_minutes, of_hours = _LONG[tongue]
    if minutes < 60:
        return of_minutes.format(minutes, rest)
    return of_hours.format(*divmod(minutes, 60))


_POINTS = {"en": "pp", "ja": "pt"}


def points(value: float, digits: int = 1, tongue: str = "en") -> str:
    """Write a difference of two rates in percentage points: +2.1 pp."""
    return f"{value * 100:+.{digits}f} {_POINTS[tongue]}"


def count(value: float | None) -> str:
    """Write a count in three digits: 947, 21.3K, 141M; a dash if unknown."""
    if value is None:
        return "–"
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= size * 0.9995:
            scaled = value / size
            return f"{scaled:.0f}{unit}" if abs(scaled) >= 99.95 else f"{scaled:.1f}{unit}"
    return f"{value:,.0f}"


def tokens(value: int) -> str:
    """Write a number of tokens: every digit, as long as a column holds them, then in three."""
    return f"{value:,}" if value < 100_000_000 else count(value)


def relative(ratio: float | None, digits: int = 1) -> str:
    """Write a relative change: +4.2%, ±0.0%; ×53 from ten times more on; empty if unknown."""
    if ratio is None:
        return ""
    if ratio >= 10:
        return f"×{count(ratio + 1)}"
    text = f"{ratio * 100:+.{digits}f}%"
    return text if text.strip("+-0.%") else f"±{text[1:]}"  # what rounds to nothing has no direction


def share(value: float | None, digits: int = 1) -> str:
    """Write a share of one as per cent: 84.5 %; a dash if unknown."""
    return "–" if value is None else f"{value * 100:.{digits}f}%"
