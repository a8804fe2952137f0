"""Parts of tables that the engine found damaged on the disk: it goes on without them, and without a word."""

from clickhouse_connect.driver.client import Client


def damaged(client: Client) -> list[str]:
    """Return a sentence for each table with parts that were set aside because they are damaged."""
    rows = client.query(
        """SELECT table, count(), any(path) FROM system.detached_parts
        WHERE database = currentDatabase() AND reason LIKE '%broken%' GROUP BY table ORDER BY table"""
    ).result_rows
    return [
        f"{count} damaged parts of the table {table} are set aside, and their rows are missing: restore a"
        f" backup, or remove them to forget it ({path})"
        for table, count, path in rows
    ]
