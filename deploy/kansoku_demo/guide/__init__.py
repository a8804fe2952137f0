"""The knowledge of the invented city of Kirigahama: guide entries, collection days, bulky waste fees."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_WEEKDAYS = {"Mon": "月", "Tue": "火", "Wed": "水", "Thu": "木", "Fri": "金", "Sat": "土", "Sun": "日"}
_ENGLISH = {
    "Mon": "Monday",
    "Tue": "Tuesday",
    "Wed": "Wednesday",
    "Thu": "Thursday",
    "Fri": "Friday",
    "Sat": "Saturday",
    "Sun": "Sunday",
}
_SENTENCE_END = re.compile(r"(?<=。)|(?<=\.)\s+(?=[A-Z])")
_ORDINALS = {"1": "first", "2": "second", "3": "third", "4": "fourth"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One text of the guide in one language; `fact` is what a right answer contains."""

    id: str
    title: str
    text: str
    fact: str
    keywords: str  # the items that it is about


@cache
def entries(language: str) -> tuple[Entry, ...]:
    """Return the guide in `ja` or `en`."""
    read = [entry for name in ("sorting", "services", "collection") for entry in _read(name)["entry"]]
    return tuple(
        Entry(
            e["id"], e[f"{language}_title"], e[language], e[f"{language}_fact"], _keywords(e["id"], language)
        )
        for e in read
    )


def _keywords(entry_id: str, language: str) -> str:
    return " ".join(name for name, item in items(language).items() if item["entry"] == entry_id)


@cache
def entry(entry_id: str, language: str) -> Entry:
    """Return one entry of the guide."""
    return next(e for e in entries(language) if e.id == entry_id)


@cache
def rules(language: str) -> str:
    """Return what the assistant is told to do, with a place for the `{length}` of its answers."""
    return files(__package__).joinpath(f"rules.{language}.txt").read_text(encoding="utf-8")


@cache
def city() -> dict[str, Any]:
    """Return names, categories, districts and items of the city."""
    return _read("city")


@cache
def districts(language: str) -> tuple[str, ...]:
    """Return the names of the districts."""
    return tuple(name if language == "ja" else d["en"] for name, d in city()["districts"].items())


@cache
def items(language: str) -> dict[str, dict[str, Any]]:
    """Return what people throw away: name -> category, entry of the guide, and fee in yen if bulky."""
    return {(name if language == "ja" else item["en"]): item for name, item in city()["items"].items()}


def collection_day(district: str, item: str, language: str) -> dict[str, str]:
    """Return when `item` is collected in `district`; bulky waste and refused items have no day."""
    chosen = items(language)[item]
    category = city()["categories"][chosen["category"]][language]
    names = dict(zip(districts(language), city()["districts"].values(), strict=True))
    days = names[district].get(chosen["category"], [])
    return {"district": district, "item": item, "category": category, "days": say_days(days, language)}


def bulky_waste_fee(item: str, language: str) -> dict[str, Any]:
    """Return the fee in yen for having `item` collected; 0 where it is not bulky waste."""
    chosen = items(language)[item]
    category = city()["categories"][chosen["category"]][language]
    return {"item": item, "category": category, "fee_yen": chosen.get("fee", 0)}


def sentences(text: str) -> list[str]:
    """Split a text of the guide into its sentences."""
    return [s for s in _SENTENCE_END.split(text) if s]


def say_days(days: list[str], language: str) -> str:
    """Say days such as ["Mon", "Thu"] or ["1Tue", "3Tue"] in words.

    say_days(["1Tue", "3Tue"], "en")   # "the first and third Tuesday of the month"
    """
    if not days:
        return ""
    if days[0][0].isdigit():
        weeks, weekday = [d[0] for d in days], days[0][1:]
        if language == "ja":
            return f"{'・'.join(f'第{week}' for week in weeks)}{_WEEKDAYS[weekday]}曜日"
        return f"the {' and '.join(_ORDINALS[week] for week in weeks)} {_ENGLISH[weekday]} of the month"
    if language == "ja":
        return f"毎週{'・'.join(_WEEKDAYS[day] for day in days)}曜日"
    return f"every {' and '.join(_ENGLISH[day] for day in days)}"


@cache
def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
