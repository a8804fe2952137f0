"""Every sentence on the screens, in English and Japanese: `say("overview.title")`."""

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
    """Return the reader's language: of the URL or the switch, else the setting, else the browser, else English."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return settings.current().language or "en"
    chosen = st.session_state.get("lang") or st.query_params.get("lang")
    if chosen in LANGUAGES:
        return str(chosen)
    return default_language()


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
