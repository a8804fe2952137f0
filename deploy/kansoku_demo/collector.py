"""What the demo asks the collector: whether it is there, takes our key, and how many spans it has stored."""

import re
import time

import httpx2

_STORED = re.compile(r"^kansoku_spans_stored_total (\S+)$", re.MULTILINE)


class UnavailableError(Exception):
    """The collector cannot be used; the message is one sentence for the user."""


class Collector:
    """The collector at `endpoint`."""

    def __init__(self, endpoint: str, api_key: str) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.api_key = api_key

    def check(self) -> None:
        """Raise `UnavailableError` unless spans sent with our key would be accepted."""
        headers = {"content-type": "application/json"}
        if self.api_key:
            headers["authorization"] = f"Bearer {self.api_key}"
        try:
            reply = httpx2.post(
                f"{self.endpoint}/v1/traces", content=b'{"resourceSpans":[]}', headers=headers, timeout=10
            )
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise UnavailableError(
                f"no collector answers at {self.endpoint} ({error}); start one with `kansoku up`"
            ) from error
        if reply.status_code in {401, 403}:
            raise UnavailableError(
                f"the collector at {self.endpoint} refuses the API key; give one with the scope "
                "ingest as --api-key or KANSOKU_API_KEY"
            )
        if reply.status_code != 200:
            raise UnavailableError(
                f"the collector at {self.endpoint} answers {reply.status_code}: {reply.text[:200]}"
            )

    def stored(self) -> int | None:
        """Return how many spans it has stored since it started; None when it does not tell."""
        try:
            found = _STORED.search(httpx2.get(f"{self.endpoint}/metrics", timeout=10).text)
        except httpx2.HTTPError:
            return None
        return int(float(found[1])) if found else None

    def wait_stored(self, wanted: int, seconds: float) -> int | None:
        """Wait until `wanted` spans are stored, at most `seconds`; return how many are."""
        deadline = time.monotonic() + seconds
        while (stored := self.stored()) is not None and stored < wanted and time.monotonic() < deadline:
            time.sleep(0.25)
        return stored
