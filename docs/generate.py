"""Write the tables of docs/ that are read off the code; `--check` says whether they are up to date."""

import sys
from pathlib import Path
from typing import Any

from kansoku.settings import Settings as SdkSettings
from kansoku_collector.settings import Settings as CollectorSettings
from kansoku_dashboard.settings import DashboardSettings

HERE = Path(__file__).parent
HEAD = """# Settings

Every setting is one environment variable. Nothing else reads the environment, except OpenTelemetry's own
`OTEL_*` variables in the SDK.
This page is generated from the code (`make docs`); a test fails when it is out of date.
"""
SECTIONS = [
    ("SDK (`import kansoku`)", SdkSettings),
    ("Collector (`kansoku up`, `kansoku collect`)", CollectorSettings),
    ("Dashboard (`kansoku up`, `kansoku dashboard`)", DashboardSettings),
]


def settings_page() -> str:
    """Return docs/settings.md."""
    parts = [HEAD]
    for title, model in SECTIONS:
        parts += [f"\n## {title}\n", "| variable | default | meaning |", "|---|---|---|", *_rows(model)]
    return "\n".join(parts) + "\n"


def _rows(model: Any) -> list[str]:
    prefix = model.model_config.get("env_prefix", "")
    return [
        f"| `{_variable(prefix, name, field)}` | {_default(field.default)} | {field.description} |"
        for name, field in model.model_fields.items()
    ]


def _variable(prefix: str, name: str, field: Any) -> str:
    """Return the name of the environment variable that sets `field`."""
    alias = field.validation_alias
    choices = alias.choices if hasattr(alias, "choices") else [alias]
    return next((c for c in choices if str(c).startswith(prefix)), f"{prefix}{name}".upper())


def _default(value: Any) -> str:
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    if value is None or value == "":
        return "–"
    text = str(value).replace(str(Path.home()), "~")
    return f"`{text}`"


def main() -> int:
    """Write the pages, or with --check compare them; return the exit code."""
    page, text = HERE / "settings.md", settings_page()
    if "--check" in sys.argv:
        return 0 if page.exists() and page.read_text(encoding="utf-8") == text else 1
    page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
