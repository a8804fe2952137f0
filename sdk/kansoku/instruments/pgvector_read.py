"""Read statements that order by a distance of pgvector, and the rows that libpq holds of them."""

import re
import struct
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from kansoku import semconv
from kansoku.instruments.search import Document, Search, dimensions, document

# Operator -> metric, and what the same is called where a statement turns it round.
_METRICS = {
    "<->": ("l2_distance", ""),
    "<=>": ("cosine_distance", "cosine_similarity"),
    "<#>": ("negative_inner_product", "inner_product"),
    "<+>": ("l1_distance", ""),
    "<~>": ("hamming_distance", ""),
    "<%>": ("jaccard_distance", "jaccard_similarity"),
}
_OPERATOR = re.compile(r"<(?:[-=#+~]|%%?)>")
_ORDERED = re.compile(r"\border\s+by\b", re.IGNORECASE)
# PostGIS and pg_trgm have some of the same operators.
_VECTORS = re.compile(r"vec|embed|<=>|<\+>|'\[", re.IGNORECASE)
_LITERAL = re.compile(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_NUMBER = re.compile(r"(?<![\w$.])\d+(?:\.\d+)?\b")
_TABLE = re.compile(r'\bfrom\s+(?:only\s+)?((?:"[^"]+"|[\w$]+)(?:\.(?:"[^"]+"|[\w$]+))*)', re.IGNORECASE)
_LIMIT = re.compile(r"\blimit\s+(\d+|%s|%b|%t|%\((\w+)\)[sbt]|\$(\d+))", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"%[sbt]")
_ALIAS = re.compile(r'\s+as\s+"?([^\s",)]+)"?\s*$', re.IGNORECASE)
_TURNED = re.compile(r"1(?:\.0*)?\s*-|-\s*1|-\s*\(|\(\s*-")
_SCORES = frozenset({"?column?", "distance", "dist", "score", "similarity"})
_TEXTS = re.compile(r"(?:^|_)(?:text|content|document|chunk|passage|body|page_content)$")
_FLOATS = frozenset({700, 701, 1700})
_PACKED = {20: "!q", 21: "!h", 23: "!i", 26: "!I", 700: "!f", 701: "!d"}  # types of fixed length
_WORDS = frozenset({19, 25, 1042, 1043})
_UNTOLD = frozenset({17})  # bytea
_UUID = 2950
_TUPLES = 2  # the status of a result with rows
_MAX_ROWS = 200


def has_operator(query: Any) -> bool:
    """Tell whether a statement of any of psycopg's kinds has a distance operator, as cheaply as can be."""
    if isinstance(query, str):
        return ">" in query and _OPERATOR.search(query) is not None
    if isinstance(query, bytes):
        return b">" in query and _OPERATOR.search(query.decode("utf-8", "replace")) is not None
    inner = getattr(query, "_obj", None)  # psycopg.sql
    if isinstance(inner, list):
        return any(has_operator(part) for part in inner)
    if inner is None:
        inner = getattr(query, "strings", None)  # a template
        return isinstance(inner, tuple) and any(has_operator(part) for part in inner)
    return type(query).__name__ == "SQL" and has_operator(inner)


class StatementReader:
    """Reads a SELECT whose order is a distance."""

    system = "postgresql"

    def request(self, client: Any, arguments: Mapping[str, Any], capture: bool) -> Search | None:
        """Read the table, the metric, the limit and the length of the vector."""
        statement = _text(arguments.get("query"), client)
        params = arguments.get("params")
        bare = _LITERAL.sub("'?'", statement)
        ordered = _ORDERED.search(bare)
        operator = _OPERATOR.search(bare, ordered.end()) if ordered else None
        item = _distance_item(bare) if ordered else None
        if operator is None and item is not None:
            operator = _OPERATOR.search(item)  # ordered by the name of a selected distance
        if operator is None or not bare.lstrip(" \n\t(").lower().startswith(("select", "with")):
            return None
        values = _values(params)
        if "'[" in statement:
            values += [found.group().strip("'") for found in _LITERAL.finditer(statement)]
        length = next((size for value in values if (size := _length(value))), 0)
        if not length and not _VECTORS.search(statement):
            return None
        search = Search("select", _table(bare), dimensions=length)
        search.top_k = _limit(bare, params)
        search.note = alias[1] if item and (alias := _ALIAS.search(item)) else ""
        _read_metric(search, operator.group().replace("%%", "%"), item or "")
        if capture:
            search.attributes[semconv.DB_QUERY] = _NUMBER.sub("?", bare)
        info = client.connection.info
        search.namespace, search.address, search.port = info.dbname, info.host, info.port
        return search

    def response(self, response: Any, capture: bool, search: Search) -> Iterable[Document] | None:
        """Read ids and scores of the rows; None for a server's cursor or a pipeline, whose rows are away."""
        result = response.pgresult
        if result is None or hasattr(response, "scrollable") or int(result.status) != _TUPLES:
            return None
        names = [(result.fname(n) or b"").decode("utf-8", "replace") for n in range(result.nfields)]
        score = _score_column(names, result, search.note or "")
        identity = _id_column(names, score)
        text = next((n for n, name in enumerate(names) if _TEXTS.search(name)), None) if capture else None
        found = [
            document(
                _cell(result, row, identity),
                _number(_cell(result, row, score)),
                content=_cell(result, row, text),
                capture=capture,
            )
            for row in range(min(result.ntuples, _MAX_ROWS))
        ]
        search.attributes[semconv.RETRIEVAL_COUNT] = result.ntuples
        return found


READER = StatementReader()


# The statement


def _text(query: Any, cursor: Any) -> str:
    if isinstance(query, str):
        return query
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    if hasattr(query, "as_string"):
        return str(query.as_string(cursor))
    return "%s".join(query.strings)  # a template


def _distance_item(bare: str) -> str | None:
    """Return the expression of a select list that has a distance operator."""
    depth, item, items = 0, "", []
    begin = re.search(r"\bselect\b", bare, re.IGNORECASE)
    for word in re.findall(r"\w+|\W", bare[begin.end() :] if begin else ""):
        depth += (word == "(") - (word == ")")
        if depth == 0 and word == ",":
            items.append(item)
            item = ""
        elif depth == 0 and word.lower() == "from":
            break
        else:
            item += word
    return next((found for found in [*items, item] if _OPERATOR.search(found)), None)


def _read_metric(search: Search, operator: str, item: str) -> None:
    """Say what the score is: a distance, or one that the statement turns round, as in `1 - distance`."""
    metric, turned = _METRICS[operator]
    place = _OPERATOR.search(item)
    around = item[: place.start()] + item[place.end() :] if place else ""
    round_about = place is not None and _TURNED.search(around) is not None
    if not round_about:
        search.attributes[semconv.RETRIEVAL_SCORE_METRIC] = metric
    elif turned:
        search.attributes[semconv.RETRIEVAL_SCORE_METRIC] = turned
    search.attributes[semconv.RETRIEVAL_SCORE_ORDER] = "higher" if round_about else "lower"


def _table(bare: str) -> str:
    found = _TABLE.search(bare)
    return found.group(1).replace('"', "") if found else ""


def _limit(bare: str, params: Any) -> int | None:
    found = _LIMIT.search(bare)
    if found is None:
        return None
    words, name, number = found.groups()
    value: Any = None
    if words.isdigit():
        value = int(words)
    elif name and isinstance(params, Mapping):
        value = params.get(name)
    elif isinstance(params, list | tuple):
        place = int(number) - 1 if number else len(_PLACEHOLDER.findall(bare[: found.start()]))
        value = params[place] if place < len(params) else None
    return value if isinstance(value, int) else None


def _values(params: Any) -> list[Any]:
    if isinstance(params, Mapping):
        return list(params.values())
    return list(params) if isinstance(params, list | tuple) else []


def _length(value: Any) -> int:
    """Return how many dimensions a parameter has: a vector's text, a list, an array, pgvector's own types."""
    if isinstance(value, str):
        return value.count(",") + 1 if value[:1] == "[" and value[-1:] == "]" else 0
    if callable(getattr(value, "dimensions", None)):
        return int(value.dimensions())
    return dimensions(value)


# The result


def _score_column(names: list[str], result: Any, alias: str) -> int | None:
    if alias in names:
        return names.index(alias)
    return next(
        (n for n, name in enumerate(names) if name in _SCORES and result.ftype(n) in _FLOATS),
        None,
    )


def _id_column(names: list[str], score: int | None) -> int | None:
    for name in ("id", "uuid", "_id"):
        if name in names:
            return names.index(name)
    return next((n for n in range(len(names)) if n != score), None)


def _cell(result: Any, row: int, column: int | None) -> Any:
    """Return a cell of a type that ids, scores and texts have, in the text format or in the binary one."""
    if column is None or (value := result.get_value(row, column)) is None:
        return None
    if not result.fformat(column):
        return value.decode("utf-8", "replace") if result.ftype(column) not in _UNTOLD else None
    kind = result.ftype(column)
    if kind in _PACKED:
        return struct.unpack(_PACKED[kind], value)[0]
    if kind == _UUID:
        return str(UUID(bytes=bytes(value)))
    return value.decode("utf-8", "replace") if kind in _WORDS else None


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return None
