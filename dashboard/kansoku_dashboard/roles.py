"""The reader: who is logged in, which project they look at, and what they may do there."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from kansoku_dashboard import access, login, settings
from kansoku_dashboard.words import say


class ForbiddenError(Exception):
    """A question about a project that the reader may not see; no panel catches it."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A person by name, "" where the door knows no names, with their rights."""

    name: str
    rights: access.Rights


def claims() -> dict[str, Any]:
    """Return what the provider of logins says of the reader; Streamlit has checked its signature."""
    return dict(st.user.to_dict()) if st.user.get("is_logged_in") else {}


def ended() -> bool:
    """Tell whether the login of an open page is over: by its time, or because it was ended in another tab."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return False
    return not login.passed(dict(st.context.cookies))


def reader() -> Reader:
    """Return who looks at the screen; without a provider of logins nobody has a name."""
    chosen = settings.current()
    if ended():
        return Reader("", access.Rights())
    if not chosen.oidc:
        return Reader("", access.rights(_rules(chosen.access), {}))
    told = claims()
    # Without claims there is nobody: what the shared password gives is not for them.
    found = access.rights(_rules(chosen.access), told) if told else access.Rights()
    # An address that the provider does not vouch for may be somebody else's name.
    address = "" if access.unverified(told) else told.get("email")
    return Reader(str(address or told.get("sub") or ""), found)


def may(role: str, project: str | None = None) -> bool:
    """Tell whether the reader has at least `role` in a project, the present one if none is given."""
    return reader().rights.may(role, current() if project is None else project)


def check(project: str, role: str = "viewer") -> None:
    """Raise ForbiddenError unless the reader has at least `role` in the project."""
    if not may(role, project):
        raise ForbiddenError(f"no access to the project {project!r} as {role}")


def everywhere(role: str) -> bool:
    """Tell whether the reader has at least `role` in every project there is."""
    return access.Rights(reader().rights.everywhere).may(role, "")


def check_everywhere(role: str) -> None:
    """Raise ForbiddenError unless the reader has at least `role` in every project there is."""
    if not everywhere(role):
        raise ForbiddenError(f"not {role} of every project")


def current() -> str:
    """Return the project that the screens show."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return settings.current().project
    return str(st.session_state.get("_project") or default())


def default() -> str:
    """Return the project of a reader who has not chosen one: that of the settings, else their first."""
    given = reader().rights
    if given.may("viewer", settings.current().project) or not given.projects:
        return settings.current().project
    return sorted(given.projects)[0]


def choose_project() -> str:
    """Decide on the project of this run: the URL, the reader's last choice, the default.

    Panels run side by side, so it is decided once, at the start, as the language is.
    """
    asked = st.query_params.get("project") or st.session_state.get("_project") or default()
    switch_to(asked)
    return asked


def switch_to(project: str) -> None:
    """Make `project` the one that the screens show; the URL says so unless it is the reader's own anyway."""
    st.session_state["_project"] = project
    if project != default():
        st.query_params["project"] = project
    elif "project" in st.query_params:
        del st.query_params["project"]


def admitted() -> bool:
    """Choose the project; where the reader may not see it, say so instead of the screen and return False."""
    project = choose_project()
    if may("viewer", project):
        return True
    found = reader()
    if found.rights.none:
        st.error(say("login.nothing", name=found.name or "–"), icon=":material/lock:")
    else:
        st.error(say("login.no_project"), icon=":material/lock:")
        st.button(say("login.to_own"), on_click=switch_to, args=(default(),))
    return False


@cache
def _rules(text: str) -> tuple[access.Rule, ...]:
    return access.read_rules(text)
