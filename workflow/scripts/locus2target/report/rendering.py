"""Templates and assets of the page; everything a value brings along is escaped."""

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from locus2target.report import formats

_FOLDER = Path(__file__).parent
VENDOR = _FOLDER / "vendor"
"""Libraries that the page holds, with their licences."""


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(asset=read_asset, content_security_policy=content_security_policy)
    environment.filters.update(
        count=formats.format_count,
        probability=formats.format_probability,
        p_value=formats.format_p_value,
        signed=formats.format_signed,
        variant=formats.format_variant,
        words=formats.format_words,
        plural=formats.plural,
    )
    return environment


def render_template(name: str, **values: Any) -> str:
    """Fill one template of the `templates` folder."""
    return _environment().get_template(name).render(**values)


def read_asset(name: str) -> Markup:
    """Text of one of our own style sheets or scripts, which goes into the page as it is."""
    return Markup((_FOLDER / "assets" / name).read_text(encoding="utf-8"))  # noqa: S704  our own file


def svg_address(svg: str) -> str:
    """A figure as the address of an image: what it holds can neither run nor mix its ids with the page's."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode('utf-8')).decode()}"


def content_security_policy(scripts: Iterable[str]) -> str:
    """Policy under which a page can run the given scripts and nothing else, and can ask no one for anything.

    A script that got into the page through data would not have one of these hashes, so it would not run.
    """
    digests = (hashlib.sha256(script.encode("utf-8")).digest() for script in scripts)
    hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
