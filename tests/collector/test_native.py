"""Blocks in ClickHouse's native format are byte for byte those that its own client makes."""

import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.insert import InsertContext
from clickhouse_connect.driver.transform import NativeTransform

from kansoku_collector.store.native import pieces

COLUMNS: dict[str, tuple[str, list[Any]]] = {
    "few": ("LowCardinality(String)", ["a", "", "収集日", "a"]),
    "maps": (
        "Map(LowCardinality(String), String)",
        [{"k": "v", "収集": ""}, {}, {"k": "w"}, {"z": "x" * 300}],
    ),
    "empty": ("Map(LowCardinality(String), String)", [{}, {}, {}, {}]),
    "money": ("Decimal(38, 12)", [Decimal("12.345678901234"), Decimal(0), Decimal("-1E-12"), Decimal(10**9)]),
    "perhaps": ("Nullable(Decimal(38, 12))", [None, Decimal("0.5"), None, Decimal(0)]),
    "texts": ("String", ["", "x" * 200, "ごみ", "\0"]),
    "lists": ("Array(LowCardinality(String))", [["stop"], [], ["a", "b"], []]),
    "numbers": ("UInt32", [0, 1, 2**32 - 1, 7]),
    "moments": ("DateTime64(9, 'UTC')", [0, 1, 2**62, 5]),
}


def by_client(names: list[str], kinds: list[Any], columns: list[list[Any]]) -> bytes:
    """Return the block that the client would send."""
    context = InsertContext("t", names, kinds, columns, column_oriented=True, block_size=1 << 30)
    return b"".join(NativeTransform.build_insert(context)).partition(b"\n")[2]


@pytest.mark.parametrize("rows", [4, 1])
def test_a_block_is_the_one_of_the_client(rows: int) -> None:
    """Texts, maps, money and what is left to the client come out the same to the last byte."""
    kinds = [get_from_name(kind) for kind, _ in COLUMNS.values()]
    columns = [values[:rows] for _, values in COLUMNS.values()]
    ours = b"".join(pieces(list(zip(COLUMNS, kinds, columns, strict=True))))
    assert ours == by_client(list(COLUMNS), kinds, columns)


@pytest.mark.parametrize("texts", [256, 257, 65_537])
def test_a_dictionary_has_keys_as_wide_as_it_needs(texts: int) -> None:
    """Up to 256 texts take a byte a row; none is confused with another beyond that."""
    kind = get_from_name("LowCardinality(String)")
    values = [str(number) for number in range(texts)]
    width = {256: 1, 257: 2, 65_537: 4}[texts]
    keys = b"".join(number.to_bytes(width, "little") for number in range(texts))
    assert b"".join(pieces([("c", kind, values)])).endswith(keys)


def test_a_collector_does_not_load_data_frames() -> None:
    """A collector beside a dashboard does not carry the dashboard's libraries in its memory."""
    code = (
        "import sys; from clickhouse_connect.datatypes.registry import get_from_name as kind;"
        "from clickhouse_connect.driver.insert import InsertContext;"
        "from kansoku_collector.store.native import without_data_frames; without_data_frames();"
        "InsertContext('t', ['c'], [kind('String')], [['x']], column_oriented=True);"
        "sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
