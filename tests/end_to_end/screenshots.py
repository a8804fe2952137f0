"""Photograph the screens of a running dashboard in both themes, into docs/images unless told otherwise."""

import sys
from argparse import ArgumentParser
from pathlib import Path

from browser import chromium, launch
from playwright.sync_api import Browser, Page, sync_playwright

SCREENS = {
    "overview": "/?range=7d",
    "overview-ja": "/?range=7d&lang=ja",
    "traces": "/traces?range=7d",
    "trace": "",
    "cost": "/cost?range=7d",
    "cost-ja": "/cost?range=7d&lang=ja",
    "sessions": "/sessions?range=7d",
    "users": "/sessions?of=users&range=7d",
    "latency": "/latency?range=7d",
    "quality": "/quality?range=7d",
    "quality-ja": "/quality?range=7d&lang=ja",
    "alerts": "/alerts?range=7d",
    "health": "/health?range=7d",
}


def photograph(browser: Browser, url: str, out: Path, theme: str, size: tuple[int, int]) -> list[str]:
    """Save each screen in one theme; return what the console complained about and what left the host."""
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]}, color_scheme=theme, locale="en-GB"
    )  # type: ignore[arg-type]
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on(
        "request",
        lambda request: None if _own(request.url, url) else complaints.append(f"left: {request.url}"),
    )
    narrow = "-narrow" if size[0] < 800 else ""
    for name, path in SCREENS.items():
        address = f"{url}{path}" if path else first_trace(page, url)
        if not address:
            complaints.append("no trace to open")
            continue
        page.goto(address)
        settle(page)
        if not path:
            show_answer(page)
        page.screenshot(path=out / f"{name}-{theme}{narrow}.png")
    page.close()
    # A direct load of a deep path asks for its own health first; Streamlit answers 404 and goes on.
    return [line for line in complaints if "404" not in line]


def settle(page: Page) -> None:
    """Wait until the screen has drawn: no running script, no skeleton, then a breath for the charts."""
    page.wait_for_selector(".st-key-footer", timeout=30_000)
    page.wait_for_selector("[data-testid=stStatusWidget]", state="detached", timeout=30_000)
    page.wait_for_selector("[data-testid=stSkeleton]", state="detached", timeout=30_000)
    page.wait_for_timeout(1500)


def first_trace(page: Page, url: str) -> str:
    """Return the address of a trace worth a picture: the dearest of the week."""
    page.goto(f"{url}/traces?range=7d&sort=cost")
    settle(page)
    # The grid is a canvas; its rows stand in a table for screen readers, the link to the trace among them.
    cells = page.locator("[data-testid=data-grid-canvas] td").all_inner_texts()
    path = next((text for text in cells if text.startswith("/trace?")), "")
    return f"{url}{path}" if path else ""


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
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--width", type=int, default=1440)
    parser.add_argument("--height", type=int, default=900)
    chosen = parser.parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        path = chromium()
        if path is None:
            parser.error("no Chromium on this machine: run tests/end_to_end/install_browser.sh")
        browser = launch(playwright, path)
        size = (chosen.width, chosen.height)
        complaints = [
            c
            for theme in ("light", "dark")
            for c in photograph(browser, chosen.url.rstrip("/"), chosen.out, theme, size)
        ]
        browser.close()
    print(*complaints, sep="\n", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
