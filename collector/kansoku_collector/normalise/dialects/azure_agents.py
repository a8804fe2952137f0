"""Azure's agents (`azure-ai-agents`, and Foundry's of `azure-ai-projects`): what a run of one used.

The model is asked on the server, so the request that made or fetched the run is the call. A program that
waits for a run fetches it several times, and each answer after its end has the same counts: they are one
call, known by the run's id.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes
from kansoku_collector.values import text

MARK = "az.namespace"
_RUN = "gen_ai.thread.run.id"
_RUNS = frozenset({"start_thread_run", "get_thread_run"})


def restore(left: Attributes) -> None:
    """Give a request that tells what a run used the operation of a call; one that does not is a step."""
    operation, counted = text(left.get(s.OPERATION)), s.INPUT_TOKENS in left
    if operation in _RUNS:
        left[s.OPERATION] = "process_thread_run" if counted else "invoke_workflow"
    elif operation == "invoke_agent" and counted:
        left[s.OPERATION] = "responses"
    if counted and (run := left.get(_RUN)):
        left.setdefault(s.RESPONSE_ID, run)
        left[s.FETCHED] = True
