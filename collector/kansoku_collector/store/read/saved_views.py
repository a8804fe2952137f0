"""The named filters of a screen."""

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.saved_views import SavedView

MOST = 200


def saved_views(client: Client, project: str, screen: str, owner: str) -> list[SavedView]:
    """Return the views of a reader and those of everybody in the project, by name."""
    rows = client.query(
        """SELECT screen, owner, name, query FROM saved_views FINAL
        WHERE project = {project:String} AND screen = {screen:String} AND owner IN ('', {owner:String})
            AND deleted = 0
        ORDER BY owner = '', lower(name), name LIMIT {most:UInt32}""",
        parameters={"project": project, "screen": screen, "owner": owner, "most": MOST},
    ).result_rows
    return [SavedView(*row) for row in rows]
