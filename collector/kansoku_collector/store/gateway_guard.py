"""Decide what the gateway's users may run: the engine's `readonly=1`, and what that leaves open."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from kansoku_collector.store.gateway_errors import QueryError
from kansoku_collector.store.gateway_text import first_word, names, tokens

# Statements that a reader may send; all of them still run under readonly=1.
READS = frozenset({"SELECT", "WITH", "SHOW", "DESCRIBE", "EXPLAIN", "EXISTS"})
STREAMS = frozenset({"SELECT", "WITH"})

# Table functions that read nothing but their arguments and the database. All others are refused by name:
# DESCRIBE asks the file or the host for its structure before the engine checks any right.
TABLE_FUNCTIONS = frozenset(
    {
        "numbers", "numbers_mt", "zeros", "zeros_mt", "primes", "generateseries", "generate_series",
        "generaterandom", "values", "sqlstandardvalues", "null", "view", "viewifpermitted", "merge",
        "mergetreeindex",
        "mergetreeprojection", "mergetreetextindex", "mergetreeanalyzeindexes", "mergetreecodecblockcounts",
        "fuzzquery", "fuzzjson", "format",
    }
)  # fmt: skip
# Functions that reach files, hosts or Python, wherever the name stands (`APPLY file` has no parenthesis).
# `default` is the engine's overlay database, in which every path of the file system is a table.
FORBIDDEN = frozenset({"file", "default", "hascolumnintable", "python", "eval"})
FORBIDDEN_PREFIXES = ("ai", "catboost")

# Settings that a reader may send beside the query, and the ceilings of those that bound its cost.
READER_SETTINGS = frozenset(
    {
        "max_threads", "max_block_size", "max_execution_time", "max_memory_usage", "max_result_rows",
        "max_result_bytes", "result_overflow_mode", "max_rows_to_read", "max_bytes_to_read",
        "read_overflow_mode", "timeout_overflow_mode",
        "max_rows_to_group_by", "group_by_overflow_mode", "max_bytes_before_external_group_by",
        "max_bytes_before_external_sort", "date_time_input_format", "date_time_output_format",
        "session_timezone", "cast_string_to_dynamic_use_inference", "output_format_json_quote_64bit_integers",
        "output_format_json_quote_denormals", "output_format_json_quote_decimals",
        "output_format_native_encode_types_in_binary_format", "output_format_arrow_string_as_string",
        "output_format_arrow_compression_method", "output_format_parquet_string_as_string",
        "output_format_parquet_compression_method", "output_format_native_write_json_as_string",
        "join_use_nulls", "use_skip_indexes", "optimize_read_in_order", "optimize_move_to_prewhere",
        "use_query_cache",
        "extremes", "limit", "offset", "final", "prefer_column_name_to_alias", "insert_deduplication_token",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Statement:
    """A query as the engine's own parser writes it: comments gone, keywords in capitals, names decoded.

    What is read in its text is remembered: a dashboard sends the same text again and again, with new values.
    """

    text: str
    canonical: str

    @property
    def word(self) -> str:
        """Its first keyword."""
        return first_word(self.canonical)

    @property
    def streams(self) -> bool:
        """Whether the engine can hand out its result block by block."""
        return self.word in STREAMS

    @property
    def has_result(self) -> bool:
        """Whether it answers with rows, be they none."""
        return self.word in READS

    @cached_property
    def parts(self) -> tuple[str, str, str]:
        """The text before its FORMAT clause, the format ('' when none) and what stands after it."""
        found = list(tokens(self.canonical))
        for token, name in zip(reversed(found[:-1]), reversed(found[1:]), strict=True):
            if token.text == "FORMAT" and token.kind == "word" and name.kind in ("word", "quoted"):
                rest = self.canonical[name.end :].strip()
                if not rest or rest.startswith("SETTINGS "):
                    return self.canonical[: token.start].rstrip(), name.text.strip("`"), rest
        return self.canonical, "", ""

    @cached_property
    def files(self) -> str:
        """The clause by which it writes or reads a file, '' when none."""
        words = [token.text for token in tokens(self.canonical) if token.kind == "word"]
        pairs = (("INTO", "OUTFILE"), ("FROM", "INFILE"))
        return next((" ".join(pair) for pair in itertools.pairwise(words) if pair in pairs), "")

    @cached_property
    def sets(self) -> bool:
        """Whether it changes settings, in any of its subqueries."""
        found = list(tokens(self.canonical))
        return any(
            word.text.upper() == "SETTINGS"
            and word.kind == "word"
            and name.kind in ("word", "quoted")
            and sign.text == "="
            for word, name, sign in zip(found, found[1:], found[2:], strict=False)
        )

    @cached_property
    def used(self) -> frozenset[tuple[str, bool]]:
        """Every name in it, and whether an opening parenthesis follows."""
        return frozenset(names(self.canonical))

    @cached_property
    def bound(self) -> frozenset[str]:
        """The parameters that stand for names."""
        return frozenset(re.findall(r"\{\s*(\w+)\s*:\s*Identifier\s*\}", self.canonical))


def check_everyone(statement: Statement) -> None:
    """Refuse what writes or reads files of the collector's machine, whoever asks."""
    if statement.files:
        raise QueryError(48, f"{statement.files} is not available over HTTP", "NOT_IMPLEMENTED")


def check_reader(statement: Statement, params: Mapping[str, str], table_functions: frozenset[str]) -> None:
    """Refuse what a reader may not do and the engine's `readonly=1` would let through."""
    check_word(statement.word)
    # The engine does not hold a subquery's SETTINGS against readonly=1; beside the query they are checked.
    if statement.sets:
        raise QueryError(164, "reader: Cannot modify settings in the query; send them beside it", "READONLY")
    used = set(statement.used)
    for name in statement.bound:
        used |= {(part, True) for part in re.split(r"\W+", params.get(name, "")) if part}
    for name, called in used:
        lowered = name.lower()
        forbidden = name == "default" if lowered == "default" else lowered in FORBIDDEN
        outside = called and (lowered in table_functions or lowered.startswith(FORBIDDEN_PREFIXES))
        if forbidden or (outside and lowered not in TABLE_FUNCTIONS):
            message = f"reader: Not enough privileges: {name} reaches outside the database"
            raise QueryError(497, message, "ACCESS_DENIED")


def check_word(word: str) -> None:
    """Refuse a reader's statement by its first word."""
    if word not in READS | {"DESC", "FROM"}:
        raise QueryError(164, "reader: Cannot execute query in readonly mode", "READONLY")


def reader_settings(settings: Mapping[str, str], ceilings: Mapping[str, int]) -> dict[str, str]:
    """Return the settings that a reader's query runs with; ceilings may be lowered, never raised."""
    for name in settings:
        if name not in READER_SETTINGS:
            raise QueryError(164, f"reader: Cannot modify '{name}' setting in readonly mode", "READONLY")
    return {
        name: _lower(name, text, ceilings[name]) if name in ceilings else text
        for name, text in settings.items()
    }


def _lower(name: str, text: str, ceiling: int) -> str:
    try:
        value = float(text)
    except ValueError:
        raise QueryError(72, f"Setting {name} is not a number: {text!r}", "CANNOT_PARSE_NUMBER") from None
    return text if 0 < value <= ceiling else str(ceiling)  # 0 would mean: no limit
