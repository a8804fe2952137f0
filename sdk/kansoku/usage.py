"""Token counts of one model call, in disjoint buckets."""

from typing import NamedTuple


class Usage(NamedTuple):
    """Tokens of one call; every token is in exactly one bucket, whatever convention the vendor uses.

    `input_fresh` are prompt tokens neither read from nor written to a cache, and not audio or image;
    `output_visible` are answer tokens without `reasoning` and without audio.
    """

    input_fresh: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output_visible: int = 0
    reasoning: int = 0
    audio_in: int = 0
    audio_out: int = 0
    image: int = 0

    @property
    def input_tokens(self) -> int:
        """All tokens sent, cached ones included."""
        return (
            self.input_fresh
            + self.cache_read
            + self.cache_write_5m
            + self.cache_write_1h
            + self.audio_in
            + self.image
        )

    @property
    def output_tokens(self) -> int:
        """All tokens answered, reasoning included."""
        return self.output_visible + self.reasoning + self.audio_out

    @classmethod
    def from_inclusive(  # noqa: PLR0913 - one argument a counter of the conventions
        cls,
        input_tokens: int,
        output_tokens: int,
        *,
        cache_read: int = 0,
        cache_write: int = 0,
        cache_write_1h: int = 0,
        reasoning: int = 0,
        audio_in: int = 0,
        audio_out: int = 0,
        image: int = 0,
    ) -> "Usage":
        """Split counts where input includes caches and output includes reasoning (the OpenTelemetry rule).

        Cached sounds and images are in two of the parts: they are counted as cached. Other parts that exceed
        their total are kept and the remainder is 0: a vendor's detail is evidence, a negative count is not.
        """
        uncached = max(0, input_tokens - cache_read - cache_write)
        audio_in = min(audio_in, uncached)
        image = min(image, uncached - audio_in)
        return cls(
            input_fresh=uncached - audio_in - image,
            cache_read=cache_read,
            cache_write_5m=max(0, cache_write - cache_write_1h),
            cache_write_1h=min(cache_write, cache_write_1h),
            output_visible=max(0, output_tokens - reasoning - audio_out),
            reasoning=reasoning,
            audio_in=audio_in,
            audio_out=audio_out,
            image=image,
        )
