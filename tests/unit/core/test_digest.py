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
    ("edited", "reruns"),
    [
        ("core/a.py", {"one"}),
        ("core/b.py", {"one"}),
        ("core/c.py", {"two"}),
        ("report/page.html", {"two"}),
    ],
)
def test_editing_a_module_changes_exactly_the_scripts_that_import_it(
    scripts: Path, edited: str, reruns: set[str]
) -> None:
    before = {name: fresh_digest(scripts / f"{name}.py") for name in ("one", "two")}
    with (scripts / "locus2target" / edited).open("a") as handle:
        handle.write("# edited\n")
    after = {name: fresh_digest(scripts / f"{name}.py") for name in ("one", "two")}
    assert {name for name in before if before[name] != after[name]} == reruns


def fresh_digest(script: Path) -> str:
    from locus2target.core import digest

    for kept in (digest.script_digest, digest._imports, digest._assets):
        kept.cache_clear()
    return script_digest(script)
