"""Binary content inside messages: a row keeps its type, size and hash, not its bytes."""

import base64
import binascii
import hashlib
import re
from typing import Any

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w=.-]+)*);base64,([A-Za-z0-9+/=_\s-]*)")


def blob(mime_type: str, encoded: str) -> dict[str, Any]:
    """Describe base64 text: MIME type, size in bytes, SHA-256 of the bytes."""
    try:
        data = base64.b64decode(encoded.translate({45: 43, 95: 47}), validate=False)
    except (binascii.Error, ValueError):
        data = encoded.encode("utf-8", "replace")
    return {
        "type": "blob",
        "mime_type": mime_type,
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def from_url(url: str) -> dict[str, Any]:
    """Return the part for a link to content: a blob when the link is the content itself."""
    found = _DATA_URL.fullmatch(url.strip()) if url[:5] == "data:" else None
    if found:
        return blob(found[1] or "application/octet-stream", found[3])
    return {"type": "uri", "uri": url}


def without_blobs(value: str) -> str:
    """Return text with every base64 data URL replaced by its description."""
    if ";base64," not in value:
        return value
    return _DATA_URL.sub(_describe, value)


def _describe(found: "re.Match[str]") -> str:
    described = blob(found[1] or "application/octet-stream", found[3])
    return f"data:{described['mime_type']};size={described['size']};sha256={described['sha256']}"
