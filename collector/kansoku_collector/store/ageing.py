"""Whether what is too old may be removed now: not by a clock that has just leapt ahead.

The embedded engine removes what is too old within a moment of seeing the clock: one that is a year ahead
for a minute would cost every span. So it may do so now and then only, while the clock is looked at. After a
leap of days nothing is removed, nor refused for its age, for two days, or until the clock is set right.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from clickhouse_connect.driver.client import Client

from kansoku_collector.files import write_durably

LEAP_SECONDS = 7 * 86400.0
SETTLED_SECONDS = 2 * 86400.0  # so long after a leap the new time is taken for the right one
REMOVE_SECONDS = 30.0  # in which every table looks for what is too old; a merge under way is waited for
_LOOK_SECONDS = 0.5
_MERGES = "max_number_of_merges_with_ttl_in_pool"
# Read by the engine before it loads a table: between that and the first statement it would have begun.
CONFIG = f"<clickhouse><merge_tree><{_MERGES}>0</{_MERGES}></merge_tree></clickhouse>\n"


class Ageing:
    """Compares the clock with one that nobody sets; `last` is a time that has been, as files tell it.

    A leap is noted in the file `note` while it lasts, with the time before it: what this process writes has
    the time of the wrong clock, and by that the next start would trust it.
    """

    def __init__(
        self,
        last: float,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        note: Path | None = None,
    ) -> None:
        self._wall, self._monotonic, self._note = wall, monotonic, note
        self._leapt_at: float | None = None
        self._is_noted = (noted := _noted(note)) is not None
        if noted:
            before, seen = noted
            last, ago = min(last, before), wall() - seen
            if 0 <= ago <= SETTLED_SECONDS + LEAP_SECONDS:  # else it leapt again, and its days begin anew
                self._leapt_at = monotonic() - ago
        self._known = (min(last, wall()), monotonic())

    def leapt(self) -> bool:
        """Tell whether the clock is days ahead of what it should show, and has not been for two days."""
        then, at = self._known
        wall, now = self._wall(), self._monotonic()
        if wall - (then + now - at) > LEAP_SECONDS:
            if self._leapt_at is None:
                self._leapt_at = now
                self._write(f"{then + now - at} {wall}\n")
            if now - self._leapt_at < SETTLED_SECONDS:
                return True
        if self._is_noted:
            self._write("")
        self._known, self._leapt_at = (wall, now), None
        return False

    def _write(self, text: str) -> None:
        """Note a leap, or that there is none any more."""
        if self._note is None:
            return
        self._is_noted = bool(text)
        with suppress(OSError):  # on a full disk this process knows it, and the next start by the files alone
            if text:
                write_durably(self._note, text.encode())
            else:
                self._note.unlink(missing_ok=True)


def _noted(path: Path | None) -> tuple[float, float] | None:
    """Return the time before a leap, and by its own clock the one when it was seen; None without a note."""
    if path is None:
        return None
    try:
        before, seen = map(float, path.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return None
    return before, seen


def keep(client: Client) -> None:
    """Have the engine remove nothing for its age."""
    client.command("SYSTEM STOP TTL MERGES")


def follow_config(client: Client) -> None:
    """Undo what `remove` had to write into tables of an engine that was opened with CONFIG."""
    for table in _tables(client, _MERGES):
        client.command(f"ALTER TABLE {table} RESET SETTING {_MERGES}")


def remove(client: Client, ageing: Ageing, stopping: Callable[[float], bool]) -> None:
    """Let the engine remove what is too old for a while; `stopping` waits, and tells whether to end."""
    if ageing.leapt():
        return
    found = client.query(
        "SELECT value FROM system.merge_tree_settings WHERE name = {name:String}", {"name": _MERGES}
    )
    if found.result_rows == [("0",)]:  # opened with CONFIG, which holds until the next start
        for table in _tables(client, " TTL "):
            client.command(f"ALTER TABLE {table} MODIFY SETTING {_MERGES} = 2")
    client.command("SYSTEM START TTL MERGES")
    try:
        began = time.monotonic()
        while not stopping(_LOOK_SECONDS) and not ageing.leapt():
            if time.monotonic() - began > REMOVE_SECONDS and not _removes(client):
                return
    finally:
        keep(client)


def _tables(client: Client, words: str) -> list[str]:
    """Return the tables with these words in their definition."""
    found = client.query(
        """SELECT name FROM system.tables WHERE database = currentDatabase()
        AND position(engine_full, {words:String}) > 0 ORDER BY name""",
        parameters={"words": words},
    )
    return [str(row[0]) for row in found.result_rows]


def _removes(client: Client) -> bool:
    """Tell whether a merge is under way that removes something: to stop it would be to begin it anew."""
    rows = client.query("SELECT count() FROM system.merges WHERE merge_type LIKE 'TTL%'").result_rows
    return bool(rows[0][0])


def last_written(folder: Path) -> float:
    """Return when something was last added to a folder, in seconds since the epoch; now, where it is new."""
    try:
        return folder.stat().st_mtime
    except OSError:
        return time.time()
