"""The entry script: the login guard, then the navigation, then the chosen screen."""

import streamlit as st

from kansoku_dashboard import frame, login, settings
from kansoku_dashboard.paths import ICON
from kansoku_dashboard.words import say

st.set_page_config(page_title="Kansoku", page_icon=str(ICON), layout="wide")

# The door in front of the server keeps strangers out; this holds when the script runs without that server.
if not login.passed(dict(st.context.cookies)):
    st.error(say("login.ended" if login.known(dict(st.context.cookies)) else "login.needed"))
    if settings.current().oidc:
        st.button(say("login.enter"), on_click=st.login)
    st.stop()

frame.show()
