"""What a click came to, told where its screen is drawn.

A callback must not draw: in a fragment, what it draws takes the place of the first element of the page, which
holds the styles of all others.
"""

import streamlit as st


def note(place: str, sentence: str, *, failed: bool = False) -> None:
    """Keep a sentence until `place` is drawn, which is in the same run."""
    st.session_state[f"_said_{place}"] = (sentence, failed)


def draw(place: str) -> None:
    """Tell what was noted for `place`, once: a failure in a box, anything else in passing."""
    sentence, failed = st.session_state.pop(f"_said_{place}", ("", False))
    if failed:
        st.error(sentence, icon=":material/error:")
    elif sentence:
        st.toast(sentence, icon=":material/check:")
