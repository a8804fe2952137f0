"""The charts of a screen as they go to the browser, and its words."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from streamlit.testing.v1 import AppTest

from kansoku_dashboard import frame


class Chart(NamedTuple):
    """A figure, and the words for who cannot see it."""

    spec: dict[str, Any]
    alt: str


def screens() -> list[str]:
    """Return the names of all screens: a new one is tested without being added anywhere."""
    lines = Path(frame.__file__).read_text(encoding="utf-8").splitlines()
    return [line.strip().split('"')[1] for line in lines if '": page(' in line]


def given_to(app: AppTest, component: str) -> list[Any]:
    """Return what each component of a name was given, which is JSON text."""
    found = [one.proto for one in app.get("bidi_component")]
    return [json.loads(json.loads(one.json)) for one in found if one.component_name.endswith(component)]


def charts(app: AppTest) -> dict[str, Chart]:
    """Return the charts of a screen by their keys."""
    found = {}
    for element in app.get("bidi_component"):
        if element.proto.component_name.endswith("kansoku_canvas"):
            said = json.loads(element.proto.bytes)
            found[element.proto.id.split("-", 2)[2]] = Chart(said["figure"], said["alt"])
    return found


def figure_of(app: AppTest, name: str) -> dict[str, Any]:
    """Return the figure whose key ends with this name; fail where there is none, or more than one."""
    found = {key: chart.spec for key, chart in charts(app).items() if key.endswith(name)}
    assert len(found) == 1, (name, list(charts(app)))
    return next(iter(found.values()))


def texts(app: AppTest) -> str:
    """Return all words of a screen outside its tables and charts."""
    return "\n".join(element.value for element in [*app.markdown, *app.caption, *app.warning, *app.text])
