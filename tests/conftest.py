"""What the whole suite shares: one closing line that says whether the workflow ran on SLURM."""

import pytest
from hypothesis import settings

# Generated examples, not seconds, bound a property test: a shared machine must not fail it. A failure prints the
# example that reproduces it.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what became of the SLURM test."""
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            if "test_slurm.py" in report.nodeid:
                jobs = dict(report.user_properties).get("slurm_jobs")
                reason = report.longrepr[-1] if outcome == "skipped" else f"{jobs or 'no'} jobs submitted with sbatch"
                terminalreporter.write_line(f"SLURM test {outcome}: {reason}")
