"""The door: public only with a password, and with one nothing answers without a login."""

import asyncio
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from streamlit.runtime import Runtime

from kansoku.errors import SettingsError
from kansoku_dashboard import canvas, frame, login, server, settings
from kansoku_dashboard.settings import DashboardSettings

PAGE = {"accept": "text/html"}
PATHS = [
    "/",
    "/overview",
    "/traces",
    "/trace?trace_id=1",
    "/alerts",
    "/health",
    "/quality",
    "/latency",
    "/drift",
    "/cost",
    "/sessions",
    "/session?session=1",
    "/start",
    "/screens/overview",
    canvas.LIBRARY,
    "/_stcore/host-config",
    "/static/index.html",
    "/media/x",
    "/_stcore/health",
]


@pytest.fixture(autouse=True)
def _fresh():
    """Forget wrong passwords and settings of the test before."""
    login._wrong.clear()
    yield
    settings.use(DashboardSettings())


@contextmanager
def serving(**values):
    """Run the server's application; Streamlit allows one runtime a process, so the last one is forgotten."""
    before, Runtime._instance = Runtime._instance, None
    with TestClient(server.build(DashboardSettings(**values)), follow_redirects=False) as found:
        yield found
    Runtime._instance = before


@pytest.fixture
def client():
    """Return a client of a dashboard with a password."""
    with serving(dashboard_password=SecretStr("hana-no-iro"), dashboard_host="0.0.0.0") as found:
        yield found


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "dashboard.example"])
def test_it_will_not_be_public_without_a_password(host, capsys):
    """An open port with everybody's prompts must be a decision."""
    assert server.serve(DashboardSettings(dashboard_host=host, dashboard_port=0)) == 1
    said = capsys.readouterr().err
    assert "KANSOKU_DASHBOARD_PASSWORD" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_loopback_needs_no_password(host):
    """One's own machine is one's own."""
    assert DashboardSettings(dashboard_host=host).loopback


def test_a_taken_port_is_one_sentence(capsys):
    """Not a stack trace."""
    with server.listen(DashboardSettings(dashboard_port=0)) as taken:
        taken.listen()
        chosen = DashboardSettings(dashboard_port=taken.getsockname()[1])
        with pytest.raises(SettingsError, match="KANSOKU_DASHBOARD_PORT"):
            server.listen(chosen)


@pytest.mark.parametrize("path", PATHS)
def test_nothing_answers_without_a_login(client, path):
    """Screens, bundles and the server's own routes alike."""
    page = client.get(path, headers=PAGE)
    assert page.status_code == 303
    assert "/login?next=" in page.headers["location"]
    assert client.get(path).status_code == 401


def test_no_websocket_opens_without_a_login(client):
    """The screens themselves travel over it."""
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_stcore/stream"):
        pass


def test_every_screen_is_tried_above():
    """A new screen must be added to the list of this test."""
    names = {
        line.strip().split('"')[1]
        for line in Path(frame.__file__).read_text().splitlines()
        if '": page(' in line
    }
    assert {f"/{name}" for name in names} <= {path.partition("?")[0] for path in PATHS}


def test_the_right_password_opens_and_leads_where_one_wanted(client):
    """A deep link survives the login."""
    answer = client.post("/login?next=/trace%3Ftrace_id%3D1", data={"password": "hana-no-iro"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/trace?trace_id=1")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert client.get("/_stcore/health").status_code == 200


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "evil"])
def test_the_login_does_not_lead_elsewhere(client, target):
    """A link to the login must not end on another host."""
    answer = client.post("/login", params={"next": target}, data={"password": "hana-no-iro"})
    assert answer.headers["location"] == "/"


def test_a_wrong_password_stays_outside_and_ten_a_minute_are_enough(client):
    """Guessing must be slow, for right guesses too."""
    for _ in range(10):
        assert client.post("/login", data={"password": "wrong"}).status_code == 401
    late = client.post("/login", data={"password": "hana-no-iro"})
    assert (late.status_code, late.headers["retry-after"]) == (429, "60")
    assert "set-cookie" not in late.headers


def test_guesses_that_are_sent_byte_by_byte_are_not_let_in_together(client):
    """Each begins before any of them has failed."""
    fields = [b"password=guess%d" % number for number in range(15)] + [b"password=hana-no-iro"]

    async def guess(field, complete):
        answers = []

        async def receive():
            await complete.wait()
            return {"type": "http.request", "body": field, "more_body": False}

        async def send(message):
            answers.append(message)

        scope = {"type": "http", "method": "POST", "path": "/login", "query_string": b"", "scheme": "http"}
        form = [(b"content-type", b"application/x-www-form-urlencoded")]
        await client.app(scope | {"headers": form, "server": ("testserver", 80)}, receive, send)
        return answers[0]["status"]

    async def attack():
        complete = asyncio.Event()
        guesses = [asyncio.create_task(guess(field, complete)) for field in fields]
        await asyncio.sleep(0)
        complete.set()
        return await asyncio.gather(*guesses)

    assert sorted(asyncio.run(attack())) == [401] * 10 + [429] * 6


def test_a_form_without_end_is_not_kept(client):
    """Whoever is not logged in yet must not fill memory or disk, and a file is no password."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    long = b"x=" + b"a" * 20_000 + b"&password=hana-no-iro"
    assert client.post("/login", content=long, headers=form).status_code == 401
    answer = client.post("/login", files={"password": ("password", b"hana-no-iro")})
    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)


@pytest.mark.parametrize("path", ["/", "/login", "/_stcore/health"])
def test_no_other_site_shows_it_in_a_frame(client, path):
    """On loopback there is no login: a page elsewhere could lead one's clicks."""
    headers = client.get(path, headers=PAGE).headers
    assert headers["content-security-policy"] == "frame-ancestors 'self'"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["x-content-type-options"] == "nosniff"


def test_a_forged_or_old_cookie_does_not_open(client, monkeypatch):
    """The signature covers the date, and a new password ends every login."""
    good = login.token()
    until, own, signature = good.split(".")
    assert login.passed({login.COOKIE: good})
    later, said = f"{int(until) + 1}.{own}.{signature}", f"{until}.{own}"
    for bad in ("", "x", later, f"{until}.0.{signature}", f"{said}.", f"{said}.{'0' * 64}"):
        assert not login.passed({login.COOKIE: bad})
    monkeypatch.setattr(time, "time", lambda: int(until) + 1)
    assert not login.passed({login.COOKIE: good})
    monkeypatch.undo()
    settings.use(DashboardSettings(dashboard_password=SecretStr("other")))
    assert not login.passed({login.COOKIE: good})


def test_a_login_of_a_clock_that_was_ahead_does_not_last_as_long(client, monkeypatch):
    """One handed out while the clock was a year ahead would be good for a year; an hour does no harm."""
    now = time.time()
    for ahead, opens in ((3600, True), (365 * 86400, False)):
        monkeypatch.setattr(time, "time", lambda ahead=ahead: now + ahead)
        given = login.token()
        assert login.passed({login.COOKIE: given})
        monkeypatch.undo()
        assert login.passed({login.COOKIE: given}) is opens


def test_a_login_that_was_ended_is_ended_in_every_tab(client):
    """A page that is open elsewhere, or somebody with a copy of the cookie, keeps what they sent before."""
    copied = {login.COOKIE: login.token()}
    client.cookies.update(copied)
    assert login.passed(copied)
    assert client.get("/logout").status_code in (303, 307)
    assert not login.passed(copied)
    client.cookies.update(copied)
    assert client.get("/_stcore/health").status_code == 401
    login._ended.clear()
    client.cookies.update({login.COOKIE: "nonsense"})
    assert client.get("/logout").status_code in (303, 307)


def test_a_logout_ends_the_login_of_one_reader(client):
    """Two who gave the password in the same second each have their own."""
    mine, theirs = {login.COOKIE: login.token()}, {login.COOKIE: login.token()}
    client.cookies.update(mine)
    client.get("/logout")
    assert not login.passed(mine)
    assert login.passed(theirs)


def test_the_script_itself_is_guarded(open_app):
    """If main.py is run without this server, the password still holds."""
    settings.use(settings.current().model_copy(update={"dashboard_password": SecretStr("hana-no-iro")}))
    app = open_app()
    assert "password" in app.error[0].value
    assert not app.title
    assert not app.metric


def test_a_foreign_name_for_loopback_is_refused():
    """Without a password, a page elsewhere could point its own name at this machine."""
    with serving() as found:
        assert found.get("/_stcore/health").status_code == 200
        assert found.get("/_stcore/health", headers={"host": "evil.example"}).status_code == 400


def test_bundles_travel_compressed():
    """Streamlit alone sends 9 MB on a first visit."""
    with serving() as found:
        assert found.get("/", headers={"accept-encoding": "gzip"}).headers["content-encoding"] == "gzip"


def test_the_library_of_the_charts_travels_compressed_and_once():
    """A third of its 4.8 MB, for a browser that says so; its name has the version, so it is kept for good."""
    with serving() as found:
        packed = found.get(canvas.LIBRARY, headers={"accept-encoding": "gzip"})
        assert packed.headers["content-encoding"] == "gzip"
        assert int(packed.headers["content-length"]) < 1_800_000
        assert "immutable" in packed.headers["cache-control"]
        plain = found.get(canvas.LIBRARY, headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert packed.content == plain.content
        assert b"plotly.js v" in plain.content[:100]


def test_overview_by_its_name_is_the_first_page():
    """Somebody types it, as all the others have one; filters stay."""
    with serving() as found:
        assert found.get("/overview?range=7d&env=dev").headers["location"] == "/?range=7d&env=dev"
        assert found.get("/overview").headers["location"] == "/"
