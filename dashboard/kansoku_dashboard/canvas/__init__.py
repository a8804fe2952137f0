"""A Plotly figure on the page: a Streamlit component that redraws in place.

Streamlit's own element mounts a chart anew for every change of its figure, so that each refresh of a live
screen would replace every chart. The library is the file that the Python package of Plotly carries.
"""

import asyncio
import gzip
import json
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kansoku_dashboard import settings

LIBRARY = f"/plotly-{version('plotly')}.js"
_YEAR_SECONDS = 365 * 86_400

_component = st.components.v2.component(
    "kansoku_canvas",
    js=(files(__name__) / "canvas.js").read_text(encoding="utf-8"),
    isolate_styles=False,  # what is drawn follows the page's own styles, on paper too
)


def draw(figure: dict[str, Any], *, key: str, alt: str) -> None:
    """Draw a figure with the words for who cannot see it; under the same key it changes in place."""
    _component(key=key, data=encode(figure, alt))


def encode(figure: dict[str, Any], alt: str) -> bytes:
    """Return the component's data; as bytes, because Streamlit would escape a text once more."""
    said = {"library": settings.current().base + LIBRARY, "alt": alt, "figure": figure}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"), default=float).encode()


async def library(request: Request) -> Response:
    """Answer with the library; its name has the version, so that a browser keeps it for good."""
    headers = {"cache-control": f"private, max-age={_YEAR_SECONDS}, immutable", "vary": "accept-encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(_text(), media_type="text/javascript", headers=headers)
    headers["content-encoding"] = "gzip"
    return Response(await asyncio.to_thread(_packed), media_type="text/javascript", headers=headers)


def routes() -> list[Route]:
    """Return the route of the library, under the path that the dashboard has."""
    return [Route(settings.current().base + LIBRARY, library, methods=["GET"])]


def _text() -> bytes:
    return (files("plotly") / "package_data" / "plotly.min.js").read_bytes()


@cache
def _packed() -> bytes:
    return gzip.compress(_text(), 6, mtime=0)
