"""Find a Chromium on this machine and start it without a window and without calls of its own."""

import shutil
from pathlib import Path

from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
MAC_CHROME = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--process-per-site",
]


def chromium() -> str | None:
    """Return the path of the browser, None when there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return str(MAC_CHROME) if found is None and MAC_CHROME.exists() else found


def launch(playwright: Playwright, path: str) -> Browser:
    """Start the browser at `path`."""
    return playwright.chromium.launch(executable_path=path, args=OPTIONS)
