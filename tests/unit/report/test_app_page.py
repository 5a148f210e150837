"""The app's page as text: nothing from data becomes markup, everything is inside, the libraries are what npm gives."""

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from app_run import HOSTILE, LOCI, invented_run, pack

from locus2target.report import app_page
from locus2target.report.app_page import render_app

VENDOR = Path(app_page.__file__).parent / "vendor"


class _Page(HTMLParser):
    """Tags with their attributes, and the text of scripts."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.titles: list[str] = []
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002  as the parser calls it
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        if self._open == "title":
            self.titles.append(data)


@pytest.fixture(scope="module")
def html() -> str:
    run = invented_run()
    sections = '<section id="quality"><h2>Quality control</h2></section>'
    return render_app(run, {locus: pack(locus) for locus in LOCI}, sections=sections, title=run["run"]["title"])


@pytest.fixture(scope="module")
def page(html: str) -> _Page:
    return _Page(html)


def test_run_data_survive_the_page(page: _Page) -> None:
    (text,) = [text for attributes, text in page.scripts if attributes.get("id") == "run-data"]
    assert json.loads(gzip.decompress(base64.b64decode(text))) == invented_run()


def test_hostile_names_stay_text(html: str, page: _Page) -> None:
    assert HOSTILE not in html
    assert "".join(page.titles) == f"Toy {HOSTILE}"
    assert not any(text.startswith("document.title") for _, text in page.scripts)


def test_packs_carry_their_locus(page: _Page) -> None:
    packs = {a["data-locus"]: text for a, text in page.scripts if a.get("class") == "locus-pack"}
    assert packs == {locus: pack(locus) for locus in LOCI}


def test_facts_refuse_numbers_json_lacks() -> None:
    with pytest.raises(ValueError, match="JSON"):
        render_app({"probability": float("nan")}, {}, sections="", title="")


def test_policy_lets_nothing_out_and_knows_every_script(page: _Page) -> None:
    policy = next(a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a) or ""
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "style-src 'unsafe-inline'; img-src data: blob:" in policy
    assert "http" not in policy
    ours = [text for attributes, text in page.scripts if not attributes]
    assert len(ours) > 10
    for text in ours:
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy


def test_everything_is_inside(html: str, page: _Page) -> None:
    loading = {"src", "srcset", "data", "action", "poster", "background"}
    assert [a for _, a in page.tags if loading & set(a)] == []
    assert [a["href"] for _, a in page.tags if not (a.get("href") or "#").startswith("#")] == []
    assert not {"link", "iframe", "object", "embed", "base", "img"} & {tag for tag, _ in page.tags}
    for style in re.findall(r"<style>(.*?)</style>", html, re.DOTALL):
        assert "@import" not in style
        assert "http" not in style
        assert all(address.startswith("data:") for address in re.findall(r"url\(['\"]?([^)]*)", style))


def test_scripts_start_with_the_libraries_and_end_with_main(page: _Page) -> None:
    ours = [text for attributes, text in page.scripts if not attributes]
    assert "Tabulator v" in ours[1][:100]
    assert ours[-1] == (VENDOR.parent / "app" / "main.js").read_text(encoding="utf-8")
    assert "eval(" not in "".join(ours[2:])
    assert "innerHTML =" not in "".join(ours[2:])


def test_libraries_are_those_of_the_checksums() -> None:
    lines = (VENDOR / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    listed = {name: digest for digest, name in (line.split() for line in lines)}
    assert {"echarts.min.js", "tabulator.min.js", "tabulator.min.css", "tabulator.LICENSE"} <= set(listed)
    for name, digest in listed.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest, name
    unlisted = {path.name for path in VENDOR.iterdir()} - set(listed)
    assert unlisted == {"README.md", "SHA256SUMS", "fetch_vendor.sh"}


def test_a_script_that_ends_its_element_is_refused(tmp_path: Path) -> None:
    script = tmp_path / "bad.js"
    script.write_text("const end = '</script>';", encoding="utf-8")
    with pytest.raises(ValueError, match=r"bad\.js"):
        app_page._read(script)
