"""Saved views: filters of the list of traces under a name, kept in the store for a reader or a project."""

from urllib.parse import urlencode

import streamlit as st

from kansoku_collector.store.read import saved_views as questions
from kansoku_collector.store.saved_views import SavedView
from kansoku_dashboard import collector, data, roles, said
from kansoku_dashboard.screens import filters, messages
from kansoku_dashboard.words import say

SCREEN = "traces"


def draw() -> None:
    """Draw the views behind a button: open one, forget one, keep the present filters as another."""
    with (
        st.popover(say("views.title"), icon=":material/bookmark:", width="content"),
        st.container(key="views"),
    ):
        said.draw("views")
        project = roles.current()
        known = data.attempt(questions.saved_views, project, SCREEN, collector.reader())
        if known is None:
            st.caption(say("views.unreadable"))
        elif not known:
            st.caption(say("views.none"))
        for number, view in enumerate(known or ()):
            _entry(view, number)
        _form()


def _entry(view: SavedView, number: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        icon = ":material/bookmark:" if view.owner else ":material/group:"
        st.button(
            messages.label(view.name, 60), icon=icon, key=f"view_{number}", type="tertiary", width="stretch",
            on_click=_open, args=(view,), help=None if view.owner else say("views.of_all"),
        )  # fmt: skip
        help_text = say("views.forget", name=messages.label(view.name, 60))
        closed = collector.barred()
        st.button("", icon=":material/delete:", key=f"forget_{number}", type="tertiary",
                  help=closed or help_text, disabled=bool(closed), on_click=_forget,
                  args=(view,))  # fmt: skip


def _form() -> None:
    with st.form("save_view", clear_on_submit=True, border=False):
        st.text_input(say("views.name"), max_chars=80, placeholder=say("views.example"), key="views_name")
        if collector.reader():
            st.checkbox(say("views.share"), key="views_share")
        else:
            st.caption(say("views.shared_by_all"))
        closed = collector.barred()
        # Saved before the list above is drawn, which then has it.
        st.form_submit_button(
            say("views.save"), icon=":material/bookmark_add:", disabled=bool(closed), help=closed or None,
            on_click=_save,
        )  # fmt: skip


def _save() -> None:
    name, person = str(st.session_state["views_name"]).strip(), collector.reader()
    if name:
        owner = "" if st.session_state.get("views_share") else person
        view = SavedView(SCREEN, owner, name, urlencode(filters.carried()))
        _tell(_send(view), say("views.saved", name=messages.label(view.name, 60)))


def _open(view: SavedView) -> None:
    wanted = filters.parse(view.query)
    for name in filters.carried():
        if name not in wanted:
            filters.clear(name)
    filters.put(wanted)
    st.session_state["_cleared"] = True  # the whole screen follows


def _forget(view: SavedView) -> None:
    _tell(_send(view, deleted=True), say("views.forgotten", name=messages.label(view.name, 60)))


def _send(view: SavedView, *, deleted: bool = False) -> str:
    reason = collector.post("/v1/views", view._asdict() | {"deleted": deleted})
    if not reason:
        data.forget()
    return reason


def _tell(reason: str, done: str) -> None:
    said.note(
        "views",
        say("views.failed", reason=messages.label(reason, 400)) if reason else done,
        failed=bool(reason),
    )
