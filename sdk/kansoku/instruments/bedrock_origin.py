"""Where a client of AWS sends its requests, and what AWS says about the request itself."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from kansoku import semconv

PROVIDER = "aws.bedrock"


def read_origin(resource: Any, local_provider: str) -> tuple[str, str, int]:  # noqa: ARG001 - AWS is never local
    """Return provider, host and port of a client; its endpoint may be a proxy or a private one."""
    return _split(str(resource.meta.endpoint_url))


@lru_cache(maxsize=64)
def _split(url: str) -> tuple[str, str, int]:
    found = urlsplit(url)
    return PROVIDER, found.hostname or "", found.port or (80 if found.scheme == "http" else 443)


def read_metadata(response: Any) -> dict[str, Any]:
    """Return the request's id and how often it was tried again."""
    metadata = response.get("ResponseMetadata") if isinstance(response, Mapping) else None
    found: dict[str, Any] = {}
    if metadata:
        if request_id := metadata.get("RequestId"):
            found[semconv.AWS_REQUEST_ID] = request_id
        if attempts := metadata.get("RetryAttempts"):
            found[semconv.RESEND_COUNT] = attempts
    return found


def read_error(error: BaseException) -> dict[str, Any]:
    """Return what a ClientError says: AWS's code, the status, the id and the attempts."""
    response = getattr(error, "response", None)
    if not isinstance(response, Mapping):
        return {}
    found = read_metadata(response)
    if code := (response.get("Error") or {}).get("Code"):
        found[semconv.ERROR_TYPE] = str(code)
    status = (response.get("ResponseMetadata") or {}).get("HTTPStatusCode")
    if isinstance(status, int):
        found[semconv.HTTP_STATUS] = status
    return found
