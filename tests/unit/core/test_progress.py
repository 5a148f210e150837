import logging

import pytest

from locus2target.core import progress as progress_module
from locus2target.core.progress import Progress, progress, tracked


def test_items_come_through_in_their_order_and_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert list(tracked(["a", "b", "c"], unit="loci", label="colocalizing")) == ["a", "b", "c"]
    assert "colocalizing: 3 loci in " in caplog.text


def test_what_was_done_before_an_error_is_told(caplog: pytest.LogCaptureFixture) -> None:
    def work() -> None:
        for number in tracked([1, 2, 3], unit="loci", label="fitting"):
            if number == 3:
                raise ValueError

    with caplog.at_level(logging.INFO), pytest.raises(ValueError):  # noqa: PT011
        work()
    assert "fitting: 2 of 3 loci" in caplog.text


def test_lines_in_a_log_are_sparse(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 10))  # each look at the clock is ten seconds later
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: next(clock))
    with caplog.at_level(logging.INFO), progress(20, unit="variants", label="scoring") as done:
        for _ in range(20):
            done.advance(1)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 20 * 10 // 60 + 1  # one a minute and the last
    assert lines[0] == "scoring: 6 of 20 variants, 0.1 variants/s, 140 s left"


def test_a_total_that_nobody_knows(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), progress(None, unit="records", label="reading") as done:
        done.advance(5)
    assert "reading: 5 records in " in caplog.text
    assert "left" not in caplog.text


def test_no_work_is_called_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert list(tracked([], unit="variants", label="scoring")) == []
    assert [record.getMessage() for record in caplog.records] == ["scoring: nothing to do"]


def test_reaching_a_place_counts_from_the_start() -> None:
    done = Progress(10, unit="kB", label="reading")
    done.reach(4)
    done.reach(7)
    assert done.line(1.0).startswith("reading: 7 of 10 kB")


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_bar_is_drawn_on_a_terminal_only(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress_module.sys.stderr, "isatty", lambda: is_terminal)
    with progress(4, unit="loci", label="fine-mapping") as done:
        done.advance(4)
    assert ("fine-mapping" in capsys.readouterr().err) == is_terminal
