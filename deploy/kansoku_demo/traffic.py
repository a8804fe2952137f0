"""Citizens: when they come and what they ask. Everything derives from a seed."""

import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from kansoku_demo import guide

HOUR = 3600.0
JAPANESE_SHARE = 0.65
_CITIZENS = 900
_SESSIONS_A_DAY = 215.0
_JST = timedelta(hours=9)
# Share of a day's conversations by the hour in Japan: breakfast, lunch, the evening before a collection.
_BY_HOUR = (6, 3, 2, 2, 3, 9, 30, 55, 56, 54, 52, 48, 60, 52, 46, 44, 46, 50, 58, 70, 74, 66, 42, 18)
_BY_WEEKDAY = (1.22, 1.06, 1.0, 1.02, 0.96, 0.82, 0.92)


@dataclass(frozen=True, slots=True)
class Turn:
    """One question. A right answer contains `fact`; if it is `outside` of the guide, the fallback is."""

    question: str
    fact: str = ""
    outside: bool = False
    truth: str = ""  # what a citizen who knows better would write


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation of one citizen; `pauses` are the seconds of reading before each later turn."""

    id: str
    start: float
    user_id: str
    language: str
    turns: tuple[Turn, ...]
    pauses: tuple[float, ...]


def sessions(seed: int, hour: int) -> list[Session]:
    """Return the conversations that begin in an hour, counted in hours since the epoch, UTC."""
    dice = random.Random(f"{seed}/{hour}")  # noqa: S311 - reproducible, not secret
    local = datetime.fromtimestamp(hour * HOUR, UTC) + _JST
    expected = _SESSIONS_A_DAY * _BY_HOUR[local.hour] / sum(_BY_HOUR) * _BY_WEEKDAY[local.weekday()]
    found: list[Session] = []
    at = dice.expovariate(expected)
    while at < 1:
        found.append(session(dice, (hour + at) * HOUR, f"{hour:x}-{len(found):02d}"))
        at += dice.expovariate(expected)
    return found


def session(dice: random.Random, start: float, name: str) -> Session:
    """Return a conversation that begins at `start`."""
    # A few citizens ask often, most of them once in a while.
    number = int(_CITIZENS * dice.random() ** 1.8)
    citizen = random.Random(number)  # noqa: S311 - the same citizen speaks the same language each time
    language = "ja" if citizen.random() < JAPANESE_SHARE else "en"
    district = citizen.choice(guide.districts(language))
    turns: list[Turn] = []
    wanted = dice.choices((1, 2, 3, 4, 5), (44, 30, 15, 7, 4))[0]
    while len(turns) < wanted:
        turns += _ask(dice, language, district, first=not turns)
    pauses = tuple(dice.uniform(15, 80) for _ in turns[1:])
    return Session(f"s-{name}", start, f"u-{number:04d}", language, tuple(turns), pauses)


def templates() -> Iterator[tuple[str, str, str]]:
    """Yield every question template as (kind, language, text)."""
    for kind, texts in _questions().items():
        groups = texts.items() if kind == "entry" else ((kind, texts),)
        for name, by_language in groups:
            for language, lines in by_language.items():
                yield from ((name, language, line) for line in lines)


def _ask(dice: random.Random, language: str, district: str, first: bool) -> list[Turn]:
    """Return the next question, or two when the answer to the first will be a question back."""
    kinds = {
        "entry": 34,
        "day": 27,
        "sort": 16,
        "fee": 13,
        "outside": 5,
        "unknown": 5,
        "follow": 0 if first else 9,
    }
    kind = dice.choices(tuple(kinds), tuple(kinds.values()))[0]
    texts = _questions()
    if kind == "entry":
        name = dice.choice([n for n, t in texts["entry"].items() if t.get(language)])
        return [_about(dice.choice(texts["entry"][name][language]), name, language)]
    if kind in {"outside", "follow"}:
        return [Turn(dice.choice(texts[kind][language]), outside=kind == "outside")]
    if kind in {"day", "unknown"}:
        item = dice.choice(
            [n for n, i in guide.items(language).items() if i["category"] not in {"bulky", "none"}]
        )
        before = (
            [] if kind == "day" else [Turn(dice.choice(texts["day_unknown"][language]).format(item=item))]
        )
        text = dice.choice(texts["day" if kind == "day" else "district_reply"][language])
        days = guide.collection_day(district, item, language)["days"]
        asked = text.format(item=item, district=district)
        return [*before, Turn(asked, days, truth=f"{district}: {days}")]
    found = guide.items(language)
    item = dice.choice([n for n, i in found.items() if ("fee" in i) == (kind == "fee")])
    asked = dice.choice(texts[kind][language]).format(item=item)
    if kind == "fee":
        yen = f"{found[item]['fee']:,}"
        return [Turn(asked, yen, truth=f"{item}: {yen}円" if language == "ja" else f"{item}: {yen} yen")]
    return [_about(asked, found[item]["entry"], language)]


def _about(question: str, entry_id: str, language: str) -> Turn:
    entry = guide.entry(entry_id, language)
    return Turn(question, entry.fact, truth=next(s for s in guide.sentences(entry.text) if entry.fact in s))


@cache
def _questions() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("questions.toml").read_text(encoding="utf-8"))
