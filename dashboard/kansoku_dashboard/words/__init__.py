"""Every sentence on the screens, in English and Japanese: `say("alerts.title")`."""

import tomllib
from functools import cache
from importlib.resources import files

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from kansoku_dashboard import settings

LANGUAGES = {"en": "English", "ja": "日本語"}


def say(key: str, **values: object) -> str:
    """Return the sentence `key` in the reader's language, with `{name}` places filled from `values`."""
    return tell(language(), key, **values)


def tell(tongue: str, key: str, **values: object) -> str:
    """Return the sentence `key` in the language `tongue`; a key that is missing is a fault of the program."""
    sentence = sentences(tongue)[key]
    return sentence.format(**values) if values else sentence


def language() -> str:
    """Return the reader's language, English outside a screen."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return settings.current().language or "en"
    return str(st.session_state.get("_language") or choose_language())


def choose_language() -> str:
    """Decide on the language of this run: the URL, the reader's last choice, the setting, the browser.

    Panels run side by side with the switch being drawn, so it is decided once, at the start.
    """
    asked = st.query_params.get("lang")
    if asked not in LANGUAGES:
        asked = st.session_state.get("_language") or default_language()
    switch_to(asked)
    return asked


def switch_to(tongue: str) -> None:
    """Make `tongue` the reader's language; the URL says so unless it is the reader's own anyway."""
    st.session_state["_language"] = tongue
    if tongue != default_language():
        st.query_params["lang"] = tongue
    elif "lang" in st.query_params:
        del st.query_params["lang"]


def default_language() -> str:
    """Return the language of a reader who has not chosen one."""
    if settings.current().language:
        return settings.current().language
    return "ja" if (st.context.locale or "").lower().startswith("ja") else "en"


@cache
def sentences(tongue: str) -> dict[str, str]:
    """Read every `*.<tongue>.toml` and `<tongue>.toml` of this folder into one flat table: `section.key`."""
    found: dict[str, str] = {}
    for entry in sorted(files(__name__).iterdir(), key=lambda e: e.name):
        if entry.name == f"{tongue}.toml" or entry.name.endswith(f".{tongue}.toml"):
            found |= _flat(tomllib.loads(entry.read_text(encoding="utf-8")))
    return found


def _flat(table: dict[str, object], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) else {name: str(value)}
    return flat
