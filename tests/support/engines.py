"""Embedded ClickHouse for tests: it interprets expressions instead of compiling them.

It compiles whatever it meets for the third time, which pays over millions of rows. A process of a test asks
of a handful, and ends soon: it would compile for seconds. What is computed is the same. Processes that are
started as a user starts them compile as they always do.
"""

from typing import Any

import clickhouse_connect

_OPTIONS = {"compile_expressions": "0", "compile_aggregate_expressions": "0"}
_open = clickhouse_connect.get_client


def interpret() -> None:
    """Let every engine that this process opens interpret."""
    clickhouse_connect.get_client = _interpreting


def _interpreting(**arguments: Any) -> Any:
    options = arguments.get("chdb_options")
    return _open(**arguments if options is None else arguments | {"chdb_options": options | _OPTIONS})
