"""Fine-mapping of a batch of loci: the studies' statistics, LD that several threads may ask for, loci in parallel."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from locus2target.core.intervals import Region
from locus2target.core.progress import progress
from locus2target.core.schemas import CREDIBLE_SETS, FINE_MAPPING, SIGNAL_LBF, SIGNALS, SUMSTATS
from locus2target.core.tables import Record, read_table, stack_tables, write_table
from locus2target.ingest.genome import Genome
from locus2target.statgen.engine import FloatArray
from locus2target.statgen.engines import open_engine
from locus2target.statgen.finemapping import FineMappedLocus, FineMappingSettings, finemap_locus
from locus2target.statgen.ld_sources import AlignedLd, LdSource, open_ld_source


@dataclass(frozen=True, slots=True)
class OneAtATime:
    """An LD source that lets one thread at a time read its files; matrices are computed outside of that."""

    source: LdSource
    lock: Lock

    def align(self, region: Region, study: pd.DataFrame, *, min_maf: float) -> AlignedLd:
        """See `LdSource.align`."""
        with self.lock:
            return self.source.align(region, study, min_maf=min_maf)


@contextmanager
def open_cohorts(cohorts: Mapping[str, Sequence[Mapping[str, Any]]], genome: str) -> Iterator[dict[str, LdSource]]:
    """Open the LD of all cohorts.

    Parameters
    ----------
    cohorts
        Rows of the cohorts sheet by cohort.
    genome
        Path of the FASTA file, which the cohorts share: hence one lock for all.
    """
    lock = Lock()
    with ExitStack() as stack:
        reference = stack.enter_context(Genome(genome))
        yield {
            cohort: OneAtATime(stack.enter_context(open_ld_source(rows, reference)), lock)
            for cohort, rows in cohorts.items()
        }


@dataclass(frozen=True, slots=True)
class StudyStatistics:
    """Canonical tables of the studies: paths whose file stem is the study."""

    paths: Sequence[str]

    def read(self, locus: Mapping[str, Any]) -> pd.DataFrame:
        """The study's variants in the locus; none for a row that only says why there is no locus."""
        if locus["status"] != "ok":
            return SUMSTATS.empty()
        path = {Path(path).stem: path for path in self.paths}[locus["study"]]
        return read_table(path, SUMSTATS, region=Region(locus["chromosome"], locus["start"], locus["end"]))


PriorWeights = Callable[[Record, pd.DataFrame], FloatArray | None]
"""Prior weights of a locus' statistics, one per row; None for equal ones."""


def equal_weights(locus: Record, statistics: pd.DataFrame) -> FloatArray | None:  # noqa: ARG001
    """The uniform prior."""
    return None


def finemap_batch(
    loci: Sequence[Record],
    *,
    sumstats: Sequence[str],
    genome: str,
    studies: Mapping[str, Mapping[str, Any]],
    cohorts: Mapping[str, Sequence[Mapping[str, Any]]],
    settings: Mapping[str, Any],
    threads: int,
    prior_weights: PriorWeights = equal_weights,
) -> list[FineMappedLocus]:
    """Fine-map loci, several at a time.

    Parameters
    ----------
    loci
        Rows of `core.schemas.LOCI`.
    sumstats
        Canonical tables of the studies.
    genome
        Path of the FASTA file.
    studies, cohorts
        Rows of the sheets, by id.
    settings
        The config's `finemapping` section.
    threads
        Loci fitted at a time; one with the engine that talks to R, which has one thread.
    prior_weights
        Prior weights of each locus.

    Returns
    -------
    list of FineMappedLocus
        In the order of the loci, whatever the threads.
    """
    rules, engine = FineMappingSettings.from_settings(settings), open_engine(settings["engine"])
    statistics = StudyStatistics(sumstats)

    def finemap(locus: Record) -> FineMappedLocus:
        study, rows = studies[locus["study"]], statistics.read(locus)
        source, weights = sources.get(study["cohort"]), prior_weights(locus, rows)
        return finemap_locus(
            locus, rows, study=study, ld_source=source, engine=engine, settings=rules, prior_weights=weights
        )

    with (
        open_cohorts(cohorts, genome) as sources,
        threadpool_limits(1, user_api="blas"),  # the loci share the cores already
        ThreadPoolExecutor(threads) as pool,
        progress(len(loci), unit="loci", label="fine-mapping") as done,
    ):
        in_turn_or_parallel = pool.map if settings["engine"] == "native" else map  # R belongs to the main thread
        results = []
        for result in in_turn_or_parallel(finemap, loci):
            results.append(result)
            done.advance(1)
    return results


def write_fine_mapping(
    results: Sequence[FineMappedLocus], *, fine_mapping: str, credible_sets: str, signals: str, signal_lbf: str
) -> None:
    """Write the four tables of a batch."""
    for parts, path, schema in (
        ([result.fine_mapping for result in results], fine_mapping, FINE_MAPPING),
        ([result.credible_sets for result in results], credible_sets, CREDIBLE_SETS),
        ([result.signals for result in results], signals, SIGNALS),
        ([result.signal_lbf for result in results], signal_lbf, SIGNAL_LBF),
    ):
        write_table(stack_tables(parts, schema), path, schema)
