"""Segments set aside: what cannot be stored, kept with its reason until somebody decides.

In the journal's folder `aside`, `NAME.bad` holds the requests and `NAME.reason` says why. Deciding renames
the file, to `.retry` or `.drop`; the collector carries it out within seconds, or when it starts. So the
command works on either.
"""

import json
import os
import re
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from kansoku_collector.entries import Entry, note_of, read_entries
from kansoku_collector.files import write_durably

GIVEN_UP = "given_up"  # the reason under which a receipt counts what somebody dropped
Decision = Literal["retry", "drop"]
FOLDER = "aside"  # beneath the journal, which may hold very many segments
_STATES = {".bad": "waits", ".retry": "retry", ".drop": "drop"}
_NAMED = re.compile(r"[0-9]+-")
_RETRY = re.compile(r"(?s)^(.*?)(?:r([0-9]+))?$")


@dataclass(frozen=True, slots=True)
class Lacking:
    """How many spans of a process are not stored because they are set aside."""

    project: str
    process: str
    spans: int


@dataclass(frozen=True, slots=True)
class Aside:
    """A segment set aside; `state` is waits, retry or drop."""

    name: str
    state: str
    since: float  # seconds since the epoch
    bytes: int
    requests: int
    reasons: list[str]
    lacking: list[Lacking] = field(default_factory=list)


def put_aside(
    journal: Path, name: str, data: bytes, reasons: Sequence[str], lacking: Iterable[Lacking] = ()
) -> Path:
    """Keep the bytes of requests durably, with why; doing it again replaces them."""
    target = journal / FOLDER / f"{name}.bad"
    _explain(target, reasons, lacking)
    write_durably(target, data)
    return target


def move_aside(segment: Path, reason: str) -> Path:
    """Set a whole segment aside as it is, whatever is in it; it may be gone."""
    target = segment.parent / FOLDER / f"{segment.stem}.bad"
    _explain(target, [reason], ())
    with suppress(FileNotFoundError):
        segment.replace(target)
    return target


def _explain(target: Path, reasons: Sequence[str], lacking: Iterable[Lacking]) -> None:
    about = {"at": time.time(), "reasons": list(reasons), "lacking": [asdict(entry) for entry in lacking]}
    text = json.dumps(about, ensure_ascii=False, indent=1)
    target.parent.mkdir(exist_ok=True)
    write_durably(target.with_suffix(".reason"), f"{text}\n".encode())


def waiting(journal: Path) -> tuple[int, int]:
    """Return how many bytes are set aside, and how many segments wait for a decision."""
    sizes = []
    for path in _kept(journal, ".bad"):
        with suppress(FileNotFoundError):
            sizes.append(path.stat().st_size)
    return sum(sizes), len(sizes)


def listed(journal: Path) -> list[Aside]:
    """Return what is set aside, oldest first."""
    found = []
    for path in _kept(journal, *_STATES):
        with suppress(FileNotFoundError):  # carried out in this moment
            found.append(_read(path))
    return found


def decide(journal: Path, names: Sequence[str], decision: Decision) -> list[str]:
    """Have segments stored again, or dropped for good; no names mean all. Return those decided."""
    done = []
    for path in _kept(journal, ".bad"):
        if not names or path.stem in names:
            with suppress(FileNotFoundError):  # somebody else decided
                path.rename(path.with_suffix(f".{decision}"))
                done.append(path.stem)
    return done


def carry_out(journal: Path) -> list[Path]:
    """Make segments of what was decided; return their files.

    A file is made whole before its source goes, under a name that follows from it: a crash in between repeats
    the work to the same end.
    """
    made = []
    for path in _kept(journal, ".retry", ".drop"):
        entries = _again(path) if path.suffix == ".retry" else _notes(path)
        target = journal / f"{_next_name(path)}.seg"
        if entries and not target.exists():
            write_durably(target, b"".join(entry.encode() for entry in entries))
            made.append(target)
        if entries or path.suffix == ".drop":
            path.unlink()
            path.with_suffix(".reason").unlink(missing_ok=True)
        else:  # damaged: there is nothing in it that could be tried
            path.rename(path.with_suffix(".bad"))
    return made


def is_segment(path: Path) -> bool:
    """Tell whether a file is named as segments are; what else lies there is somebody's, and left alone."""
    return _NAMED.match(path.stem) is not None and path.is_file()


def is_retried(name: str) -> bool:
    """Tell whether a segment was set aside before: parts of it may have been stored long ago."""
    return "r" in name.partition("-")[2]


def _kept(journal: Path, *states: str) -> list[Path]:
    """Return the files of segments set aside that are in one of these states, oldest first."""
    return [p for p in sorted((journal / FOLDER).glob("*")) if p.suffix in states and is_segment(p)]


def _again(path: Path) -> list[Entry]:
    """Return the requests as received now: by this they differ from what is stored of them already."""
    now = time.time_ns() // 10**6
    return [replace(entry, received_ms=now) for entry in read_entries(path.read_bytes())]


def _notes(path: Path) -> list[Entry]:
    now = time.time_ns() // 10**6
    return [
        note_of(
            lost.project, now, {"process": lost.process, "dropped": {GIVEN_UP: lost.spans}}, os.urandom(16)
        )
        for lost in _read(path).lacking
    ]


def _next_name(path: Path) -> str:
    """Return the name of the segment that follows from a decided one: r1, r2, ... for each retry."""
    head, number = _RETRY.findall(path.stem)[0]
    letter = "r" if path.suffix == ".retry" else "n"
    return f"{head}{letter}{int(number or 0) + 1}"


def _read(path: Path) -> Aside:
    data = path.read_bytes()
    try:
        about = json.loads(path.with_suffix(".reason").read_text(encoding="utf-8"))
        reasons, lacking = [str(r) for r in about["reasons"]], [Lacking(**row) for row in about["lacking"]]
        since = float(about["at"])
    except (OSError, ValueError, KeyError, TypeError):
        reasons, lacking, since = ["the reason is not known"], [], path.stat().st_mtime
    requests = sum(1 for _ in read_entries(data))
    return Aside(path.stem, _STATES[path.suffix], since, len(data), requests, reasons, lacking)
