"""Opening ClickHouse by URL, and what is said when it cannot be opened."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from kansoku_collector.errors import StoreError
from kansoku_collector.store.connect import connect, redact

PASSWORD = "s3cret@w0rd"
OPEN = "import sys; from kansoku_collector.store.connect import connect\n"


def run(code, *arguments, **environment):
    """Run `code` in another process, for engines of its own; return what it printed last."""
    command = [sys.executable, "-c", OPEN + code, *map(str, arguments)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    return (done.stdout.strip().split("\n") or [""])[-1] or done.stderr


SENTENCE = "try: connect(sys.argv[1])\nexcept Exception as error: print(type(error).__name__, error)"


def test_a_new_directory_is_created_and_its_times_are_utc(tmp_path):
    """The host's zone never shows, and the database is there."""
    code = (
        "c = connect(sys.argv[1]); print(*c.command('SELECT timezone(), currentDatabase(), toDateTime(0)'))"
    )
    assert (
        run(code, f"chdb://{tmp_path}/new/clickhouse", TZ="Asia/Tokyo") == "UTC kansoku 1970-01-01 00:00:00"
    )


def test_two_clients_share_the_engine_of_one_process(tmp_path):
    """Any number of clients may be open on one path."""
    code = """one, two = connect(sys.argv[1]), connect(sys.argv[1])
one.command("CREATE TABLE t (a UInt8) ENGINE = Memory"); one.insert("t", [[7]], column_names=["a"])
print(two.command("SELECT a FROM t"))"""
    assert run(code, f"chdb://{tmp_path}/clickhouse") == "7"


def test_a_directory_held_by_another_process_is_named_with_the_way_out(tmp_path):
    """The engine's own words say nothing; ours name the directory and the gateway."""
    holding = OPEN + "c = connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    url = f"chdb://{tmp_path}/clickhouse"
    with subprocess.Popen(
        [sys.executable, "-c", holding, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        holder.stdout.readline()
        said = run(SENTENCE, url)
        holder.stdin.close()
    assert said.startswith(
        f"StoreError the data directory {tmp_path}/clickhouse is in use by another process"
    )
    assert "8123" in said


def test_a_directory_whose_tables_cannot_be_loaded_is_not_called_in_use(tmp_path):
    """A damaged file asks for a repair: who looks for another process looks in vain."""
    broken = tmp_path / "clickhouse" / "metadata" / "kansoku.sql"
    broken.parent.mkdir(parents=True)
    broken.write_text("ATTACH DATABASE rubbish (")
    said = run(SENTENCE, f"chdb://{tmp_path}/clickhouse")
    assert said.startswith(
        f"StoreError embedded ClickHouse cannot load what is in {tmp_path}/clickhouse, it says why"
    )


def test_a_second_directory_in_one_process_is_refused_clearly(tmp_path):
    """Embedded ClickHouse opens one directory a process."""
    code = "keep = connect(sys.argv[1] + '/one')\n" + SENTENCE.replace("sys.argv[1]", "sys.argv[1] + '/two'")
    assert run(code, f"chdb://{tmp_path}").startswith(
        "StoreError this process has embedded ClickHouse open in another"
    )


def test_a_path_that_is_no_writable_directory_is_refused(tmp_path):
    """The path and the reason are in the sentence."""
    (tmp_path / "file").write_text("")
    with pytest.raises(
        StoreError, match=r"the data directory .*/file/clickhouse is not writable \(Not a directory\)"
    ):
        connect(f"chdb://{tmp_path}/file/clickhouse")
    with pytest.raises(StoreError, match=r"the data directory .*/file is not writable \(File exists\)"):
        connect(f"chdb://{tmp_path}/file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_of_somebody_else_is_refused(tmp_path):
    """Permission denied is said before the engine tries."""
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="is not writable"):
        connect(f"chdb://{tmp_path}")


@pytest.mark.parametrize(
    "url",
    ["", "data", "ftp://host/x", "http://", "http://host:port/x", "http://host:99999/x", "chdb:", "chdb://"],
)
def test_what_is_not_a_clickhouse_url_is_refused(url):
    """The two forms that work are named."""
    with pytest.raises(StoreError, match=r"is not a ClickHouse URL.*chdb:///path"):
        connect(url)


def test_a_password_behind_the_question_mark_is_refused_and_not_shown():
    """The client has it from elsewhere, and would end in a stack trace."""
    with pytest.raises(StoreError, match="behind the") as caught:
        connect(f"http://127.0.0.1:9/kansoku?user=app&password={PASSWORD}")
    assert PASSWORD not in str(caught.value)


def test_an_unreachable_server_is_said_without_the_password():
    """One sentence: where, and what to do."""
    with pytest.raises(StoreError) as caught:
        connect(f"http://admin:{PASSWORD}@127.0.0.1:9/kansoku")
    assert str(caught.value) == (
        "ClickHouse at http://admin:***@127.0.0.1:9/kansoku cannot be reached: start it, or correct the URL"
    )


class Answer(BaseHTTPRequestHandler):
    """A web server that answers every POST with one status."""

    code = 404
    headers_sent: dict[str, str] = {}  # noqa: RUF012

    def do_POST(self):
        """Answer."""
        self.send_response(self.code)
        for name, value in self.headers_sent.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"no")

    def log_message(self, *_):
        """Say nothing."""


@pytest.mark.parametrize(
    ("code", "headers", "words"),
    [(404, {}, "is not ClickHouse"),
     (403, {"X-ClickHouse-Exception-Code": "516"}, "refuses the user or the password"),
     (403, {"X-ClickHouse-Exception-Code": "497"}, "may not create it")],
)  # fmt: skip
def test_a_refusal_is_said_without_the_password(code, headers, words):
    """A wrong host, a wrong password and a missing right are told apart."""
    handler = type("Handler", (Answer,), {"code": code, "headers_sent": headers})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(StoreError, match=words) as caught:
            connect(f"http://admin:{PASSWORD.replace('@', '%40')}@127.0.0.1:{server.server_port}/kansoku")
        server.shutdown()
    assert "w0rd" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [("http://u:p@w@h:1/d", "http://u:***@h:1/d"), ("http://u@h/d", "http://u@h/d"), ("chdb:///a/b", "chdb:///a/b"),
     ("http://:p@h", "http://:***@h"), ("http://h/d?user=u&password=p#x", "http://h/d?user=u&password=***#x")],
)  # fmt: skip
def test_a_password_is_never_shown(url, shown):
    """Also one that holds the characters of a URL."""
    assert redact(url) == shown
