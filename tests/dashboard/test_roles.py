"""Roles: who may do what, and that no question about a closed project reaches the store."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from streamlit.testing.v1 import AppTest

from kansoku_collector.store.read import overview
from kansoku_collector.store.read.conditions import Filter
from kansoku_collector.store.read.trace import Located
from kansoku_collector.store.scope import Period, Scope
from kansoku_dashboard import access, collector, data, frame, login, roles, settings
from kansoku_dashboard.paths import ROOM
from kansoku_dashboard.settings import DashboardSettings

SCREENS = re.findall(r'^        "(\w+)": page\(', Path(frame.__file__).read_text(), re.MULTILINE)
ALICE = {"sub": "1", "email": "Alice@Example.com", "email_verified": True, "groups": ["ml", "all"]}
assert len(SCREENS) >= 6
PERIOD = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))


@pytest.fixture(autouse=True)
def _own_settings():
    """Leave no settings to the next test."""
    yield
    settings.use(DashboardSettings())


def use(**values: object) -> None:
    """Change some settings of this process."""
    settings.use(settings.current().model_copy(update=values))


def rights_of(text: str, claims: dict[str, object]) -> access.Rights:
    """Return what the rules of `text` give to the person of `claims`."""
    return access.rights(access.read_rules(text), claims)


@pytest.mark.parametrize(
    ("rules", "everywhere"),
    [
        ("alice@example.com=admin", "admin"),
        ("*@example.com=viewer", "viewer"),
        ("groups:ml=reviewer", "reviewer"),
        ("*=viewer, alice@example.com=reviewer", "reviewer"),
        ("alice@example.com=reviewer, *=viewer", "reviewer"),
        ("bob@example.com=admin", ""),
        ("*@example.com.evil=admin", ""),
        ("groups:m=admin", ""),
        ("password=admin", ""),
        ("*@example.com=admin, alice@example.com=none", ""),
        ("groups:all=none, *=admin", ""),
        ("*=viewer, bob@example.com=none", "viewer"),
    ],
)
def test_a_rule_gives_its_role_to_whom_it_names(rules, everywhere):
    """The highest of all that fit counts, in whatever order they stand."""
    assert rights_of(rules, ALICE).everywhere == everywhere


def test_an_address_that_the_provider_does_not_vouch_for_gives_nothing():
    """Elsewhere anybody may claim to be alice@example.com."""
    assert rights_of("alice@example.com=admin, *@example.com=viewer", ALICE | {"email_verified": False}).none


def test_an_address_keeps_out_whether_the_provider_vouches_for_it_or_not():
    """Who was shut out must not come back by another way to write it."""
    assert rights_of("groups:ml=admin, alice@example.com=none", ALICE | {"email_verified": False}).none


@pytest.mark.parametrize(
    ("rule", "claims"),
    [
        ("cognito:groups:ml=viewer", {"cognito:groups": ["ml"]}),
        ("https://example.com/roles:ml=viewer", {"https://example.com/roles": ["ml", "ops"]}),
        ("groups:team:ml=viewer", {"groups": ["team:ml"]}),
        (
            "urn:zitadel:iam:org:project:roles:ml=viewer",
            {"urn:zitadel:iam:org:project:roles": {"ml": {"1": "x"}}},
        ),
        ("groups:/company/研究=viewer", {"groups": ["/company/研究"]}),
        ("realm_access.roles:ml=viewer", {"realm_access": {"roles": ["ml", "all"]}}),
    ],
    ids=["Cognito", "Auth0", "colon in the value", "Zitadel", "Keycloak's groups", "Keycloak's roles"],
)
def test_claims_have_the_names_that_providers_give_them(rule, claims):
    """With colons in the name of the claim, in the value, and with roles as the names of an object."""
    assert rights_of(rule, {"sub": "1"} | claims).everywhere == "viewer"
    assert rights_of(rule.replace("ml", "m").replace("研", "験"), {"sub": "1"} | claims).none


def test_marks_of_a_pattern_in_an_address_are_plain_letters():
    """Only the star stands for anything."""
    assert rights_of("a[lx]ice@example.com=admin, ?lice@example.com=admin", ALICE).none


def test_without_a_name_only_the_password_counts():
    """A star means everybody who said who they are."""
    assert rights_of("*=admin, *@example.com=admin, groups:ml=admin", {}).none
    assert rights_of("password=viewer", {}).everywhere == "viewer"


def test_roles_stand_on_each_other_and_differ_by_project():
    """A reviewer of one project may only look at another."""
    found = rights_of("*=viewer:shop+search, alice@example.com=reviewer:shop", ALICE)
    assert [found.may(role, "shop") for role in access.ROLES] == [True, True, False]
    assert [found.may(role, "search") for role in access.ROLES] == [True, False, False]
    assert not found.may("viewer", "payroll")


@pytest.mark.parametrize(
    "rule", ["alice", "alice@example.com=boss", "=admin", "alice=admin", "*=viewer:", "x", "*=none:shop"]
)
def test_a_rule_that_cannot_be_read_stops_the_start(rule):
    """A slip of the pen must not open or close doors unseen."""
    with pytest.raises(ValidationError):
        DashboardSettings(access=rule)


@pytest.mark.parametrize(
    "about",
    [
        "closed",
        Scope(project="closed"),
        Filter(PERIOD, Scope(project="closed")),
        Located("closed", "1" * 32, PERIOD.start, PERIOD.end),
    ],
    ids=["name", "scope", "filter", "trace"],
)
@pytest.mark.parametrize("way", [data.ask, data.fresh, data.attempt])
def test_no_question_about_a_closed_project_is_asked(way, about, monkeypatch):
    """Whatever a screen does: the check stands before the cache and before the store."""
    use(access="password=viewer:open")
    monkeypatch.setattr(data, "borrow", lambda: pytest.fail("the store was asked"))
    with pytest.raises(roles.ForbiddenError):
        way(lambda *_: None, about)


def test_an_answer_that_another_reader_was_given_is_not_given_out(open_app):
    """The cache is everybody's, the right to read it is not."""
    use(access="password=admin")
    assert data.ask(overview.health, "default").last is not None
    use(access="password=viewer:open")
    with pytest.raises(roles.ForbiddenError):
        data.ask(overview.health, "default")


def test_a_question_that_names_no_project_is_refused():
    """A new question cannot be asked past the check by mistake."""
    with pytest.raises(TypeError):
        data.ask(lambda *_: None, 7)
    with pytest.raises(TypeError):
        data.ask(lambda _: None)


def test_what_is_about_every_project_is_for_those_who_may_see_every_project():
    """Storage adds up everybody's data."""
    use(access="password=admin:default")
    with pytest.raises(roles.ForbiddenError):
        data.ask_everywhere("admin", lambda _: None)
    use(access="password=viewer")
    with pytest.raises(roles.ForbiddenError):
        data.ask_everywhere("admin", lambda _: None)


def test_only_the_module_of_questions_reaches_the_store():
    """A screen that borrowed a client of its own would ask without being checked."""
    found = {
        path.name
        for path in ROOM.rglob("*.py")
        if re.search(r"\bborrow\(|\bget_client\(|store\.connect\b", path.read_text(encoding="utf-8"))
    }
    assert found == {"data.py"}


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_of_a_closed_project_shows_nothing(open_app, screen, monkeypatch):
    """Every address, with the name of a project that is closed to the reader."""
    asked = []
    real = data._answer
    monkeypatch.setattr(
        data, "_answer", lambda name, url, args, *rest: asked.append(args) or real(name, url, args, *rest)
    )
    run = open_app
    use(access="password=viewer:default")
    app = run(screen, project="closed", trace_id="1" * 32)
    assert not app.exception
    assert "not open to you" in app.error[0].value
    assert not app.title
    assert not app.metric
    assert asked == []


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_without_a_login_by_name_shows_nothing(open_app, screen):
    """The script itself holds where it is run without the server in front of it."""
    use(oidc_metadata_url="https://id.example/.well-known/openid-configuration", access="*=admin")
    app = open_app(screen)
    assert app.error
    assert not app.title
    assert not app.metric


@pytest.mark.parametrize("screen", SCREENS)
def test_a_person_without_a_role_sees_nothing(open_app, screen, monkeypatch):
    """Having an account with the provider is no right to read prompts."""
    use(
        oidc_metadata_url="https://id.example/.well-known/openid-configuration",
        access="bob@example.com=admin",
    )
    monkeypatch.setattr(login, "passed", lambda _: True)
    monkeypatch.setattr(roles, "claims", lambda: ALICE)
    app = open_app(screen)
    assert "has no role" in app.error[0].value
    assert not app.title
    assert not app.metric


def test_a_reader_begins_in_a_project_of_their_own(open_app, monkeypatch):
    """The project of the settings may be closed to them."""
    use(oidc_metadata_url="https://id.example/x", access="*@example.com=viewer:mine+other")
    monkeypatch.setattr(login, "passed", lambda _: True)
    monkeypatch.setattr(roles, "claims", lambda: ALICE)
    app = open_app("start")
    assert not app.error
    assert app.session_state["_project"] == "mine"
    assert app.selectbox(key="project_choice").options == ["mine", "other"]
    app.selectbox(key="project_choice").set_value("other").run()
    assert app.session_state["_project"] == "other"


def test_a_viewer_gives_no_feedback_and_saves_no_view(monkeypatch):
    """Buttons can be pressed by hand; what they send is checked on the server."""
    monkeypatch.setattr(collector.httpx2, "post", lambda *_, **__: pytest.fail("something was sent"))
    use(access="password=viewer")
    for path in ("/v1/feedback", "/v1/views"):
        assert "may look" in collector.post(path, {})


def test_feedback_goes_to_the_project_that_is_shown_or_nowhere(monkeypatch):
    """The key belongs to one project: a vote on another's trace would be lost in it."""
    monkeypatch.setattr(collector.httpx2, "post", lambda *_, **__: pytest.fail("something was sent"))
    monkeypatch.setattr(roles, "current", lambda: "other")
    assert "default" in collector.post("/v1/feedback", {})


def test_the_name_of_a_reader_is_their_address(monkeypatch):
    """Feedback and views are theirs by it; with a shared password they are nobody's."""
    monkeypatch.setattr(roles, "claims", lambda: ALICE)
    assert collector.reader() == ""
    use(oidc_metadata_url="https://id.example/x", access="*=viewer")
    assert collector.reader() == "Alice@Example.com"
    monkeypatch.setattr(roles, "claims", lambda: {"sub": "abc"})
    assert collector.reader() == "abc"


def test_an_open_project_is_answered(open_app):
    """The check must not close what is open."""
    use(access="password=viewer:default")
    assert data.ask(overview.totals, Scope(), Period.last(timedelta(hours=6))).requests > 0


def test_a_page_that_stays_open_shows_nothing_once_its_login_has_ended(open_app, monkeypatch):
    """A panel of a live screen runs alone, again and again, past the script that looks at the login."""

    def panel():
        import streamlit as st

        from kansoku_collector.store.read import overview
        from kansoku_dashboard import data

        with data.panel("Health"):
            st.write(data.ask(overview.health, "default").last)

    open_app("start")
    app = AppTest.from_function(panel).run()
    assert app.markdown
    monkeypatch.setattr(login, "passed", lambda _: False)
    app.run()
    assert not app.markdown
    assert "has ended" in app.warning[0].value
    assert not app.exception


def test_an_address_that_nobody_vouches_for_is_not_the_name_of_a_reader(monkeypatch):
    """Feedback and views would be somebody else's."""
    use(oidc_metadata_url="https://id.example/x", access="*=viewer")
    monkeypatch.setattr(roles, "claims", lambda: ALICE | {"email_verified": False})
    assert collector.reader() == "1"
