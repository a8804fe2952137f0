"""The channels of a rules file by name, and a test message to one of them with what its receiver said."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kansoku_collector.watch.carriers import carry
from kansoku_collector.watch.channels import Channel
from kansoku_collector.watch.message import sample
from kansoku_collector.watch.rules import read_channels, read_dashboard_url


@dataclass(frozen=True, slots=True)
class Trial:
    """The rules file, read anew each time: somebody may just be writing it. None has no channels."""

    path: Path | None

    def listed(self) -> list[dict[str, str]]:
        """Return name, type and host of each channel; raise RulesError where the file has problems."""
        return [
            {"name": channel.name, "type": str(getattr(channel, "type", "")), "host": channel.host}
            for channel in self._channels().values()
        ]

    def send(self, name: str) -> dict[str, Any] | None:
        """Try a channel once, since somebody waits; return how it went, None where there is none."""
        channel = self._channels().get(name)
        if channel is None or self.path is None:
            return None
        outcome = carry(sample(channel, read_dashboard_url(self.path)))
        return {
            "channel": channel.name,
            "host": channel.host,
            "delivered": outcome.delivered,
            "detail": outcome.detail,
        }

    def _channels(self) -> dict[str, Channel]:
        return {} if self.path is None else read_channels(self.path)
