"""Patience with a SLURM controller that does not answer: a guard for snakemake-executor-plugin-slurm (seen in 2.8.0).

The plugin asks for states with `squeue` where the profile says so, unless `scontrol show config` fails once: then with
`sacct`, which fails where accounting is off. After a few failures in a row it forgets the jobs it asked for, and the
run waits for ever (its issue 207). Here both questions are asked again until they are answered.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

_LOG = logging.getLogger(__name__)
_PAUSE_SECONDS = 15.0
_CONFIG_TRIES = 20  # five minutes, and as long again where each try times out; a site may hide the key for good
_STATUS_TRIES = 240  # an hour, as for a controller that is restarted
_NO_ANSWER = (None, None)
Query = Callable[[str, Any], Awaitable[tuple[dict[str, str] | None, float | None]]]


def be_patient(plugin: ModuleType) -> None:
    """Make the plugin's module ask again; does nothing where it has no such functions, or was made patient before.

    Parameters
    ----------
    plugin
        `snakemake_executor_plugin_slurm`.
    """
    if hasattr(plugin, "is_patient"):
        return
    if hasattr(plugin, "get_min_job_age") and hasattr(plugin, "query_job_status"):
        plugin.get_min_job_age = _patient_age(plugin.get_min_job_age)  # type: ignore[attr-defined]
        plugin.query_job_status = _patient_query(plugin.query_job_status)  # type: ignore[attr-defined]
        plugin.is_patient = True  # type: ignore[attr-defined]


def _patient_age(ask: Callable[[], int | None]) -> Callable[[], int | None]:
    def age() -> int | None:
        for _ in range(_CONFIG_TRIES):
            answer = ask()
            if answer is not None:
                return answer
            _LOG.warning("SLURM does not tell its configuration; asking again in %g s", _PAUSE_SECONDS)
            time.sleep(_PAUSE_SECONDS)
        return None

    return age


def _patient_query(ask: Query) -> Query:
    async def query(command: str, logger: Any) -> tuple[dict[str, str] | None, float | None]:
        for _ in range(_STATUS_TRIES):
            answer = await ask(command, logger)
            if answer != _NO_ANSWER:
                return answer
            _LOG.warning("SLURM does not tell the states of jobs; asking again in %g s", _PAUSE_SECONDS)
            await asyncio.sleep(_PAUSE_SECONDS)
        return _NO_ANSWER

    return query
