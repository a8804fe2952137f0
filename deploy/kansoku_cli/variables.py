"""Find `KANSOKU_*` variables that set nothing: a slip of the pen would otherwise pass for a setting."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from importlib import import_module
from typing import Any

_PREFIX = "KANSOKU_"
_OWNERS = (
    ("kansoku.settings", "Settings"),
    ("kansoku_collector.settings", "Settings"),
    ("kansoku_dashboard.settings", "DashboardSettings"),
)


def unknown(environment: Iterable[str]) -> Iterator[str]:
    """Yield a sentence about each variable that no part knows; none where not all parts are installed."""
    try:
        known = {name for module, owner in _OWNERS for name in _names(getattr(import_module(module), owner))}
    except ImportError:
        return
    for name in sorted(environment):
        if name.startswith(_PREFIX) and name not in known:
            meant = get_close_matches(name, known, n=1, cutoff=0.8)
            hint = f"did you mean {meant[0]}?" if meant else "docs/settings.md lists them"
            yield f"{name} is no setting of Kansoku; {hint}"


def _names(model: Any) -> Iterator[str]:
    """Yield the variables that set the fields of a model."""
    for name, field in model.model_fields.items():
        aliases = getattr(field.validation_alias, "choices", [field.validation_alias or f"{_PREFIX}{name}"])
        yield from (str(alias).upper() for alias in aliases)
