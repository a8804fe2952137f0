"""A queue of summaries.

Start `celery --workdir examples -A tasks_celery worker`, then run `python examples/tasks_celery.py`.

The trace goes on from the caller into the worker: its context travels in the task's headers.
"""

import os
from typing import Any

import openai
from celery import Celery, Task
from celery.signals import worker_process_init

import kansoku

app = Celery("tasks", broker=os.environ.get("CELERY_BROKER", "redis://127.0.0.1"), backend="rpc://")


@worker_process_init.connect
def start_tracing(**_: Any) -> None:
    """Start in each worker process; a start before the fork works as well."""
    kansoku.init(service_name="celery-example")


class Traced(Task):  # type: ignore[misc]
    """A task whose runs belong to the trace of whoever called it."""

    def apply_async(self, *args: Any, headers: dict[str, str] | None = None, **options: Any) -> Any:
        """Send the task with the caller's trace, session and user."""
        carried = kansoku.inject(dict(headers or {}), who=True)
        return super().apply_async(*args, headers=dict(carried), **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task inside the caller's trace."""
        with kansoku.continue_trace(self.request.headers or {}), kansoku.chain(self.name):
            return super().__call__(*args, **kwargs)


@app.task(base=Traced)
def summarise(text: str) -> str:
    """Return a summary in one sentence."""
    reply = openai.OpenAI().chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": f"Summarise in one sentence:\n\n{text}"}],
    )
    return reply.choices[0].message.content or ""


if __name__ == "__main__":
    kansoku.init(service_name="celery-caller")
    with kansoku.context(session_id="batch-1"), kansoku.chain("nightly"):
        print(
            summarise.delay("Kansoku traces what an application asks its models, and what it costs.").get(60)
        )
