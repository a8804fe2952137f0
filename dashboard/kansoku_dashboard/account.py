"""Who one is and which project one looks at, at the foot of every screen."""

from contextlib import suppress

import streamlit as st

from kansoku_collector.store.read import projects as questions
from kansoku_dashboard import data, login, roles, settings
from kansoku_dashboard.text import plain
from kansoku_dashboard.words import say


def footer() -> None:
    """Say who is logged in and in which role, and offer the other projects and the way out."""
    found = roles.reader()
    _projects(visible(found))
    role = next((role for role in ("admin", "reviewer", "viewer") if roles.may(role)), "")
    who = [plain(found.name)] if found.name else []
    st.caption(" · ".join(who + ([say(f"login.role_{role}")] if role else [])), width="content")
    if settings.current().oidc:
        st.button(say("login.leave"), key="logout", type="tertiary", on_click=st.logout)
    elif settings.current().dashboard_password.get_secret_value():
        way = settings.current().base + login.EXIT
        st.html(f'<a href="{way}" target="_self">{say("login.leave")}</a>', width="content")


def visible(found: roles.Reader) -> list[str]:
    """Return the projects that a reader may choose from; all that are stored for those who may see all."""
    known = set(found.rights.projects)
    if found.rights.everywhere:
        known.add(settings.current().project)
        with suppress(*data.FAILURES):  # the panels say that the store is away; the choice can wait
            known |= set(data.ask_everywhere("viewer", questions.projects))
    return sorted(known)


def _projects(known: list[str]) -> None:
    present = roles.current()
    if len(known) < 2:
        return
    st.selectbox(
        say("login.project"),
        known,
        index=known.index(present) if present in known else None,
        key="project_choice",
        label_visibility="collapsed",
        width=180,
        on_change=lambda: roles.switch_to(st.session_state["project_choice"]),
    )
