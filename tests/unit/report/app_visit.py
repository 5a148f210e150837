"""One visit to the report: what tests of several of its pages ask."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import browsing

if TYPE_CHECKING:
    from playwright.sync_api import Browser


class Visit(browsing.Visit):
    """An open page that has started, with what is asked of its view and its tables."""

    def __init__(
        self, browser: "Browser", path: Path, fragment: str = "", *, width: int = 1366, scripts: Iterable[str] = ()
    ) -> None:
        super().__init__(browser, path, fragment, width=width, scripts=scripts)
        self.started()

    def started(self) -> None:
        """Wait until the page has drawn its first view."""
        self.until("() => document.querySelector('#app h1') !== null")

    def reload(self) -> None:
        self.page.reload()
        self.started()

    def view(self) -> str:
        """What the view says, without the sections below it."""
        return str(self.page.locator("#app").inner_text())

    def heading(self) -> str:
        return str(self.page.locator("#app h1").inner_text())

    def cells(self, field: str, table: str) -> list[str]:
        """Texts of one column of a sortable table, of the rows that are drawn."""
        found = self.page.locator(f'{table}.tabulator-row .tabulator-cell[tabulator-field="{field}"]')
        return [text.strip() for text in found.all_inner_texts()]

    def rows(self, caption: str) -> list[list[str]]:
        """Texts of the body of the plain table whose caption starts so."""
        body = self.page.locator(f"#app table:has(caption:text-matches('^{caption}')) tbody tr")
        found: list[list[str]] = body.evaluate_all(
            "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
        )
        return found

    def download(self, button: str, *, nth: int = 0) -> tuple[str, str]:
        """Name and text of the file that a button gives."""
        with self.page.expect_download() as download:
            self.page.locator("#app").get_by_role("button", name=button).nth(nth).click()
        return download.value.suggested_filename, Path(download.value.path()).read_text(encoding="utf-8")

    def choose(self, label: str, path: Path) -> None:
        self.page.locator(f"#app input[type=file][aria-label='{label}']").set_input_files(path)
        self.page.wait_for_timeout(300)


def table_rows(text: str) -> list[dict[str, str]]:
    """Rows of a downloaded table."""
    lines = [line.split("\t") for line in text.removesuffix("\n").split("\n")]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
