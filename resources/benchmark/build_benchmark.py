"""Cut the ranking benchmark to the columns that are read. For maintainers: README.md says where the files are from.

python resources/benchmark/build_benchmark.py FOLDER_OF_CREDIBLE_SETS FOLDER_OF_GOLD_STANDARDS
"""

import gzip
import hashlib
import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
SET_COLUMNS = [
    *("trait", "credible_set_id", "chromosome", "position_0based_start"),
    *("allele1", "allele2", "pip", "coding"),
]


def main(sets: Path, gold: Path) -> None:
    """Write the four files beside this script, and print their checksums for the README."""
    variants = pd.read_csv(sets / "credible_sets.tsv.gz", sep="\t", dtype="str", keep_default_na=False)
    _write(variants[SET_COLUMNS], HERE / "credible_sets.even.tsv.gz")
    truth = pd.read_csv(sets / "target_genes.tsv", sep="\t", dtype="str")
    truth.to_csv(HERE / "target_genes.even.tsv", sep="\t", index=False, lineterminator="\n")
    _write(pd.read_csv(sets / "gencode_v43_tss.bed.gz", sep="\t", dtype="str"), HERE / "gencode_v43_tss.bed.gz")
    curated = pd.read_csv(next(gold.glob("*.tsv.gz")), sep="\t", dtype="str", keep_default_na=False)
    _write(curated, HERE / "gold_standards.even.tsv.gz")
    for path in sorted(HERE.glob("*.[tb][se][vd]*")):
        sys.stdout.write(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")


def _write(table: pd.DataFrame, path: Path) -> None:
    """Write a gzipped table; without a time stamp, so that the bytes are the same each time."""
    with gzip.GzipFile(path, "wb", compresslevel=9, mtime=0) as handle:
        handle.write(table.to_csv(sep="\t", index=False, lineterminator="\n").encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
