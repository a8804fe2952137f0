"""What the reader is looking at: range and filters, kept in the URL."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from kansoku_collector.store.read import overview
from kansoku_collector.store.scope import Period, Scope
from kansoku_dashboard import calendar_month, data, roles
from kansoku_dashboard.words import say

RANGES = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "14d": timedelta(days=14),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
DEFAULT_RANGE = "24h"
FILTERS = ("env", "service", "model", "prompt")
REFRESH_SECONDS = 5
_ASIDE = {"lang", "project"}  # what an address may say of its reader
STEP_SECONDS = 15  # readers within the same quarter minute share one cached answer


@dataclass(frozen=True, slots=True)
class View:
    """The range by its name or a month, the slice of traffic, and whether the screen refreshes itself."""

    range: str
    scope: Scope
    live: bool
    month: str = ""  # such as 2026-10: it counts, and the range does not

    def period(self) -> Period:
        """Return the stretch of time that ends now, or at the next step: what has just arrived is inside."""
        step = REFRESH_SECONDS if self.live else STEP_SECONDS
        end = datetime.fromtimestamp((int(datetime.now(UTC).timestamp()) // step + 1) * step, UTC)
        if self.month:
            return calendar_month.period(self.month, end)
        return Period.last(RANGES[self.range], now=end)

    @property
    def range_name(self) -> str:
        """The range in the reader's words."""
        return calendar_month.name(self.month) if self.month else say(f"ranges.{self.range}")

    @property
    def compared(self) -> str:
        """What a figure is compared with, in the reader's words."""
        if not self.month:
            return say("tiles.previous", range=self.range_name)
        whole = isinstance(self.period(), calendar_month.WholeMonth)
        return say("cost.before_month" if whole else "cost.before_days")

    @property
    def refresh(self) -> int | None:
        """Seconds between refreshes, for `st.fragment(run_every=...)`."""
        return REFRESH_SECONDS if self.live else None


def choose(
    *, filters: tuple[str, ...] = FILTERS, live: bool = True, between: bool = False, month: str = ""
) -> View:
    """Draw the range, the filters and the live switch, and return what they say.

    With `between` the address has a stretch of its own, `from` and `to`, or a `month`: no range is shown as
    the one that counts, and to choose one takes the stretch off.
    """
    following = st.session_state.pop("_following", {})
    # Only what stands on this screen: nothing filters out of sight. At once: each change is an address.
    found = {name: following[name] for name in (*filters, "range") if name in following}
    if found:
        st.session_state.update(found)
        st.query_params.update(found)
    for name in filters:
        _filter(name)
    chosen = _other_range() if between or month else _range()
    alive = st.toggle(say("state.live"), key="live", bind="query-params") if live else False
    st.session_state["_chosen"] = st.session_state.get("_chosen", {}) | {
        "range": chosen if chosen != DEFAULT_RANGE else None,
        **{name: st.session_state.get(name) for name in filters},
    }
    return View(chosen or DEFAULT_RANGE, scope(filters), alive, month)


def _range() -> str | None:
    return st.segmented_control(
        say("state.range"),
        list(RANGES),
        default=DEFAULT_RANGE,
        required=True,
        key="range",
        bind="query-params",
        label_visibility="collapsed",
    )


def _other_range() -> str:
    """Draw the ranges, none of them chosen; return the one of the address, which waits meanwhile."""

    def take() -> None:
        for name in ("from", "to", calendar_month.NAME):
            st.query_params.pop(name, None)
        st.query_params["range"] = st.session_state["_other_range"]
        st.rerun(scope="app")  # in this run a widget that is tied to the address takes what that was before

    st.segmented_control(
        say("state.range"),
        list(RANGES),
        default=None,
        key="_other_range",
        on_change=take,
        label_visibility="collapsed",
    )
    waiting = _value("range")
    return waiting if waiting in RANGES else DEFAULT_RANGE


def scope(filters: tuple[str, ...] = FILTERS) -> Scope:
    """Return the slice of traffic that these filters of the URL describe."""
    chosen = {name: _value(name) if name in filters else "" for name in FILTERS}
    name, _, version = chosen["prompt"].rpartition("@")
    return Scope(
        project=roles.current(),
        environment=chosen["env"],
        service=chosen["service"],
        model=chosen["model"],
        prompt_name=name,
        prompt_version=version,
    )


def carried() -> dict[str, str]:
    """Return the parameters that a link takes along."""
    chosen = {name: _value(name) for name in (*FILTERS, "range")}
    chosen["lang"] = st.query_params.get("lang", "")  # the switch has a value even where nobody chose one
    chosen["project"] = st.query_params.get("project", "")
    chosen |= calendar_month.stretch(calendar_month.chosen())
    return {
        name: value for name, value in chosen.items() if value and (name, value) != ("range", DEFAULT_RANGE)
    }


def follow(screen: str) -> None:
    """Take range and filters along where the screen has changed, before the new one is drawn.

    The links of the menu have no parameters: what was chosen stays. An address that has any says all that it
    means, also where a step back or forward leads to it; of that Streamlit forgets what another screen tied
    to a widget of the same name.
    """
    left, st.session_state["_screen"] = st.session_state.get("_screen", screen), screen
    run = get_script_run_ctx(suppress_warning=True)
    if left == screen or run is None:
        return
    asked = dict(parse_qsl(run.query_string))
    stepped = getattr(run, "is_history_navigation", False)
    kept = asked if stepped or asked.keys() - _ASIDE else st.session_state.get("_chosen", {})
    st.session_state["_following"] = {name: value for name, value in kept.items() if value}
    if stepped and kept:
        st.rerun()  # in a run of such a step the widgets obey the address alone, as Streamlit cut it


def _filter(name: str) -> None:
    known = data.attempt(overview.dimensions, roles.current())
    options = {"env": "environments", "service": "services", "model": "models", "prompt": "prompts"}
    values = list(getattr(known, options[name])) if known else []
    present = _value(name)
    if present and present not in values:
        values.append(present)  # a link may name what has not been seen lately; it must still filter
    if not values and name != "env":
        return
    st.selectbox(
        say(f"state.{name}"),
        values,
        index=None,
        placeholder=say(f"state.all_{name}"),
        key=name,
        bind="query-params",
        label_visibility="collapsed",
        width=170,
    )


def _value(name: str) -> str:
    return str(st.session_state.get(name) or st.query_params.get(name) or "")
