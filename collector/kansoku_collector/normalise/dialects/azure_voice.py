"""Azure's VoiceLive clients: a span for each message of a live session; the end of an answer is the call.

They tell who is asked as the model alone and no tokens of sound apart, and Azure bills this service by a
list of its own: its calls have a provider of their own, and no price but one that somebody writes down.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes

MARK = "gen_ai.voice.event_type"
SESSION = "gen_ai.voice.session_id"
_ANSWERED = "response.done"
_SYSTEM, _PROVIDER = "gen_ai.system", "azure.ai.voicelive"


def restore(left: Attributes) -> None:
    """Give a message the operation that it is for a trace: of an answer's end a call's, else a step's."""
    left.pop(_SYSTEM, None)
    left[s.PROVIDER] = _PROVIDER
    left[s.OPERATION] = "realtime_inference" if left.get(MARK) == _ANSWERED else "run_step"
