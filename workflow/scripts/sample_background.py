"""Sample the background of one sequence model: sizes of its scores over random single-base changes of the genome.

Reads the indexed genome, genes, exons and the model's weights, or the background that the models sheet gives. Writes
`score_background`: for every score, over all tracks and on each track, the sizes that given shares of the background
do not exceed; every batch of variants is compared with it. Beside it `model_scores`, which says what each score is.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.schemas import MODEL_SCORES, SCORE_BACKGROUND
from locus2target.core.tables import read_table, write_table
from locus2target.sequence.background import check_background, sample_background
from locus2target.sequence.effects_table import describe_scores
from locus2target.sequence.job import open_scoring
from locus2target.targets.bed import read_open_chromatin

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    genome: str,
    genes: str,
    exons: str,
    peaks: str | None,
    weights: Sequence[str],
    given: str | None,
    background: str,
    model_scores: str,
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> None:
    elements = None if peaks is None else read_open_chromatin(peaks)
    inputs = {"weights": weights, "genome": genome, "genes": genes, "exons": exons, "peaks": elements}
    with open_scoring(model, settings, **inputs) as scoring:
        if given is not None:
            table = read_table(given, SCORE_BACKGROUND)
            check_background(table, scoring.model, where=given)
        else:
            table = sample_background(scoring, n=settings["background_variants"])
        described = describe_scores(scoring.model)
    write_table(table, background, SCORE_BACKGROUND)
    write_table(described, model_scores, MODEL_SCORES)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            genome=snakemake.input.genome,
            genes=snakemake.input.genes,
            exons=snakemake.input.exons,
            peaks=snakemake.input.peaks or None,
            weights=snakemake.input.weights,
            given=snakemake.input.given or None,
            background=snakemake.output.background,
            model_scores=snakemake.output.model_scores,
            model=snakemake.params.model,
            settings=snakemake.params.settings,
        )
