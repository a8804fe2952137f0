"""The tables of a migrated database, copied into another one of the engine: migrating takes far longer."""

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.connect import connect
from kansoku_collector.store.migrate import migrate

_TEMPLATE = "migrated_template"
_statements: dict[str, list[str]] = {}


def create(client: Client, url: str) -> Client:
    """Give the client's database the tables that migrations make, unless it has them; return the client."""
    if client.command("EXISTS TABLE migrations"):
        return client
    for statement in _statements.get(url) or _statements.setdefault(url, _read(url)):
        client.command(statement.replace(f"{_TEMPLATE}.", f"{client.database}."))
    return client


def _read(url: str) -> list[str]:
    """Return what makes the tables of the template, those that views write to before the views."""
    template = connect(url, database=_TEMPLATE)
    migrate(template)
    found = template.query(
        """SELECT create_table_query FROM system.tables WHERE database = currentDatabase()
        ORDER BY engine = 'MaterializedView', name"""
    )
    template.close()
    rows = f"INSERT INTO {_TEMPLATE}.migrations SELECT * FROM `{_TEMPLATE}`.migrations"
    return [statement for (statement,) in found.result_rows] + [rows]
