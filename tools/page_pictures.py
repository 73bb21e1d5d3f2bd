#!/usr/bin/env python3
"""The pictures of the page in docs/images: page_pictures.py --rouse BINARY --model GGUF [--folder docs/images].

Runs in the environment of `./dev conformance page`.
"""
import pathlib
import sys

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(pathlib.Path(__file__).parent / "conformance"))
from common import Checks, Server, arguments  # noqa: E402

MOST_BYTES = 150_000


def ready(page):
    page.wait_for_selector("#rank-all")
    page.wait_for_function("() => document.getElementById('stop').disabled")
    page.wait_for_timeout(300)


def picture(page, folder, name, first, last):
    """From the top of an element to the end of another."""
    page.mouse.move(0, 0)
    top, bottom = page.evaluate("""(both) => { const [a, b] = both.map((s) => document.querySelector(s).getBoundingClientRect());
                                   return [a.top + scrollY, b.bottom + scrollY]; }""", [first, last])
    path = folder / f"page-{name}.png"
    top = max(0, top - 12)
    page.screenshot(path=path, full_page=True,
                    clip={"x": 0, "y": top, "width": page.viewport_size["width"], "height": bottom + 12 - top})
    size = path.stat().st_size
    assert size <= MOST_BYTES, f"{path} has {size} bytes, wanted {MOST_BYTES} at most"
    print(path, size, "bytes")


def main():
    asked, checks = arguments(__doc__, folder={"default": "docs/images"}), Checks("pictures")
    folder = pathlib.Path(asked.folder)
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, Server(asked, checks) as server:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 940, "height": 900}, color_scheme="light")
        page.goto(server.url)
        ready(page)
        picture(page, folder, "compare", "header", "#tabs")
        page.set_viewport_size({"width": 1220, "height": 900})  # wide enough for all experts
        page.locator(".lane .text").nth(1).locator(".token").nth(20).click()
        ready(page)
        page.locator(".cell.chosen").nth(3).click()
        page.wait_for_selector("#go-on")
        picture(page, folder, "whatif", "#strip", "#whatif")
        page.click("#tab-heat")
        page.select_option("#heat-than", "1")
        picture(page, folder, "heat", "#view-heat", "#view-heat figure")
        dark = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
        dark.goto(server.url)
        ready(dark)
        picture(dark, folder, "narrow-dark", "header", "#lanes")
        browser.close()


if __name__ == "__main__":
    main()
