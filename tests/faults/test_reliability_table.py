"""The table of faults in docs/reliability.md names tests that exist, and all of this folder's."""

import re
from pathlib import Path

from toy import ROOT

TABLE = (ROOT / "docs" / "reliability.md").read_text()
DEFINED = {
    name: path
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
}


def test_every_named_test_exists() -> None:
    assert set(re.findall(r"`(test_\w+)`", TABLE)) <= set(DEFINED)


def test_every_fault_is_in_the_table() -> None:
    here = Path(__file__)
    faults = {name for name, path in DEFINED.items() if path.parent == here.parent and path != here}
    assert faults <= set(re.findall(r"`(test_\w+)`", TABLE))
