"""The panel of one span: its content, parameters, cost, attributes, events and feedback."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from kansoku_collector.model import Feedback, Span
from kansoku_dashboard import bill, clock
from kansoku_dashboard.durations import duration
from kansoku_dashboard.figures.style import money
from kansoku_dashboard.screens import amounts, feedback, messages
from kansoku_dashboard.text import plain, visible
from kansoku_dashboard.waterfall.pack import group
from kansoku_dashboard.words import say

TABS = ("content", "details", "cost", "attributes", "events", "feedback")
BUCKETS = (
    "input_fresh", "cache_read", "cache_write_5m", "cache_write_1h", "audio_in", "image",
    "output_visible", "reasoning", "audio_out",
)  # fmt: skip


def show(span: Span, given: list[Feedback], *, root: bool) -> None:
    """Draw the panel; feedback from here concerns the whole trace when the span is its root."""
    heading(span)
    concerned = "" if root else span.span_id
    own = [item for item in given if item.span_id == span.span_id or (root and not item.span_id)]
    drawers: dict[str, Callable[[], None]] = {
        "content": lambda: content(span),
        "details": lambda: details(span),
        "cost": lambda: cost(span),
        "attributes": lambda: attributes(span),
        "events": lambda: events(span),
        "feedback": lambda: _feedback(span, own, concerned),
    }
    labels = {name: say(f"trace.tab.{name}") for name in TABS}
    labels["feedback"] += feedback.tally(own)
    for name, tab in zip(TABS, _tabs(labels), strict=True):
        if tab.open:
            with tab:
                drawers[name]()


def heading(span: Span) -> None:
    """Draw the name, the figures and the error of a span."""
    st.markdown(f"**{messages.label(span.name) or say('waterfall.unnamed')}**")
    _chips(span)
    if span.status == "error":
        st.error(_error(span), icon=":material/error:")


def _tabs(labels: dict[str, str]) -> Any:
    wanted = st.query_params.get("tab", "")
    place = TABS.index(wanted) if wanted in TABS else 0
    key = f"tab_{list(labels.values())}"  # a label that changed makes other tabs: then the URL decides again

    def keep() -> None:
        chosen = st.session_state[key]
        st.query_params["tab"] = next(name for name, label in labels.items() if label == chosen)

    return st.tabs(list(labels.values()), default=list(labels.values())[place], key=key, on_change=keep)


def _chips(span: Span) -> None:
    with st.container(horizontal=True, gap="xsmall"):
        st.badge(say(f"trace.kind.{group(span.operation)}"), color="blue")
        if span.model:
            st.badge(messages.label(span.model, 60), color="gray")
        st.badge(duration(span.duration_ns / 1e9), icon=":material/schedule:", color="gray")
        if span.billed:
            total = sum(int(getattr(span, bucket)) for bucket in BUCKETS)
            known = span.usage_source != "none"
            st.badge(
                say("trace.tokens", count=f"{total:,}") if known else say("trace.tokens_unknown"),
                color="gray",
            )
            st.badge(plain(_price(span)), color="orange" if span.cost_source == "unpriced" else "gray")
        if span.time_to_first_token is not None:
            st.badge(say("trace.first_token", time=duration(span.time_to_first_token)), color="gray")


def _error(span: Span) -> str:
    parts = [messages.label(text, 1000) for text in (span.error_type, span.error_message) if text]
    return " · ".join(parts) or say("trace.error_unnamed")


def content(span: Span, *, key: str = "") -> None:
    """Draw what went in and what came out, in the form that suits the kind of span.

    `key` keeps two spans on one page apart.
    """
    if span.system_instructions:
        with st.expander(say("trace.system_prompt"), icon=":material/tune:"):
            for number, part in enumerate(messages.read_parts(span.system_instructions)):
                messages.draw_part(part, key=f"{key}system_{number}")
    if span.tool_definitions:
        with st.expander(say("trace.tool_definitions"), icon=":material/construction:"):
            messages.write(messages.pretty(span.tool_definitions), key=f"{key}tool_definitions", code=True)
    documents(span, key=key)
    drawn = bool(span.documents)
    if span.input_messages or span.output_messages:
        talk = messages.read_messages(span.input_messages) + messages.read_messages(span.output_messages)
        messages.draw_messages(talk, key=f"{key}talk")
        drawn = True
    for name in ("tool_arguments", "tool_result"):
        if text := getattr(span, name):
            st.caption(say(f"trace.{name}"))
            messages.write(messages.pretty(text), key=f"{key}{name}", code=True)
            drawn = True
    if not drawn:
        plain_texts(span, key=key)


def plain_texts(span: Span, *, key: str = "") -> None:
    """Draw the input and the output of a span that is no conversation."""
    pairs = (
        ("input", span.attributes.get("kansoku.input.value") or span.input_text),
        ("output", span.attributes.get("kansoku.output.value") or span.output_text),
    )
    for name, text in pairs:
        if text:
            st.caption(say(f"trace.{name}"))
            shaped = messages.pretty(text)
            messages.write(shaped, key=f"{key}{name}", code=text[:1] in ("[", "{"))
    if not any(text for _, text in pairs):
        st.caption(say("trace.no_content"))


def documents(span: Span, *, key: str = "") -> None:
    """Draw the documents of a retrieval with their scores."""
    if span.retrieval_query:
        st.caption(say("trace.query"))
        messages.write(span.retrieval_query, key=f"{key}query")
    if not span.documents:
        return
    try:
        found = json.loads(span.documents)
    except ValueError:
        found = None
    if not isinstance(found, list):
        messages.write(span.documents, key=f"{key}documents", code=True)
        return
    st.caption(say("trace.documents", count=len(found)))
    for number, item in enumerate(found[:100]):
        item = item if isinstance(item, dict) else {"content": item}  # noqa: PLW2901 - a bare text is a document
        score = item.get("score")
        label = messages.label(str(item.get("id") or number + 1))
        if isinstance(score, int | float):
            label += f" · {plain(f'{score:.3f}')}"
        with st.expander(label, icon=":material/description:", expanded=number == 0):
            text = item.get("content", "")
            messages.write(
                text if isinstance(text, str) else json.dumps(text, ensure_ascii=False),
                key=f"{key}doc_{number}",
            )


def details(span: Span) -> None:
    """Draw the request's parameters and what identifies the span."""
    started = datetime.fromtimestamp(span.start / 1e9, UTC)
    rows: dict[str, str] = {name: _unquoted(value) for name, value in sorted(span.parameters.items())}
    rows |= {
        say("trace.finish"): ", ".join(span.finish_reasons),
        say("trace.asked_model"): span.request_model if span.request_model != span.response_model else "",
        say("trace.provider"): span.provider,
        say("trace.fingerprint"): span.system_fingerprint,
        say("trace.prompt"): " ".join(part for part in (span.prompt_name, span.prompt_version) if part),
        say("state.service"): span.service,
        say("state.env"): span.environment,
        say("trace.release"): span.release,
        say("trace.session"): span.session_id,
        say("trace.user"): span.user_id,
        say("trace.tags"): ", ".join(span.tags),
        say("trace.start"): clock.written(started, f"{clock.SECONDS}.%f"),
        say("trace.span_id"): span.span_id,
        say("trace.response_id"): span.response_id,
        say("trace.source"): f"{span.dialect} {span.scope_name} {span.scope_version}".strip(),
    }
    _table({name: value for name, value in rows.items() if value}, name="details")


def cost(span: Span) -> None:
    """Draw the buckets of tokens with what each cost, and where the price comes from."""
    if not span.billed:
        st.caption(say("trace.not_billed"))
        return
    lines = bill.bill(span)
    if lines:
        _bill(lines)
    elif span.usage_source == "none":
        st.caption(say("trace.no_usage"))
    else:
        used = {say(f"trace.bucket.{name}"): getattr(span, name) for name in BUCKETS if getattr(span, name)}
        _table({name: f"{number:,}" for name, number in used.items()}, name="usage")
    if span.usage_source == "estimated":
        st.caption(say("trace.usage_estimated"))
    rows = {say("trace.total_cost"): _price(span, exact=True)}
    if span.cost_source in ("computed", "estimated", "reported"):
        if span.cost_input_usd:
            rows[say("trace.cost_input")] = amounts.exact(span.cost_input_usd)
            rows[say("trace.cost_output")] = amounts.exact(span.cost_usd - span.cost_input_usd)
        rows[say("trace.cost_source")] = say(f"trace.cost_{span.cost_source}")
    if span.price_id:
        rows[say("trace.price_id")] = span.price_id
    if span.reported_usd is not None and span.cost_source != "reported":
        rows[say("trace.said_cost")] = amounts.exact(span.reported_usd)
    _table(rows, name="price")
    if span.price_id and not lines:
        st.caption(say("trace.no_bill"))
    if span.cost_source == "unpriced":
        st.caption(say("trace.unpriced_help", model=messages.label(span.model or "?")))


def _bill(lines: list[bill.Line]) -> None:
    heads = tuple(say(f"trace.bill_{name}") for name in ("bucket", "tokens", "price", "usd"))
    rows = [
        (
            say(f"trace.bucket.{line.bucket}"),
            f"{line.tokens:,}" if line.tokens else "",
            "" if line.per_million is None else f"${line.per_million.normalize():f}",
            amounts.exact(line.usd),
        )
        for line in lines
    ]
    with st.container(key="bill", gap=None):
        for row in (heads, *rows):
            for column, text in zip(st.columns([4, 2, 3, 3], gap="small", wrap=False), row, strict=True):
                column.text(text)


def attributes(span: Span) -> None:
    """Draw what no column holds, with a search over names and values."""
    everything = span.metadata | span.attributes | {f"resource.{k}": v for k, v in span.resource.items()}
    if not everything:
        st.caption(say("trace.no_attributes"))
        return
    wanted = st.text_input(say("trace.search"), key="attribute_search", icon=":material/search:",
                           label_visibility="collapsed", placeholder=say("trace.search")).lower()  # fmt: skip
    found = {k: v for k, v in sorted(everything.items()) if wanted in k.lower() or wanted in v.lower()}
    st.caption(say("trace.found", found=len(found), all=len(everything)))
    _table(dict(list(found.items())[:500]), name="attributes")


def events(span: Span) -> None:
    """Draw the events in order, each at its time after the start of the span."""
    try:
        found = json.loads(span.events) if span.events else []
    except ValueError:
        found = []
    if not found:
        st.caption(say("trace.no_events"))
    for number, event in enumerate(found[:200]):
        after = (int(event.get("time_ns") or span.start) - span.start) / 1e9
        label = f"{messages.label(str(event.get('name', '')))} · \\+{duration(max(0.0, after))}"
        held = event.get("attributes") or {}
        with st.expander(label, icon=":material/bolt:", expanded=number == 0 or "exception" in label):
            for name, value in held.items():
                st.caption(messages.label(name))
                messages.write(_as_text(value), key=f"event_{number}_{name}", code=True)


def _feedback(span: Span, own: list[Feedback], concerned: str) -> None:
    feedback.entries(own, key="own")
    st.caption(say("trace.feedback_on_span" if concerned else "trace.feedback_on_trace"))
    feedback.thumbs(span.trace_id, concerned, key="thumbs")
    feedback.form(span.trace_id, concerned, key=f"feedback_form_{span.span_id}")


def _table(rows: dict[str, str], *, name: str) -> None:
    """Draw names and values as plain text, wrapped: `st.table` would read Markdown in them."""
    with st.container(key=f"pairs_{name}", gap=None):
        for number, (title, value) in enumerate(rows.items()):
            left, right = st.columns([2, 3], gap="small", wrap=False)
            left.text(visible(title))
            with right:
                messages.write(value, key=f"pair_{name}_{number}")


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _price(span: Span, *, exact: bool = False) -> str:
    if span.cost_source == "unpriced":
        return say("trace.unpriced")
    if not span.cost_source:
        return "–"
    return amounts.exact(span.cost_usd) if exact else money(float(span.cost_usd))


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
