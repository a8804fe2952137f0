"""Compare a vendor's invoice with the ledger, by model and day, and say what may explain a difference."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from kansoku.pricing.price_list import list_name
from kansoku_collector.ledger.invoice import Invoice
from kansoku_collector.store.read.ledger import ModelDay

_CENT = Decimal("0.01")
# What vendors call one provider in their spans.
_SOLD_AS = {
    "openai": frozenset({"openai"}),
    "anthropic": frozenset({"anthropic"}),
}
_DATED = re.compile(r"-(?:20\d{2}-\d{2}-\d{2}|20\d{6})$")


@dataclass
class Line:
    """One model on one day: what we counted, what they bill, and why the two may differ."""

    day: date
    model: str
    ours: Decimal = Decimal(0)
    theirs: Decimal = Decimal(0)
    calls: int = 0
    unpriced: int = 0
    unmetered: int = 0
    estimated: int = 0
    reasons: list[str] = field(default_factory=list)

    @property
    def difference(self) -> Decimal:
        """How much more they bill than we counted."""
        return self.theirs - self.ours

    @property
    def agrees(self) -> bool:
        """Whether the two are the same to a cent, or to one in a thousand."""
        return abs(self.difference) <= max(_CENT, self.theirs / 1000)


def reconcile(invoice: Invoice, ledger: list[ModelDay], provider: str = "") -> list[Line]:
    """Return a line for each model and day of either side, the largest difference first.

    Of the ledger only what `provider` (by default the invoice's vendor) sold is compared.
    """
    sellers = _SOLD_AS.get(provider or invoice.vendor, frozenset({provider} if provider else ()))
    lines: dict[tuple[date, str], Line] = {}
    for (day, model), dollars in invoice.costs.items():
        name = common_name(invoice.vendor, model)
        lines.setdefault((day, name), Line(day, name)).theirs += dollars
    days = set(invoice.days)
    for row in ledger:
        if row.day not in days or (sellers and row.provider not in sellers):
            continue
        name = common_name(row.provider, row.model)
        line = lines.setdefault((row.day, name), Line(row.day, name))
        line.ours += row.cost
        line.calls += row.calls
        line.unpriced += row.unpriced
        line.unmetered += row.unmetered
        line.estimated += row.estimated
    _explain(lines)
    return sorted(lines.values(), key=lambda line: (-abs(line.difference), line.day, line.model))


def common_name(provider: str, model: str) -> str:
    """Return the one name of a model that both sides share: the price list's, else without its date."""
    return list_name(provider, model) or _DATED.sub("", model.lower())


def _explain(lines: dict[tuple[date, str], Line]) -> None:
    by_model: dict[str, list[Line]] = defaultdict(list)
    for line in lines.values():
        by_model[line.model].append(line)
    for group in by_model.values():
        ours = sum((line.ours for line in group), Decimal(0))
        theirs = sum((line.theirs for line in group), Decimal(0))
        shifted = len(group) > 1 and abs(theirs - ours) <= max(_CENT, theirs / 1000)
        for line in group:
            if not line.agrees:
                line.reasons = _reasons(line, shifted=shifted)


def _reasons(line: Line, *, shifted: bool) -> list[str]:
    """Return what is known that would make such a difference, the surest first."""
    if not line.calls:
        return ["no call of it is traced here: another application, or an instrument that is missing"]
    found = []
    if line.theirs > line.ours:
        if line.unpriced:
            found.append(f"{line.unpriced} of {line.calls} calls have no price: `kansoku prices set`")
        if line.unmetered:
            found.append(
                f"{line.unmetered} of {line.calls} calls carry no usage: streams without it, old clients"
            )
        if not found and not shifted:
            found.append("calls that are not traced, or tools and tiers that the price list does not know")
    elif not line.theirs:
        found.append("not on the invoice: billed by somebody else, under another name, or free of charge")
    else:
        half = abs(line.theirs * 2 - line.ours) <= line.ours / 50
        found.append(
            "they bill half: a batch or flex tier that the spans do not tell"
            if half
            else "a discount or a free allowance, or calls counted twice"
        )
    if shifted:
        found.insert(0, "the days together agree: the two sides cut the day at different hours")
    if line.estimated:
        found.append(f"{line.estimated} of {line.calls} calls are sampled, so ours is an estimate")
    return found
