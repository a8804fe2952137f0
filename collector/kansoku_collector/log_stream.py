"""The log on standard error, which holds nobody up: lines are left out while nobody reads them."""

import logging
import os
import select
import sys
from contextlib import suppress

_NUMBER = 2


class StandardError(logging.Handler):
    """Writes what fits without waiting, and says how many lines are missing once there is room again.

    A service manager or a terminal that stops reading leaves a pipe full. A write would then wait for it, on
    the event loop or with the journal's lock held: nothing more would be accepted, and no signal end that.
    """

    def __init__(self) -> None:
        super().__init__()
        self._room = select.poll()
        self._room.register(_NUMBER, select.POLLOUT)
        self._missing = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it."""
        line = self.format(record)
        with suppress(OSError):  # whoever read has gone
            if self._missing and self._write(f"{self._missing} lines are missing here: nobody read the log"):
                self._missing = 0
            if self._missing or not self._write(line):
                self._missing += 1

    def _write(self, line: str) -> bool:
        """Write as much of a line as finds room; tell whether that was its beginning at least."""
        data = f"{line}\n".encode(sys.stderr.encoding, "backslashreplace")
        for start in range(0, len(data), select.PIPE_BUF):
            if not self._room.poll(0):
                return start > 0
            os.write(_NUMBER, data[start : start + select.PIPE_BUF])  # a part of this size never waits
        return True
