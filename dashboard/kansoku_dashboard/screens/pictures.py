"""Images inside messages: those that came with their bytes are shown, an address is never asked."""

import base64
import binascii
from io import BytesIO
from typing import NamedTuple

MOST_BYTES = 8_000_000
MOST_PIXELS = 40_000_000  # a few kilobytes can unpack to gigabytes
FORMATS = frozenset({"PNG", "JPEG", "GIF", "WEBP"})  # SVG is a program


class Picture(NamedTuple):
    """The bytes of an image that is safe to draw, and its size in pixels."""

    data: bytes
    width: int
    height: int


def read_picture(encoded: str) -> Picture | None:
    """Return the image of base64 text or a data URL, or None where it is none that is safe to draw."""
    if encoded[:5] == "data:":
        encoded = encoded.partition(",")[2]
    if not encoded or len(encoded) * 3 // 4 > MOST_BYTES:
        return None
    try:
        data = base64.b64decode(encoded.translate({45: 43, 95: 47}), validate=True)
    except (binascii.Error, ValueError):
        return None
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - seldom needed

    try:
        with Image.open(BytesIO(data)) as image:  # reads the head alone
            width, height, kind = *image.size, image.format
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError):
        return None
    return Picture(data, width, height) if kind in FORMATS and width * height <= MOST_PIXELS else None
