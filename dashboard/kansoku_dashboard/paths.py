"""Where the dashboard's own files lie."""

from pathlib import Path

ROOM = Path(__file__).parent
MAIN = ROOM / "main.py"
ICON = ROOM / "static" / "icon.svg"
LOGO = ROOM / "static" / "logo.svg"
STYLES = ROOM / "static" / "kansoku.css"
