"""Serve the gateway in a process of its own, as the collector does: gateway_process.py DIRECTORY PORT N."""

import sys
from types import SimpleNamespace

import uvicorn

from kansoku_collector.store.connect import connect
from kansoku_collector.store.gateway import build
from kansoku_collector.store.migrate import migrate

KEYS = {"ksk_read": {"read"}, "ksk_admin": {"read", "admin"}, "ksk_ingest": {"ingest"}}


class FixedKeys:
    """Three keys, one a scope."""

    def check(self, key: str) -> SimpleNamespace | None:
        """Return the scopes of `key`."""
        return SimpleNamespace(scopes=frozenset(KEYS[key])) if key in KEYS else None


def main(directory: str, port: str, limit: str) -> None:
    """Migrate the store and serve it until killed."""
    client = connect(f"chdb:///{directory}")
    migrate(client)
    app = build(directory, FixedKeys(), limit=int(limit))
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
