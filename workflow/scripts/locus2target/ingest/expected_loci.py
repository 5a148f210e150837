"""How many loci a run will have, before harmonisation: counted where the file is small, else not known."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from locus2target.core.errors import InputError
from locus2target.ingest.association import FloatArray, complete_association
from locus2target.ingest.columns import STUDY_DEFAULTS, STUDY_NAMES, parse_column_map
from locus2target.ingest.dispositions import Ledger
from locus2target.ingest.placement import canonical_chromosomes
from locus2target.ingest.readers import RawTable, read_delimited, read_gwas_vcf
from locus2target.statgen.loci import IntArray, LocusRules, judge_locus, loci_of_chromosome

MAX_BYTES = 50_000_000  # of a file that is read whole for the count


@dataclass(frozen=True, slots=True)
class ExpectedLoci:
    """Loci of a study by its own coordinates.

    Attributes
    ----------
    analysed, listed
        Loci that will be analysed, and those that will only be listed (MHC, too few variants).
    variants
        Variants in the loci that will be analysed; one in two loci counts twice.
    """

    analysed: int
    listed: int
    variants: int


def expect_loci(row: Mapping[str, Any], rules: LocusRules) -> ExpectedLoci | None:
    """Count the loci of one row of the studies sheet; None where that takes a whole large file.

    Rows that harmonisation will drop count here, and liftover may move a variant: the run can find a few less.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    if row["format"] == "credible_sets" or Path(row["path"]).stat().st_size > MAX_BYTES:
        return None
    raw = _read(row)
    ledger = Ledger(len(raw.frame))
    strength = complete_association(raw.frame, ledger).neg_log10_p
    position = raw.frame["position"].to_numpy(np.float64)
    usable = ledger.open_rows()
    usable = usable[(position[usable] > 0) & np.isfinite(strength[usable])]
    usable = usable[raw.frame["chromosome"].notna().to_numpy()[usable]]
    chromosomes = canonical_chromosomes(raw.frame["chromosome"].iloc[usable])
    parts = [
        _of_chromosome(name, position[rows].astype(np.int64), strength[rows], rules)
        for name in np.unique(chromosomes.astype(str))
        for rows in (usable[chromosomes == name],)
    ]
    return ExpectedLoci(*(sum(part[field] for part in parts) for field in range(3)))


def _read(row: Mapping[str, Any]) -> RawTable:
    if row["format"] == "gwas_vcf":
        return read_gwas_vcf(row["path"])
    mapping = parse_column_map(row["columns"], names=STUDY_NAMES, where=row["path"])
    return read_delimited(row["path"], mapping, STUDY_DEFAULTS)


def _of_chromosome(
    chromosome: str, position: IntArray, strength: FloatArray, rules: LocusRules
) -> tuple[int, int, int]:
    """Analysed loci, listed loci, and variants in the analysed ones."""
    loci = list(loci_of_chromosome(chromosome, position, strength, rules))
    counts = [int(np.count_nonzero((position > one.region.start) & (position <= one.region.end))) for one in loci]
    analysed = [judge_locus(one, n, loci, rules)[0] == "ok" for one, n in zip(loci, counts, strict=True)]
    n_variants = sum(n for n, is_analysed in zip(counts, analysed, strict=True) if is_analysed)
    return sum(analysed), len(loci) - sum(analysed), n_variants


def expect_all(studies: Mapping[str, Mapping[str, Any]], rules: LocusRules) -> dict[str, ExpectedLoci | str]:
    """Loci by study, or why they are not known."""
    expected: dict[str, ExpectedLoci | str] = {}
    for study, row in studies.items():
        try:
            counted = expect_loci(row, rules)
        except InputError as error:  # damage that only a whole read finds
            expected[study] = f"not known: {error}"
            continue
        if counted is not None:
            expected[study] = counted
        elif row["format"] == "credible_sets":
            expected[study] = "comes fine-mapped: as many as its file has"
        else:
            expected[study] = f"not known before harmonisation: larger than {MAX_BYTES // 1_000_000} MB"
    return expected
