"""What canaries answered: every run of a suite, its answers by prompt and temperature, and who gave them."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from kansoku import semconv

_OF_SUITE = """project = {project:String} AND experiment = {experiment:String}
    AND start >= {since:DateTime64(6, 'UTC')}"""


@dataclass(slots=True)
class CanaryRun:
    """One run; a probe is a prompt's name and its temperature."""

    run_id: str
    start: datetime
    answers: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    errors: int = 0
    models: tuple[str, ...] = ()  # that answered, with their fingerprints


def canary_runs(client: Client, project: str, suite: str, since: datetime) -> list[CanaryRun]:
    """Return the runs of a suite since a time, oldest first."""
    parameters = {
        "project": project,
        "experiment": f"{semconv.CANARY_EXPERIMENT}{suite}",
        "since": since,
        "prompt": semconv.CANARY_PROMPT,
        "temperature": semconv.CANARY_TEMPERATURE,
        "output": semconv.OUTPUT_VALUE,
    }
    rows = client.query(
        f"""SELECT session_id, start, attributes[{{prompt:String}}], attributes[{{temperature:String}}],
            attributes[{{output:String}}], status
        FROM spans WHERE {_OF_SUITE} AND name = 'canary answer' ORDER BY start, span_id""",  # noqa: S608 - bound
        parameters=parameters,
    ).result_rows
    runs: dict[str, CanaryRun] = {}
    for run_id, start, prompt, temperature, output, status in rows:
        run = runs.setdefault(run_id, CanaryRun(run_id, start.replace(tzinfo=UTC)))
        if status == "error":
            run.errors += 1
        else:
            run.answers.setdefault((prompt, temperature), []).append(_text(output))
    answered = client.query(
        f"""SELECT session_id, arraySort(groupUniqArray(trim(concat(
            if(response_model = '', request_model, response_model), ' ', system_fingerprint
        )))) FROM spans WHERE {_OF_SUITE} AND billed = 1 GROUP BY session_id""",  # noqa: S608 - bound
        parameters=parameters,
    ).result_rows
    for run_id, models in answered:
        if run_id in runs:
            runs[run_id].models = tuple(models)
    return list(runs.values())


def _text(output: str) -> str:
    """Return an answer out of the JSON that the span holds."""
    try:
        value = json.loads(output)
    except ValueError:
        return output
    return value if isinstance(value, str) else output
