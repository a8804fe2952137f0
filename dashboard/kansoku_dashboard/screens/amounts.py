"""Money, tokens and votes in words; what is unknown is never written as zero."""

from decimal import Decimal

from kansoku_dashboard.figures import style
from kansoku_dashboard.figures.style import money
from kansoku_dashboard.words import say


def cost(usd: Decimal, *, known: bool, unpriced: int) -> str:
    """Return a cost: a dash if no usage is `known`, "unpriced" without any price, "≥" with some."""
    if unpriced and not usd:
        return say("trace.unpriced")
    if unpriced:
        return f"≥ {money(float(usd))}"
    return money(float(usd)) if known or usd else "–"


def exact(usd: Decimal) -> str:
    """Return a small sum with all its digits, to a millionth of a cent, so that a bill can be added up."""
    rounded = usd.quantize(Decimal("0.00000001")).normalize()
    return "<$0.00000001" if usd and not rounded else f"${rounded:,f}"


def tokens(count: int, *, calls: int) -> str:
    """Return a number of tokens; a dash if there was no call, or none that told its usage."""
    return style.tokens(count) if count and calls else "–"


def votes(likes: int, dislikes: int) -> str:
    """Return the votes in words; fonts without emoji exist."""
    given = ((likes, "trace.liked"), (dislikes, "trace.disliked"))
    return " · ".join(say(key) + (f" {number}" if number > 1 else "") for number, key in given if number)
