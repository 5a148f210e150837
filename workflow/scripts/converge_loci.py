"""Score the candidates of every disease by what its loci on other chromosomes point to: evidence of its own layer.

Reads EVIDENCE, loci, fine-mapping, genes, gene sets (GMT) and the table of evidence weights of all diseases of the
run. Writes, per disease, CONVERGENCE (also as TSV) and its rows of EVIDENCE (natural-log likelihood ratios; none when
switched off).
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locus2target.core import schemas
from locus2target.core.job import job
from locus2target.core.tables import read_table, read_tables, write_table, write_tsv
from locus2target.targets.candidates import locus_states
from locus2target.targets.convergence_evidence import DiseaseLoci, convergence_evidence, score_convergence
from locus2target.targets.gene_sets import build_membership, read_gmt
from locus2target.targets.ranking import rank_loci
from locus2target.targets.weights import read_weights

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("locus2target")


def main(
    *,
    evidence: list[str],
    loci: list[str],
    fine_mapping: list[str],
    genes: str,
    gene_sets: list[str],
    weights: str,
    convergence: list[str],
    convergence_tsv: list[str],
    convergence_rows: list[str],
    diseases: list[str],
    gene_types: list[str],
    settings: dict[str, Any],
) -> None:
    table = read_weights(weights)
    all_loci = read_tables(loci, schemas.LOCI)
    fits = read_tables(fine_mapping, schemas.FINE_MAPPING)
    known = read_table(genes, schemas.GENES)
    known = known[known["gene_type"].isin(gene_types)].reset_index(drop=True)
    found: dict[str, DiseaseLoci] = {}
    for disease, path in zip(diseases, evidence, strict=True):
        own = all_loci[all_loci["disease"] == disease].reset_index(drop=True)
        # any threshold will do: only probabilities are read
        ranked = rank_loci(
            read_table(path, schemas.EVIDENCE),
            locus_states(own, fits),
            table,
            disease=disease,
            confident_probability=1.0,
        )
        found[disease] = DiseaseLoci(ranked, own)
    membership = build_membership([read_gmt(Path(path)) for path in gene_sets], known[["gene_id", "gene_symbol"]])
    scores = score_convergence(found, known, membership, min_loci=settings["min_loci"])
    outputs = zip(diseases, convergence, convergence_tsv, convergence_rows, strict=True)
    for disease, scores_path, tsv_path, rows_path in outputs:
        rows = convergence_evidence(scores[disease], found[disease].candidates, table, enabled=settings["enabled"])
        write_table(scores[disease], scores_path, schemas.CONVERGENCE)
        write_tsv(scores[disease], tsv_path)
        write_table(rows, rows_path, schemas.EVIDENCE)
        logger.info("%s: %s", disease, dict(scores[disease]["status"].value_counts()))


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            evidence=list(snakemake.input.evidence),
            loci=snakemake.input.loci,
            fine_mapping=snakemake.input.fine_mapping,
            genes=snakemake.input.genes,
            gene_sets=list(snakemake.input.gene_sets),
            weights=snakemake.input.weights,
            convergence=list(snakemake.output.convergence),
            convergence_tsv=list(snakemake.output.convergence_tsv),
            convergence_rows=list(snakemake.output.evidence),
            diseases=snakemake.params.diseases,
            gene_types=snakemake.params.gene_types,
            settings=snakemake.params.settings,
        )
