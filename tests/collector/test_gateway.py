"""The gateway, asked by the real client library from another process."""

import base64
import gzip
import runpy
import socket
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import clickhouse_connect
import lz4.frame
import pandas
import pyarrow
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError, StreamFailureError

SERVE = runpy.run_path(str(Path(__file__).with_name("gateway_process.py")))["serve"]
MB = 1 << 20
TEXT = "ごみの収集日\t'\\"
COLUMNS = ["id", "text", "at", "cost", "tags", "meta", "score", "kind"]
AT = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)
EXACT = Decimal("12345678901234567890123456.123456789012")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One gateway for the module, with a table of the types that Kansoku uses."""
    with SERVE(tmp_path_factory.mktemp("clickhouse") / "store") as running:
        open_client(running, "admin").command(
            """CREATE TABLE things (id UInt64, text String, at DateTime64(9, 'UTC'), cost Decimal(38, 12),
            tags Array(String), meta Map(LowCardinality(String), String), score Nullable(Float64),
            kind LowCardinality(String)) ENGINE = MergeTree ORDER BY id
            SETTINGS non_replicated_deduplication_window = 100"""
        )
        yield running


def open_client(server, user, key="", **options):
    """Open a client of the gateway."""
    key = key or {"admin": "ksk_admin", "reader": "ksk_read"}[user]
    return clickhouse_connect.get_client(
        host="127.0.0.1", port=server.port, username=user, password=key, database="kansoku", **options
    )


def begin(server, query, *, path="/", headers=None, data=None, user="admin"):
    """Ask over plain HTTP as curl would; return the answer as it begins to arrive."""
    key = {"admin": "ksk_admin", "reader": "ksk_read"}[user]
    basic = base64.b64encode(f"{user}:{key}".encode()).decode()
    body = query.encode() if data is None else data
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{path}",
        data=body,
        headers={"Authorization": f"Basic {basic}"} | (headers or {}),
    )
    return urllib.request.urlopen(request)


def ask(server, query, **options):
    """Ask as `begin` does; return status, headers and body."""
    try:
        with begin(server, query, **options) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def things(start=0):
    """Two rows of `things`, column by column."""
    return [
        [start, start + 1], [TEXT, ""], [AT, AT], [EXACT, Decimal("-0.000000000001")], [["a", "b'c"], []],
        [{"k": "v"}, {}], [None, 1.5], ["x", "y"],
    ]  # fmt: skip


def test_the_version_probes_of_the_client_are_answered(server):
    """A client learns version, time zone and settings when it connects."""
    client = open_client(server, "reader")
    assert client.server_version.startswith("26.")
    assert str(client.server_tz) == "UTC"
    assert client.ping()


def test_rows_of_every_type_come_back_as_they_were_inserted(server):
    """Decimal(38, 12) is exact, times are to the microsecond, text is any text."""
    open_client(server, "admin").insert("things", things(), column_names=COLUMNS, column_oriented=True)
    rows = (
        open_client(server, "reader", tz_mode="aware")
        .query("SELECT * FROM things WHERE id < 2 ORDER BY id")
        .result_rows
    )
    assert [list(column) for column in zip(*rows, strict=True)] == things()


def test_parameters_of_every_type_are_bound(server):
    """Strings, times, integers, arrays and decimals find the row they name."""
    open_client(server, "admin").insert("things", things(10), column_names=COLUMNS, column_oriented=True)
    sql = """SELECT id FROM things WHERE text = {text:String} AND at = {at:DateTime64(9, 'UTC')}
    AND id = {id:UInt64} AND hasAny(tags, {tags:Array(String)}) AND cost = {cost:Decimal(38, 12)}"""
    parameters = {"text": TEXT, "at": AT, "id": 10, "tags": ["b'c"], "cost": EXACT}
    for form in (False, True):
        client = open_client(server, "reader", form_encode_query_params=form)
        assert client.query(sql, parameters=parameters).result_rows == [(10,)]


def test_an_insert_repeated_with_its_token_is_stored_once(server):
    """Settings travel with an insert, the deduplication token among them."""
    client = open_client(server, "admin")
    for start in (20, 30):  # other rows, same token
        client.insert(
            "things", things(start), column_names=COLUMNS, column_oriented=True,
            settings={"insert_deduplication_token": "segment-7"},
        )  # fmt: skip
    assert client.query("SELECT id FROM things WHERE id BETWEEN 20 AND 39 ORDER BY id").result_rows == [
        (20,),
        (21,),
    ]


def test_an_insert_reports_the_rows_it_wrote(server):
    """The summary header carries the count."""
    summary = open_client(server, "admin").insert(
        "things", things(40), column_names=COLUMNS, column_oriented=True
    )
    assert summary.written_rows == 2


def test_commands_answer_and_refuse_as_clickhouse_does(server):
    """DDL, SHOW, inserted parameters, and a syntax error with its code."""
    client = open_client(server, "admin")
    client.command("CREATE TABLE IF NOT EXISTS notes (text String) ENGINE = MergeTree ORDER BY text")
    client.command("INSERT INTO notes (text) VALUES ({text:String})", parameters={"text": "a'b\\c\nd"})
    assert client.query("SELECT text FROM notes").result_rows == [("a'b\\c\nd",)]
    assert client.command("EXISTS TABLE notes") == 1
    with pytest.raises(DatabaseError) as caught:
        client.command("DROP TABEL notes")
    assert (caught.value.code, caught.value.name) == (62, "SYNTAX_ERROR")


@pytest.mark.parametrize(
    ("query", "code", "status"),
    [("SELECT nope", 47, 404), ("SELECT * FROM nope", 60, 404), ("SELECT 1; SELECT 2", 62, 400),
     ("", 62, 400), ("SELECT 1 INTO OUTFILE '/tmp/x'", 48, 501), ("SELECT intDiv(1, 0)", 153, 500)],
)  # fmt: skip
def test_errors_carry_clickhouse_code_and_a_status(server, query, code, status):
    """The body starts with the code, the header repeats it."""
    got, headers, body = ask(server, query)
    assert (got, headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
    assert body.startswith(f"Code: {code}. DB::Exception: ".encode())


def test_an_error_in_the_middle_of_a_stream_is_raised_by_the_client(server):
    """Rows already sent do not hide what went wrong after them, with compression or without."""
    for compress in (False, "lz4", "zstd"):
        client = open_client(server, "reader", compress=compress)
        with pytest.raises(StreamFailureError) as caught:
            _ = client.query(
                "SELECT throwIf(number = 1500000), sipHash64(number) FROM numbers(2000000)"
            ).result_rows  # read lazily
        assert caught.value.code == 395


@pytest.mark.parametrize("compress", [False, True, "lz4", "zstd", "gzip"])
def test_every_compression_of_the_client_carries_both_ways(server, compress):
    """Inserts and results survive each encoding."""
    admin = open_client(server, "admin", compress=compress)
    admin.command("CREATE TABLE IF NOT EXISTS packed (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
    admin.command("TRUNCATE TABLE packed")
    admin.insert("packed", [[n, f"text {n}"] for n in range(50_000)], column_names=["n", "s"])
    reader = open_client(server, "reader", compress=compress)
    assert reader.query("SELECT count(), sum(n), max(s) FROM packed").result_rows == [
        (50_000, 1249975000, "text 9999")
    ]
    assert sum(n for (n, _) in reader.query("SELECT n, s FROM packed").result_rows) == 1249975000


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("lz4", lz4.frame.compress)])
def test_a_body_of_several_frames_is_read_to_its_end_and_one_cut_off_is_refused(server, encoding, pack):
    """The stock client sends a frame for each block; none after the first may be lost without a word."""
    open_client(server, "admin").command("CREATE OR REPLACE TABLE several (n UInt64) ENGINE = Memory")
    body, query = pack(b"1\n2\n") + pack(b"3\n"), "/?query=INSERT%20INTO%20several%20FORMAT%20TSV"
    headers = {"Content-Encoding": encoding}
    assert ask(server, "", path=query, headers=headers, data=body)[0] == 200
    assert ask(server, "", path=query, headers=headers, data=body[:-6])[0] == 500
    assert ask(server, "SELECT sum(n) FROM several")[2].strip() == b"6"


def test_frames_and_arrow_tables_can_be_read_and_written(server):
    """Pandas and Arrow go through, whole or in streams."""
    admin, reader = open_client(server, "admin"), open_client(server, "reader")
    admin.command("CREATE TABLE IF NOT EXISTS framed (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
    admin.insert_df("framed", pandas.DataFrame({"n": [1], "s": ["あ"]}))
    admin.insert_arrow("framed", pyarrow.table({"n": pyarrow.array([2], pyarrow.uint64()), "s": ["い"]}))
    admin.raw_insert("framed", ["n", "s"], "3,う\n", fmt="CSV")
    assert list(reader.query_df("SELECT * FROM framed ORDER BY n")["s"]) == ["あ", "い", "う"]
    assert reader.query_arrow("SELECT * FROM framed ORDER BY n")["n"].to_pylist() == [1, 2, 3]
    many = "SELECT number AS n FROM numbers(300000)"
    with reader.query_df_stream(many) as frames:
        assert sum(len(frame) for frame in frames) == 300_000
    with reader.query_arrow_stream(many) as batches:
        assert sum(batch.num_rows for batch in batches) == 300_000
    with reader.query_row_block_stream(many) as blocks:
        assert sum(len(block) for block in blocks) == 300_000


@pytest.mark.parametrize(
    "form", ["JSON", "CSVWithNames", "Parquet", "PrettyCompact", "ArrowStream", "CSV", "Values"]
)
def test_a_format_with_header_or_footer_is_one_document(server, form):
    """The answer over HTTP is byte for byte what one query writes, however many blocks it has."""
    client = open_client(server, "reader")
    sql = "SELECT number AS n FROM numbers(70000) ORDER BY n"
    once = client.raw_query(sql, fmt=form, settings={"max_block_size": 100000})
    with client.raw_stream(sql, fmt=form, settings={"max_block_size": 5000}) as stream:
        split = stream.read()
    if form == "ArrowStream":
        assert pyarrow.ipc.open_stream(split).read_all().num_rows == 70_000
    elif form == "Parquet":
        assert split[:4] == split[-4:] == b"PAR1"
    elif form == "JSON":
        assert split.split(b'"statistics"')[0] == once.split(b'"statistics"')[0]
    else:
        assert split == once


def test_a_stream_of_a_million_rows_and_of_thirty_million_does_not_grow_memory(server):
    """The gateway holds blocks, not results."""
    client = open_client(server, "reader", compress=False)
    for rows in (1_000_000, 30_000_000):  # the second has 480 MB
        before, peak, taken = server.memory(), 0, 0
        with client.raw_stream(f"SELECT number, number * 2 FROM numbers({rows})", fmt="RowBinary") as stream:
            while chunk := stream.read(4 * MB):
                taken += len(chunk)
                peak = max(peak, server.memory())
        assert taken == rows * 16
        assert peak - before < 200 * MB


def test_an_insert_of_many_rows_is_streamed(server):
    """Four hundred megabytes of data go in without being held at once."""
    client = open_client(server, "admin")
    client.command("CREATE TABLE IF NOT EXISTS bulk (n UInt64, s String) ENGINE = MergeTree ORDER BY tuple()")
    line = b'12345678,"' + b"x" * 189 + b'"\n'
    before = server.memory()
    blocks = {
        "min_insert_block_size_rows": 65_536,
        "min_insert_block_size_bytes": 16 * MB,
    }  # the engine's own buffer
    client.raw_insert("bulk", ["n", "s"], (line * 5_000 for _ in range(400)), fmt="CSV", settings=blocks)
    assert client.command("SELECT count() FROM bulk") == 2_000_000
    assert server.memory() - before < 300 * MB  # merges, too, take some


def test_a_broken_insert_stores_nothing_and_says_why(server):
    """Data that does not parse is refused with ClickHouse's reason."""
    client = open_client(server, "admin")
    client.command("CREATE TABLE IF NOT EXISTS strict (n UInt64) ENGINE = MergeTree ORDER BY n")
    with pytest.raises(DatabaseError) as caught:
        client.raw_insert("strict", ["n"], "1\nnot a number\n", fmt="CSV")
    assert caught.value.code == 117
    assert client.command("SELECT count() FROM strict") == 0


def test_a_client_that_leaves_mid_stream_ends_its_query(server):
    """Disconnecting frees the connection and cancels the query."""
    query = "SELECT number, 'left behind' FROM system.numbers FORMAT TSV"
    with socket.create_connection(("127.0.0.1", server.port)) as wire:
        wire.sendall(request_of(query))
        assert b"200 OK" in wire.recv(10_000)
        assert_query_like(server, "left behind")
    assert_no_query_like(server, "left behind")


def test_a_client_that_leaves_before_the_first_row_ends_its_query(server):
    """A query that computes without an answer is cancelled too."""
    query = "SELECT count() FROM system.numbers WHERE sipHash64(number) = 1"
    with socket.create_connection(("127.0.0.1", server.port)) as wire:
        wire.sendall(request_of(query))
        assert_query_like(server, "sipHash64")
    assert_no_query_like(server, "sipHash64")


def test_a_client_that_leaves_during_an_insert_stores_nothing(server):
    """Half an insert is no insert, and the connection is free again."""
    client = open_client(server, "admin")
    client.command("CREATE TABLE IF NOT EXISTS halves (n UInt64) ENGINE = MergeTree ORDER BY n")
    basic = base64.b64encode(b"admin:ksk_admin").decode()
    lines = ["POST / HTTP/1.1", "Host: localhost", f"Authorization: Basic {basic}", "Content-Length: 9000000"]
    head = "\r\n".join([*lines, "", ""])
    with socket.create_connection(("127.0.0.1", server.port)) as wire:
        wire.sendall((head + "INSERT INTO halves FORMAT CSV\n" + "1234567\n" * 100_000).encode())
    client.insert("halves", [[7]], column_names=["n"])
    assert_no_query_like(server, "INSERT INTO halves")
    assert client.query("SELECT n FROM halves").result_rows == [(7,)]


def request_of(query):
    """Write a request of the reader as it goes over the wire."""
    basic = base64.b64encode(b"reader:ksk_read").decode()
    lines = [
        "POST / HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Basic {basic}",
        f"Content-Length: {len(query)}",
    ]
    return "\r\n".join([*lines, "", query]).encode()


def running(server, part):
    """Count the running queries that contain `part`."""
    sql = """SELECT count() FROM system.processes
    WHERE position(query, {part:String}) > 0 AND query NOT LIKE '%processes%'"""
    return open_client(server, "admin").query(sql, parameters={"part": part}).result_rows[0][0]


def assert_query_like(server, part):
    """Wait until a query that contains `part` runs."""
    deadline = time.monotonic() + 60
    while not running(server, part):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def assert_no_query_like(server, part):
    """Wait until no query that contains `part` runs."""
    deadline = time.monotonic() + 60
    while running(server, part):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_eight_clients_are_served_beside_each_other(server):
    """Each gets its own answer, while they overlap."""

    def ask_once(n):
        return open_client(server, "reader").command(
            f"SELECT {n} + sum(number) + sleep(0.2) FROM numbers(1000)"
        )

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask_once, range(8))) == [499500 + n for n in range(8)]


def test_more_queries_than_the_limit_are_refused_with_a_clear_error(tmp_path):
    """The answer is 503 and TOO_MANY_SIMULTANEOUS_QUERIES, and later queries run again."""
    with SERVE(tmp_path / "clickhouse", limit=1) as small:
        with begin(small, "SELECT number FROM system.numbers") as endless:
            assert endless.read(2) == b"0\n"
            status, headers, body = ask(small, "SELECT 1")
        assert status == 503
        assert (headers["X-ClickHouse-Exception-Code"], headers["Retry-After"]) == ("202", "1")
        assert b"TOO_MANY_SIMULTANEOUS_QUERIES" in body
        deadline = time.monotonic() + 60  # the engine notices at its next block that nobody reads any more
        while (last := ask(small, "SELECT 1"))[0] == 503 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert last[2] == b"1\n"


def test_times_are_the_same_as_on_a_server_in_utc(server):
    """The host's zone (Tokyo here) never shows: naive times are UTC, zoned ones keep their instant."""
    client = open_client(server, "reader", tz_mode="aware")
    sql = """SELECT toDateTime('2026-01-02 03:04:05'), toDateTime64('2026-01-02 03:04:05', 3, 'Asia/Tokyo'),
    timezone()"""
    naive, zoned, name = client.query(sql).result_rows[0]
    assert naive == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert zoned == datetime(2026, 1, 1, 18, 4, 5, tzinfo=UTC)
    assert name == "UTC"
    assert ask(server, "SELECT 1")[1]["X-ClickHouse-Timezone"] == "UTC"


def test_curl_may_name_query_format_and_user_in_every_place_clickhouse_knows(server):
    """URL, body and headers are equal."""
    url = "/?user=reader&password=ksk_read&query=SELECT%20%7Bn:UInt8%7D%20AS%20n&param_n=7"
    url += "&default_format=JSONEachRow"
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{url}") as answer:
        assert (answer.read(), answer.headers["X-ClickHouse-Format"]) == (b'{"n":7}\n', "JSONEachRow")
    form = {"X-ClickHouse-Format": "CSV", "Content-Type": "application/x-www-form-urlencoded"}
    assert ask(server, "SELECT 'a'", headers=form)[2] == b'"a"\n'
    assert (
        ask(server, "SELECT 'a' FORMAT TSV", path="/?query_id=mine", headers=form)[1]["X-ClickHouse-Query-Id"]
        == "mine"
    )
    status, _, _ = ask(server, "", path="/?query=INSERT%20INTO%20notes2%20FORMAT%20TSV", data=b"x\n")
    assert status == 404


def test_a_wrong_key_or_scope_or_user_is_refused(server):
    """Each gets 516 and 401, and the answer does not tell which of them was wrong."""
    for user, key in (
        ("reader", "nonsense"),
        ("admin", "ksk_read"),
        ("reader", "ksk_ingest"),
        ("default", "ksk_admin"),
    ):
        with pytest.raises(ClickHouseError) as caught:
            open_client(server, user, key)
        assert caught.value.code == 516
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/?query=SELECT%201")
    assert refused.value.code == 401
    refused.value.close()


@pytest.mark.parametrize(("user", "key"), [("reader", "ksk_shop"), ("admin", "ksk_shop_admin")])
def test_a_key_of_one_project_does_not_read_the_others(server, user, key):
    """SQL has no projects: who was given the traces of one team must not read those of all."""
    with pytest.raises(ClickHouseError) as caught:
        open_client(server, user, key)
    assert caught.value.code == 497
    assert "project default" in str(caught.value)


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}]
)
def test_a_web_page_cannot_reach_the_gateway(server, headers):
    """A foreign Host (DNS rebinding) or Origin is refused even with a right key; no CORS header is sent."""
    status, answered, _ = ask(server, "SELECT 1", headers=headers)
    assert status == 401
    assert "Access-Control-Allow-Origin" not in answered


async def ask_async(server):
    """Ask with the asynchronous client."""
    client = await clickhouse_connect.get_async_client(
        host="127.0.0.1", port=server.port, username="reader", password="ksk_read", database="kansoku"
    )
    try:
        result = await client.query("SELECT sum(number) FROM numbers({n:UInt32})", parameters={"n": 100_000})
        with pytest.raises(ClickHouseError) as caught:
            await client.query("SELECT nope")
        return result.result_rows, caught.value.code
    finally:
        await client.close()


def test_the_asynchronous_client_works_the_same(server):
    """Queries and errors arrive through aiohttp too."""
    pytest.importorskip("aiohttp", reason="the asynchronous client needs aiohttp")
    import asyncio

    assert asyncio.run(ask_async(server)) == ([(4999950000,)], 47)
