"""How much is stored, how fast it grows, and how much room is left on the server that is asked."""

from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.retention import ROWS

DAYS = 7  # growth is the mean of the last week: weekdays differ


class Table(NamedTuple):
    """One table: what it holds, and what a day adds; `daily_rows` is None where nothing tells the day."""

    name: str
    rows: int
    bytes: int
    uncompressed: int
    daily_rows: float | None = None

    @property
    def daily_bytes(self) -> float | None:
        """What a day adds on disk, if its rows are as large as those that are stored."""
        if self.daily_rows is None or not self.rows:
            return None
        return self.daily_rows * self.bytes / self.rows


class Storage(NamedTuple):
    """The tables, the largest first, and the room on the disk; None where the server does not say."""

    tables: list[Table]
    free: int | None
    total: int | None

    @property
    def bytes(self) -> int:
        """What all tables take."""
        return sum(table.bytes for table in self.tables)

    @property
    def daily_bytes(self) -> float:
        """What a day adds to all tables."""
        return sum(table.daily_bytes or 0.0 for table in self.tables)


def storage(client: Client) -> Storage:
    """Return what the tables of this database take."""
    rows = client.query(
        """SELECT table, sum(rows), sum(bytes_on_disk) AS size, sum(data_uncompressed_bytes)
        FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table ORDER BY size DESC"""
    ).result_rows
    # On a cluster the parts belong to the local table behind the one that is asked.
    found = [Table(str(name), int(n), int(size), int(raw)) for name, n, size, raw in rows]
    daily = _daily(client, [table.name for table in found])
    disks = client.query("SELECT min(free_space), min(total_space) FROM system.disks").result_rows
    free, total = disks[0] if disks else (0, 0)
    tables = [table._replace(daily_rows=daily.get(table.name)) for table in found]
    return Storage(tables, int(free) or None, int(total) or None)


def schema(client: Client) -> list[str]:
    """Return the migrations that are applied, in order."""
    rows = client.query("SELECT name FROM migrations ORDER BY name").result_rows
    return [str(row[0]).removesuffix(".sql") for row in rows]


def _daily(client: Client, names: list[str]) -> dict[str, float]:
    """Return the rows of each table on an average day of the last week, or of its age if it is younger."""
    known = [
        (name, ROWS[name.removesuffix("_local")][0]) for name in names if name.removesuffix("_local") in ROWS
    ]
    if not known:
        return {}
    parts = [
        f"""SELECT '{name}' AS name, count() AS n, dateDiff('second', toDateTime(min({column})), now()) AS age
        FROM {name} WHERE {column} >= now() - INTERVAL {DAYS} DAY AND {column} < now()"""  # noqa: S608
        for name, column in known
    ]
    rows = client.query(" UNION ALL ".join(parts)).result_rows
    return {str(name): float(n) * 86400 / max(int(age), 3600) for name, n, age in rows if n}
