import pandas as pd
import pytest
from target_toys import LEAD, coloc, fit, gene, locus, table

from locus2target.core import schemas
from locus2target.targets.candidates import find_candidates, locus_states


def find(
    genes: list[dict[str, object]],
    pairs: list[dict[str, object]] | None = None,
    types: tuple[str, ...] = ("protein_coding",),
):  # type: ignore[no-untyped-def]
    pairs_table = table(schemas.COLOCALIZATION, [] if pairs is None else pairs)
    return find_candidates([LEAD], table(schemas.GENES, genes), pairs_table, gene_types=types, window_bp=500_000)


def test_window_reaches_the_gene_body_and_is_inclusive() -> None:
    ends_at = {"IN_LEFT": 500_000, "OUT_LEFT": 499_999}  # last base of the body; lead at 1,000,000
    genes = [{**gene(name, 400_000), "end": end} for name, end in ends_at.items()]
    genes += [gene("IN_RIGHT", 1_500_000), gene("OUT_RIGHT", 1_500_001), gene("OVER", 900_000, length=300_000)]
    assert find(genes).genes["gene_symbol"].tolist() == ["IN_LEFT", "IN_RIGHT", "OVER"]


def test_genes_near_any_signal_of_the_locus_compete() -> None:
    genes = table(schemas.GENES, [gene("FIRST", 1_100_000), gene("SECOND", 2_400_000), gene("FAR", 3_000_000)])
    nothing = table(schemas.COLOCALIZATION, [])
    leads = [LEAD, "1:2000000:A:G"]
    found = find_candidates(leads, genes, nothing, gene_types=["protein_coding"], window_bp=500_000)
    assert set(found.genes["gene_symbol"]) == {"FIRST", "SECOND"}


def test_genes_of_other_chromosomes_are_not_near() -> None:
    found = find([{**gene("ELSEWHERE", 1_000_000), "chromosome": "2"}])
    assert found.genes.empty
    assert found.excluded.empty


def test_excluded_genes_say_why() -> None:
    found = find(
        [gene("GOOD", 1_000_000), gene("MYSTERY", 1_100_000, kind="unknown"), gene("RNA", 990_000, kind="lincRNA")]
    )
    assert found.genes["gene_symbol"].tolist() == ["GOOD"]
    reasons = dict(zip(found.excluded["gene_symbol"], found.excluded["reason"], strict=True))
    assert reasons == {
        "MYSTERY": "gene type unknown is not one of protein_coding",
        "RNA": "gene type lincRNA is not one of protein_coding",
    }


def test_listed_types_are_candidates() -> None:
    assert len(find([gene("RNA", 990_000, kind="lincRNA")], types=("protein_coding", "lincRNA")).genes) == 1


def test_colocalised_genes_compete_at_any_distance() -> None:
    genes = [gene("FAR", 3_000_000), gene("FAR_WEAK", 4_000_000), gene("FAR_BROKEN", 5_000_000)]
    pairs = [coloc("FAR", 0.6), coloc("FAR_WEAK", 0.4), coloc("FAR_BROKEN", 0.9, status="low_overlap")]
    assert find(genes, pairs).genes["gene_symbol"].tolist() == ["FAR"]


def test_colocalised_gene_without_annotation_is_told() -> None:
    found = find([gene("GOOD", 1_000_000)], [coloc("RETIRED", 0.9)])
    assert found.excluded["gene_id"].tolist() == ["ENSG_RETIRED"]
    assert "not in the gene annotation" in found.excluded["reason"][0]


@pytest.mark.parametrize(
    ("loci", "fits", "expected"),
    [
        ([locus()], [fit()], ("ok", "")),
        ([locus()], [fit(method="abf", status="ld_sparse")], ("ok", "")),
        ([locus(status="mhc")], [fit(method="none", status="mhc")], ("mhc", "why mhc")),
        ([locus(status="too_few_variants")], [], ("too_few_variants", "why too_few_variants")),
        ([locus()], [fit(method="none", status="no_statistics")], ("no_statistics", "why no_statistics")),
        ([locus()], [], ("not_fine_mapped", "fine-mapping left no row for the locus")),
    ],
)
def test_loci_that_cannot_be_ranked_keep_their_reason(
    loci: list[dict[str, object]], fits: list[dict[str, object]], expected: tuple[str, str]
) -> None:
    states = locus_states(table(schemas.LOCI, loci), table(schemas.FINE_MAPPING, fits))
    assert states.to_dict("records") == [{"locus": "L1", "status": expected[0], "reason": expected[1]}]
    assert isinstance(states, pd.DataFrame)


def test_states_come_along_the_genome() -> None:
    """Batches decide in which order the rows of loci come."""
    places = {"x": ("X", 1), "b": ("10", 5), "late": ("2", 900), "early": ("2", 30), "nowhere": ("", 0)}
    loci = [locus(name, start=start) | {"chromosome": chromosome} for name, (chromosome, start) in places.items()]
    states = locus_states(table(schemas.LOCI, loci), table(schemas.FINE_MAPPING, [fit("b"), fit("x")]))
    assert states["locus"].tolist() == ["early", "late", "b", "x", "nowhere"]
