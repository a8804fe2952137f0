"""What happened when: the incidents that a dashboard must make visible, relative to the end of the history.

With the usual 14 days: a dearer prompt from 10 to 7 days ago, an A/B test of a terser prompt from 6 days ago
on, a gap of 45 minutes 5 days ago, and another model version answering from 3 days ago on. A shorter history
is squeezed.
"""

import zlib
from dataclasses import dataclass

DAY = 86_400.0
_USUAL_DAYS = 14.0
_AFTERNOON = 5 * 3600.0  # 14:00 in Japan, in seconds of the UTC day


@dataclass(frozen=True, slots=True)
class Scenario:
    """The timeline of a demo; times are seconds since the epoch, `end` is where its history ended."""

    end: float
    days: float
    seed: int

    @property
    def start(self) -> float:
        """The time of the first request."""
        return self.end - self.days * DAY

    @property
    def model_changed(self) -> float:
        """From here on the vendor answers with another version of the same model."""
        return self._ago(3)

    @property
    def dear_prompt(self) -> tuple[float, float]:
        """Begin and end of the time in which v15 was in use."""
        return self._ago(10), self._ago(7)

    @property
    def test_started(self) -> float:
        """From here on every other citizen gets v16."""
        return self._ago(6)

    @property
    def gap(self) -> tuple[float, float]:
        """Begin and end of the time in which nothing was recorded."""
        begin = self._ago(5)
        if self.days >= _USUAL_DAYS / 2:  # in the afternoon in Japan: at night nobody would miss anything
            begin = begin // DAY * DAY + _AFTERNOON
        return begin, begin + self.days / _USUAL_DAYS * 2700

    def prompt_version(self, at: float, user_id: str) -> str:
        """Return the prompt version that a citizen gets at a time."""
        begin, end = self.dear_prompt
        if begin <= at < end:
            return "v15"
        return "v16" if at >= self.test_started and zlib.crc32(user_id.encode()) % 2 else "v14"

    def is_recorded(self, at: float) -> bool:
        """Tell whether telemetry of this time was received."""
        begin, end = self.gap
        return not begin <= at < end

    def _ago(self, days: float) -> float:
        return self.end - days * self.days / _USUAL_DAYS * DAY
