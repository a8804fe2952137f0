"""Budgets of a month as a setting writes them: `500` for every project, `shop=500,search=80` by project."""

from decimal import Decimal, InvalidOperation

ANY = ""


def read_budgets(text: str) -> dict[str, Decimal]:
    """Return US dollars a month by project, `ANY` for those without their own; raise ValueError."""
    found: dict[str, Decimal] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        project, _, amount = entry.rpartition("=")
        try:
            usd = Decimal(amount.strip())
        except InvalidOperation:
            usd = Decimal(-1)
        if not usd.is_finite() or usd <= 0:
            raise ValueError(
                f"KANSOKU_BUDGET_USD: {entry!r} is no budget; write dollars a month, "
                "as in 500 or shop=500,search=80"
            )
        if project.strip() in found:
            raise ValueError(f"KANSOKU_BUDGET_USD: two budgets for {project.strip() or 'every project'!r}")
        found[project.strip()] = usd
    return found


def budget(text: str, project: str) -> Decimal | None:
    """Return the budget of a project, None without one."""
    known = read_budgets(text)
    return known.get(project, known.get(ANY))
