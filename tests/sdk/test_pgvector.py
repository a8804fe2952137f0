"""pgvector: what is recorded of statements that order by a distance, and that nothing else is touched."""

import asyncio
import inspect
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy
from pgvector.sqlalchemy import Vector as VectorType
from psycopg import sql
from sqlalchemy import orm
from support.postgres import DOUBLE, INT, TEXT, Postgres, Rows

from kansoku.instruments.pgvector_read import has_operator

NEAREST = "SELECT id, content, embedding <=> %s::vector AS distance FROM items ORDER BY distance LIMIT %s"
FOUND = Rows(
    [("id", INT), ("content", TEXT), ("distance", DOUBLE)], [("7", "傘", "0.25"), ("9", None, "0.5")]
)


def respond(statement: str) -> Rows:
    """Give rows to a search, and what SQLAlchemy asks first to whoever asks it."""
    low = statement.lower()
    if "missing" in low:
        return Rows(error='relation "missing" does not exist')
    if "nothing" in low:
        return Rows(FOUND.columns)
    if "version()" in low:
        return Rows([("version", TEXT)], [("PostgreSQL 16.1 on x86_64",)])
    if "current_schema" in low:
        return Rows([("current_schema", TEXT)], [("public",)])
    if low.startswith("show"):
        return Rows([("value", TEXT)], [("on",)])
    return FOUND if low.startswith(("select", "with")) else Rows()


@pytest.fixture
def server() -> Iterator[Postgres]:
    """Run a server that has two rows."""
    running = Postgres(respond)
    yield running
    running.close()


def documents(spans: Any) -> Any:
    """Return the documents of the only span."""
    return spans.messages("gen_ai.retrieval.documents")


def test_a_search_is_a_span_and_its_rows_are_left_to_the_program(server: Postgres, spans: Any) -> None:
    """Ids, distances and texts are recorded though no row has been fetched; then all rows are still there."""
    with psycopg.connect(server.url) as connection, connection.cursor() as cursor:
        assert cursor.execute(NEAREST, ("[0.1,0.2,0.3]", 5)) is cursor
        written = spans.attributes()
        assert (cursor.rownumber, cursor.rowcount) == (0, 2)
        assert cursor.fetchone() == (7, "傘", 0.25)
        assert cursor.fetchall() == [(9, None, 0.5)]
    assert json.loads(written.pop("gen_ai.retrieval.documents")) == [
        {"id": "7", "score": 0.25, "content": "傘"},
        {"id": "9", "score": 0.5},
    ]
    assert spans.one().name == "retrieval items"
    assert written == {
        "kansoku.kind": "retrieval",
        "gen_ai.operation.name": "retrieval",
        "gen_ai.data_source.id": "items",
        "gen_ai.retrieval.top_k": 5,
        "gen_ai.embeddings.dimension.count": 3,
        "kansoku.retrieval.documents.count": 2,
        "kansoku.retrieval.score.metric": "cosine_distance",
        "kansoku.retrieval.score.better": "lower",
        "db.system.name": "postgresql",
        "db.operation.name": "select",
        "db.collection.name": "items",
        "db.namespace": "library",
        "db.query.text": NEAREST,
        "server.address": "127.0.0.1",
        "server.port": server.port,
    }


def test_binary_results_and_dictionaries_are_read_alike(server: Postgres, spans: Any) -> None:
    """The row factory and the format of the cells are the program's affair."""
    with psycopg.connect(server.url, row_factory=psycopg.rows.dict_row) as connection:
        rows = connection.execute(NEAREST, ("[1,2]", 5), binary=True).fetchall()
    assert rows[0] == {"id": 7, "content": "傘", "distance": 0.25}
    assert [(d["id"], d["score"]) for d in documents(spans)] == [("7", 0.25), ("9", 0.5)]
    assert spans.attributes()["gen_ai.embeddings.dimension.count"] == 2


def test_an_asynchronous_cursor_is_traced(server: Postgres, spans: Any) -> None:
    """AsyncCursor.execute stays a coroutine function and gives the same span."""

    async def search() -> Any:
        async with await psycopg.AsyncConnection.connect(server.url) as connection:
            cursor = await connection.execute(NEAREST, ("[0.1,0.2,0.3]", 5))
            return await cursor.fetchall()

    assert asyncio.run(search()) == [(7, "傘", 0.25), (9, None, 0.5)]
    assert inspect.iscoroutinefunction(psycopg.AsyncCursor.execute)
    assert [d["id"] for d in documents(spans)] == ["7", "9"]


def test_nothing_found_is_told(server: Postgres, spans: Any) -> None:
    """A search without rows has no documents and says so."""
    with psycopg.connect(server.url) as connection:
        statement = "SELECT id, embedding <-> %s AS distance FROM nothing ORDER BY distance"
        assert connection.execute(statement, ("[1,2]",)).fetchall() == []
    assert documents(spans) == []
    assert spans.attributes()["kansoku.retrieval.documents.count"] == 0


def test_an_error_is_the_databases_own(server: Postgres, spans: Any) -> None:
    """The exception passes and is on the span."""
    with psycopg.connect(server.url) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT id FROM missing ORDER BY embedding <=> %s", ("[1,2]",))
    assert spans.attributes()["error.type"] == "UndefinedTable"
    assert not spans.one().status.is_ok


def test_without_content_ids_and_scores_remain(server: Postgres, start: Any) -> None:
    """Neither texts nor the statement are recorded with capture off."""
    spans = start(capture_content="off")
    with psycopg.connect(server.url) as connection:
        connection.execute(NEAREST, ("[0.1,0.2,0.3]", 5))
    assert documents(spans) == [{"id": "7", "score": 0.25}, {"id": "9", "score": 0.5}]
    assert "db.query.text" not in spans.attributes()


def test_sqlalchemy_searches_through_psycopg(server: Postgres, spans: Any) -> None:
    """A query of the ORM by a distance is one span; what SQLAlchemy asks besides is none."""

    class Base(orm.DeclarativeBase):
        pass

    class Item(Base):
        __tablename__ = "items"
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
        content: orm.Mapped[str]
        embedding: orm.Mapped[Any] = orm.mapped_column(VectorType(3))

    engine = sqlalchemy.create_engine(
        server.url.replace("postgresql:", "postgresql+psycopg:"), use_native_hstore=False
    )
    distance = Item.embedding.cosine_distance([0.1, 0.2, 0.3])
    question = (
        sqlalchemy.select(Item.id, Item.content, distance.label("distance")).order_by(distance).limit(4)
    )
    with orm.Session(engine) as session:
        assert [tuple(row) for row in session.execute(question)] == [(7, "傘", 0.25), (9, None, 0.5)]
    engine.dispose()
    written = spans.attributes()
    assert (written["db.collection.name"], written["gen_ai.retrieval.top_k"]) == ("items", 4)
    assert written["gen_ai.embeddings.dimension.count"] == 3
    assert [d["score"] for d in documents(spans)] == [0.25, 0.5]


@pytest.mark.parametrize(
    ("item", "metric", "better"),
    [
        ("embedding <-> %s", "l2_distance", "lower"),
        ("embedding <+> %s", "l1_distance", "lower"),
        ("embedding <#> %s", "negative_inner_product", "lower"),
        ("(embedding <#> %s) * -1", "inner_product", "higher"),
        ("1 - (embedding <=> %s)", "cosine_similarity", "higher"),
        ("1 - (embedding <-> %s)", None, "higher"),
    ],
)
def test_the_score_is_called_what_it_is(
    server: Postgres, spans: Any, item: str, metric: str | None, better: str
) -> None:
    """The number is as the statement gives it; its name says what it is and which way is better."""
    statement = (
        f"SELECT id, {item} AS near FROM items ORDER BY embedding {item.split('embedding ')[1][:3]} %s"
    )
    with psycopg.connect(server.url) as connection:
        connection.execute(statement, ("[1,2]", "[1,2]"))
    written = spans.attributes()
    assert written.get("kansoku.retrieval.score.metric") == metric
    assert written["kansoku.retrieval.score.better"] == better


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM items WHERE a < 3 AND b > 2 ORDER BY id",
        "SELECT id FROM places ORDER BY geom <-> 'POINT(1 2)'::geometry",
        "SELECT id FROM words ORDER BY word <-> 'umbrella'",
        "SELECT id, embedding <=> '[1,2]' FROM items",
        "SELECT id FROM items WHERE note = 'ORDER BY embedding <=> 1' ORDER BY id",
        "INSERT INTO items SELECT id FROM other ORDER BY embedding <=> '[1,2]'",
    ],
)
def test_other_statements_are_no_searches(server: Postgres, spans: Any, statement: str) -> None:
    """Comparisons, other extensions' operators, unordered distances, words and writes have no span."""
    with psycopg.connect(server.url) as connection:
        connection.execute(statement)
    assert spans.all() == []
    assert server.asked[-1] == statement or "BEGIN" in server.asked


def test_statements_of_every_kind_are_looked_at() -> None:
    """Text, bytes and composed statements may hold the operator; names and values in them do not count."""
    composed = sql.SQL("SELECT {} FROM {} ORDER BY e <=> %s").format(
        sql.Identifier("id"), sql.Identifier("t")
    )
    assert has_operator(composed)
    assert has_operator(b"SELECT 1 ORDER BY e <=> '[1]'")
    assert has_operator("ORDER BY e <%%> %s")
    assert not has_operator(sql.SQL("SELECT {}").format(sql.Literal("<=>")))
    assert not has_operator("SELECT a <= b, c => d, e <> f")


def test_literals_are_left_out_of_the_statement(server: Postgres, spans: Any) -> None:
    """A vector or a word written into the statement is not recorded; its length is."""
    statement = "SELECT id FROM items WHERE owner = 'secret' ORDER BY embedding <=> '[0.1,0.2]' LIMIT 3"
    with psycopg.connect(server.url) as connection:
        connection.execute(statement)
    written = spans.attributes()
    assert written["db.query.text"] == (
        "SELECT id FROM items WHERE owner = '?' ORDER BY embedding <=> '?' LIMIT ?"
    )
    assert written["gen_ai.embeddings.dimension.count"] == 2
    assert written["gen_ai.retrieval.top_k"] == 3
