"""Token counts: disjoint buckets that add up to what the vendor said."""

from hypothesis import given
from hypothesis import strategies as st

from kansoku.usage import Usage

count = st.integers(0, 10**7)


@given(fresh=count, read=count, write_5m=count, write_1h=count, visible=count, reasoning=count, audio=count)
def test_inclusive_counts_are_split_and_add_up_again(
    fresh: int, read: int, write_5m: int, write_1h: int, visible: int, reasoning: int, audio: int
) -> None:
    """From totals that include their parts come the parts, and the totals are theirs again."""
    sent = fresh + read + write_5m + write_1h + audio
    answered = visible + reasoning + audio
    usage = Usage.from_inclusive(
        sent,
        answered,
        cache_read=read,
        cache_write=write_5m + write_1h,
        cache_write_1h=write_1h,
        reasoning=reasoning,
        audio_in=audio,
        audio_out=audio,
    )
    assert (usage.input_fresh, usage.output_visible) == (fresh, visible)
    assert (usage.cache_write_5m, usage.cache_write_1h) == (write_5m, write_1h)
    assert (usage.input_tokens, usage.output_tokens) == (sent, answered)


@given(sent=count, answered=count, read=count, write=count, hour=count, reasoning=count, image=count)
def test_contradicting_counts_never_become_negative(
    sent: int, answered: int, read: int, write: int, hour: int, reasoning: int, image: int
) -> None:
    """Caches and thoughts larger than their total are kept, images are in what is left, none is negative."""
    usage = Usage.from_inclusive(
        sent,
        answered,
        cache_read=read,
        cache_write=write,
        cache_write_1h=hour,
        reasoning=reasoning,
        image=image,
    )
    assert min(usage) >= 0
    assert usage.input_tokens == max(sent, read + write)
    assert usage.output_tokens == max(answered, reasoning)
