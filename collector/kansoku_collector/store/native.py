"""A block of rows in ClickHouse's native format, made from columns of Python values.

The client makes such blocks too, but holds a block several times over, where here a column is given away once
it is made, and takes twice as long for what most columns of ours are.
"""

from array import array
from collections.abc import Iterator, Sequence
from decimal import Decimal, localcontext
from itertools import accumulate, chain
from typing import Any

from clickhouse_connect.datatypes.container import Map
from clickhouse_connect.datatypes.numeric import Decimal128
from clickhouse_connect.datatypes.string import String
from clickhouse_connect.driver import options
from clickhouse_connect.driver.common import write_leb128
from clickhouse_connect.driver.insert import InsertContext

Column = tuple[str, Any, Sequence[Any]]  # name, type as the client knows it, values
_DICTIONARY, _KEYS = 1 << 9, 1 << 10  # a block has a dictionary of its own, and keys into it
_CHUNK = 512  # rows
_WIDTHS = ((1 << 8, "B"), (1 << 16, "H"), (1 << 32, "I"))  # of those keys


def without_data_frames() -> None:
    """Keep the client from loading pandas where a dashboard brought it: 78 MB, and seconds of a start.

    It would at the first insert, to see whether the rows are a data frame. This is what it notes where there
    is no pandas; it holds for the process.
    """
    vars(options).update(pd=None, pd_time_test=None)


def pieces(columns: Sequence[Column]) -> Iterator[bytearray]:
    """Yield a block in pieces; raise DataError or UnicodeError for what a column cannot hold.

    Texts, which are nearly all of it, come some hundred rows at a time: so each piece takes the place of the
    one before it in memory, where a column at a time would take new memory for each.
    """
    context = InsertContext("", [name for name, _, _ in columns], [kind for _, kind, _ in columns])
    piece = bytearray()
    write_leb128(len(columns), piece)
    write_leb128(len(columns[0][2]), piece)
    for name, kind, values in columns:
        _write_text(name, piece)
        _write_text(kind.insert_name, piece)
        context.start_column(name)
        kind.write_column_prefix(piece)
        yield piece
        yield from _written(kind, values, context)
        piece = bytearray()


def _written(kind: Any, values: Sequence[Any], context: InsertContext) -> Iterator[bytearray]:
    if isinstance(kind, String) and kind.low_card and not kind.nullable:
        yield _dictionary(values)
    elif isinstance(kind, String) and not kind.low_card and not kind.nullable:
        for start in range(0, len(values), _CHUNK):
            piece = bytearray()
            kind.write_column_data(values[start : start + _CHUNK], piece, context)
            yield piece
    elif isinstance(kind, Map):
        yield bytearray(array("Q", accumulate(map(len, values))).tobytes())
        yield from _written(kind.key_type, list(chain.from_iterable(values)), context)
        yield from _written(kind.value_type, [text for found in values for text in found.values()], context)
    elif isinstance(kind, Decimal128) and not kind.nullable:
        yield _decimals(values, kind.scale, kind.prec)
    else:
        piece = bytearray()
        kind.write_column_data(values, piece, context)
        yield piece


def _dictionary(values: Sequence[str]) -> bytearray:
    """Return texts of which there are few: each once, and for every row which one it is."""
    piece = bytearray()
    if not values:
        return piece
    places = {text: place for place, text in enumerate(dict.fromkeys(values))}
    width, code = next((at, code) for at, (most, code) in enumerate(_WIDTHS) if len(places) <= most)
    piece += array("Q", (_DICTIONARY | _KEYS | width, len(places))).tobytes()
    for text in places:
        _write_text(text, piece)
    piece += array("Q", (len(values),)).tobytes()
    piece += array(code, map(places.__getitem__, values)).tobytes()
    return piece


def _decimals(values: Sequence[Decimal], scale: int, digits: int) -> bytearray:
    piece, nothing = bytearray(), bytes(16)
    with localcontext() as exact:
        exact.prec = digits
        for value in values:
            piece += int(value.scaleb(scale)).to_bytes(16, "little", signed=True) if value else nothing
    return piece


def _write_text(text: str, piece: bytearray) -> None:
    encoded = text.encode()
    write_leb128(len(encoded), piece)
    piece += encoded
