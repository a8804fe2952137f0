"""What an attribution is: a move, its parts and the states behind them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from kansoku_collector.store.read.attribution import First

Cause = Literal[
    "volume", "language", "length", "topic", "request_model", "prompt", "answered", "release", "cache",
    "price", "rest",
]  # fmt: skip
MIXES: tuple[Cause, ...] = ("language", "length", "topic")
OURS: tuple[Cause, ...] = ("request_model", "prompt", "release")


class Effect(NamedTuple):
    """What a cause does to the mean of a call, and the value of it that does most."""

    cause: Cause
    amount: float
    value: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """What one cause did, in the measure's unit; `before` and `after` are its state, in words of the data.

    Of a mix they are the share of the calls whose value is `value`, of the cache the share of input read from
    it, of volume the calls; of everything else the value that was and the one that came. `first` is the first
    call with it.
    """

    cause: Cause
    amount: Decimal
    value: str = ""
    before: str = ""
    after: str = ""
    first: First | None = None


@dataclass(frozen=True, slots=True)
class Attribution:
    """A move and its parts, the one that explains most first; they sum to `whole` exactly.

    Cost is that of the current stretch in US dollars, `before` the reference's scaled to the same length; any
    other measure is a mean over calls, times in seconds. `silent` says that the model that answers changed
    and nothing on our side did.
    """

    measure: str
    before: Decimal
    now: Decimal
    parts: tuple[Part, ...]
    silent: bool = False

    @property
    def whole(self) -> Decimal:
        """How far it moved."""
        return self.now - self.before

    @property
    def top(self) -> Part:
        """The part that explains most of the move."""
        return self.parts[0]
