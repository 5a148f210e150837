"""One page of the report in headless Chromium: from disk, the network off, with everything it said and asked for."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = Path("/usr/bin/chromium")
NEEDS_CHROMIUM = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed"),
    pytest.mark.skipif(find_library("atomic") is None, reason="libatomic, which playwright's driver needs, is absent"),
]
_AWAIT_TURN = """() => {
  window.turned = new Promise((done) => addEventListener("hashchange", () => setTimeout(done), { once: true }));
}"""
_OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@contextmanager
def chromium() -> Iterator["Browser"]:
    """A browser for as long as the block lasts."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=list(_OPTIONS))
        yield browser
        browser.close()


class Visit:
    """One page in a browser profile of its own.

    Attributes
    ----------
    complaints
        What the console said, and errors that no script caught.
    requests
        Addresses that the page asked for, without fragments.
    """

    def __init__(
        self,
        browser: "Browser",
        path: Path,
        fragment: str = "",
        *,
        width: int = 1366,
        scripts: Iterable[str] = (),
        javascript: bool = True,
    ) -> None:
        self.path = path
        context = browser.new_context(
            offline=True,
            viewport={"width": width, "height": 768},
            accept_downloads=True,
            java_script_enabled=javascript,
        )
        self.page = context.new_page()
        for script in scripts:
            self.page.add_init_script(script)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url.partition("#")[0]))
        self.page.goto(path.as_uri() + fragment)

    def turn(self, act: Callable[[], object]) -> None:
        """Do what leads to another address within the page, and wait until the page has followed it."""
        self.page.evaluate(_AWAIT_TURN)
        act()
        self.page.evaluate("() => window.turned")

    def go(self, fragment: str) -> None:
        """Follow an address within the page."""
        if self.page.evaluate("hash => new URL(hash, location.href).hash !== location.hash", fragment):
            self.turn(lambda: self.page.evaluate("hash => { location.hash = hash; }", fragment))

    def until(self, expression: str, *, seconds: float = 20) -> None:
        """Wait for a condition; the page's policy refuses Playwright's own way of it.

        Raises
        ------
        TimeoutError
            If it does not come true.
        """
        for _ in range(int(seconds * 20)):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(50)
        message = f"{expression} did not come true in {seconds} s"
        raise TimeoutError(message)

    def text(self) -> str:
        """What the shown page says."""
        return str(self.page.locator("body").inner_text())

    def close(self) -> None:
        """The page was silent, and asked for nothing but itself."""
        assert not self.complaints, self.complaints
        asked = {request for request in self.requests if not request.startswith("blob:")}  # what the page itself made
        assert asked == {self.path.as_uri()}, asked
        self.page.context.close()
