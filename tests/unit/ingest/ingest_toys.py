"""Small genomes, chains, sources and sheets for the tests of ingest."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pysam

from locus2target.ingest.columns import QTL_DEFAULTS, QTL_NAMES, STUDY_DEFAULTS, STUDY_NAMES, parse_column_map
from locus2target.ingest.genome import Genome
from locus2target.ingest.harmonize import (
    HarmonizationSettings,
    Harmonized,
    harmonize_source,
    qtl_source,
    study_source,
)
from locus2target.ingest.liftover import ChainFile
from locus2target.ingest.readers import read_delimited

SETTINGS = HarmonizationSettings(build="GRCh37", max_ref_mismatch=0.05, min_strand_variants=20)
SSF = ["chromosome", "base_pair_location", "effect_allele", "other_allele", "beta", "standard_error", "p_value"]


def random_sequence(length: int, seed: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def write_genome(folder: Path, sequences: dict[str, str]) -> Genome:
    path = folder / "genome.fa"
    path.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in sequences.items()))
    pysam.faidx(str(path))
    return Genome(path)


def write_chain(folder: Path, *chains: str) -> ChainFile:
    path = folder / "toy.chain"
    path.write_text("\n\n".join(chains) + "\n")
    return ChainFile(str(path), where="genome.chains")


def study_row(**changes: Any) -> dict[str, Any]:
    row = {
        "study": "toy",
        "disease": "disease",
        "format": "table",
        "build": "GRCh37",
        "trait_type": "quantitative",
        "n_samples": 1000,
        "n_cases": None,
        "n_controls": None,
        "strand": "forward",
        "columns": None,
    }
    return {**row, **changes}


def qtl_row(**changes: Any) -> dict[str, Any]:
    row = {
        "qtl": "toy",
        "format": "table",
        "build": "GRCh37",
        "tissue": "blood",
        "n_samples": 100,
        "strand": "forward",
        "columns": None,
    }
    return {**row, **changes}


def write_rows(folder: Path, rows: list[tuple[Any, ...]] | pd.DataFrame, columns: list[str] = SSF) -> str:
    path = folder / "source.tsv"
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows, columns=columns)
    frame.to_csv(path, sep="\t", index=False, na_rep="NA")
    return str(path)


def harmonize_study(
    path: str,
    genome: Genome,
    *,
    chain: ChainFile | None = None,
    settings: HarmonizationSettings = SETTINGS,
    **sheet: Any,
) -> Harmonized:
    row = study_row(**sheet)
    mapping = parse_column_map(row["columns"], names=STUDY_NAMES, where="sheet")
    raw = read_delimited(path, mapping, STUDY_DEFAULTS)
    return harmonize_source(raw, genome, chain=chain, source=study_source(row, path), settings=settings)


def harmonize_qtls(path: str, genome: Genome, **sheet: Any) -> Harmonized:
    row = qtl_row(**sheet)
    mapping = parse_column_map(row["columns"], names=QTL_NAMES, where="sheet")
    raw = read_delimited(path, mapping, QTL_DEFAULTS)
    return harmonize_source(raw, genome, chain=None, source=qtl_source(row, path), settings=SETTINGS)


def words(harmonized: Harmonized) -> list[str]:
    return harmonized.dispositions["disposition"].astype(str).tolist()


def check_value(harmonized: Harmonized, metric: str) -> float:
    return float(harmonized.qc.set_index("metric").loc[metric, "value"])
