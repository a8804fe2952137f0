"""Which projects there are."""

from clickhouse_connect.driver.client import Client

MOST = 1000


def projects(client: Client) -> list[str]:
    """Return the names of the projects of which anything is stored, in order."""
    rows = client.query(
        f"SELECT DISTINCT toString(project) AS name FROM rollup_day ORDER BY name LIMIT {MOST}"  # noqa: S608
    ).result_rows
    return [str(row[0]) for row in rows]
