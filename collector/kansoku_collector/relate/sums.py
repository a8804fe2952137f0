"""Steps that count the tokens of all calls beneath them, billed where no call beneath them is counted.

OpenLLMetry tells of CrewAI and Agno what an agent used, and has no counts on calls; so do MLflow of DSPy and
VoltAgent of objects. Where the client is instrumented too, its calls have the counts, and they are billed:
whether they came with the step, or before it. A call that comes after its step is stored and not billed,
because rows are never changed. Of such a sum nobody says how much of it was cached, nor how long each call
was, on which prices depend: its cost is an estimate.

CrewAI's agents count all that they ever used, so what they told before is taken off first. Clients that
tell the sum of another program's calls (`wholes`) are billed by the same rule, but only a call of the same
model takes their place.
"""

from collections.abc import Iterator
from typing import NamedTuple

from kansoku import semconv as s
from kansoku_collector.model import Span
from kansoku_collector.normalise.dialects.claude_agent import KIND
from kansoku_collector.normalise.dialects.openlit_cli import SCOPE
from kansoku_collector.normalise.dialects.voltagent import SCOPE as VOLTAGENT
from kansoku_collector.normalise.frame import put_usage
from kansoku_collector.relate.call_facts import Key, Memory
from kansoku_collector.relate.usage_above import CREWAI, SUM, has_sum, sum_of
from kansoku_collector.relate.wholes import (
    Whole,
    holds_sums,
    is_whole,
    names_of,
    outline,
    place_of,
    speaks_for,
)

_AGENTS = (CREWAI, "opentelemetry.instrumentation.agno", SCOPE, VOLTAGENT)
_STEPS = (*_AGENTS, "mlflow")
_ANSWERS = ("chat", "text_completion", "generate_content")  # an agent's sum holds no embeddings
_OPERATIONS = ("invoke_agent", "chain")
_LONGEST = 200  # characters of a name that is remembered
_AGENT_ID = ("gen_ai.agent.id", "crewai.agent.id")
REMEMBERED_NAMES = (*_AGENT_ID, s.INPUT_TOKENS, s.OUTPUT_TOKENS, KIND, SUM)  # attributes of stored spans
_MODELS = 8  # names of models that are remembered beneath a span


class Beneath(NamedTuple):
    """What is known of the billed calls beneath a span."""

    counted: bool = False
    models: frozenset[tuple[str, str]] = frozenset()  # of calls without counts: who answered, and the model
    told: frozenset[str] = frozenset()  # what the models of calls with counts are called

    def with_all(self, other: "Beneath") -> "Beneath":
        """Return what is known once another call is; two models are as unknown as a thousand."""
        models = self.models if len(self.models) > 1 else self.models | other.models
        told = self.told if len(self.told) >= _MODELS else self.told | other.told if self.told else other.told
        return Beneath(self.counted or other.counted, models, told)

    def knows(self, names: frozenset[str]) -> bool:
        """Tell whether a call with counts, of a model of these names, would say nothing new."""
        return self.told is names or (self.counted and (names <= self.told or len(self.told) >= _MODELS))


_NOTHING, _COUNTED = Beneath(), Beneath(counted=True)


class Sums:
    """Bills the sum of a step, within a batch and across them."""

    def __init__(self) -> None:
        self._beneath: Memory[Beneath] = Memory()  # by a span that had not come yet
        self._latest: Memory[int] = Memory()  # when the latest counted call of a service and model began
        self._told: Memory[tuple[int, int]] = Memory()  # by agent of CrewAI: the most that it told
        self._before: Memory[tuple[int, int]] = Memory()  # by run of such an agent
        self._billed: Memory[bool] = Memory()  # steps
        self._wholes: Memory[Whole] = Memory()  # runs that were billed

    def recall(self, stored: list[Span]) -> None:
        """Remember stored spans, which were settled when they came."""
        by_id = {_key(span): span for span in stored}
        found: dict[Key, Beneath] = {}
        for span in stored:
            if span.scope_name.startswith(CREWAI) and span.operation == "invoke_agent":
                self._recall_run(span)
            if span.billed and span.operation in _ANSWERS and not is_whole(span):
                self._note(span, by_id, found)
        for key, span in by_id.items():
            if not span.billed:
                continue
            if is_whole(span):
                self._keep_whole(key, span, by_id, found)
            elif span.operation in _OPERATIONS:
                self._keep_step(key, span, by_id, found)
        self._remember_beneath(by_id)
        self._remember_around(by_id, found)

    def _recall_run(self, run: Span) -> None:
        told = run.attributes.get(s.INPUT_TOKENS), run.attributes.get(s.OUTPUT_TOKENS)
        given, answered = (int(count) if count and count.isdecimal() else 0 for count in told)
        own = run.input_fresh, run.output_visible
        told_in_all = max(given, own[0]), max(answered, own[1])
        self._before.put(_key(run), (told_in_all[0] - own[0], told_in_all[1] - own[1]))
        place = _agent_of(run)
        self._told.put(place, max(self._told.get(place, (0, 0)), told_in_all))

    def subtract(self, spans: list[Span]) -> None:
        """Leave to each run of an agent of CrewAI's what it used itself."""
        runs = [span for span in spans if span.scope_name.startswith(CREWAI) and _counts(span)]
        for span in sorted(runs, key=lambda run: run.start + run.duration_ns):
            told = span.input_fresh, span.output_visible
            given, answered = self._told_before(span, told)
            if not given and not answered:
                continue
            span.attributes |= {s.INPUT_TOKENS: str(told[0]), s.OUTPUT_TOKENS: str(told[1])}
            span.input_fresh, span.output_visible = max(0, told[0] - given), max(0, told[1] - answered)
            if not span.input_fresh and not span.output_visible:
                span.usage_source = "none"

    def _told_before(self, run: Span, told: tuple[int, int]) -> tuple[int, int]:
        """Return what an agent had told before a run; the same when the run is written again.

        A run that comes late tells less than is known: another one, which was billed, holds all of it.
        """
        place = _agent_of(run)
        known = self._told.get(place, (0, 0))
        before = self._before.get(_key(run))
        if before is None:
            before = known
            self._before.put(_key(run), known)
        self._told.put(place, max(known, told))
        return before

    def bill(self, spans: list[Span]) -> None:
        """Set `billed` of every step whose tokens nothing else tells."""
        by_id = {_key(span): span for span in spans}
        found: dict[Key, Beneath] = {}
        wholes = {key: span for key, span in by_id.items() if is_whole(span)}
        for key, span in by_id.items():
            if span.billed and span.operation in _ANSWERS and key not in wholes:
                self._note(span, by_id, found)
            if known := self._beneath.get(key):
                found[key] = found.get(key, _NOTHING).with_all(known)
                self._climb(span, known, by_id, found)
        for key, span in wholes.items():
            self._settle(key, span, by_id, found)
        if any(span.billed for span in wholes.values()):
            self._remember_beneath(by_id)
        self._remember_around(by_id, found)
        steps = [
            key
            for key, span in by_id.items()
            if span.operation in _OPERATIONS and (_counts(span) or has_sum(span))
        ]
        for key in sorted(steps, key=lambda key: (by_id[key].start, -by_id[key].duration_ns)):
            self._bill(key, by_id, found)

    def _note(self, call: Span, by_id: dict[Key, Span], found: dict[Key, Beneath]) -> None:
        """Remember a billed call for the steps around it; one whose step was billed before is not billed."""
        if call.usage_source == "none":
            model = (call.response_model or call.request_model)[:_LONGEST]
            self._climb(call, Beneath(models=frozenset(((call.provider[:_LONGEST], model),))), by_id, found)
            return
        if (self._billed or self._wholes) and self._is_paid(call, by_id):
            call.billed = False
            return
        around, names = found.get((call.project, call.trace_id, call.parent_span_id)), names_of(call)
        if call.parent_span_id and (around is None or not around.knows(names)):
            self._climb(call, Beneath(counted=True, told=names), by_id, found)
        if not call.scope_name.startswith(_STEPS):
            self._date(call, call.request_model)
            if call.response_model != call.request_model:
                self._date(call, call.response_model)

    def _is_paid(self, call: Span, by_id: dict[Key, Span]) -> bool:
        """Tell whether a step or a run around a call was billed before, with the call in it."""
        names = names_of(call)
        for key in _around(call, by_id):
            whole = self._wholes.get(key)
            if key in self._billed or (whole is not None and speaks_for(names, whole)):
                return True
        return False

    def _settle(self, key: Key, whole: Span, by_id: dict[Key, Span], found: dict[Key, Beneath]) -> None:
        """Bill a run, unless calls of it are billed."""
        known, place = outline(whole), place_of(whole)
        paid = self._billed and any(around in self._billed for around in _around(whole, by_id))
        if place is None:
            told = self._is_told(whole, whole.request_model)
        else:
            beneath = found.get(place) or self._beneath.get(place, _NOTHING)
            told = speaks_for(beneath.told, known)
        whole.billed = not paid and not told
        if not whole.billed:
            return
        if whole.operation == "invoke_agent" and not whole.cache_read:
            whole.usage_source = "estimated"  # OpenTelemetry's package adds caches up and tells none
        self._keep_whole(key, whole, by_id, found)

    def _keep_whole(self, key: Key, whole: Span, by_id: dict[Key, Span], found: dict[Key, Beneath]) -> None:
        place = place_of(whole)
        if place is not None:
            self._wholes.put(place, outline(whole))
        self._climb(whole, _COUNTED, by_id, found)
        if place == key:  # one beside its calls is no call within the time of another
            self._date(whole, whole.request_model)

    def _remember_beneath(self, by_id: dict[Key, Span]) -> None:
        """Remember of steps beneath a run that it was billed: a later call names its step alone."""
        for key, span in by_id.items():
            known = next((self._wholes[k] for k in _around(span, by_id) if k in self._wholes), None)
            if known and key not in self._wholes:
                self._wholes.put(key, known)

    def _remember_around(self, by_id: dict[Key, Span], found: dict[Key, Beneath]) -> None:
        """Remember what is beneath spans whose sum may come later, beside their calls."""
        for key, known in found.items():
            if holds_sums(by_id[key]):
                self._beneath.put(key, known)

    def _date(self, call: Span, model: str) -> None:
        place = (call.project, call.service, _bare(model))
        if self._latest.get(place, -1) < call.start:
            self._latest.put(place, call.start)

    def _climb(self, span: Span, known: Beneath, by_id: dict[Key, Span], found: dict[Key, Beneath]) -> None:
        """Note what is beneath them on all spans around one, and on the first that is not there."""
        for key in _around(span, by_id):
            here = key in by_id
            before = (found if here else self._beneath).get(key, _NOTHING)
            after = before.with_all(known)
            if after == before:  # as is all around it
                return
            if here:
                found[key] = after
            else:
                self._beneath.put(key, after)

    def _bill(self, key: Key, by_id: dict[Key, Span], found: dict[Key, Beneath]) -> None:
        step, beneath = by_id[key], found.get(key, _NOTHING)
        if beneath.counted:
            return
        if has_sum(step):  # MLflow's; an inner one is part of the one around it
            if len(beneath.models) != 1 or any(other in self._billed for other in _around(step, by_id)):
                return
            ((provider, model),) = beneath.models
            if self._is_told(step, model):
                return
            put_usage(step, sum_of(step))
            step.provider, step.request_model = provider, model
        elif self._is_told(step, step.request_model):
            return
        step.billed, step.usage_source = True, "estimated"
        self._keep_step(key, step, by_id, found)

    def _keep_step(self, key: Key, step: Span, by_id: dict[Key, Span], found: dict[Key, Beneath]) -> None:
        self._billed.put(key, True)
        if has_sum(step):
            self._climb(step, _COUNTED, by_id, found)

    def _is_told(self, step: Span, model: str) -> bool:
        """Tell whether a call of the service, of the same model and within its time, has counts.

        Streams and threads lose their parent: such a call is the step's, wherever it is found.
        """
        return self._latest.get((step.project, step.service, _bare(model)), -1) >= step.start


def _counts(span: Span) -> bool:
    """Tell whether a span is an agent that counts what is beneath it."""
    return (
        span.operation == "invoke_agent"
        and span.usage_source != "none"
        and span.scope_name.startswith(_AGENTS)
    )


def _agent_of(run: Span) -> tuple[str, str, str]:
    """Return what tells an agent of CrewAI's from all others."""
    names = run.attributes
    agent = next((names[name] for name in _AGENT_ID if names.get(name)), run.span_id)
    return run.project, run.service, agent[:_LONGEST]


def _key(span: Span) -> Key:
    return span.project, span.trace_id, span.span_id


def _around(span: Span, by_id: dict[Key, Span]) -> Iterator[Key]:
    """Yield the spans around one, the nearest first, up to the first that is not in the batch."""
    seen = {span.span_id}
    parent: Span | None = span
    while parent is not None and parent.parent_span_id and parent.parent_span_id not in seen:
        seen.add(parent.parent_span_id)
        key = (span.project, span.trace_id, parent.parent_span_id)
        yield key
        parent = by_id.get(key)


def _bare(model: str) -> str:
    """Return a model's name without the vendor in front."""
    return model[model.rfind("/") + 1 :][:_LONGEST]
