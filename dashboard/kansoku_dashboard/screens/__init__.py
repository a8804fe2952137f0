"""One module a screen, each with `show()`; not named `pages/`, which Streamlit would serve past the login."""
