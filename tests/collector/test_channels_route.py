"""GET /v1/alerts/channels and POST /v1/alerts/test: an administrator's test message, and what came back."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from kansoku_collector.keys import Keys
from kansoku_collector.receive.channels import channel_routes
from kansoku_collector.receive.receiver import Receiver
from kansoku_collector.watch.trial import Trial

RULES = """
channels:
  hook:
    url: ${HOOK_URL}
  team:
    type: slack
    url: ${TEAM_URL}
"""


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[bytes]]]:
    """Return the address of a receiver that takes everything, with the bodies that came."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(202)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/secret-path", bodies
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def open_routes(
    tmp_path: Path, receiver: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[TestClient, dict[str, dict[str, str]], Path]]:
    """Return a client on the routes, the headers of each kind of key, and the rules file."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    monkeypatch.setenv("HOOK_URL", receiver[0])
    monkeypatch.setenv("TEAM_URL", "http://127.0.0.1:1/hidden")
    keys = Keys.open(tmp_path / "data")
    texts = json.loads((tmp_path / "data" / "secrets.json").read_text())
    headers = {kind: {"authorization": f"Bearer {text}"} for kind, text in texts.items()}
    held = cast("Receiver", SimpleNamespace(keys=keys, insecure=False))
    with TestClient(Starlette(routes=channel_routes(held, Trial(rules)))) as client:
        yield client, headers, rules


def test_only_an_admin_key_lists_and_tries_channels(open_routes: Any) -> None:
    """A key that sends spans stands in programs, and a test rings somebody's telephone."""
    client, headers, _ = open_routes
    for kind in ("ingest", "read"):
        assert client.get("/v1/alerts/channels", headers=headers[kind]).status_code == 403
        assert (
            client.post("/v1/alerts/test", json={"channel": "hook"}, headers=headers[kind]).status_code == 403
        )
    assert client.post("/v1/alerts/test", json={"channel": "hook"}).status_code == 401


def test_channels_are_named_without_their_secrets(open_routes: Any) -> None:
    """Name, type and host; the path of a webhook is a secret."""
    client, headers, _ = open_routes
    answer = client.get("/v1/alerts/channels", headers=headers["admin"])
    assert answer.json()["channels"] == [
        {"name": "hook", "type": "webhook", "host": "127.0.0.1"},
        {"name": "team", "type": "slack", "host": "127.0.0.1"},
    ]
    assert "secret-path" not in answer.text


def test_a_test_message_arrives_and_the_answer_is_told(open_routes: Any, receiver: Any) -> None:
    """The message says in both languages that nothing is wrong; the receiver's own code comes back."""
    client, headers, _ = open_routes
    answer = client.post("/v1/alerts/test", json={"channel": "hook"}, headers=headers["admin"])
    assert answer.json() == {"channel": "hook", "host": "127.0.0.1", "delivered": True, "detail": "HTTP 202"}
    (body,) = receiver[1]
    assert json.loads(body)["event"] == "test"
    assert "Nothing is wrong" in json.loads(body)["text"]
    assert "異常はありません" in json.loads(body)["text_ja"]


def test_a_receiver_that_is_away_is_told_without_its_address(open_routes: Any) -> None:
    """One try, since somebody waits; what went wrong has no address in it."""
    client, headers, _ = open_routes
    answer = client.post("/v1/alerts/test", json={"channel": "team"}, headers=headers["admin"])
    assert answer.json() == {
        "channel": "team",
        "host": "127.0.0.1",
        "delivered": False,
        "detail": "ConnectError",
    }
    assert "hidden" not in answer.text


@pytest.mark.parametrize(("body", "status"), [("{}", 404), ('{"channel": 3}', 400), ("[", 400)])
def test_what_names_no_channel_is_refused(open_routes: Any, body: str, status: int) -> None:
    """A name that the file does not have, a number, no JSON."""
    client, headers, _ = open_routes
    assert client.post("/v1/alerts/test", content=body, headers=headers["admin"]).status_code == status


def test_a_rules_file_with_a_problem_is_named_with_its_line(open_routes: Any) -> None:
    """The file is read anew for each question, so a mistake shows at once, and no file has no channel."""
    client, headers, rules = open_routes
    rules.write_text("channels:\n  hook:\n    url: nowhere\n")
    answer = client.get("/v1/alerts/channels", headers=headers["admin"])
    assert answer.status_code == 409
    assert "rules.yaml:" in answer.json()["error"]
    assert Trial(None).listed() == []
