"""GET /v1/condition: what only whoever runs the collector may know: keys, retention, journal, version."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kansoku_collector.aside import listed
from kansoku_collector.keys import Keys
from kansoku_collector.receive.access import authorise
from kansoku_collector.receive.answer import Refusal
from kansoku_collector.receive.receiver import Receiver
from kansoku_collector.store.retention import Retention

_MOST_ASIDE = 50


def condition_route(receiver: Receiver, journal: Path) -> Route:
    """Return the route; it asks for the scope `admin` and never answers with a key itself."""

    async def answer(request: Request) -> Response:
        try:
            authorise(request, receiver.keys, "admin", insecure=receiver.insecure)
        except Refusal as refusal:
            return JSONResponse({"error": refusal.message}, refusal.status)
        return JSONResponse(await asyncio.to_thread(condition, receiver, journal))

    return Route("/v1/condition", answer)


def condition(receiver: Receiver, journal: Path) -> dict[str, Any]:
    """Return the state of a collector as one JSON object."""
    return {
        "version": _version(),
        "journal": _journal(receiver, journal),
        "retention": _retention(receiver.ages.retention),
        "keys": _keys(receiver.keys),
    }


def _version() -> str:
    try:
        return version("kansoku")
    except PackageNotFoundError:
        return ""


def _journal(receiver: Receiver, journal: Path) -> dict[str, Any]:
    sizes = []
    for path in journal.glob("*.seg"):
        with suppress(FileNotFoundError):  # written to the store this moment
            sizes.append(path.stat().st_size)
    aside = listed(journal)
    return {
        "segments": len(sizes),
        "bytes": sum(sizes),
        "lag_seconds": receiver.metrics.values().get("lag_seconds", 0.0),
        "set_aside": [
            {
                "name": one.name,
                "state": one.state,
                "since": _moment(one.since),
                "bytes": one.bytes,
                "requests": one.requests,
                "spans": {p: sum(each.spans for each in one.lacking if each.project == p) for p in _of(one)},
                "reasons": one.reasons[:3],
            }
            for one in aside[:_MOST_ASIDE]
        ],
        "set_aside_segments": len(aside),
    }


def _of(one: Any) -> list[str]:
    return sorted({each.project for each in one.lacking})


def _retention(kept: Retention | None) -> dict[str, Any]:
    if kept is None:
        return {"defaults": {}, "projects": {}}
    return {
        "defaults": dict(kept.defaults),
        "projects": {name: dict(own) for name, own in kept.projects.items()},
    }


def _keys(keys: Keys) -> list[dict[str, Any]]:
    """Return what is known of each key: never the key, nor its hash."""
    used = keys.last_used
    return [
        {
            "name": key["name"],
            "project": key["project"] or "default",
            "scopes": list(key["scopes"]),
            "until": _moment(key["until"]) if "until" in key else None,
            "last_used": _moment(used.get((key["project"] or "default", key["name"]))),
        }
        for key in keys.listed()
    ]


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
