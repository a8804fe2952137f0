"""What is too old is removed, and nothing by a clock that has just leapt ahead."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import stores

from kansoku_collector.receive.ages import Ages
from kansoku_collector.store.ageing import LEAP_SECONDS, SETTLED_SECONDS, Ageing, last_written
from kansoku_collector.store.retention import Retention

DAY = 86400.0
# The engine's merges belong to the process, so each start is one of its own.
PROGRAM = """
import json, sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from kansoku_collector.settings import Settings
from kansoku_collector.store import ageing
from kansoku_collector.store.schema import Schema

ageing.REMOVE_SECONDS = 4.0
schema = Schema(Settings(data=Path(sys.argv[1]), retention_days=90), keep_all="leapt" in sys.argv)
client = schema.open()
count = lambda: client.query("SELECT count() FROM spans").first_row[0]
found = [count()]
if not found[0]:
    at = datetime.now(UTC) - timedelta(days=100)
    client.insert("spans", [["default", at], ["default", at]], column_names=["project", "start"])
time.sleep(3)
found.append(count())
last = 0.0 if "never" in sys.argv else time.time()
ageing.remove(client, ageing.Ageing(last), lambda seconds: time.sleep(seconds))
found.append(count())
print(json.dumps(found))
client.close()
schema.close()
"""


class Clocks:
    """A clock that is set, and one that is not."""

    def __init__(self) -> None:
        self.wall, self.monotonic = 1_800_000_000.0, 50.0

    def ageing(self, last: float | None = None, note: Path | None = None) -> Ageing:
        """Return what compares them."""
        known = self.wall if last is None else last
        return Ageing(known, lambda: self.wall, lambda: self.monotonic, note)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.wall, self.monotonic = self.wall + seconds, self.monotonic + seconds


def start(directory: Path, *arguments: str) -> Any:
    """Return how many spans there were: at first, after a while, and after what is old could be removed."""
    command = [sys.executable, "-c", PROGRAM, str(directory), *arguments]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def test_what_is_old_is_removed_by_a_clock_that_is_right_and_by_no_other(tmp_path: Path) -> None:
    """Kept over a start after a leap; removed later in the same process, or after the next start."""
    stores.prepare(tmp_path / "clickhouse")
    assert start(tmp_path, "never") == [0, 2, 2]
    assert start(tmp_path, "leapt", "never") == [2, 2, 2]
    assert start(tmp_path, "leapt") == [2, 2, 0]
    assert start(tmp_path) == [0, 2, 0]


def test_a_leap_is_trusted_after_two_days_or_when_it_is_taken_back() -> None:
    """A year ahead for an hour, and a year ahead that turns out to be right."""
    clocks = Clocks()
    ageing = clocks.ageing()
    clocks.run(400 * DAY)
    assert not Ageing(clocks.wall, lambda: clocks.wall).leapt()
    ageing = clocks.ageing()
    clocks.wall += 365 * DAY
    assert ageing.leapt()
    clocks.run(3600)
    clocks.wall -= 365 * DAY
    assert not ageing.leapt()
    clocks.wall += 365 * DAY
    assert ageing.leapt()
    clocks.run(SETTLED_SECONDS)
    assert not ageing.leapt()
    clocks.run(3600)
    assert not ageing.leapt()


def test_a_leap_outlives_restarts(tmp_path: Path) -> None:
    """What was written under it is of its time: a second start would trust it, and remove every span."""
    clocks, note = Clocks(), tmp_path / "clock"
    right = clocks.wall
    clocks.wall += 365 * DAY
    assert clocks.ageing(right, note).leapt()
    for _ in range(3):
        clocks.run(600)
        assert clocks.ageing(clocks.wall, note).leapt()
    clocks.wall += 365 * DAY  # once more
    assert clocks.ageing(clocks.wall, note).leapt()
    clocks.run(600)
    ageing = clocks.ageing(clocks.wall, note)
    assert ageing.leapt()
    clocks.wall -= 2 * 365 * DAY  # set right, while it runs or while none does
    for each in (clocks.ageing(clocks.wall, note), ageing):
        assert note.exists() is (each is not ageing)
        assert not each.leapt()
        assert not note.exists()


def test_a_leap_is_trusted_after_two_days_whatever_restarts_there_are(tmp_path: Path) -> None:
    """A collector that did not run for weeks and is restarted every night removes again what is too old."""
    clocks, note = Clocks(), tmp_path / "clock"
    assert clocks.ageing(clocks.wall - 30 * DAY, note).leapt()
    clocks.run(SETTLED_SECONDS / 2)
    assert clocks.ageing(clocks.wall, note).leapt()
    clocks.run(SETTLED_SECONDS / 2)
    assert not clocks.ageing(clocks.wall, note).leapt()
    assert not note.exists()


@pytest.mark.parametrize("text", ["", "x y", "1", "nan nan", "1e400 5", "\xff"])
def test_a_note_that_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    """Half of it after a power cut, or somebody's own."""
    clocks, note = Clocks(), tmp_path / "clock"
    note.write_text(text, encoding="latin-1")
    assert not clocks.ageing(clocks.wall, note).leapt()


def test_a_machine_that_sleeps_every_night_has_not_leapt() -> None:
    """The clock that nobody sets stands still meanwhile; many nights are no leap."""
    clocks = Clocks()
    ageing = clocks.ageing()
    for _ in range(60):
        clocks.wall += DAY / 2
        clocks.run(DAY / 2)
        assert not ageing.leapt()


@pytest.mark.parametrize(("ago", "leapt"), [(LEAP_SECONDS + DAY, True), (DAY, False), (-30 * DAY, False)])
def test_a_start_compares_with_when_something_was_last_written(ago: float, leapt: bool) -> None:
    """The journal's folder says when; one that is of the future says nothing."""
    clocks = Clocks()
    assert clocks.ageing(clocks.wall - ago).leapt() is leapt


def test_a_new_directory_has_not_leapt(tmp_path: Path) -> None:
    """There is nothing in it that could be removed."""
    assert not Ageing(last_written(tmp_path / "journal")).leapt()


def test_no_span_is_too_old_for_a_clock_that_is_not_trusted() -> None:
    """By a clock a year ahead everything that is sent is refused, and its sender drops it."""
    ages = Ages(Retention({"spans": 90}))
    assert ages.oldest_ns("default", 1_800_000_000_000) > 0
    ages.trusted = False
    assert ages.oldest_ns("default", 1_800_000_000_000) == 0
