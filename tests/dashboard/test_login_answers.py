"""What a provider of logins may answer: who gets in, who does not, and what is said."""

import logging
import time
from http.cookies import SimpleCookie

import pytest
from joserfc.jwk import RSAKey
from pydantic import SecretStr
from starlette.websockets import WebSocketDisconnect
from streamlit import config
from streamlit.web.server.starlette.starlette_server_config import TOKENS_COOKIE_NAME, USER_COOKIE_NAME
from support.openid import HERE, ask, chosen, enter, finish, serving

from kansoku_dashboard import access, login, oidc

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:authlib"),
    pytest.mark.filterwarnings("ignore:.*authlib.*:DeprecationWarning"),
]
PAGE = {"accept": "text/html"}


def told(client):
    """Return the claims of who is logged in."""
    return oidc.claims(dict(client.cookies))


def test_a_secret_arrives_as_it_is(provider):
    """`openssl rand -base64 32` makes one with a plus, where providers read a blank as the standard says."""
    secret = "kb+0/Zq%20=x"
    with serving(chosen(provider, oidc_client_secret=SecretStr(secret))) as client:
        enter(client, provider)
    assert provider.given == ["kansoku", secret]


def test_what_the_id_token_lacks_is_asked_of_the_provider(client, provider):
    """By the standard the address stands in the answer of userinfo; Authelia, Zitadel and others obey."""
    provider.told = {}
    provider.userinfo = {"email": "alice@example.com", "name": "山田 花子"}
    enter(client, provider)
    assert told(client)["email"] == "alice@example.com"
    assert told(client)["name"] == "山田 花子"
    assert "/userinfo Bearer a" in provider.asked


def test_what_the_id_token_says_is_not_asked_again(client, provider):
    """A login is no slower than it must be."""
    enter(client, provider)
    assert [path for path in provider.asked if path.startswith("/userinfo")] == []


@pytest.mark.parametrize(
    ("said", "more"),
    [
        ({}, {"sub": "8", "email": "alice@example.com"}),
        ({"email": "mallory@elsewhere.example"}, {"email": "alice@example.com", "email_verified": True}),
        ({"email": "alice@example.com"}, {"email": "alice@example.com", "email_verified": False}),
    ],
)
def test_userinfo_makes_nobody_somebody_else(client, provider, said, more):
    """What is signed counts more, and what is about another person does not count."""
    provider.told, provider.userinfo = said, more
    enter(client, provider)
    assert access.rights(access.read_rules("alice@example.com=admin"), told(client)).none
    assert told(client)["sub"] == "7"


def test_userinfo_that_does_not_answer_costs_its_claims_alone(client, provider, caplog):
    """Who has a role by another claim gets in."""
    provider.told = {"groups": ["ml"]}
    provider.userinfo = {"sub": 7}
    with caplog.at_level(logging.WARNING, "kansoku"):
        enter(client, provider)
    assert told(client)["groups"] == ["ml"]
    assert "userinfo" in caplog.text


def test_two_hundred_groups_fit(provider):
    """Proxies take 8 KiB of header; the groups that a rule is about stay."""
    groups = [f"00000000-0000-0000-0000-{number:012}" for number in range(200)]
    rules = f"groups:{groups[150]}=viewer"
    provider.told = {
        "email": "alice@example.com",
        "email_verified": True,
        "groups": groups,
        "photo": "x" * 9000,
    }
    with serving(chosen(provider, access=rules)) as client:
        enter(client, provider)
        sent = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        assert len(sent) < 4096
        assert not access.rights(access.read_rules(rules), told(client)).none
        assert (told(client)["email"], told(client)["groups"]) == ("alice@example.com", [groups[150]])


def test_the_access_token_stays_here(client, provider):
    """The dashboard needs it once; a cookie that is stolen must not open anything else."""
    enter(client, provider)
    assert set(oidc._read(dict(client.cookies), TOKENS_COOKIE_NAME)) == {"id_token"}


@pytest.mark.parametrize(
    "change",
    [
        {"told": {"nonce": "another"}},
        {"told": {"iss": "http://elsewhere.example"}},
        {"told": {"aud": "another"}},
        {"told": {"exp": 1_000_000_000}},
        {"header": {"alg": "none"}},
        {"header": {"alg": "HS256"}},
        {"signer": RSAKey.generate_key(2048, {"kid": "1"})},
        {"status": 500},
    ],
    ids=["nonce", "issuer", "audience", "expired", "unsigned", "confused", "forged", "away"],
)
def test_an_answer_that_is_not_to_be_believed_lets_nobody_in_and_says_so(client, provider, change):
    """Without a word the reader would see the form again, as if nothing had been clicked."""
    query = ask(client, provider, "/cost?range=7d")
    for name, value in change.items():
        setattr(provider, name, value)
    where = finish(client, query)
    assert where == "/login?next=%2Fcost%3Frange%3D7d&problem=failed"
    assert "came to nothing" in client.get(where).text
    assert client.get("/_stcore/health").status_code == 401


def test_a_clock_that_is_a_minute_off_is_no_problem(client, provider):
    """Provider and dashboard are two machines."""
    query = ask(client, provider)
    now = int(time.time())
    provider.told |= {"iat": now + 60, "exp": now + 120}
    assert finish(client, query) == "/"
    query = ask(client, provider)
    provider.told |= {"iat": now - 120, "exp": now - 60}
    assert finish(client, query) == "/"


def test_a_new_key_of_the_provider_is_taken_up(client, provider):
    """Providers change theirs every few weeks, without telling."""
    enter(client, provider)
    client.cookies.clear()
    provider.rotate("2")
    enter(client, provider)
    assert told(client)["email"] == "alice@example.com"


def test_a_state_that_was_not_given_or_was_used_lets_nobody_in(client, provider):
    """A link to the way back must log nobody in as somebody else."""
    query = ask(client, provider)
    assert finish(client, {"state": "made-up"}).endswith("problem=failed")
    assert finish(client, query) == "/"
    client.get("/auth/logout")
    assert finish(client, query).endswith("problem=failed")
    assert client.get("/_stcore/health").status_code == 401


def test_the_way_back_that_is_gone_once_more_harms_nobody(client, provider):
    """Readers press Back."""
    query = ask(client, provider)
    assert finish(client, query) == "/"
    assert finish(client, query) == "/"
    assert told(client)["email"] == "alice@example.com"


def test_a_refusal_of_the_provider_is_said(client, provider):
    """Whoever is not assigned to the application must read more than the form."""
    ask(client, provider, "/cost")
    answer = client.get("/oauth2callback", params={"error": "access_denied", "state": "x"})
    assert answer.headers["location"] == "/login?next=%2Fcost&problem=refused"
    assert "did not let you in" in client.get(answer.headers["location"]).text
    assert "ログイン" in client.get("/login?problem=refused", headers={"accept-language": "ja"}).text


def test_words_of_others_are_not_shown(client):
    """A link to the form must not be a sheet of paper for its maker."""
    assert "evil" not in client.get("/login?problem=evil&next=/evil").text.replace("next=/evil", "")


def test_a_provider_that_is_away_is_said(client, provider):
    """At the start and later; the dashboard itself runs."""
    provider.status = 503
    answer = client.post("/login?next=/cost")
    answer = client.get(answer.headers["location"])
    assert answer.headers["location"] == "/login?next=%2Fcost&problem=away"
    assert "cannot be reached" in client.get(answer.headers["location"]).text
    provider.status = 200
    assert enter(client, provider, "/cost") == "/cost"


def test_the_way_back_from_the_providers_logout_is_no_failure(client):
    """It comes without any word."""
    assert client.get("/oauth2callback").headers["location"] == "/"


def test_logging_out_ends_it_for_copies_and_open_pages(client, provider):
    """Other tabs hold the cookie that they were opened with."""
    enter(client, provider)
    copied = dict(client.cookies)
    assert login.passed(copied)
    client.get("/auth/logout")
    assert not login.passed(copied)
    enter(client, provider)
    assert login.passed(dict(client.cookies))


def test_a_login_lasts_as_long_as_is_set(provider, monkeypatch):
    """Who has left the company is asked for at the provider, and not a month later."""
    with serving(chosen(provider, oidc_hours=2)) as client:
        enter(client, provider)
        cookies = dict(client.cookies)
        assert login.passed(cookies)
        monkeypatch.setattr(time, "time", lambda now=time.time(): now + 2.1 * 3600)
        assert not login.passed(cookies)


def test_another_dashboard_behind_the_same_address_finishes_the_login(provider):
    """A balancer may send the way back to another one than the way there."""
    with serving(chosen(provider)) as first:
        query = ask(first, provider)
        cookies = first.cookies
    config.set_option("server.cookieSecret", "what another process drew by lot")
    with serving(chosen(provider)) as second:
        second.cookies = cookies
        assert finish(second, query) == "/"
        assert told(second)["email"] == "alice@example.com"


def test_every_cookie_is_for_tls_alone_where_readers_use_tls(provider):
    """One call of the plain address would show them to the network."""
    with serving(chosen(provider, dashboard_url="https://testserver")) as client:
        answer = client.post(f"{HERE}/login")
        answer = client.get(answer.headers["location"])
        cookies = SimpleCookie()
        for line in answer.headers.get_list("set-cookie"):
            cookies.load(line)
        assert cookies
        assert all(cookie["secure"] and cookie["httponly"] for cookie in cookies.values())


def test_the_cookies_of_a_login_are_out_of_reach_of_scripts(client, provider):
    """And of other sites."""
    query = ask(client, provider)
    answer = client.get("/oauth2callback", params={"code": "c", "state": query["state"]})
    made = [line for line in answer.headers.get_list("set-cookie") if line.startswith(USER_COOKIE_NAME)]
    assert len(made) == 2
    assert all("HttpOnly" in line and "SameSite=lax" in line for line in made)


def test_no_websocket_opens_with_a_login_that_ended(client, provider):
    """The screens travel over it."""
    enter(client, provider)
    copied = dict(client.cookies)
    client.get("/auth/logout")
    client.cookies.update(copied)
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_stcore/stream"):
        pass
