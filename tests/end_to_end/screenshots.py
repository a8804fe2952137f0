"""Photograph the screens of a running dashboard: those that the docs show, or every one in every look."""

import re
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Literal, NamedTuple

from browser import chromium, launch
from playwright.sync_api import Browser, Page, sync_playwright

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 120_000  # ms
PAINTED = (
    "[...document.querySelectorAll('.kansoku-chart')].every((chart) => chart.querySelector('.main-svg'))"
)
SHOWN = re.compile(r"images/([\w-]+)\.png")
SCREENS = {
    "overview": "/?range=7d",
    "traces": "/traces?range=7d",
    "trace": "",
    "sessions": "/sessions?range=7d",
    "users": "/sessions?of=users&range=7d",
    "cost": "/cost?range=7d",
    "latency": "/latency?range=7d",
    "quality": "/quality?range=7d",
    "drift": "/drift?range=7d",
    "alerts": "/alerts?range=7d",
    "health": "/health?range=7d",
    "start": "/start",
}


class Look(NamedTuple):
    """A theme and a language, at a width."""

    theme: Literal["light", "dark"]
    tongue: str
    width: int

    def name(self, screen: str) -> str:
        """Return the name of a screen's picture."""
        tongue = "" if self.tongue == "en" else f"-{self.tongue}"
        return f"{screen}{tongue}-{self.theme}{'-narrow' if self.width < 800 else ''}"


def photograph(
    browser: Browser, url: str, out: Path, look: Look, wanted: set[str], *, whole: bool
) -> list[str]:
    """Save the screens of one look whose pictures are wanted, all where none is named; return complaints."""
    page = browser.new_page(
        viewport={"width": look.width, "height": 900}, color_scheme=look.theme, locale="en-GB"
    )
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on(
        "request",
        lambda request: None if _own(request.url, url) else complaints.append(f"left: {request.url}"),
    )
    for screen, path in SCREENS.items():
        if wanted and look.name(screen) not in wanted:
            continue
        page.set_viewport_size({"width": look.width, "height": 900})
        address = f"{url}{path}" if path else first_trace(page, url)
        page.goto(f"{address}{'&' if '?' in address else '?'}lang={look.tongue}")
        settle(page)
        if not path:
            show_answer(page)
        if whole:
            grow(page, look.width)
        page.screenshot(path=out / f"{look.name(screen)}.png")
    page.close()
    # A direct load of a deep path asks for its own health first; Streamlit answers 404 and goes on.
    return [line for line in complaints if "404" not in line]


def grow(page: Page, width: int) -> None:
    """Make the window as high as the page, up to four screens."""
    height = page.evaluate("document.querySelector('.stMain').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(max(900, int(height) + 10), 3600)})
    page.wait_for_timeout(1200)


def shown() -> set[str]:
    """Return the names of the pictures that README and docs show."""
    pages = [*REPOSITORY.glob("README*.md"), *(REPOSITORY / "docs").rglob("*.md")]
    return {name for page in pages for name in SHOWN.findall(page.read_text(encoding="utf-8"))}


def settle(page: Page) -> None:
    """Wait until the screen has drawn: no running script, no skeleton, every chart, then a breath."""
    page.wait_for_selector(".st-key-footer", timeout=PATIENCE)
    page.wait_for_selector("[data-testid=stStatusWidget]", state="detached", timeout=PATIENCE)
    page.wait_for_selector("[data-testid=stSkeleton]", state="detached", timeout=PATIENCE)
    page.wait_for_timeout(1500)
    page.wait_for_function(PAINTED, timeout=PATIENCE)
    page.wait_for_timeout(500)


def first_trace(page: Page, url: str) -> str:
    """Return the address of a trace worth a picture: the dearest of the week."""
    page.goto(f"{url}/traces?range=7d&sort=cost")
    settle(page)
    page.locator("[data-testid=stDataFrame]").first.click(position={"x": 300, "y": 60}, force=True)
    page.wait_for_url("**/trace?**", timeout=PATIENCE)
    settle(page)
    return page.url


def show_answer(page: Page) -> None:
    """Select the last call of a chat model, so that the panel shows a conversation."""
    page.get_by_role("row").filter(has_text="chat gpt").last.click()
    page.wait_for_timeout(500)
    settle(page)


def _own(address: str, url: str) -> bool:
    return address.startswith((url, url.replace("http", "ws", 1), "data:", "blob:"))


def main(arguments: list[str]) -> int:
    """Take the pictures; exit 1 if a screen complained or asked another host for something."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8501")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "images")
    parser.add_argument("--width", type=int, default=1440)
    parser.add_argument("--all", action="store_true", help="every screen in both themes and languages, whole")
    parser.add_argument("--names", nargs="+", default=[], help="these only, such as cost-ja-dark, whole")
    chosen = parser.parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    wanted = set(chosen.names) or (set() if chosen.all else shown())
    with sync_playwright() as playwright:
        path = chromium()
        if path is None:
            parser.error("no Chromium on this machine: run tests/end_to_end/install_browser.sh")
        browser = launch(playwright, path)
        url = chosen.url.rstrip("/")
        complaints, whole = [], chosen.all or bool(chosen.names)
        for theme in ("light", "dark"):
            for tongue in ("en", "ja"):
                look = Look(theme, tongue, chosen.width)
                complaints += photograph(browser, url, chosen.out, look, wanted, whole=whole)
        browser.close()
    print(*complaints, sep="\n", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
