"""How to send the first span, with this server's address; and the wait for it."""

import streamlit as st

from kansoku_collector.store.read import overview as questions
from kansoku_dashboard import data, settings
from kansoku_dashboard.words import say

POLL_SECONDS = 3

# One block, one language: each has a button of its own that copies it.
INSTALL = "pip install path/to/kansoku openai"

SNIPPET = """import kansoku
from openai import OpenAI

kansoku.init(
    endpoint="{endpoint}",
    api_key="ksk_...",
    service_name="my-app",
)

OpenAI().chat.completions.create(
    model="gpt-4o-mini",
    messages=[{{"role": "user", "content": "Hello"}}],
)"""

ANY_OTEL = """export OTEL_EXPORTER_OTLP_ENDPOINT={endpoint}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer ksk_..."
"""


def snippets() -> None:
    """Show what to paste, for the SDK and for any OpenTelemetry application."""
    endpoint = settings.current().collector_url
    st.code(INSTALL, language="bash")
    st.caption(say("start.install"))
    st.code(SNIPPET.format(endpoint=endpoint), language="python")
    st.caption(say("start.key"))
    st.markdown(say("start.otel"))
    st.code(ANY_OTEL.format(endpoint=endpoint), language="bash")


def first_span(project: str) -> None:
    """Say that nothing has arrived, how to send something, and go on by itself when it has."""
    with st.container(border=True, key="empty"):
        st.subheader(say("start.empty"), anchor=False)
        st.markdown(say("start.how"))
        snippets()
        _wait(project)


def unless_filled(project: str) -> None:
    """Say how to send the first span, above a screen that has something to show without any."""
    found = data.attempt(questions.health, project)
    if found is not None and found.last is None:
        first_span(project)


@st.fragment(run_every=POLL_SECONDS)
def _wait(project: str) -> None:
    st.caption(f":material/hourglass_top: {say('start.waiting')}")
    if data.fresh(questions.health, project).last is not None:
        data.forget()
        st.rerun(scope="app")
