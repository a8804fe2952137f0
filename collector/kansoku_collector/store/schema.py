"""The schema in ClickHouse: brought up to date before anything is written, also when a server comes late."""

import logging
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from kansoku_collector.errors import StoreError
from kansoku_collector.store import ageing
from kansoku_collector.store.connect import connect
from kansoku_collector.store.damage import damaged
from kansoku_collector.store.migrate import migrate
from kansoku_collector.store.retention import Retention, apply, read_projects

log = logging.getLogger("kansoku")


class Schema:
    """Tables, rollups and what they keep, as the settings say. Any thread may use it.

    The embedded engine removes nothing for its age until it is let (`ageing.remove`); with `keep_all` not
    even in the moment after it was opened.
    """

    def __init__(self, settings: Any, *, keep_all: bool = False) -> None:
        self._settings = settings
        self._keep_all = keep_all and settings.embedded
        self._lock = threading.Lock()
        self._client: Client | None = None  # kept open: embedded ClickHouse lives as long as a client does
        self.retention: Retention | None = None  # None until the store has told what its projects keep
        self.problem = "ClickHouse was not asked yet"  # why nothing can be stored, in one sentence

    def bring(self) -> None:
        """Bring the store up to date, if that has not been done; raise StoreError when it cannot be."""
        with self._lock:
            if self._client is not None:
                return
            try:
                self._client = self._prepared()
            except StoreError as error:
                self.problem = str(error)
                raise
            self.problem = ""

    def open(self) -> Client:
        """Open a client to write with."""
        self.bring()
        return connect(self._settings.store_url)

    def close(self) -> None:
        """Leave the store."""
        if self._client is not None:
            with suppress(ClickHouseError):
                self._client.close()

    def _prepared(self) -> Client:
        client, cluster = self._first(), self._settings.clickhouse_cluster
        try:
            if self._keep_all:
                ageing.keep(client)
            migrate(client, cluster)
            self.retention = Retention.of(self._settings, read_projects(client))
            apply(client, self.retention, cluster)
            if self._settings.embedded:
                ageing.keep(client)  # what is in tables that are new, too
            if self._settings.embedded and not self._keep_all:
                ageing.follow_config(client)
            for sentence in damaged(client) if self._settings.embedded else ():
                log.error("ClickHouse: %s", sentence)
        except Exception as error:
            with suppress(Exception):
                client.close()
            if isinstance(error, ClickHouseError):
                raise StoreError(f"the schema in ClickHouse cannot be brought up to date: {error}") from error
            raise
        return client

    def _first(self) -> Client:
        if not self._keep_all:
            return connect(self._settings.store_url)
        place = None
        try:
            tempfile.gettempdir()
        except FileNotFoundError:  # a container's root may be read-only, with nothing beside the data
            place = self._settings.data
        with tempfile.TemporaryDirectory(prefix=".config-", dir=place) as folder:
            config = Path(folder) / "config.xml"
            config.write_text(ageing.CONFIG, encoding="utf-8")
            return connect(self._settings.store_url, config=config)
