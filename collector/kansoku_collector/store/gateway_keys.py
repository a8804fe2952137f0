"""Who may ask the gateway: its two users, and the API keys that are their passwords."""

from typing import Protocol

from kansoku_collector.store.gateway_errors import QueryError

SCOPES = {"reader": "read", "admin": "admin"}
# SQL knows no projects: a condition put into a reader's query would come after its own PREWHERE, whose errors
# quote what they read. So only keys of the project that the install's own keys are of may ask.
WHOLE = "default"


class Grant(Protocol):
    """What a key allows."""

    @property
    def project(self) -> str:
        """The project that it belongs to."""

    @property
    def scopes(self) -> frozenset[str]:
        """Names of the scopes: ingest, feedback, read, admin."""


class Keys(Protocol):
    """Who may enter."""

    def check(self, key: str) -> Grant | None:
        """Return what `key` allows, None when it is unknown."""


def authenticate(keys: Keys, user: str, key: str) -> None:
    """Raise QueryError unless `key` is the password of `user`, and one that may see every project."""
    scope = SCOPES.get(user)
    grant = keys.check(key) if scope else None
    if grant is None or not ({scope, "admin"} & grant.scopes):
        message = f"{user or 'default'}: Authentication failed: wrong password, or no such user"
        raise QueryError(
            516,
            f"{message}. Users are reader and admin; the password is an API key",
            "AUTHENTICATION_FAILED",
        )
    if grant.project != WHOLE:
        message = (
            f"{user}: Not enough privileges: SQL sees every project, this key is of {grant.project} alone"
        )
        raise QueryError(497, f"{message}; use one of the project {WHOLE}", "ACCESS_DENIED")
