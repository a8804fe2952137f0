"""What every screen stands in: navigation, styles, the footer with the language switch."""

from typing import Any

import streamlit as st

from kansoku_dashboard import account, links, roles, state, stepping, words
from kansoku_dashboard.paths import LOGO, STYLES
from kansoku_dashboard.screens import (
    alerts,
    cost,
    drift,
    health,
    latency,
    overview,
    quality,
    session,
    sessions,
    start,
    trace,
    traces,
)
from kansoku_dashboard.words import say


def show() -> None:
    """Draw the navigation, run the chosen screen, and close with the footer."""
    words.choose_language()
    st.html(STYLES)
    st.logo(str(LOGO), size="medium")
    if not roles.admitted():
        account.footer()
        return
    pages = screens()
    links.keep(pages)
    chosen = st.navigation(list(pages.values()), position="top")
    # A row of tabs and the history of a browser tell the screens apart by it.
    st.set_page_config(page_title=f"{chosen.title} · Kansoku")
    links.depart()
    state.follow(chosen.url_path)
    with st.container(key="screen"):
        chosen.run()
    footer()


def screens() -> dict[str, Any]:
    """Return every screen by name; Trace has no entry in the menu, it is reached from a link."""

    def page(show: Any, name: str, icon: str, **options: Any) -> Any:
        return st.Page(show, title=say(f"nav.{name}"), icon=f":material/{icon}:", url_path=name, **options)

    return {
        "overview": page(overview.show, "overview", "monitoring", default=True),
        "traces": page(traces.show, "traces", "account_tree"),
        "trace": page(trace.show, "trace", "waterfall_chart", visibility="hidden"),
        "sessions": page(sessions.show, "sessions", "forum"),
        "session": page(session.show, "session", "forum", visibility="hidden"),
        "cost": page(cost.show, "cost", "payments"),
        "latency": page(latency.show, "latency", "speed"),
        "quality": page(quality.show, "quality", "thumbs_up_down"),
        "drift": page(drift.show, "drift", "trending_up"),
        "alerts": page(alerts.show, "alerts", "notifications"),
        "health": page(health.show, "health", "monitor_heart"),
        "start": page(start.show, "start", "rocket_launch"),
    }


def footer() -> None:
    """Offer the language switch; bound to the URL it would write the name of the language, not its code."""
    with st.container(
        key="footer", horizontal=True, horizontal_alignment="right", vertical_alignment="center"
    ):
        stepping.draw()
        account.footer()
        st.segmented_control(
            say("frame.language"),
            list(words.LANGUAGES),
            default=words.language(),
            required=True,
            format_func=words.LANGUAGES.__getitem__,
            key="language",
            on_change=lambda: words.switch_to(st.session_state["language"]),
            label_visibility="collapsed",
        )
