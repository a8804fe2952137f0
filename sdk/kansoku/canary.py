"""Canaries: a fixed set of prompts, asked again and again through one's own client, to see a model change.

    from kansoku.canary import Suite

    def ask(prompt: str, temperature: float) -> str:
        reply = client.chat.completions.create(model=MODEL, temperature=temperature, messages=[...])
        return reply.choices[0].message.content

    suite = Suite("guide", ask, {"capital": "What is the capital of Japan?"}, repeats=5)

`kansoku canary run app.canaries:suite --every 6h` asks on a schedule, `kansoku canary report guide` compares.
Every answer is an ordinary span and every agreement an ordinary score.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import kansoku
from kansoku import semconv
from kansoku.canary_meter import Agreement, agreement
from kansoku.errors import SettingsError

ANSWER = "canary answer"  # the name of the span of one answer
Ask = Callable[[str, float], str]


@dataclass(frozen=True, slots=True)
class Probe:
    """One prompt at one temperature."""

    prompt: str  # its name
    temperature: float


@dataclass(slots=True)
class Run:
    """The answers of one run by probe, and the calls that failed."""

    suite: str
    run_id: str
    answers: dict[Probe, list[str]] = field(default_factory=dict)
    errors: dict[Probe, list[str]] = field(default_factory=dict)

    def agreements(self) -> dict[Probe, Agreement]:
        """Return how far the answers of each probe agree with each other."""
        return {probe: agreement(answers) for probe, answers in self.answers.items()}


class Suite:
    """A set of prompts and the function that asks them; `ask(prompt, temperature)` returns the answer."""

    def __init__(
        self,
        name: str,
        ask: Ask,
        prompts: Mapping[str, str],
        *,
        repeats: int = 5,
        temperatures: Sequence[float] = (0.0, 1.0),
    ) -> None:
        if not name or not prompts or not temperatures or repeats < 2:
            raise SettingsError(
                f"the canary suite {name!r} has {len(prompts)} prompts, {len(temperatures)} temperatures and"
                f" {repeats} repeats: give it a name, a prompt, a temperature and at least 2 repeats"
            )
        self.name = name
        self.prompts = dict(prompts)
        self.repeats = repeats
        self.temperatures = tuple(float(temperature) for temperature in temperatures)
        self._ask = ask

    def run(self) -> Run:
        """Ask every prompt at every temperature, `repeats` times, and send spans and scores."""
        run = Run(self.name, uuid.uuid4().hex)
        with kansoku.context(
            session_id=run.run_id, experiment=f"{semconv.CANARY_EXPERIMENT}{self.name}", tags=["canary"]
        ):
            for temperature in self.temperatures:
                for prompt in self.prompts:
                    self._probe(run, Probe(prompt, temperature))
        return run

    def _probe(self, run: Run, probe: Probe) -> None:
        described = {
            semconv.CANARY_SUITE: self.name,
            semconv.CANARY_PROMPT: probe.prompt,
            semconv.CANARY_TEMPERATURE: probe.temperature,
        }
        answers, errors = run.answers.setdefault(probe, []), run.errors.setdefault(probe, [])
        with kansoku.span(f"canary {probe.prompt}", kind="evaluation", attributes=described) as span:
            for _ in range(self.repeats):
                try:
                    answers.append(self._answer(probe, described))
                except Exception as error:  # noqa: BLE001 - one call that fails must not end the series
                    errors.append(f"{type(error).__name__}: {error}")
            found = agreement(answers)
            span.set_output(
                {"answers": found.answers, "distinct": found.distinct, "agreement": found.agreeing}
            )
        if found.agreeing is not None and span.trace_id:
            scores = {"canary.agreement": found.agreeing, "canary.distinct": float(found.distinct)}
            for name, score in scores.items():
                kansoku.feedback(span.trace_id, name=name, score=score, span_id=span.span_id)

    def _answer(self, probe: Probe, described: Mapping[str, object]) -> str:
        prompt = self.prompts[probe.prompt]
        with kansoku.span(ANSWER, input=prompt, attributes=described) as span:
            answer = str(self._ask(prompt, probe.temperature))
            span.set_output(answer)
        return answer
