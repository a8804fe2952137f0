"""Merge a table's parts, as the engine does in its own time."""

from clickhouse_connect.driver.client import Client


def merge(client: Client, table: str) -> None:
    """Merge all parts of a table now, also where an earlier test has stopped the engine's merges."""
    client.command(f"SYSTEM START MERGES {table}")
    client.command("SYSTEM START MERGES")
    client.command(f"OPTIMIZE TABLE {table} FINAL")
