"""Clients that tell what a whole run used, beside the calls that the run was made of.

A turn of Codex and a conversation of Claude's Agent SDK hold the sum of the calls that another program made.
That program can be told to write spans as well, and so can a gateway behind it: in the same trace, beneath
the run. Then those are billed and the sum is not. A tool of the run may ask a model too, in a call of its
own; so a call speaks for the sum only where it is of the same model. OpenClaw tells the sum of a run beside
the spans of its calls, beneath the same span. So does a live session of Strands.
"""

from functools import lru_cache
from typing import NamedTuple

from kansoku import semconv
from kansoku_collector.model import Span
from kansoku_collector.normalise.dialects.claude_agent import KIND, is_agent_sdk
from kansoku_collector.normalise.dialects.codex import ANSWERED
from kansoku_collector.normalise.dialects.openclaw import USAGE
from kansoku_collector.normalise.dialects.strands import LIVE
from kansoku_collector.relate.call_facts import Key

COMMAND = "claude_code"  # the dialect of the program that the Agent SDK runs
_BESIDE = "openclaw"  # the dialect of sums that stand beside what they sum up
_SPOKEN = "strands"  # the dialect of sessions of which every answer may be told by a client's own
_DIALECTS = ("codex", "traceai", _BESIDE, _SPOKEN)
_STEPS = ("invoke_agent", "chain")  # what else is billed by a sum alone
_LONGEST = 200  # characters of a name that is remembered


class Whole(NamedTuple):
    """What tells whether a call belongs to a run: what the run's model is called, and who made the run."""

    names: frozenset[str]
    codex: bool


def is_whole(span: Span) -> bool:
    """Tell whether a span holds the sum of a run that another program made."""
    if span.operation == "chat":
        return span.dialect in _DIALECTS and span.billed and span.usage_source != "none" and _is_sum(span)
    return is_run_of_claude(span)


def is_run_of_claude(span: Span) -> bool:
    """Tell whether a span holds the sum of a run of Claude's Agent SDK."""
    if span.operation == "chat":
        return span.dialect == "traceai" and span.attributes.get(KIND) == "conversation"
    if span.operation != "invoke_agent" or span.usage_source == "none":
        return False
    return is_agent_sdk(span.scope_name)


def _is_sum(call: Span) -> bool:
    """Tell whether what its dialect calls a call is a sum."""
    if call.dialect == "codex":
        return call.name != ANSWERED
    if call.dialect == _BESIDE:
        return call.name == USAGE
    if call.dialect == _SPOKEN:
        return call.name.startswith(LIVE)
    return is_run_of_claude(call)


def tell_lengths(spans: list[Span]) -> None:
    """Say of every billed sum that it is one: it costs by the length of its calls, which nobody told."""
    for span in spans:
        if span.billed and (span.operation in _STEPS or is_whole(span)):
            span.attributes.setdefault(semconv.BATCH_REQUESTS, semconv.SEVERAL)


def holds_sums(span: Span) -> bool:
    """Tell whether a span may be around a sum that comes after it."""
    return span.dialect == _BESIDE


def place_of(whole: Span) -> Key | None:
    """Return beneath what the calls of a run are: itself, or what is around both; None where nothing is."""
    span_id = whole.parent_span_id if whole.dialect == _BESIDE else whole.span_id
    return (whole.project, whole.trace_id, span_id) if span_id else None


def names_of(span: Span) -> frozenset[str]:
    """Return what the model of a call may be called elsewhere."""
    return _names(span.request_model, span.response_model, span.dialect == COMMAND)


def outline(span: Span) -> Whole:
    """Return what has to be remembered of a run."""
    return Whole(names_of(span), span.dialect == "codex")


def speaks_for(names: frozenset[str], whole: Whole) -> bool:
    """Tell whether a call of a model of these names belongs to a run, whose model may be just `sonnet`."""
    if COMMAND in names and not whole.codex:
        return True
    return any(one in other or other in one for one in whole.names for other in names)


@lru_cache(maxsize=256)
def _names(asked: str, answered: str, command: bool) -> frozenset[str]:
    bare = (name[name.rfind("/") + 1 :][:_LONGEST] for name in (asked, answered))
    return frozenset((*filter(None, bare), *((COMMAND,) if command else ())))
