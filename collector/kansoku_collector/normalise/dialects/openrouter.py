"""OpenRouter's broadcast: a request in the conventions' names, and beneath it its attempts and the answer.

Where the provider belongs it names who made the model, not who sells or who served it. Attempts and the
answer have the operation of the request, but neither a model nor counts.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise.dialects.servers import STARTED
from kansoku_collector.normalise.frame import put_metadata
from kansoku_collector.values import number

SCOPE = "openrouter"
_METADATA = "trace.metadata."
_OWN = f"{_METADATA}openrouter."
_ATTEMPTS = f"{_METADATA}provider_responses"
_KIND = "span.type"
_NAMED = ("gen_ai.provider.name", "gen_ai.system")


def adjust(left: Attributes, span: Span) -> None:
    """Name the seller and who served it, and tell a request from its steps."""
    if left.get(_KIND) == "span":
        left[s.OPERATION] = "invoke_workflow"
        return
    for name in _NAMED:
        left.pop(name, None)
    left[s.PROVIDER] = SCOPE
    if served := left.get(f"{_OWN}provider_name"):
        left.setdefault(s.UPSTREAM_PROVIDER, served)
    if (milliseconds := number(left.get(f"{_OWN}first_token_ms"))) is not None:
        left.setdefault(STARTED, milliseconds / 1000)
    own = [key for key in left if key.startswith(_METADATA) and not key.startswith((_OWN, _ATTEMPTS))]
    put_metadata(span, {key.removeprefix(_METADATA): left.pop(key) for key in own})
