"""Who may do what, as written in KANSOKU_ACCESS: rules of a person, a role and projects.

read_rules("alice@example.com=admin, *@example.com=viewer:shop+search, groups:ml=reviewer:shop")
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

ROLES = ("viewer", "reviewer", "admin")  # each may also do what those before it may
CLOSED = "none"  # whom a rule gives this has no role by any other
NAMELESS = "password"  # readers who gave the shared password, or none on loopback
ANYBODY = "*"  # everybody who logged in by name


@dataclass(frozen=True, slots=True)
class Rule:
    """Gives `role` in `projects`, all of them if empty, to those of whom `claim` says `value`."""

    claim: str
    value: str
    role: str
    projects: tuple[str, ...] = ()

    def fits(self, claims: Mapping[str, Any]) -> bool:
        """Tell whether this rule is about the person of these claims; without claims they have no name."""
        if not claims or self.claim in (NAMELESS, ANYBODY):
            return self.claim == (ANYBODY if claims else NAMELESS)
        if self.claim != "email":
            return any(value in values_of(claims, claim) for claim, value in self.pairs())
        # An address that the provider does not vouch for is only what somebody typed: it opens nothing.
        if unverified(claims) and self.role != CLOSED:
            return False
        told = claims.get("email")
        return isinstance(told, str) and fnmatchcase(told.lower(), self.value)

    def pairs(self) -> list[tuple[str, str]]:
        """Return the claims and values that the rule may be about: `cognito:groups:ml` has two colons."""
        if self.claim in (NAMELESS, ANYBODY, "email"):
            return [("email", self.value)] if self.claim == "email" else []
        text = f"{self.claim}:{self.value}"
        places = [place for place, letter in enumerate(text) if letter == ":"]
        return [(text[:place], text[place + 1 :]) for place in places if text[place + 1 :]]


@dataclass(frozen=True, slots=True)
class Rights:
    """What one person may do: a role everywhere, and others in single projects; "" for none."""

    everywhere: str = ""
    projects: Mapping[str, str] = field(default_factory=dict)

    def may(self, role: str, project: str) -> bool:
        """Tell whether the person has at least `role` in a project."""
        return max(_rank(self.everywhere), _rank(self.projects.get(project, ""))) >= _rank(role)

    @property
    def none(self) -> bool:
        """Whether there is nothing that the person may see."""
        return not self.everywhere and not self.projects


def read_rules(text: str) -> tuple[Rule, ...]:
    """Return the rules of a setting; raise ValueError with a sentence."""
    return tuple(_rule(part.strip()) for part in text.split(",") if part.strip())


def rights(rules: Sequence[Rule], claims: Mapping[str, Any]) -> Rights:
    """Return what all rules together give to the person of these claims: the highest role of each project."""
    everywhere, projects = "", dict[str, str]()
    for rule in rules:
        if not rule.fits(claims):
            continue
        if rule.role == CLOSED:
            return Rights()
        if not rule.projects:
            everywhere = max(everywhere, rule.role, key=_rank)
        for project in rule.projects:
            projects[project] = max(projects.get(project, ""), rule.role, key=_rank)
    return Rights(everywhere, projects)


def values_of(claims: Mapping[str, Any], claim: str) -> set[str]:
    """Return what a claim says: its value, those of a list, or the names of an object (roles of Zitadel).

    Dots lead into objects where no claim has the whole name: Keycloak's roles are `realm_access.roles`.
    """
    told: Any = claims.get(claim)
    if told is None and "." in claim:
        told = claims
        for name in claim.split("."):
            told = told.get(name) if isinstance(told, Mapping) else None
    values = told if isinstance(told, list | tuple | Mapping) else [told]
    return {str(value) for value in values if value is not None}


def unverified(claims: Mapping[str, Any]) -> bool:
    """Tell whether the provider says that it did not verify the e-mail address."""
    return claims.get("email_verified") in (False, "false")


def _rule(text: str) -> Rule:
    who, _, what = (part.strip() for part in text.rpartition("="))
    role, _, names = (part.strip() for part in what.partition(":"))
    if not who or role not in (*ROLES, CLOSED):
        known = ", ".join((*ROLES, CLOSED))
        raise ValueError(f"{text!r} is no rule: write WHO=ROLE or WHO=ROLE:PROJECT, ROLE {known}")
    if role == CLOSED and ":" in what:
        raise ValueError(f"{text!r} names a project: `none` closes them all")
    projects = tuple(name.strip() for name in names.split("+") if name.strip())
    if ":" in what and not projects:
        raise ValueError(f"{text!r} names no project after the colon")
    if who in (NAMELESS, ANYBODY):
        return Rule(who, "", role, projects)
    claim, colon, value = who.partition(":")
    if colon and claim and value:
        return Rule(claim, value.lower() if claim == "email" else value, role, projects)
    if "@" in who:
        return Rule("email", who.lower().replace("[", "[[]").replace("?", "[?]"), role, projects)
    raise ValueError(
        f"{who!r} is nobody: write an e-mail address, *@example.com, claim:value, * or {NAMELESS}"
    )


def _rank(role: str) -> int:
    return ROLES.index(role) + 1 if role else 0
