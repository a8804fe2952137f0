"""A progress bar on standard error; a line every ten percent where nobody watches."""

import sys
import time
from typing import TextIO

_WIDTH = 32


class Progress:
    """Shows how much of `total` is done.

    progress = Progress("Back-filling 14 days", total=336)
    progress.advance(6, "1,204 requests")
    """

    def __init__(self, title: str, total: int, out: TextIO | None = None) -> None:
        self._title = title
        self._total = max(1, total)
        self._out = out or sys.stderr
        self._done = 0
        self._tenths = 0
        self._started = time.monotonic()

    def advance(self, steps: int, note: str) -> None:
        """Count `steps` more and show `note`."""
        self._done += steps
        share = min(1.0, self._done / self._total)
        seconds = time.monotonic() - self._started
        if self._out.isatty():
            bar = ("█" * round(share * _WIDTH)).ljust(_WIDTH, "░")
            end = "\n" if share >= 1 else ""
            self._write(f"\r{self._title} {bar} {share:4.0%}  {note}  {seconds:3.0f} s{end}")
        elif int(share * 10) > self._tenths:
            self._write(f"{self._title}: {share:.0%}, {note}, {seconds:.0f} s\n")
        self._tenths = int(share * 10)

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
