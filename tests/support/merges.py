"""Merge a table's parts, as the engine does in its own time."""

import time

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

_ATTEMPTS = 5


def merge(client: Client, table: str) -> None:
    """Merge all parts of a table now; again where the engine gave up a merge, as it may at any time."""
    for left in reversed(range(_ATTEMPTS)):
        try:
            client.command(f"OPTIMIZE TABLE {table} FINAL")
        except ClickHouseError as error:
            if "ABORTED" not in str(error) or not left:
                raise
            time.sleep(0.2)
        else:
            return
