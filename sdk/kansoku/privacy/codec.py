"""A codec behind the filter: what is encoded, sent or spooled has been reduced and masked before."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kansoku.delivery.export import Codec, Mask
from kansoku.delivery.receipt import Receipt

if TYPE_CHECKING:
    from kansoku.privacy.filter import Filter

_TOGETHER = 16  # spans whose attributes are written before the first of them is looked through


class FilteredCodec:
    """Encodes what the filter lets pass of spans, or of feedback.

    The filter is made by `load`, in the background thread: its many patterns take a while to compile.
    """

    def __init__(
        self,
        codec: Codec,
        *,
        mask: Sequence[str],
        function: Callable[[str], str] | None = None,
        key: str = "",
        level: str = "full",
        feedback: bool = False,
    ) -> None:
        self._codec = codec
        self._mask = mask
        self._function = function
        self._key = key
        self._level = level
        self._feedback = feedback
        self._filter: Filter | None = None

    def load(self) -> "Filter":
        """Return the filter, made at the first call."""
        if self._filter is None:
            from kansoku.privacy.filter import Filter  # noqa: PLC0415 - the background thread's work
            from kansoku.privacy.mask import Mask as TextMask  # noqa: PLC0415
            from kansoku.privacy.recognisers import choose  # noqa: PLC0415

            self._filter = Filter(
                TextMask(choose(self._mask), self._function, self._key.encode()), self._level
            )
        return self._filter

    def encode(self, batch: Iterable[Any], mask: Mask | None) -> Iterator[tuple[bytes, int]]:
        """Yield (body, number of items)."""
        chosen = self.load()
        if self._feedback:
            return self._codec.encode(map(chosen.feedback, batch), mask)
        return self._codec.encode(map(chosen.span, _written(batch)), mask)

    def halve(self, body: bytes) -> list[tuple[bytes, int]]:
        """Split a body in two."""
        return self._codec.halve(body)

    def shrink(self, body: bytes) -> bytes:
        """Cut the long texts of a body hard."""
        return self._codec.shrink(body)

    def receipt(self, receipt: Receipt, items: int) -> bytes:
        """Return the process's balance."""
        return self._codec.receipt(receipt, items)


def _written(spans: Iterable[Any]) -> Iterator[Any]:
    """Yield spans, a few of which at a time have written what was left for later.

    That is as much work as all that follows. A few are few enough to stay in the processor's caches, and
    many enough for the code of either half to stay there.
    """
    few: list[Any] = []
    for span in spans:
        span.attributes  # noqa: B018 - the first look writes them
        few.append(span)
        if len(few) == _TOGETHER:
            yield from few
            few.clear()
    yield from few
