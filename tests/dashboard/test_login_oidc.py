"""Login by name: through a provider of our own on loopback, and back to where one wanted to go."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import SecretStr
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from streamlit.runtime import Runtime
from streamlit.runtime.secrets import secrets_singleton

from kansoku.errors import SettingsError
from kansoku_dashboard import login, server, settings
from kansoku_dashboard.settings import DashboardSettings

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:authlib"),
    pytest.mark.filterwarnings("ignore:.*authlib.*:DeprecationWarning"),
]
HERE = "http://testserver"
CLIENT = "kansoku"


class Provider:
    """An OpenID provider that lets everybody in as Alice."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})
        self.nonce = ""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path: str) -> dict[str, object]:
        """Return the JSON of a path."""
        if path == "/token":
            claims = {"iss": self.issuer, "aud": CLIENT, "sub": "7", "email": "alice@example.com"}
            now = int(time.time())
            claims |= {"iat": now, "exp": now + 60, "nonce": self.nonce, "email_verified": True}
            signed = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)
            return {"access_token": "a", "token_type": "Bearer", "id_token": signed, "expires_in": 60}
        if path == "/keys":
            return {"keys": [self.key.as_dict(private=False)]}
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(provider.answer(self.path)).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.do_GET()

            def log_message(self, *args: object) -> None:
                pass

        return Handler


@pytest.fixture(scope="module")
def provider():
    """Return a running provider."""
    found = Provider()
    yield found
    found.server.shutdown()
    found.server.server_close()


def chosen(provider: Provider, **values: object) -> DashboardSettings:
    """Return settings with a login by name."""
    return DashboardSettings(
        **{
            "dashboard_host": "0.0.0.0",
            "dashboard_url": HERE,
            "oidc_metadata_url": f"{provider.issuer}/.well-known/openid-configuration",
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SecretStr("a-long-enough-secret"),
            "access": "*@example.com=viewer",
        }
        | values
    )


@contextmanager
def serving(found: DashboardSettings):
    """Run the server's application; Streamlit allows one runtime and one set of secrets a process."""
    before, Runtime._instance = Runtime._instance, None
    try:
        with TestClient(server.build(found), follow_redirects=False, base_url=HERE) as client:
            yield client
    finally:
        Runtime._instance = before
        secrets_singleton._reset()
        settings.use(DashboardSettings())


@pytest.fixture
def client(provider):
    """Return a client of a dashboard with a login by name."""
    with serving(chosen(provider)) as found:
        yield found


def enter(client: TestClient, provider: Provider, target: str = "/") -> str:
    """Go through the login as a browser does; return where it ends."""
    answer = client.post("/login", params={"next": target})
    answer = client.get(answer.headers["location"])
    asked = urlsplit(answer.headers["location"])
    assert answer.headers["location"].startswith(f"{provider.issuer}/authorize")
    query = {name: values[0] for name, values in parse_qs(asked.query).items()}
    assert query["redirect_uri"] == f"{HERE}/oauth2callback"
    provider.nonce = query["nonce"]
    answer = client.get("/oauth2callback", params={"code": "c", "state": query["state"]})
    assert answer.headers["location"] == "/"
    answer = client.get("/", headers={"accept": "text/html"})
    return answer.headers.get("location", "")


def test_nothing_answers_before_and_the_login_leads_to_where_one_wanted(client, provider):
    """A deep link survives the way through the provider."""
    refused = client.get("/trace?trace_id=1", headers={"accept": "text/html"})
    assert refused.status_code == 303
    assert "/login?next=" in refused.headers["location"]
    assert client.get("/_stcore/health").status_code == 401
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_stcore/stream"):
        pass
    assert enter(client, provider, "/trace?trace_id=1") == "/trace?trace_id=1"
    assert client.get("/_stcore/health").status_code == 200
    assert login._claims(dict(client.cookies))["email"] == "alice@example.com"
    assert client.get("/", headers={"accept": "text/html"}).status_code == 200


def test_the_form_asks_for_no_password(client):
    """There is none, and the one of the settings does not open."""
    page = client.get("/login", headers={"accept-language": "ja"}).text
    assert "password" not in page
    assert "組織のアカウント" in page


def test_the_login_does_not_lead_elsewhere(client, provider):
    """A link to the login must not end on another host."""
    assert enter(client, provider, "//evil.example/x") == "/"


def test_a_cookie_of_ones_own_making_does_not_open(client, provider):
    """Neither unsigned, nor signed by another, nor the one of a shared password."""
    for value in ("x", '{"is_logged_in": true}', "eyJpc19sb2dnZWRfaW4iOnRydWV9.aaaa.bbbb"):
        assert not login.passed({login.USER_COOKIE_NAME: value})
    assert not login.passed({login.COOKIE: login.token()})
    enter(client, provider)
    good = dict(client.cookies)
    assert login.passed(good)
    settings.use(chosen(provider))
    secrets_singleton.merge_programmatic_secrets(
        login.provider() | {"auth": login.provider()["auth"] | {"cookie_secret": "another" * 5}}
    )
    assert not login.passed(good)


def test_logging_out_ends_it(client, provider):
    """The cookie is taken back."""
    enter(client, provider)
    assert client.get(login.EXIT).headers["location"] == "/auth/logout"
    client.get("/auth/logout")
    assert client.get("/_stcore/health").status_code == 401


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"dashboard_url": ""}, "KANSOKU_DASHBOARD_URL"),
        ({"oidc_client_id": ""}, "KANSOKU_OIDC_CLIENT_ID"),
        ({"oidc_client_secret": SecretStr("")}, "KANSOKU_OIDC_CLIENT_SECRET"),
        ({"access": "password=admin"}, "KANSOKU_ACCESS"),
    ],
)
def test_a_login_that_cannot_work_is_said_at_the_start(provider, values, word):
    """And not to the first reader who tries."""
    with pytest.raises(SettingsError, match=word):
        server.build(chosen(provider, **values))


def test_a_missing_library_is_said_with_what_to_install(provider, monkeypatch):
    """It is an extra, for those who log in by name."""
    monkeypatch.setattr(server, "is_authlib_installed", lambda: False)
    with pytest.raises(SettingsError, match="kansoku\\[oidc\\]"):
        server.build(chosen(provider))
