"""What the whole suite shares: closing lines on whether the workflow ran on SLURM, and on the faults it outlived."""

import pytest
from hypothesis import settings

# Generated examples, not seconds, bound a property test: a shared machine must not fail it. A failure prints the
# example that reproduces it.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what became of the SLURM test and of the faults."""
    say_faults(terminalreporter)
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            if "test_slurm.py" in report.nodeid:
                jobs = dict(report.user_properties).get("slurm_jobs")
                reason = report.longrepr[-1] if outcome == "skipped" else f"{jobs or 'no'} jobs submitted with sbatch"
                terminalreporter.write_line(f"SLURM test {outcome}: {reason}")


def say_faults(terminalreporter: pytest.TerminalReporter) -> None:
    """Sum up the faults of tests/faults; a test that passes has seen its run recover."""
    tested = [report for report in terminalreporter.stats.get("passed", []) if "tests/faults/" in report.nodeid]
    seen = [dict(report.user_properties) for report in tested if report.when == "call"]
    faults, jobs = (sum(int(properties.get(name, 0)) for properties in seen) for name in ("faults", "slurm_jobs"))
    if faults:
        terminalreporter.write_line(f"Faults: {faults} injected, {faults} recovered from; {jobs} jobs by sbatch")
