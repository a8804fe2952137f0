"""What spans say of one another, within a batch and across them, and what of it outlives the process.

Rows are never changed, so whichever description of a call comes later is the one that is not billed. What
came before is held in memory; after a start it is made again from what was stored last.
"""

from collections.abc import Callable, Iterator

from kansoku_collector.model import Span
from kansoku_collector.normalise.frame import MODEL_OPERATIONS
from kansoku_collector.relate.ag2_tasks import settle_tasks
from kansoku_collector.relate.agent_sessions import AgentSessions
from kansoku_collector.relate.conversations import DIALECTS, Conversations
from kansoku_collector.relate.relatives import complete
from kansoku_collector.relate.repeats import REMEMBERED_NAMES as _OF_CALLS
from kansoku_collector.relate.repeats import Repeats
from kansoku_collector.relate.sums import REMEMBERED_NAMES as _OF_SUMS
from kansoku_collector.relate.sums import Sums
from kansoku_collector.relate.usage_above import CREWAI
from kansoku_collector.relate.wholes import tell_lengths
from kansoku_collector.store.read.recalled import Wanted

WANTED = Wanted(
    calls=sorted(MODEL_OPERATIONS),
    names=sorted({*_OF_CALLS, *_OF_SUMS}),
    scope=CREWAI,
    dialects=sorted(DIALECTS),
)


class Related:
    """Settles what spans of one call, run or conversation say of each other."""

    def __init__(self) -> None:
        self._repeats = Repeats()
        self._sums = Sums()
        self._conversations = Conversations()
        self._agent_sessions = AgentSessions()

    def stages(self) -> Iterator[Callable[[list[Span]], None]]:
        """Yield what is to be done with the rows of a batch, in order; each stage stands by itself."""
        yield self._sums.subtract
        yield complete
        yield settle_tasks
        yield self._repeats.mark
        yield self._conversations.settle
        yield self._sums.bill
        yield self._agent_sessions.settle
        yield tell_lengths

    def recall(self, stored: list[Span]) -> None:
        """Remember spans that are stored, the oldest first; they are changed by it."""
        self._conversations.settle([span for span in stored if span.billed])
        self._sums.recall(stored)
        self._agent_sessions.recall(stored)
        self._repeats.recall(stored)
