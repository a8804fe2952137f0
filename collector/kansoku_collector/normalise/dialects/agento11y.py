"""Grafana's agento11y, first named Sigil: the conventions, often with a vendor's own counts.

Unless a span says that its counts are inclusive they are those of the vendor: Anthropic's input leaves out
caches, Google's output thoughts.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes
from kansoku_collector.normalise.counters import include_thoughts, pass_on
from kansoku_collector.values import text

MARKS = ("agento11y.generation.id", "sigil.generation.id")
_SEMANTICS = "gen_ai.token.semantics"


def restore(left: Attributes) -> None:
    """Count as the conventions do."""
    if left.get(_SEMANTICS) == "inclusive":
        return
    pass_on(left)
    if text(left.get(s.PROVIDER)) in ("gemini", "gcp.gemini", "google", "gcp.vertex_ai"):
        include_thoughts(left)
