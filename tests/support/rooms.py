"""Which tests one worker runs together, and in which order."""

from typing import Any

import pytest

# Longest first; the last ones have many short files, with which workers can end together.
_ORDER = ("end_to_end", "collector", "deploy", "dashboard", "sdk")
# Their tests share what takes long to make: a whole Kansoku with its browser; a filled store and its screens.
_WHOLE = ("end_to_end", "dashboard")


def rank(nodeid: str) -> int:
    """Return the place of a test's room in the order of a run."""
    room = nodeid.split("/")[1]
    return _ORDER.index(room) if room in _ORDER else len(_ORDER)


def together(nodeid: str) -> str:
    """Return the name of what a test is run together with: its file, or its room where that is run whole."""
    file = nodeid.split("::", 1)[0]
    room = file.split("/")[1]
    return room if room in _WHOLE else file


def scheduling(config: pytest.Config, log: Any) -> Any:
    """Return the distribution of a run over workers; None when another than by file was asked for."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        """Whole files, in the order of the collection."""

        def _split_scope(self, nodeid: str) -> str:
            return together(nodeid)

    config.option.loadscopereorder = False
    return Scheduling(config, log)
