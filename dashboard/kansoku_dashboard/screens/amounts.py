"""Money, tokens and votes in words; what is unknown is never written as zero."""

from decimal import Decimal

from kansoku_dashboard.figures.style import money
from kansoku_dashboard.words import say


def cost(usd: Decimal, *, calls: int, unpriced: int) -> str:
    """Return a cost: a dash without calls, "unpriced" if no call has a price, "≥" if some have none."""
    if unpriced and not usd:
        return say("trace.unpriced")
    if unpriced:
        return f"≥ {money(float(usd))}"
    return money(float(usd)) if calls or usd else "–"


def tokens(count: int, *, calls: int) -> str:
    """Return a number of tokens; a dash if there was no call, or none that told its usage."""
    return f"{count:,}" if count and calls else "–"


def votes(likes: int, dislikes: int) -> str:
    """Return thumbs with their numbers above one."""
    given = ((likes, "👍"), (dislikes, "👎"))
    return " ".join(f"{thumb}{number if number > 1 else ''}" for number, thumb in given if number)
