"""Write the schema for a cluster: each statement of a migration as ON CLUSTER, replicated, distributed DDL.

A large table `spans` becomes `spans_local` on every shard (replicated, fed by views on the same shard) and
the `Distributed` table `spans` over them, so that writers and readers use the names of a single server. Small
tables are whole on every host.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from kansoku_collector.errors import StoreError
from kansoku_collector.store.gateway_text import Token, tokens

_NAMED = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WINDOW = "non_replicated_deduplication_window"
_WINDOW_SECONDS = 7 * 24 * 3600  # a segment is sent again for as long as a journal may wait
# How a statement begins, before the name of what it is about.
_HEADS = (
    "CREATE TABLE", "CREATE MATERIALIZED VIEW", "CREATE VIEW", "CREATE OR REPLACE VIEW", "CREATE FUNCTION",
    "CREATE OR REPLACE FUNCTION", "ALTER TABLE", "DROP TABLE", "DROP VIEW", "DETACH TABLE", "ATTACH TABLE",
    "DETACH VIEW", "ATTACH VIEW", "TRUNCATE TABLE", "OPTIMIZE TABLE", "DELETE FROM", "INSERT INTO",
)  # fmt: skip
_GUARD = {"IF", "NOT", "EXISTS"}


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement taken apart: how it begins, what it is about, and its tokens behind that name."""

    text: str
    head: str
    name: str
    name_at: tuple[int, int]
    rest: list[Token]

    @classmethod
    def read(cls, text: str) -> "Statement":
        """Take `text` apart; raise StoreError for a statement that no migration should contain."""
        found = list(tokens(text))
        words = [token.text.upper() for token in found]
        for head in sorted(_HEADS, key=len, reverse=True):
            size = len(head.split())
            if words[:size] == head.split():
                while words[size] in _GUARD:
                    size += 1
                name = found[size]
                return cls(text, head, name.text, (name.start, name.end), found[size + 1 :])
        raise StoreError(f"a migration's statement cannot be written for a cluster: {text[:80]!r}")


@dataclass
class Topology:
    """What the schema looks like on `cluster`: which tables are spread over the shards, and by what."""

    cluster: str
    database: str
    keys: dict[str, str] = field(default_factory=dict)  # sharded table or view -> sharding key

    def __post_init__(self) -> None:
        """Refuse names that DDL would have to quote."""
        for name in (self.cluster, self.database):
            if not _NAMED.fullmatch(name):
                raise StoreError(f"{name!r} cannot be the name of a cluster or its database: use a-z, 0-9, _")

    def render(self, text: str) -> list[str]:
        """Return what to run on one node of the cluster instead of `text`; remembers what it creates."""
        statement = Statement.read(text)
        name = statement.name
        match statement.head.split():
            case ["INSERT", "INTO"]:
                return [text]  # through the distributed tables, by their own names
            case ["CREATE", "TABLE"]:
                return list(self._table(statement))
            case ["CREATE", *_, "VIEW"] if "MATERIALIZED" not in statement.head:
                return list(self._view(statement))
        if name not in self.keys:
            return [self._on_cluster(statement, name)]
        changed = [self._on_cluster(statement, local(name))]
        if statement.head.startswith("DROP"):
            return [self._on_cluster(statement, name), *changed]
        if statement.head == "ALTER TABLE":
            # The distributed table holds no rows: it is made anew and takes over whatever changed.
            changed.append(self._distributed(name, "CREATE OR REPLACE TABLE"))
        return changed

    def _table(self, statement: Statement) -> Iterator[str]:
        spread = self._sharding_key(statement)
        if spread is None:
            yield self._on_cluster(statement, statement.name)
            return
        self.keys[statement.name] = spread
        yield self._on_cluster(statement, local(statement.name))
        yield self._distributed(statement.name, "CREATE TABLE IF NOT EXISTS")

    def _view(self, statement: Statement) -> Iterator[str]:
        """Make a view on every shard and a distributed table over it: its joins then stay within a shard."""
        if not any(token.text in self.keys for token in _sources(statement.rest)):
            yield self._on_cluster(statement, statement.name)
            return
        self.keys[statement.name] = ""
        yield self._on_cluster(statement, local(statement.name))
        yield self._distributed(statement.name, "CREATE OR REPLACE TABLE")

    def _sharding_key(self, statement: Statement) -> str | None:
        """Return by what a table is spread, or None for a small one: one without partitions."""
        words = [token.text.upper() for token in statement.rest]
        if not _follows(words, "PARTITION", "BY"):
            return None
        if "TRACE_ID" in words:  # all of a trace on one shard: its spans are joined with each other
            return "cityHash64(trace_id)"
        order = _follows(words, "ORDER", "BY")
        start, end = _parentheses(statement.rest, order)
        return f"cityHash64{statement.text[start:end]}"

    def _distributed(self, name: str, how: str) -> str:
        key = f", {self.keys[name]}" if self.keys[name] else ""
        return (
            f"{how} {name} ON CLUSTER '{self.cluster}' AS {local(name)}\n"
            f"ENGINE = Distributed('{self.cluster}', '{self.database}', '{local(name)}'{key})"
        )

    def _on_cluster(self, statement: Statement, name: str) -> str:
        """Return the statement about `name` on the whole cluster, reading and feeding local tables."""
        start, end = statement.name_at
        changes = [(start, end, f"{name} ON CLUSTER '{self.cluster}'")]
        read = [token for token in _sources(statement.rest) if token.text in self.keys]
        changes += [(token.start, token.end, local(token.text)) for token in read]
        changes += self._engine(statement.rest, name, spread=statement.name in self.keys)
        changes += _windows(statement.rest)
        text = statement.text
        for at, until, new in sorted(changes, reverse=True):
            text = text[:at] + new + text[until:]
        return text

    def _engine(self, rest: list[Token], name: str, *, spread: bool) -> Iterator[tuple[int, int, str]]:
        """Yield the replicated engine in place of the plain one."""
        for before, sign, engine, after in zip(rest, rest[1:], rest[2:], [*rest[3:], _END], strict=False):
            if before.text.upper() == "ENGINE" and sign.text == "=" and engine.text.endswith("MergeTree"):
                shard, replica = ("{shard}", "{replica}") if spread else ("all", "{shard}-{replica}")
                path = f"'/clickhouse/tables/{shard}/{self.database}/{name}', '{replica}'"
                if after.text == "(":
                    yield engine.start, after.end, f"Replicated{engine.text}({path}, "
                else:
                    yield engine.start, engine.end, f"Replicated{engine.text}({path})"


def local(name: str) -> str:
    """Return the name of a sharded table on its shard."""
    return f"{name}_local"


_END = Token("symbol", "", 0, 0)


def _sources(rest: list[Token]) -> Iterator[Token]:
    """Yield the tables that a statement reads, feeds or is made like."""
    for before, token, after in zip(rest, rest[1:], [*rest[2:], _END], strict=False):
        # `AS` also names columns: only in `CREATE TABLE x AS y` it comes first.
        leads = before.text.upper() in ("FROM", "JOIN", "TO") or (before is rest[0] and before.text == "AS")
        if leads and token.kind == "word" and after.text != "(":
            yield token


def _windows(rest: list[Token]) -> Iterator[tuple[int, int, str]]:
    for name, _, number in zip(rest, rest[1:], rest[2:], strict=False):
        if name.text == _WINDOW:
            seconds = f"replicated_deduplication_window_seconds = {_WINDOW_SECONDS}"
            yield name.start, number.end, f"replicated_deduplication_window = {number.text}, {seconds}"


def _follows(words: list[str], *pair: str) -> int:
    """Return the position behind two words that follow each other, or 0."""
    return next((at + 2 for at, found in enumerate(pairwise(words)) if found == pair), 0)


def _parentheses(rest: list[Token], at: int) -> tuple[int, int]:
    """Return from where to where in the text the parentheses reach that open at a token."""
    depth = 0
    for token in rest[at:]:
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0:
            return rest[at].start, token.end
    raise StoreError("a table's ORDER BY needs parentheses")
