"""Deal the rows of a table of all batches of loci to the diseases that they are about.

Reads one of LOCI, FINE_MAPPING, CREDIBLE_SETS, SIGNALS, COLOCALIZATION and CIS_EFFECTS of every batch and writes it for
every disease, rows in the order of the batches; a disease without rows has an empty table. One batch is in memory at a
time. Without this step every disease would read the results of all.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pandas as pd

from locus2target.core import schemas
from locus2target.core.job import job
from locus2target.core.tables import TableSchema, append_table, read_table

if TYPE_CHECKING:
    snakemake: Any

SCHEMAS: Mapping[str, TableSchema] = {
    "loci": schemas.LOCI,
    "fine_mapping": schemas.FINE_MAPPING,
    "credible_sets": schemas.CREDIBLE_SETS,
    "signals": schemas.SIGNALS,
    "colocalization": schemas.COLOCALIZATION,
    "cis_effects": schemas.CIS_EFFECTS,
}


def main(*, batches: Sequence[str], dealt: Sequence[str], diseases: Sequence[str], table: str) -> None:
    schema = SCHEMAS[table]
    with ExitStack() as stack:
        append: dict[str, Callable[[pd.DataFrame], None]] = {
            disease: stack.enter_context(append_table(path, schema))
            for disease, path in zip(diseases, dealt, strict=True)
        }
        for path in batches:
            for disease, rows in read_table(path, schema).groupby("disease", sort=False):
                append[str(disease)](rows)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            batches=list(snakemake.input.batches),
            dealt=list(snakemake.output.dealt),
            diseases=snakemake.params.diseases,
            table=snakemake.wildcards.table,
        )
