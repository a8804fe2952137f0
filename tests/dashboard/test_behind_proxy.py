"""Behind a proxy: TLS that ends there, a path of one's own, names that only readers know, long headers."""

import logging
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from streamlit import config
from streamlit.runtime import Runtime
from support.openid import HERE, Provider, chosen, enter
from support.openid import serving as named
from support.ports import free_port
from websockets.sync.client import connect

from kansoku_dashboard import canvas, links, login, server, settings
from kansoku_dashboard.address import read_address
from kansoku_dashboard.settings import DashboardSettings

PAGE = {"accept": "text/html"}
PASSWORD = "hana-no-iro"
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:authlib"),
    pytest.mark.filterwarnings("ignore:.*authlib.*:DeprecationWarning"),
]


@contextmanager
def serving(url, password=PASSWORD):
    """Run a dashboard that readers open at `url`, asked by a proxy that calls it testserver."""
    before, Runtime._instance = Runtime._instance, None
    found = DashboardSettings(dashboard_url=url, dashboard_password=SecretStr(password))
    try:
        with TestClient(server.build(found), follow_redirects=False, base_url=HERE) as client:
            yield client
    finally:
        Runtime._instance = before
        settings.use(DashboardSettings())
        config.set_option("server.baseUrlPath", "")


def open_with_password(client, path="/login"):
    """Log in; return the answer."""
    login._wrong.clear()
    return client.post(path, data={"password": PASSWORD})


def test_ways_are_paths_and_no_addresses():
    """What the proxy calls the dashboard, and that TLS ended there, the reader's browser must not hear."""
    with serving("") as client:
        assert client.get("/cost?range=7d", headers=PAGE).headers["location"] == (
            "/login?next=%2Fcost%3Frange%3D7d"
        )
        assert open_with_password(client, "/login?next=/cost").headers["location"] == "/cost"
        assert client.get(login.EXIT).headers["location"] == "/login"


@pytest.mark.parametrize("passed_on", ["/kansoku", ""], ids=["passed on", "taken off"])
def test_a_dashboard_under_a_path(passed_on):
    """Proxies do both, and every way of the reader's browser begins with the path."""
    with serving("https://example.com/kansoku/") as client:
        where = client.get(f"{passed_on}/cost?range=7d", headers=PAGE).headers["location"]
        assert where == "/kansoku/login?next=%2Fcost%3Frange%3D7d"
        answer = open_with_password(client, f"{passed_on}/login?next=/cost")
        assert answer.headers["location"] == "/kansoku/cost"
        assert "Path=/kansoku;" in answer.headers["set-cookie"]
        client.cookies.clear()  # they are for TLS alone, which this client does not speak
        client.cookies.set(login.COOKIE, login.token())
        assert client.get(f"{passed_on}/_stcore/health").status_code == 200
        assert client.get(f"{passed_on}/cost", headers=PAGE).status_code == 200
        assert client.get(f"{passed_on}{canvas.LIBRARY}").status_code == 200
        assert client.get(f"{passed_on}/overview?env=a").headers["location"] == "/kansoku/?env=a"
        assert client.get(f"{passed_on}{login.EXIT}").headers["location"] == "/kansoku/login"
        assert links.address("trace", {"trace": "1"}) == "/kansoku/trace?trace=1"


def test_a_login_by_name_under_a_path():
    """The provider leads back beneath it."""
    provider = Provider()
    try:
        with named(chosen(provider, dashboard_url=f"{HERE}/kansoku")) as client:
            assert enter(client, provider, "/cost", "/kansoku") == "/kansoku/cost"
            assert client.get("/kansoku/_stcore/health").status_code == 200
    finally:
        provider.server.shutdown()
        provider.server.server_close()


def test_a_neighbour_of_the_path_is_not_beneath_it():
    """`/kansoku-old` is another program's."""
    with serving("https://example.com/kansoku") as client:
        where = client.get("/kansoku-old", headers=PAGE).headers["location"]
        assert where == "/kansoku/login?next=%2Fkansoku-old"


@pytest.mark.parametrize(
    ("origin", "open_to_it"),
    [
        ("http://testserver", True),
        ("https://kansoku.example.com", True),
        ("http://localhost:9000", True),
        ("https://elsewhere.example", False),
        ("null", False),
    ],
)
def test_the_screens_open_for_the_name_that_readers_use(origin, open_to_it, caplog, monkeypatch):
    """A proxy that does not pass Host on, the default of nginx; nobody else is asked who we are."""
    monkeypatch.setattr("streamlit.net_util.get_external_ip", lambda: pytest.fail("asked the internet"))
    with serving("https://kansoku.example.com") as client, caplog.at_level(logging.WARNING, "kansoku"):
        client.cookies.set(login.COOKIE, login.token())
        headers = {"origin": origin, "host": "testserver"}
        if open_to_it:
            with client.websocket_connect("/_stcore/stream", headers=headers):
                pass
            return
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_stcore/stream", headers=headers):
            pass
        assert "KANSOKU_DASHBOARD_URL" in caplog.text


def test_a_websocket_that_a_proxy_made_a_plain_request_is_told(caplog):
    """The default of nginx; the reader sees an empty screen, and whoever runs it looks into the log."""
    with serving("https://kansoku.example.com") as client, caplog.at_level(logging.WARNING, "kansoku"):
        client.cookies.set(login.COOKIE, login.token())
        client.get("/_stcore/stream", headers={"sec-websocket-key": "x", "connection": "close"})
        assert "Upgrade and Connection" in caplog.text


def test_a_foreign_name_without_a_password_is_told_what_to_set():
    """`Invalid host header` is nothing that anybody can do something about."""
    with serving("", password="") as client:
        answer = client.get("/", headers={"host": "kansoku.example.com"})
        assert answer.status_code == 400
        assert "KANSOKU_DASHBOARD_PASSWORD" in answer.text
        for host in ("localhost:8501", "127.0.0.1", "[::1]:8501"):
            assert client.get("/_stcore/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "[", "localhost.evil.example", "", "localhost@evil.jp"])
def test_no_foreign_name_opens_what_has_no_password(host):
    """A page of the reader's browser could let its own name resolve to this machine."""
    with serving("", password="") as client:
        assert client.get("/", headers={"host": host}).status_code == 400


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("", ""),
        ("https://kansoku.example.com/", "https://kansoku.example.com"),
        ("HTTPS://Kansoku.Example.com:443", "https://kansoku.example.com"),
        ("http://10.0.0.5:8501", "http://10.0.0.5:8501"),
        ("http://[::1]:8501/kansoku/", "http://[::1]:8501/kansoku"),
        ("https://観測.example.jp", "https://xn--g6w300d.example.jp"),
    ],
)
def test_the_address_is_the_one_that_browsers_say(given, read):
    """A login by name belongs to an origin: another way to write it would log in and then show nobody."""
    assert read_address(given) == DashboardSettings(dashboard_url=given).dashboard_url == read


@pytest.mark.parametrize(
    "given", ["kansoku.example.com", "https://", "https://a/?b", "https://a:b@c", "ftp://a"]
)
def test_what_is_no_address_is_said_at_the_start(given):
    """And not by a provider that leads nowhere."""
    with pytest.raises(ValueError, match="address"):
        DashboardSettings(dashboard_url=given)


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """Return the port of a dashboard that runs as users run it."""
    found, log = free_port(), tmp_path_factory.mktemp("proxy") / "log.txt"
    own = {"KANSOKU_DASHBOARD_PORT": str(found), "KANSOKU_DASHBOARD_PASSWORD": PASSWORD}
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "kansoku_cli", "dashboard"], env=os.environ | own, stdout=out, stderr=out
        )
        try:
            _wait(f"http://127.0.0.1:{found}/login", process, log)
            yield found
        finally:
            process.terminate()
            process.wait(60)


def _wait(url, process, log):
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.URLError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())


def test_screens_open_however_many_cookies_the_domain_has(port):
    """Each request carries all of them; above 8 KiB the screens stayed empty for ever."""
    settings.use(DashboardSettings(dashboard_password=SecretStr(PASSWORD)))
    others = "; ".join(f"c{number}={'x' * 3000}" for number in range(7))
    cookies = f"{others}; {login.COOKIE}={login.token()}"
    settings.use(DashboardSettings())
    url = f"ws://127.0.0.1:{port}/_stcore/stream"
    with connect(url, additional_headers={"cookie": cookies}, proxy=None, open_timeout=60) as screens:
        assert re.match("101", str(screens.response.status_code))
