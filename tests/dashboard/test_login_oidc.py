"""Login by name: through a provider of our own on loopback, and back to where one wanted to go."""

import pytest
from pydantic import SecretStr
from starlette.websockets import WebSocketDisconnect
from streamlit.runtime.secrets import secrets_singleton
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from support.openid import HERE, ask, chosen, enter, serving

from kansoku.errors import SettingsError
from kansoku_dashboard import login, oidc, server, settings

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:authlib"),
    pytest.mark.filterwarnings("ignore:.*authlib.*:DeprecationWarning"),
]


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
    assert oidc.claims(dict(client.cookies))["email"] == "alice@example.com"
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
        assert not login.passed({USER_COOKIE_NAME: value})
    assert not login.passed({login.COOKIE: login.token()})
    enter(client, provider)
    good = dict(client.cookies)
    assert login.passed(good)
    settings.use(chosen(provider))
    secrets_singleton.merge_programmatic_secrets(
        oidc.provider() | {"auth": oidc.provider()["auth"] | {"cookie_secret": "another" * 5}}
    )
    assert not login.passed(good)


def test_logging_out_ends_it(client, provider):
    """The cookie is taken back."""
    enter(client, provider)
    assert client.get(login.EXIT).headers["location"] == "/auth/logout"
    client.get("/auth/logout")
    assert client.get("/_stcore/health").status_code == 401


def test_the_provider_is_asked_for_what_every_one_knows(client, provider):
    """`select_account` is a choice of the standard that Logto, Clerk and others refuse."""
    query = ask(client, provider)
    assert "prompt" not in query
    assert query["code_challenge_method"] == "S256"
    assert query["scope"] == "openid email profile"


def test_a_prompt_can_be_asked_for(provider):
    """On a computer of several people the account is to be chosen each time."""
    with serving(chosen(provider, oidc_prompt="select_account")) as client:
        assert ask(client, provider)["prompt"] == "select_account"


def test_a_provider_is_found_by_its_issuer(provider):
    """Half of all programs ask for that, and its page is no document."""
    with serving(chosen(provider, oidc_metadata_url=f"{provider.issuer}/")) as client:
        enter(client, provider)
    assert "/.well-known/openid-configuration" in provider.asked
    assert "/" not in provider.asked


def test_who_came_by_another_name_logs_in_at_the_one_that_the_provider_knows(client, provider):
    """The address that the start prints is 127.0.0.1; cookies of the one are not sent to the other."""
    answer = client.post("/login?next=/cost", headers={"origin": "http://127.0.0.1:8501"})
    assert answer.headers["location"] == f"{HERE}/login?next=%2Fcost"
    assert client.post("/login", headers={"origin": HERE}).headers["location"].startswith("/auth/login")


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"dashboard_url": ""}, "KANSOKU_DASHBOARD_URL"),
        ({"oidc_client_id": ""}, "KANSOKU_OIDC_CLIENT_ID"),
        ({"oidc_client_secret": SecretStr("")}, "KANSOKU_OIDC_CLIENT_SECRET"),
        ({"access": "password=admin"}, "KANSOKU_ACCESS"),
        ({"access": "password=admin, mallory@example.com=none"}, "KANSOKU_ACCESS"),
        ({"oidc_scope": "email profile"}, "KANSOKU_OIDC_SCOPE"),
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
