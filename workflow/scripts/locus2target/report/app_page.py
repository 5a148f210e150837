"""The report as an application: one HTML file with its data, its scripts and its libraries, that asks no one."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from locus2target.core.version import VERSION
from locus2target.report.rendering import read_asset, render_template

_FOLDER = Path(__file__).parent
_APP, _VENDOR = _FOLDER / "app", _FOLDER / "vendor"
_FIRST = ("dom.js", "format.js", "store.js", "router.js", "grid.js", "marks.js")
_LAST = "main.js"
_LIBRARIES = ("echarts.min.js", "tabulator.min.js")
_SECTION_SCRIPTS = ("table.js",)
"""Scripts of the server-rendered sections."""
_ENDS_ELEMENT = re.compile(r"</(script|style)|<!--", re.IGNORECASE)


def render_app(run_data: dict[str, Any], packs: Mapping[str, str], *, sections: str, title: str) -> str:
    """Write the page.

    Parameters
    ----------
    run_data
        What `report/run_data.py` gives.
    packs
        Gzipped, base64-encoded locus packs by locus id.
    sections
        HTML below the answers of the first page: our own templates, escaped already.
    title
        Of the run.
    """
    scripts = list(_scripts())
    return render_template(
        "app.html.j2",
        title=title,
        policy=content_security_policy(scripts),
        styles=[Markup(style) for style in _styles()],  # noqa: S704  our own files
        sections=Markup(sections),  # noqa: S704  from our own templates
        licences=list(_licences()),
        version=VERSION,
        run_data=data_script(run_data),
        packs=packs,
        scripts=[Markup(script) for script in scripts],  # noqa: S704  our own files
    )


def data_script(data: object) -> Markup:
    r"""JSON that can stand in a script element: no `<` of it can end the element or open a comment.

    >>> data_script({"gene": "</script>"})
    Markup('{"gene":"\\u003c/script>"}')
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704  escaped in this line


def content_security_policy(scripts: Iterable[str]) -> str:
    """Policy under which the page can ask no one for anything and runs the given scripts only.

    Browsers that know hashes ignore 'unsafe-inline' beside them: a script that got in through data would not run.
    """
    digests = (hashlib.sha256(script.encode("utf-8")).digest() for script in scripts)
    hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src 'unsafe-inline' {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _scripts() -> Iterable[str]:
    """Libraries, the scripts of the sections, the core of the app, its views by name, and what starts it."""
    views = sorted(path.name for path in _APP.glob("*.js") if path.name not in {*_FIRST, _LAST})
    yield from (_read(_VENDOR / name) for name in _LIBRARIES)
    yield from (str(read_asset(name)) for name in _SECTION_SCRIPTS)
    yield from (_read(_APP / name) for name in (*_FIRST, *views, _LAST))


def _styles() -> Iterable[str]:
    yield _read(_VENDOR / "tabulator.min.css")
    yield str(read_asset("style.css"))
    yield from (_read(path) for path in sorted(_APP.glob("*.css")))


def _licences() -> Iterable[tuple[str, str]]:
    for path in sorted(_VENDOR.iterdir()):
        if ".LICENSE" in path.name or ".NOTICE" in path.name:
            yield path.name, path.read_text(encoding="utf-8")


def _read(path: Path) -> str:
    """Text of a file that goes into an element of the page as it is, so it must not hold that element's end."""
    text = path.read_text(encoding="utf-8")
    found = _ENDS_ELEMENT.search(text)
    if found is not None:
        message = f"{path.name} holds {found.group()!r}, which a browser would take for the end of its element"
        raise ValueError(message)
    return text
