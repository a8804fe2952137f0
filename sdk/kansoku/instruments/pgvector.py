"""pgvector: the statements of psycopg, alone or under SQLAlchemy, that order by a distance.

Ids and scores are read from the result that libpq holds already: no row is fetched, and the cursor stays
where it is. A statement without a distance operator costs one search for it in its text.
"""

import functools
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from kansoku.guard import swallow
from kansoku.instruments import patch
from kansoku.instruments.pgvector_read import READER, has_operator
from kansoku.instruments.search import wrap_async, wrap_sync
from kansoku.instruments.targets import Targets


class _Cursors(Targets):
    def _patch(self, module: ModuleType) -> None:
        for owner, name, _ in self._methods(module.__name__):
            patch.replace(owner, name, _wrap_async if "Async" in owner.__name__ else _wrap)


def _matters(query: Any) -> bool:
    try:
        return has_operator(query)
    except Exception as error:  # noqa: BLE001 - the border: the statement runs, untraced
        swallow("pgvector.detect", error)
        return False


def _wrap(original: Any) -> Any:
    searched = wrap_sync(original, READER)

    @functools.wraps(original)
    def execute(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        if (type(query) is str and ">" not in query) or not _matters(query):  # in place: most end here
            return original(self, query, *args, **kwargs)
        return searched(self, query, *args, **kwargs)

    return execute


def _wrap_async(original: Any) -> Any:
    searched = wrap_async(original, READER)

    @functools.wraps(original)
    async def execute(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        if (type(query) is str and ">" not in query) or not _matters(query):
            return await original(self, query, *args, **kwargs)
        return await searched(self, query, *args, **kwargs)

    return execute


_EXECUTE: Mapping[str, Any] = {"execute": READER}
_CURSORS = _Cursors(
    {
        "psycopg.cursor": {"Cursor": _EXECUTE},
        "psycopg.cursor_async": {"AsyncCursor": _EXECUTE},
        "psycopg.server_cursor": {"ServerCursor": _EXECUTE, "AsyncServerCursor": _EXECUTE},  # of 3.1
        "psycopg._server_cursor": {"ServerCursor": _EXECUTE},
        "psycopg._server_cursor_async": {"AsyncServerCursor": _EXECUTE},
    }
)
start = _CURSORS.start
stop = _CURSORS.stop
