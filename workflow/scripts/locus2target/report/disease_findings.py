"""What the loci of one disease say together: cell types and tissues, gene sets, transcription factors."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from locus2target.core.tables import records
from locus2target.report.formats import format_words, plural
from locus2target.report.run_tables import RunTables
from locus2target.report.tables import Table, TableColumn, build_table

_MAX_Q = 0.05  # of what the page calls significant
_BEST = 10  # rows shown where nothing is significant
_MOST = 50  # rows shown where much is

_P_VALUE = TableColumn("p_value", "p", "number", "one-sided, of the observed value or more in the comparison")
_STATUS = (TableColumn("status", "Status", "badge"), TableColumn("reason", "Why", "long"))
_CONTEXT_COLUMNS = (
    TableColumn("context", "Cell type or tissue"),
    TableColumn("kind", "Seen in"),
    TableColumn("fold", "Fold", "number", "(observed + 0.5) / (expected + 0.5)"),
    _P_VALUE,
    TableColumn("q_value", "q", "number", "Benjamini-Hochberg over the disease's contexts of the kind"),
    TableColumn("relevance", "Relevance", "number", "factor of this context's evidence in the ranking, 0 to 1"),
    TableColumn("observed", "Observed", "number", "PIP mass in the context; for QTL the largest H4, summed over loci"),
    TableColumn("expected", "Expected", "number", "mean over the comparisons"),
    TableColumn("background_sd", "SD", "number", "standard deviation over the comparisons"),
    TableColumn("n_loci", "Loci", "count", "loci that the comparison rests on"),
    *_STATUS,
)
_GENE_SET_COLUMNS = (
    TableColumn("gene_set_name", "Gene set", "long"),
    TableColumn("gene_set", "Identifier", export_only=True),
    TableColumn("source", "Source"),
    TableColumn("fold", "Fold", "number", "observed / expected"),
    _P_VALUE,
    TableColumn("q_value", "q", "number", "Benjamini-Hochberg over the disease's tested sets"),
    TableColumn("observed", "Observed", "number", "summed probability of the members, at most 1 per locus"),
    TableColumn("expected", "Expected", "number", "mean over the permutations"),
    TableColumn("n_loci", "Loci", "count", "independent loci with a member among their candidates"),
    TableColumn("n_genes", "Genes", "count", "members in the gene annotation"),
    TableColumn("genes", "Members among the candidates", "long", "most probable first"),
)
_REGULATOR_COLUMNS = (
    TableColumn("regulator", "Transcription factors", "long", "of the family whose motifs change, most PIP first"),
    TableColumn("family", "Motif family"),
    TableColumn("z_score", "z", "number", "(observed - expected) / standard deviation"),
    _P_VALUE,
    TableColumn("q_value", "q", "number", "Benjamini-Hochberg over the disease's tested families"),
    TableColumn("observed", "Observed", "number", "share of the PIP on variants that change a motif of the family"),
    TableColumn("expected", "Expected", "number", "mean over the permutations"),
    TableColumn("background_sd", "SD", "number", "standard deviation over the permutations"),
    TableColumn("n_variants", "Variants", "count", "scored variants of the disease"),
    TableColumn("variants", "Variants that contribute most", "variants"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One section of a disease: what was asked, what came out, the table, and what not to conclude.

    `name` is its id within the disease.
    """

    name: str
    heading: str
    definition: str
    result: str
    table: Table
    cautions: tuple[str, ...]


def disease_findings(tables: RunTables, disease: str) -> tuple[Finding, ...]:
    """Everything that the loci of one disease say together."""
    contexts, gene_sets, regulators = (
        frame[frame["disease"] == disease]
        for frame in (tables.context_enrichment, tables.gene_set_enrichment, tables.regulators)
    )
    return context_finding(contexts), gene_set_finding(gene_sets), regulator_finding(regulators)


def context_finding(contexts: pd.DataFrame) -> Finding:
    """Cell types and tissues of one disease, all of them (rows of CONTEXT_ENRICHMENT)."""
    rows = [{**row, "kind": format_words(row["kind"])} for row in records(_by_p_value(contexts, ["kind", "context"]))]
    return Finding(
        name="contexts",
        heading="Cell types and tissues",
        definition=(
            "Which contexts hold more of the disease's signals than chance would give them. For open chromatin and "
            "enhancers, the observed value is the PIP mass of credible-set variants inside; the null moves each "
            "credible set as a whole within its locus, to places as near to a transcription start. For QTL it is the "
            "largest colocalization posterior H4 at each locus, summed; the null exchanges H4 between the tissues in "
            "which the same gene was tested. Overlapping loci count once."
        ),
        result=_result(contexts, "context", "contexts"),
        table=build_table(rows, _CONTEXT_COLUMNS, filename=_filename("contexts", contexts)),
        cautions=(
            "Contexts that share elements or cell composition cannot be told apart: an enriched tissue may stand for "
            "a related one that was not measured.",
            "All contexts can be enriched together, since regulatory DNA as a whole is. A QTL tissue with more donors "
            "colocalizes more often with every disease.",
            "A context without enrichment is not excluded: few loci seldom suffice. Its evidence counts by the "
            "relevance shown; each gene has its probability with all contexts counted alike beside it.",
        ),
    )


def gene_set_finding(gene_sets: pd.DataFrame) -> Finding:
    """Significant gene sets of one disease, else the best (rows of GENE_SET_ENRICHMENT)."""
    top = _top(gene_sets, ["gene_set_name", "gene_set"])
    return Finding(
        name="gene_sets",
        heading="Gene sets",
        definition=(
            "Which pathways have more probable targets than their neighbours at the same loci. The observed value is "
            "the summed probability of a set's members, at most 1 for each independent locus, with the probabilities "
            "that leave convergence out, since convergence rates genes by the same sets. The null deals the "
            "probabilities of each locus anew among its own candidates, so that large loci and clusters of related "
            "genes give no enrichment."
        ),
        result=_result(gene_sets, "gene set", "gene sets", shown=len(top)),
        table=build_table(records(top), _GENE_SET_COLUMNS, filename=_filename("gene_sets", gene_sets)),
        cautions=(
            "Sets overlap: several significant ones may be one finding. The members at your loci, not the set's name, "
            "are what the test saw.",
            "An enriched set does not make each of its members a target, and a set without enough loci was not tested.",
        ),
    )


def regulator_finding(regulators: pd.DataFrame) -> Finding:
    """Significant motif families of one disease, else the best (rows of REGULATORS)."""
    top = _top(regulators, ["family", "regulator"])
    return Finding(
        name="regulators",
        heading="Transcription factors",
        definition=(
            "Whose motifs the probably causal variants change more than their neighbours do. Motifs are tested by "
            "family, since factors of one family share them. The observed value is the share of the PIP that lies on "
            "variants that change a motif of the family at least tenfold in p-value; the null deals the PIPs of each "
            "locus anew among its scored variants. Overlapping loci count once."
        ),
        result=_result(regulators, "motif family", "motif families", shown=len(top)),
        table=build_table(records(top), _REGULATOR_COLUMNS, filename=_filename("regulators", regulators)),
        cautions=(
            "A motif stands for a family: which of its factors binds, and whether it is expressed where it counts, is "
            "not known from sequence.",
            "Causal variants may lie in open chromatin or CpG islands more often than their neighbours: motifs that "
            "are common there come out too.",
        ),
    )


def _by_p_value(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Smallest p first, ties by name; what was not tested comes last."""
    return frame.sort_values(["p_value", *names], na_position="last", kind="stable")


def _top(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The significant rows, or the best tested ones where none is."""
    ordered = _by_p_value(frame[frame["q_value"].notna()], names)
    significant = ordered[ordered["q_value"] <= _MAX_Q]
    return ordered.head(_BEST) if significant.empty else significant.head(_MOST)


def _result(frame: pd.DataFrame, noun: str, nouns: str, *, shown: int | None = None) -> str:
    """How many were tested, how many are significant, how many of them are shown, and why others were not tested."""
    tested = frame[frame["q_value"].notna()]
    n_significant = int((tested["q_value"] <= _MAX_Q).sum())
    counted = plural(len(tested), f"tested {noun}", f"tested {nouns}")
    if frame.empty:
        sentences = [f"This run has no {noun} to test."]
    elif tested.empty:
        sentences = [f"No {noun} could be tested."]
    elif n_significant:
        sentences = [f"{n_significant} of {counted} with q ≤ {_MAX_Q}."]
    else:
        sentences = [f"None of {counted} is significant (q ≤ {_MAX_Q})."]
    if shown is not None and len(tested) > shown:
        kind = "most significant" if n_significant else "best, which chance alone can explain"
        sentences.append(f"Shown: the {shown} {kind}.")
    return " ".join([*sentences, *_untested(frame[frame["q_value"].isna()])])


def _untested(frame: pd.DataFrame) -> list[str]:
    """How many were not tested by status, with one reason as an example."""
    counts = frame["status"].value_counts()
    if counts.empty:
        return []
    statuses = ", ".join(f"{status} ({count})" for status, count in counts.items())
    return [f"Not tested: {statuses}; for example: {str(frame['reason'].iloc[0]).rstrip('.')}."]


def _filename(name: str, frame: pd.DataFrame) -> str:
    return "-".join([name, *frame["disease"].unique()]) + ".tsv"
