"""What the gateway's reader cannot do, however the query is dressed."""

import base64
import runpy
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

SERVE = runpy.run_path(str(Path(__file__).with_name("gateway_process.py")))["serve"]
SECRET = "what-is-in-the-file"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Serve a gateway beside a file that nobody may read."""
    folder = tmp_path_factory.mktemp("guard")
    (folder / "secret.txt").write_text(SECRET)
    with SERVE(folder / "clickhouse") as running:
        yield running, folder / "secret.txt"


def ask(server, query, *, user="reader", **url):
    """Ask over plain HTTP; return ClickHouse's error code (0 for none) and the body."""
    running, secret = server
    basic = base64.b64encode(f"{user}:ksk_{'read' if user == 'reader' else 'admin'}".encode()).decode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{running.port}/?{urllib.parse.urlencode(url)}",
        data=query.replace("SECRET", str(secret)).encode(),
        headers={"Authorization": f"Basic {basic}"},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return 0, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return int(error.headers["X-ClickHouse-Exception-Code"]), error.read().decode()


WRITES = [
    "INSERT INTO spans (project) VALUES ('x')",
    "INSERT INTO spans FORMAT CSV\nx",
    "INSERT INTO FUNCTION file('SECRET', CSV, 'a String') SELECT 'x'",
    "/* SELECT */ INSERT INTO spans (project) SELECT 'x'",
    "-- SELECT 1\ninsert into spans (project) select 'x'",
    "CREATE TABLE mine (a UInt8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE mine (a UInt8)",
    "CREATE VIEW mine AS SELECT * FROM file('SECRET', LineAsString)",
    "CREATE FUNCTION f AS x -> x",
    "CREATE USER mine",
    "DROP TABLE spans",
    "TRUNCATE TABLE spans",
    "ALTER TABLE spans DELETE WHERE 1",
    "DELETE FROM spans WHERE 1",
    "UPDATE spans SET name = '' WHERE 1",
    "OPTIMIZE TABLE spans FINAL",
    "RENAME TABLE spans TO gone",
    "DETACH TABLE spans",
    "ATTACH TABLE spans",
    "SET readonly = 0",
    "SET max_threads = 1",
    "USE system",
    "KILL QUERY WHERE 1",
    "SYSTEM FLUSH LOGS",
    "SYSTEM SHUTDOWN",
    "BACKUP TABLE spans TO File('/tmp/gw/backup')",
    "GRANT ALL ON *.* TO reader",
    "EXECUTE AS default SELECT 1",
    "EXECUTE AS default INSERT INTO spans (project) VALUES ('x')",
    "SET ROLE DEFAULT",
    "SELECT 1; DROP TABLE spans",
    "SELECT 1;\n-- \nINSERT INTO spans (project) VALUES ('x')",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT * FROM (SELECT 1 SETTINGS readonly = 0, max_execution_time = 0)",
    "WITH x AS (SELECT 1 SETTINGS max_memory_usage = 0) SELECT * FROM x",
    "SELECT * FROM (SELECT 1 Settings/* */`readonly`=0)",
    "SELECT 1 INTO OUTFILE '/tmp/gw/stolen'",
    "SELECT 1 INTO /**/ OUTFILE '/tmp/gw/stolen' TRUNCATE FORMAT CSV",
    "(SELECT 1) into outfile '/tmp/gw/stolen'",
    "EXPLAIN SELECT 1 INTO OUTFILE '/tmp/gw/stolen'",
    "SHOW TABLES INTO OUTFILE '/tmp/gw/stolen'",
    "CHECK TABLE spans",
]
REACHES = [
    "SELECT file('SECRET')",
    "SELECT `file`('SECRET')",
    "SELECT \"file\"('SECRET')",
    "SELECT `fi\\x6ce`('SECRET')",
    "SELECT file/* */('SECRET')",
    "SELECT file -- c\n('SECRET')",
    "SELECT * APPLY file FROM (SELECT 'SECRET' AS x)",
    "SELECT * APPLY(file) FROM (SELECT 'SECRET' AS x)",
    "SELECT COLUMNS('x') APPLY(file) FROM (SELECT 'SECRET' AS x)",
    "SELECT arrayMap(file, ['SECRET'])",
    "SELECT arrayMap(x -> file(x), ['SECRET'])",
    "WITH 'SECRET' AS p SELECT file(p)",
    "SELECT (SELECT (SELECT file('SECRET')))",
    "DESCRIBE (SELECT file('SECRET'))",
    "EXPLAIN SELECT file('SECRET')",
    "SELECT 1 FROM numbers(1) WHERE file('SECRET') != ''",
    "SELECT * FROM file('SECRET', LineAsString)",
    "SELECT * FROM (SELECT * FROM file('SECRET', LineAsString))",
    "WITH x AS (SELECT * FROM file('SECRET', LineAsString)) SELECT * FROM x",
    "WITH RECURSIVE x AS (SELECT * FROM file('SECRET', LineAsString)) SELECT * FROM x",
    "SELECT * FROM view(SELECT * FROM file('SECRET', LineAsString))",
    "SELECT * FROM viewIfPermitted(SELECT * FROM file('SECRET', LineAsString) ELSE null('line String'))",
    "SELECT * FROM loop(file('SECRET', LineAsString)) LIMIT 1",
    "SELECT * FROM eval('SELECT file(\\'SECRET\\')')",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT file('SECRET')))",
    "SELECT 1 WHERE 'x' IN file('SECRET', LineAsString)",
    "SELECT 1 UNION ALL SELECT count() FROM file('SECRET', LineAsString)",
    "SELECT * FROM numbers(1) AS a, file('SECRET', LineAsString) AS b",
    "FROM file('SECRET', LineAsString) SELECT *",
    "DESCRIBE TABLE file('SECRET', LineAsString)",
    "desc file('SECRET')",
    "SELECT * FROM `SECRET`",
    "SELECT * FROM default.`SECRET`",
    "DESCRIBE `SECRET`",
    "DESCRIBE default.`SECRET`",
    "EXISTS TABLE default.`SECRET`",
    "SHOW CREATE TABLE default.`SECRET`",
    "SELECT * FROM filesystem('/')",
    "SELECT * FROM url('http://127.0.0.1:9/', LineAsString)",
    "DESCRIBE TABLE url('http://127.0.0.1:9/', LineAsString)",
    "DESCRIBE TABLE s3('http://127.0.0.1:9/bucket/key', CSV)",
    "SELECT * FROM s3('http://127.0.0.1:9/bucket/key', NOSIGN, CSV, 'a String')",
    "SELECT * FROM remote('127.0.0.1:9', system.one)",
    "DESCRIBE TABLE remote('127.0.0.1:9', system.one)",
    "SELECT * FROM cluster('default', system.one)",
    "SELECT * FROM mysql('127.0.0.1:9', 'a', 'b', 'c', 'd')",
    "SELECT * FROM postgresql('127.0.0.1:9', 'a', 'b', 'c', 'd')",
    "SELECT * FROM sqlite('SECRET', 'a')",
    "SELECT * FROM executable('id', TSV, 'a String')",
    "SELECT * FROM Python(keys)",
    "SELECT * FROM python(keys)",
    "SELECT hasColumnInTable('127.0.0.1:9', 'a', 'b', 'c')",
    "SELECT aiGenerate('x', 'y')",
]
ALLOWED = [
    "SELECT count() FROM spans",
    "WITH 1 AS x SELECT x",
    "(SELECT 1) UNION ALL (SELECT 2)",
    "SELECT 'INSERT INTO OUTFILE file(''x'')'",
    "SELECT 1 AS `insert`, 'file(' AS b -- DROP",
    "SELECT $tag$ file('x') $tag$",
    "/* a comment */ select 1;",
    "SHOW TABLES",
    "DESCRIBE TABLE spans",
    "EXISTS TABLE spans",
    "EXPLAIN indexes = 1 SELECT count() FROM spans",
    "SHOW CREATE TABLE spans",
    "SELECT sum(number) FROM numbers(10)",
    "SELECT * FROM merge('kansoku', '^rollup_') LIMIT 0",
    "SELECT format('{}-{}', 'a', 'b')",
    "SELECT name FROM system.columns WHERE table = 'spans' AND default_kind = 'ALIAS'",
]


@pytest.mark.parametrize("query", WRITES)
def test_a_reader_cannot_write(server, query):
    """Statements that change data, schema, settings or other queries are refused, and nothing has changed."""
    code, body = ask(server, query)
    assert code in (62, 164, 497, 48), body
    assert ask(server, "SELECT count() FROM spans")[1] == "0\n"
    assert not Path("/tmp/gw/stolen").exists()


@pytest.mark.parametrize("query", REACHES)
def test_a_reader_cannot_reach_outside_the_database(server, query):
    """What names a file, a host, a command or a Python object is refused before it is asked."""
    code, body = ask(server, query)
    assert code in (60, 62, 164, 497), body
    assert SECRET not in body


@pytest.mark.parametrize("query", ALLOWED)
def test_a_reader_may_ask_the_database(server, query):
    """What only looks like a forbidden query runs."""
    assert ask(server, query)[0] == 0


def test_a_name_bound_as_a_parameter_is_checked_like_any_other(server):
    """`Identifier` parameters cannot smuggle a function in."""
    query = "SELECT arrayMap({f:Identifier}, ['SECRET'])"
    code, body = ask(server, query, param_f="file")
    assert code in (62, 497), body
    assert ask(server, "SELECT {c:Identifier} FROM numbers(1)", param_c="number") == (0, "0\n")
    assert ask(server, "SELECT {text:String}", param_text="file(") == (0, "file(\n")


@pytest.mark.parametrize(
    ("name", "value"),
    [("readonly", "0"), ("dialect", "prql"), ("allow_experimental_eval_table_function", "1"),
     ("allow_ddl", "1"), ("format_schema", "/etc/passwd:x"), ("output_format_schema", "/tmp/x"),
     ("allow_introspection_functions", "1")],
)  # fmt: skip
def test_a_reader_cannot_send_settings_that_loosen_the_rules(server, name, value):
    """Only the settings of a short list pass."""
    assert ask(server, "SELECT 1", **{name: value})[0] == 164


def test_a_readers_query_is_bounded_in_time_and_memory(server):
    """The ceilings are set without being asked for, may be lowered, and cannot be raised or removed."""
    asked = "SELECT getSetting('max_execution_time'), getSetting('max_memory_usage')"
    assert ask(server, asked)[1] == "300\t2147483648\n"
    for value in ("0", "999999999999", "-1"):
        assert ask(server, asked, max_execution_time=value, max_memory_usage=value)[1] == "300\t2147483648\n"
    code, _ = ask(
        server, "SELECT count() FROM system.numbers WHERE sipHash64(number) = 1", max_execution_time="1"
    )
    assert code == 159
    code, _ = ask(server, "SELECT groupArray(number) FROM numbers(10000000)", max_memory_usage="10000000")
    assert code == 241


def test_a_reader_stays_out_of_the_default_database(server):
    """Embedded ClickHouse shows the file system there."""
    assert ask(server, "SELECT 1", database="default")[0] == 497
    assert ask(server, "SHOW TABLES FROM {d:Identifier}", param_d="default")[0] in (62, 497)


def test_nobody_moves_files_through_the_gateway(server):
    """INTO OUTFILE and FROM INFILE belong to local tools, for the administrator too."""
    assert ask(server, "SELECT 1 INTO OUTFILE '/tmp/gw/stolen'", user="admin")[0] == 48
    assert ask(server, "INSERT INTO spans FROM INFILE 'SECRET' FORMAT CSV", user="admin")[0] == 48


def test_get_requests_never_write(server):
    """As in ClickHouse, a link cannot change data, whoever follows it."""
    running, _ = server
    for query in (
        "CREATE TABLE by_link (a UInt8) ENGINE = Memory",
        "INSERT INTO spans (project) VALUES ('x')",
    ):
        url = urllib.parse.urlencode({"user": "admin", "password": "ksk_admin", "query": query})
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"http://127.0.0.1:{running.port}/?{url}")
        assert caught.value.headers["X-ClickHouse-Exception-Code"] == "164"
        caught.value.close()
