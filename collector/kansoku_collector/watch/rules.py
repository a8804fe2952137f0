"""Read alert rules: a YAML file with its line numbers, every problem of it named at once."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from kansoku_collector.errors import RulesError
from kansoku_collector.watch.builtin import NAME, Builtin, DetectorEntry
from kansoku_collector.watch.channels import Channel, kind_of
from kansoku_collector.watch.rule import DASHBOARD, Entry, Rule
from kansoku_collector.watch.sentences import describe
from kansoku_collector.watch.source import Place, Problem, Source, read_source
from kansoku_collector.watch.zone import read_zone

__all__ = ["Contents", "Rule", "check_rules", "read_channels", "read_file", "read_rules"]
_OFF = ("off", "no", "false")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a rules file says: its rules, and the detector unless it is off."""

    rules: list[Rule]
    detector: Builtin | None


def read_rules(path: Path | str, environment: Mapping[str, str] | None = None) -> list[Rule]:
    """Return the rules of a file; raise RulesError like `read_file`."""
    return read_file(path, environment).rules


def read_file(path: Path | str, environment: Mapping[str, str] | None = None) -> Contents:
    """Read a rules file; `${NAME}` in a channel is taken from `environment`.

    Raises RulesError whose message has one line `file:line: reason` for each problem of the file.
    """
    known = os.environ if environment is None else environment
    source = read_source(Path(path))
    problems = list(source.problems)
    root = source.data if isinstance(source.data, dict) else {}
    if not problems and not isinstance(source.data, dict):
        problems.append(Problem(1, "found no mapping (expected the keys rules and channels)"))
    problems += _unknown(root, source)
    channels = _channels(root.get("channels") or {}, source, known, problems)
    entries = _entries(root, source, problems)
    url, zone = _dashboard(root), _zone(root, source, problems)
    problems += _crossed(entries, channels, source)
    detector = _detector(root, source, channels, problems)
    if problems:
        raise RulesError("\n".join(f"{path}:{p.line}: {p.reason}" for p in sorted(problems)))
    rules = [
        Rule.model_construct(
            **{name: getattr(entry, name) for name in Entry.model_fields},
            channels=tuple(channel for name in entry.notify if (channel := channels[name])),
            dashboard_url=url,
            time_zone=zone,
        )
        for entry in entries.values()
    ]
    return Contents(rules, detector and detector.model_copy(update={"dashboard_url": url, "time_zone": zone}))


def read_channels(path: Path | str) -> dict[str, Channel]:
    """Return the channels of a file by name, whatever its rules are; raise RulesError like `read_rules`."""
    source = read_source(Path(path))
    problems = list(source.problems)
    root = source.data if isinstance(source.data, dict) else {}
    channels = _channels(root.get("channels") or {}, source, os.environ, problems)
    if problems:
        raise RulesError("\n".join(f"{path}:{p.line}: {p.reason}" for p in sorted(problems)))
    return {name: channel for name, channel in channels.items() if channel}


def read_dashboard_url(path: Path | str) -> str:
    """Return the dashboard's address that a file gives to messages, or the one of this machine."""
    root = read_source(Path(path)).data
    return _dashboard(root if isinstance(root, dict) else {})


def _dashboard(root: dict[str, Any]) -> str:
    return str(root.get("dashboard_url") or DASHBOARD).rstrip("/")


def _zone(root: dict[str, Any], source: Source, problems: list[Problem]) -> str:
    """Return the zone that messages tell times in."""
    try:
        return read_zone(str(root.get("time_zone") or "UTC"))
    except ValueError as error:
        problems.append(Problem(source.line(("time_zone",)), f"time_zone: {error}"))
        return "UTC"


def _unknown(root: dict[str, Any], source: Source) -> list[Problem]:
    known = ("rules", "channels", "dashboard_url", "time_zone", NAME)
    return [
        Problem(source.line((name,)), f"unknown key {name!r} (expected {', '.join(known)})")
        for name in root
        if name not in known
    ]


def _channels(
    data: Any, source: Source, environment: Mapping[str, str], problems: list[Problem]
) -> dict[str, Channel | None]:
    """Read the channels; one that is wrong stays as None, so that rules naming it are not blamed as well."""
    if not isinstance(data, dict):
        problems.append(
            Problem(source.line(("channels",)), "channels is no mapping (expected name: {url: ...})")
        )
        return {}
    found: dict[str, Channel | None] = {}
    for name, entry in data.items():
        place = ("channels", name)
        fields = entry if isinstance(entry, dict) else {}
        found[name] = None
        try:
            kind = kind_of(fields)
        except ValueError as error:
            problems.append(Problem(source.line((*place, "type")), f"channel {name!r}: {error}"))
            continue
        try:
            found[name] = kind.model_validate({"name": name} | fields, context=environment)
        except ValidationError as error:
            problems += _explain(error, source, place, f"channel {name!r}", kind)
    return found


def _detector(
    root: dict[str, Any], source: Source, channels: Mapping[str, Channel | None], problems: list[Problem]
) -> Builtin | None:
    """Read what is said of the detector; with nothing said it is on and tells every channel."""
    data = root.get(NAME)
    if str(data).lower() in _OFF:
        return None
    if not isinstance(data, dict | None) and str(data).lower() != "on":
        problems.append(Problem(source.line((NAME,)), f"{NAME} is {data!r} (expected on, off or its fields)"))
        return None
    fields = data if isinstance(data, dict) else {}
    try:
        entry = DetectorEntry.model_validate(fields)
    except ValidationError as error:
        problems += _explain(error, source, (NAME,), NAME, DetectorEntry)
        return None
    names = tuple(channels) if entry.notify is None else entry.notify
    problems += [
        Problem(
            source.line((NAME, "notify")),
            f"{NAME}: no channel {name!r} (expected one of: {', '.join(channels)})",
        )
        for name in names
        if name not in channels
    ]
    told = tuple(channel for name in names if (channel := channels.get(name)))
    return Builtin(**entry.model_dump(), channels=told)


def _entries(root: dict[str, Any], source: Source, problems: list[Problem]) -> dict[int, Entry]:
    """Read the rules one by one, by their place in the list; the detector and channels need none."""
    data = root.get("rules")
    if "rules" not in root and (NAME in root or "channels" in root):
        return {}
    if not isinstance(data, list) or not data:
        problems.append(
            Problem(source.line(("rules",)), "found no rules (expected a list under the key rules)")
        )
        return {}
    found = {}
    for i, entry in enumerate(data):
        name = entry.get("name") if isinstance(entry, dict) else None
        try:
            found[i] = Entry.model_validate(entry)
        except ValidationError as error:
            subject = f"rule {name!r}" if name else f"rule {i + 1}"
            problems += _explain(error, source, ("rules", i), subject, Entry)
    return found


def _crossed(entries: dict[int, Entry], channels: dict[str, Any], source: Source) -> list[Problem]:
    """Find names used twice and channels that do not exist."""
    problems = []
    lines: dict[str, int] = {}
    defined = ", ".join(channels) or "none is defined"
    for i, entry in entries.items():
        line = source.line(("rules", i, "name"))
        if entry.name in lines:
            problems.append(
                Problem(line, f"rule {entry.name!r} has the name of the rule at line {lines[entry.name]}")
            )
        lines.setdefault(entry.name, line)
        if entry.name == NAME:
            problems.append(Problem(line, f"a rule cannot be called {NAME!r}: that is the built-in one"))
        problems += [
            Problem(
                source.line(("rules", i, "notify")),
                f"rule {entry.name!r}: no channel {name!r} (expected one of: {defined})",
            )
            for name in entry.notify
            if name not in channels
        ]
    return problems


def _explain(
    error: ValidationError, source: Source, place: Place, subject: str, model: type[BaseModel]
) -> list[Problem]:
    """Turn pydantic's findings into sentences at their lines."""
    problems = []
    for found in error.errors(include_url=False):
        at = (*place, *(found["loc"] or (_about(found["msg"]),)))
        field = ".".join(str(part) for part in found["loc"])
        if found["type"] == "missing":
            reason = f"{field} is missing"
        elif found["type"] == "extra_forbidden":
            reason = f"unknown field {field!r}{_close(str(found['loc'][-1]), _inner(model, found['loc']))}"
        else:
            reason = ": ".join(filter(None, [field, found["msg"].removeprefix("Value error, ")]))
            if isinstance(found["input"], str) and found["type"] != "value_error":
                reason += f" (found {found['input']!r})"
        problems.append(Problem(source.line(at), f"{subject}: {reason}"))
    return problems


def _about(message: str) -> str:
    """Return the field that a sentence about the whole rule begins with, for its line."""
    return message.removeprefix("Value error, ").partition(" ")[0]


def _inner(model: type[BaseModel], place: Sequence[int | str]) -> type[BaseModel]:
    """Return the model of the mapping that a field of a field, such as `scope.env`, stands in."""
    for name in place[:-1]:
        field = next((f for key, f in model.model_fields.items() if (f.alias or key) == name), None)
        kind = field.annotation if field else None
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            break
        model = kind
    return model


def _close(name: str, model: type[BaseModel]) -> str:
    known = [
        field.alias or key for key, field in model.model_fields.items() if key != "name" or model is Entry
    ]
    close = get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else f" (expected one of: {', '.join(known)})"


def check_rules(path: Path | str) -> list[str]:
    """Return each rule of a file and the detector as a sentence; raise RulesError like `read_file`."""
    found = read_file(path)
    detector = found.detector.describe() if found.detector else f"{NAME}: off."
    return [*(describe(rule) for rule in found.rules), detector]
