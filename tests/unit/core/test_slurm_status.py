import asyncio
from types import ModuleType
from typing import Any

import pytest

from locus2target.core import slurm_status
from locus2target.core.slurm_status import be_patient


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm_status, "_PAUSE_SECONDS", 0.0)


def plugin_that_answers(ages: list[int | None], states: list[dict[str, str] | None]) -> Any:
    """A module with the plugin's two functions; each answer is given once."""
    plugin: Any = ModuleType("plugin")
    plugin.get_min_job_age = lambda: ages.pop(0)

    async def query_job_status(command: str, logger: object) -> tuple[dict[str, str] | None, float | None]:
        answer = states.pop(0)
        return (None, None) if answer is None else (answer, 0.1)

    plugin.query_job_status = query_job_status
    return plugin


def test_asks_until_there_is_an_answer() -> None:
    plugin = plugin_that_answers([None, None, 300], [None, {"7": "RUNNING"}])
    be_patient(plugin)
    assert plugin.get_min_job_age() == 300
    assert asyncio.run(plugin.query_job_status("squeue", None)) == ({"7": "RUNNING"}, 0.1)


def test_no_jobs_is_an_answer() -> None:
    plugin = plugin_that_answers([], [{}, None])
    be_patient(plugin)
    assert asyncio.run(plugin.query_job_status("squeue", None)) == ({}, 0.1)


def test_gives_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm_status, "_CONFIG_TRIES", 2)
    monkeypatch.setattr(slurm_status, "_STATUS_TRIES", 2)
    plugin = plugin_that_answers([None] * 3, [None] * 3)
    be_patient(plugin)
    assert plugin.get_min_job_age() is None
    assert asyncio.run(plugin.query_job_status("squeue", None)) == (None, None)


def test_once_is_enough_and_another_plugin_is_left_alone() -> None:
    plugin = plugin_that_answers([300], [])
    be_patient(plugin)
    before = plugin.get_min_job_age
    be_patient(plugin)
    assert plugin.get_min_job_age is before
    other = ModuleType("other")
    be_patient(other)
    assert not hasattr(other, "is_patient")


def test_the_installed_plugin_has_what_is_made_patient() -> None:
    plugin = pytest.importorskip("snakemake_executor_plugin_slurm")
    assert callable(plugin.get_min_job_age)
    assert callable(plugin.query_job_status)
