"""The report as an application: one HTML file with its data, its scripts and its libraries, that asks no one."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from locus2target.core.version import VERSION
from locus2target.report.locus_pack import encode
from locus2target.report.rendering import VENDOR, content_security_policy, read_asset, render_template

_APP = Path(__file__).parent / "app"
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
        HTML of `report/sections.py`: our own templates, escaped already.
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
        version=VERSION,
        run_data=encode(_json(run_data)),
        packs=packs,
        scripts=[Markup(script) for script in scripts],  # noqa: S704  our own files
    )


def _json(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def _scripts() -> Iterable[str]:
    """Libraries, the scripts of the sections, the core of the app, its views by name, and what starts it."""
    views = sorted(path.name for path in _APP.glob("*.js") if path.name not in {*_FIRST, _LAST})
    yield from (_read(VENDOR / name) for name in _LIBRARIES)
    yield from (str(read_asset(name)) for name in _SECTION_SCRIPTS)
    yield from (_read(_APP / name) for name in (*_FIRST, *views, _LAST))


def _styles() -> Iterable[str]:
    yield _read(VENDOR / "tabulator.min.css")
    yield str(read_asset("style.css"))
    yield from (_read(path) for path in sorted(_APP.glob("*.css")))


def _read(path: Path) -> str:
    """Text of a file that goes into an element of the page as it is, so it must not hold that element's end."""
    text = path.read_text(encoding="utf-8")
    found = _ENDS_ELEMENT.search(text)
    if found is not None:
        message = f"{path.name} holds {found.group()!r}, which a browser would take for the end of its element"
        raise ValueError(message)
    return text
