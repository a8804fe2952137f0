"""Which other collectors store into the same ClickHouse, and until when they did."""

import time

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.process import process_name

_BEAT_SECONDS = 60.0


class Presence:
    """This process' signs of life, through one client.

    One is given before anything is stored, so whoever looks before storing sees everybody whose spans may be
    there. Times are the store's.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._name = process_name()
        self._beaten = float("-inf")

    def others_until(self) -> int:
        """Give a sign of life; return until when others may have stored spans.

        In ms since the epoch, by the store's clock; 0 where there were no others in the last 30 days.
        """
        if time.monotonic() - self._beaten >= _BEAT_SECONDS:
            self._client.command(
                "INSERT INTO collectors SELECT {process:String}, now64(3, 'UTC')", {"process": self._name}
            )
            self._beaten = time.monotonic()
        rows = self._client.query(
            "SELECT toUnixTimestamp64Milli(max(beat)) FROM collectors WHERE process != {process:String}",
            parameters={"process": self._name},
        ).result_rows
        last = int(rows[0][0])
        return last + int(_BEAT_SECONDS * 1000) if last > 0 else 0
