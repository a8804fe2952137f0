"""Saved views: kept by the collector, shown to their reader and, when shared, to everybody in the project."""

import json
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from support import schemas

from kansoku_collector.errors import PayloadError
from kansoku_collector.keys import Keys
from kansoku_collector.receive.api import Clients
from kansoku_collector.receive.views import read_view, views_route
from kansoku_collector.store.connect import connect
from kansoku_collector.store.read.saved_views import saved_views
from kansoku_collector.store.saved_views import SavedView
from kansoku_dashboard import collector, data
from kansoku_dashboard.screens import views

DATABASE = "dashboard_views"
SLOW = SavedView("traces", "", "遅い回答", "min_seconds=3.0&sort=duration&env=production")


@pytest.fixture
def client(engine_url):
    """Return a client on an empty table of views."""
    opened = connect(engine_url, database=DATABASE)
    schemas.create(opened, engine_url)
    opened.command("TRUNCATE TABLE saved_views")
    return opened


@pytest.fixture
def door(client, engine_url, tmp_path):
    """Return the collector's route and its keys."""
    keys = Keys.open(tmp_path)
    receiver = SimpleNamespace(keys=keys, insecure=False)
    route = views_route(receiver, Clients(lambda: connect(engine_url, database=DATABASE)))
    return TestClient(Starlette(routes=[route])), keys


def post(door, item, kind="ingest"):
    """Post a view with one of the machine's own keys; return the status."""
    web, keys = door
    headers = {"authorization": f"Bearer {keys.local[kind]}"}
    return web.post("/v1/views", json=item, headers=headers).status_code


def test_a_view_is_kept_changed_and_forgotten(door, client):
    """The latest word under a name counts."""
    assert post(door, SLOW._asdict()) == 202
    assert saved_views(client, "default", "traces", "") == [SLOW]
    changed = SLOW._replace(query="min_seconds=5.0")
    assert post(door, changed._asdict()) == 202
    assert saved_views(client, "default", "traces", "") == [changed]
    assert post(door, changed._asdict() | {"deleted": True}) == 202
    assert saved_views(client, "default", "traces", "") == []


def test_a_readers_own_views_are_not_shown_to_others(door, client):
    """One's own come first, then those of everybody."""
    mine = SLOW._replace(owner="me@example.com", name="zz mine")
    for view in (SLOW, mine, SLOW._replace(owner="other@example.com", name="other")):
        assert post(door, view._asdict()) == 202
    assert saved_views(client, "default", "traces", "me@example.com") == [mine, SLOW]
    assert saved_views(client, "elsewhere", "traces", "me@example.com") == []


def test_a_key_that_may_only_read_cannot_change_views(door, client):
    """Keys in web pages and readers' keys write nothing here."""
    assert post(door, SLOW._asdict(), "read") == 403
    web, keys = door
    feedback = keys.add("page", ["feedback"])
    answer = web.post("/v1/views", json=SLOW._asdict(), headers={"authorization": f"Bearer {feedback}"})
    assert answer.status_code == 403
    assert web.post("/v1/views", json=SLOW._asdict()).status_code == 401
    assert saved_views(client, "default", "traces", "") == []


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ([], "JSON object"),
        ({"screen": "traces", "name": "  "}, "name is missing"),
        ({"name": "x"}, "screen is missing"),
        ({"screen": "traces", "name": "x" * 81}, "at most 80"),
        ({"screen": "traces", "name": 5}, "must be text"),
        ({"screen": "traces", "name": "x", "deleted": "yes"}, "true or false"),
    ],
)
def test_what_is_no_view_is_refused_with_its_reason(item, reason):
    """Whoever calls learns what to change."""
    with pytest.raises(PayloadError, match=reason):
        read_view(json.dumps(item).encode())


def test_the_screen_saves_opens_and_deletes_a_view(open_app, seeded, monkeypatch):
    """The present filters get a name; a click brings them back in place of others."""
    sent = []

    def post(path, item):
        sent.append((path, item))
        return ""

    monkeypatch.setattr(collector, "post", post)
    monkeypatch.setattr(views.questions, "saved_views", lambda *_: [SLOW])
    data.forget()
    app = open_app("traces", model="gpt-5.6-luna-2026-08-06", status="error")
    app.text_input(key="views_name").set_value("Mine")
    next(button for button in app.button if button.label == "Save").click().run()
    assert sent == [
        (
            "/v1/views",
            {"screen": "traces", "owner": "", "name": "Mine", "deleted": False}
            | {"query": "model=gpt-5.6-luna-2026-08-06&status=error"},
        )
    ]
    app.button(key="view_0").click().run()
    assert not app.exception
    assert (app.number_input(key="min_seconds").value, app.selectbox(key="env").value) == (3.0, "production")
    assert app.selectbox(key="model").value is None
    assert "status" not in app.query_params
    app.button(key="forget_0").click().run()
    assert sent[-1][1] == SLOW._asdict() | {"deleted": True}


def test_a_view_is_listed_as_soon_as_it_is_saved(open_app, seeded, monkeypatch):
    """The list above the form does not say that there are none while a message says that one was saved."""
    kept = []
    monkeypatch.setattr(
        collector, "post", lambda _, item: kept.append(SLOW._replace(name=item["name"])) or ""
    )
    monkeypatch.setattr(views.questions, "saved_views", lambda *_: list(kept))
    data.forget()
    app = open_app("traces")
    app.text_input(key="views_name").set_value("Mine")
    next(button for button in app.button if button.label == "Save").click().run()
    assert app.button(key="view_0").label == "Mine"
