from pathlib import Path

import pytest

from locus2target.core.digest import script_digest


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    package = tmp_path / "locus2target"
    for folder in ("core", "report"):
        (package / folder).mkdir(parents=True)
    (package / "core" / "a.py").write_text("from locus2target.core import b\n")
    (package / "core" / "b.py").write_text("VALUE = 1\n")
    (package / "core" / "c.py").write_text("VALUE = 1\n")
    (package / "report" / "page.py").write_text("import locus2target.core.c\n")
    (package / "report" / "page.html").write_text("<p>")
    (tmp_path / "one.py").write_text("from locus2target.core.a import x\n")
    (tmp_path / "two.py").write_text("from locus2target.report import page\n")
    return tmp_path


@pytest.mark.parametrize(
    ("edited", "changed"),
    [
        ("one.py", {"one"}),
        ("locus2target/core/a.py", {"one"}),
        ("locus2target/core/b.py", {"one"}),
        ("locus2target/core/c.py", {"two"}),
        ("locus2target/report/page.html", {"two"}),
        ("page.html", set()),
    ],
)
def test_an_edit_changes_the_digest_of_the_script_and_of_exactly_those_that_import_it(
    scripts: Path, edited: str, changed: set[str]
) -> None:
    before = {name: fresh_digest(scripts / f"{name}.py") for name in ("one", "two")}
    with (scripts / edited).open("a") as handle:
        handle.write("# edited\n")
    after = {name: fresh_digest(scripts / f"{name}.py") for name in ("one", "two")}
    assert {name for name in before if before[name] != after[name]} == changed


def fresh_digest(script: Path) -> str:
    from locus2target.core import digest

    for kept in (digest.script_digest, digest._imports, digest._assets):
        kept.cache_clear()
    return script_digest(script)
