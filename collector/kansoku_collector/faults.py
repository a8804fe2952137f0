"""Tell data that is wrong from a moment that is wrong, and find the rows that are."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from clickhouse_connect.driver.exceptions import ClickHouseError, DataError

from kansoku_collector.errors import StoreError

# ClickHouse's codes for "this data is wrong", as opposed to "not now".
_DATA_CODES = frozenset({6, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 128, 131, 190, 321, 349, 407, 469})
_REFUSALS = 100  # of one batch; more, and it is not single rows that are wrong
Row = TypeVar("Row")


def is_about_data(error: Exception) -> bool:
    """Tell whether trying again cannot help: the data is wrong, not the moment."""
    if isinstance(error, DataError):
        return True
    if isinstance(error, ClickHouseError | StoreError | OSError | MemoryError):
        code = re.search(r"\bCode: (\d+)", str(error))
        return code is not None and int(code[1]) in _DATA_CODES
    return True


def insert_apart(
    insert: Callable[[Sequence[Row], str], None], rows: Sequence[Row], token: str
) -> list[tuple[Row, str]]:
    """Insert rows in halves of halves around those that are refused; return these, each with the reason.

    Parts and tokens depend on the rows alone, so doing it again after a crash stores nothing twice.
    """
    refused: list[tuple[Row, str]] = []
    waiting = [(rows, token)]
    refusals = 0
    while waiting:
        part, name = waiting.pop()
        try:
            insert(part, name)
        except Exception as error:
            refusals += 1
            if not is_about_data(error) or refusals > _REFUSALS:
                raise
            if len(part) == 1:
                refused.append((part[0], sentence(error)))
                continue
            half, name = len(part) // 2, name if "." in name else f"{name}."
            waiting += [(part[half:], f"{name}1"), (part[:half], f"{name}0")]
    return refused


def sentence(error: Exception) -> str:
    """Return an error as one line for people, without the engine's stack."""
    text = str(error).partition(", Stack trace")[0].strip().partition("\n")[0]
    return f"{type(error).__name__}: {text[:500]}"
