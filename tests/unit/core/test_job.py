import errno
import logging
from pathlib import Path

import pytest

from locus2target.core.errors import InputError
from locus2target.core.job import job
from locus2target.core.version import VERSION


@pytest.fixture(autouse=True)
def _restore_logging() -> object:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:], root.level = before, level


def test_log_names_the_version(tmp_path: Path) -> None:
    with job(str(tmp_path / "logs" / "step.log")) as logger:
        logger.info("hello")
    text = (tmp_path / "logs" / "step.log").read_text()
    assert f"locus2target {VERSION}" in text
    assert "hello" in text


def test_bad_input_is_one_line_and_status_one(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop, job(str(tmp_path / "step.log")):
        raise InputError("se is 0", where="a.tsv, line 3", remedy="Remove the row.")
    assert stop.value.code == 1
    text = (tmp_path / "step.log").read_text()
    assert "a.tsv, line 3: se is 0. Remove the row." in text
    assert "Traceback" not in text


def test_a_full_disk_is_one_line_and_status_one(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop, job(str(tmp_path / "step.log")):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert stop.value.code == 1
    text = (tmp_path / "step.log").read_text()
    assert "the disk, or your quota on it, is full" in text
    assert "Traceback" not in text


def test_another_error_of_the_system_is_a_defect(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError), job(str(tmp_path / "step.log")):
        raise NotADirectoryError(errno.ENOTDIR, "no folder")
    assert "NotADirectoryError" in (tmp_path / "step.log").read_text()


def test_a_defect_leaves_its_traceback_in_the_log(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), job(str(tmp_path / "step.log")):
        _ = 1 / 0
    assert "ZeroDivisionError" in (tmp_path / "step.log").read_text()
