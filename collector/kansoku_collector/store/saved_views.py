"""Keep the named filters of the screens."""

from datetime import UTC, datetime
from typing import NamedTuple

from clickhouse_connect.driver.client import Client


class SavedView(NamedTuple):
    """A named filter: `query` is the query string of the screen; an empty `owner` means everybody."""

    screen: str
    owner: str
    name: str
    query: str


def save_view(client: Client, project: str, view: SavedView, *, deleted: bool = False) -> None:
    """Keep `view` under its name, in the place of an older one; or forget it."""
    row = [project, *view, int(deleted), datetime.now(UTC)]
    names = ["project", "screen", "owner", "name", "query", "deleted", "updated"]
    client.insert("saved_views", [row], column_names=names)
