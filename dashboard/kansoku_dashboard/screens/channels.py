"""Where alerts are told: the channels of the rules file, each with a test message and what came back."""

from typing import Any

import streamlit as st

from kansoku_dashboard import board, collector
from kansoku_dashboard.screens import messages
from kansoku_dashboard.text import plain, visible
from kansoku_dashboard.words import say

LIST, TEST = "/v1/alerts/channels", "/v1/alerts/test"
TEST_SECONDS = 45.0  # a receiver has ten; a program of one's own is given thirty unless the file says more
KINDS = ("webhook", "slack", "email", "pagerduty", "command")
# What a try ends with where nobody answered; what an answer says of itself (HTTP 404) needs no other words.
SILENT = {
    "ConnectError": "unreachable",
    "ConnectionRefusedError": "unreachable",
    "gaierror": "unknown_host",
    "ConnectTimeout": "no_answer",
    "ReadTimeout": "no_answer",
    "WriteTimeout": "no_answer",
    "PoolTimeout": "no_answer",
    "TimeoutError": "no_answer",
    "ReadError": "hung_up",
    "RemoteProtocolError": "hung_up",
    "SMTPServerDisconnected": "hung_up",
    "SSLError": "untrusted",
    "SSLCertVerificationError": "untrusted",
}


def draw() -> None:
    """Draw the channels; what was said of the last test stays beside each."""
    with st.container(border=True, key="panel_channels"):
        board.heading("alerts", "channels", say("alerts.channels_note"))
        try:
            found = _read(collector.get(LIST))
        except collector.UnansweredError as error:
            st.warning(plain(str(error)), icon=":material/cloud_off:")
            st.button(say("data.retry"), key="retry_channels", icon=":material/refresh:")
            return
        if not found:
            st.caption(say("alerts.no_channels"))
        for channel in found:
            _line(channel)


def _read(told: dict[str, Any]) -> list[dict[str, str]]:
    try:
        return [{name: str(one[name]) for name in ("name", "type", "host")} for one in told["channels"]]
    except (KeyError, TypeError) as error:
        raise collector.UnansweredError(f"{LIST}: {error!r}") from error


def _line(channel: dict[str, str]) -> None:
    name, said = channel["name"], st.session_state.setdefault("_channel_tests", {})
    with st.container(horizontal=True, vertical_alignment="center", key=f"channel_{name}"):
        kind = channel["type"]
        st.badge(say(f"alerts.kind_{kind}") if kind in KINDS else messages.label(kind, 40), color="gray")
        st.markdown(f"**{messages.label(name)}**  :gray[{messages.label(channel['host'])}]", width="stretch")
        if name in said:
            delivered, sentence = said[name]
            icon, colour = ("check_circle", "green") if delivered else ("error", "red")
            st.markdown(f":{colour}[:material/{icon}: {plain(sentence)}]", width="content")
        st.button(
            say("alerts.test"), icon=":material/send:", key=f"test_{name}", on_click=_try, args=(name, said)
        )


def _try(name: str, said: dict[str, tuple[bool, str]]) -> None:
    try:
        told = collector.order(TEST, {"channel": name}, timeout=TEST_SECONDS)
    except collector.UnansweredError as error:
        said[name] = (False, say("alerts.test_unsent", reason=str(error)))
        return
    delivered = told.get("delivered") is True
    said[name] = (delivered, say("alerts.test_taken" if delivered else "alerts.test_failed",
                                 answer=answer(str(told.get("detail", "")))))  # fmt: skip


def answer(detail: str) -> str:
    """Say what came back: the receiver's own code, or in words that nobody answered."""
    if detail in SILENT:
        return say(f"alerts.answer_{SILENT[detail]}")
    return visible(detail)[:200] or "–"
