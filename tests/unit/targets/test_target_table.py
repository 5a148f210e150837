from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from target_toys import table

from locus2target.core import schemas
from locus2target.core.tables import read_table, write_table
from locus2target.targets.pleiotropy import other_diseases
from locus2target.targets.ranking import PRIOR, format_parts, part_columns
from locus2target.targets.target_annotations import read_target_annotations
from locus2target.targets.target_table import target_table
from locus2target.targets.weights import SOURCES

N_GENES = 50
GENE_IDS = [f"ENSG{number:011d}" for number in range(N_GENES)]
GENES = pd.DataFrame({"gene_id": GENE_IDS, "gene_symbol": [f"G{number}" for number in range(N_GENES)]})
NO_TEXTS = read_target_annotations({}, GENES).texts


def ranking(disease: str = "gout") -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return table(
        schemas.RANKED_GENES,
        [
            {
                "disease": disease,
                "gene_rank": rank,
                "gene_id": gene_id,
                "gene_symbol": gene_id.replace("ENSG", "S"),
                "probability": rng.random(),
                "probability_local": rng.random(),
                "probability_unweighted": rng.random(),
                "direction": rng.choice([-1.0, 1.0, None]),
                "parts": format_parts({PRIOR: -rng.random(), **{source: rng.normal() for source in SOURCES}}),
            }
            for rank, gene_id in enumerate(GENE_IDS, start=1)
        ],
    )


def modulation(gene_ids: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "gene_id": gene_ids[::-1],
            "modulation": "inhibit",
            "modulation_reliability": "low",
            "modulation_reason": [f"because of {gene_id}" for gene_id in gene_ids[::-1]],
        }
    )


def joined(ranked: pd.DataFrame, annotations: pd.DataFrame) -> pd.DataFrame:
    pleiotropy = other_diseases({"gout": ranked, "asthma": ranking("asthma")}, disease="gout", min_probability=0.5)
    return target_table(ranked, modulation(list(ranked["gene_id"])), pleiotropy, annotations)


@pytest.fixture
def annotated(tmp_path: Path) -> pd.DataFrame:
    drugs = tmp_path / "drugs.tsv"
    drugs.write_text("gene\tdrug\n" + "".join(f"{gene}\tdrug of {gene}\n" for gene in GENE_IDS[::2]))
    constraint = tmp_path / "constraint.tsv"
    constraint.write_text("gene\tpLI\n" + "".join(f"{gene}\t0.99\n" for gene in GENE_IDS[1::2]))
    tractability = tmp_path / "tractability.tsv"
    tractability.write_text("gene\tmodality\tbucket\nG0\tantibody\tApproved Drug\n")
    paths = {"known_drugs": str(drugs), "safety_constraint": str(constraint), "tractability": str(tractability)}
    return joined(ranking(), read_target_annotations(paths, GENES).texts)


def bits(frame: pd.DataFrame) -> dict[str, object]:
    """Every column as raw memory (numbers) or as texts."""
    return {
        str(name): column.to_numpy().tobytes() if column.dtype.kind in "fib" else column.tolist()
        for name, column in frame.items()
    }


def test_ranks_probabilities_and_parts_are_the_same_bits_with_and_without_annotations(annotated: pd.DataFrame) -> None:
    bare = joined(ranking(), NO_TEXTS)
    texts = ["tractability", "known_drugs", "safety_constraint"]
    assert annotated[texts].notna().any().all()
    assert bare[texts].isna().all(axis=None)
    assert bits(part_columns(annotated).drop(columns=texts)) == bits(part_columns(bare).drop(columns=texts))
    assert bits(annotated[schemas.RANKED_GENES.names]) == bits(ranking())
    numeric = ["gene_rank", "probability", "probability_local", "probability_unweighted"]
    assert all(isinstance(bits(annotated)[name], bytes) for name in numeric)


def test_added_columns_belong_to_their_gene(annotated: pd.DataFrame) -> None:
    assert list(annotated.columns) == schemas.TARGETS.names
    assert annotated["modulation_reason"].tolist() == [f"because of {gene_id}" for gene_id in GENE_IDS]
    first_two = annotated[["tractability", "known_drugs", "safety_constraint"]].head(2).fillna("")
    assert first_two.to_numpy().tolist() == [
        ["antibody: Approved Drug", f"drug of {GENE_IDS[0]}", ""],
        ["", "", "pLI 0.99: intolerant of loss of function"],
    ]


def test_table_is_written_and_read_whole(annotated: pd.DataFrame, tmp_path: Path) -> None:
    for name, frame in (("full", annotated), ("empty", joined(ranking().iloc[:0], NO_TEXTS))):
        write_table(frame, tmp_path / f"{name}.parquet", schemas.TARGETS)
        stored = read_table(tmp_path / f"{name}.parquet", schemas.TARGETS)
        pd.testing.assert_frame_equal(stored, frame, check_dtype=False)


def test_parts_become_one_column_each(annotated: pd.DataFrame) -> None:
    columns = part_columns(annotated)[[PRIOR, *SOURCES]]
    assert [format_parts(dict(row)) for row in columns.to_dict("records")] == annotated["parts"].tolist()


def test_disease_without_genes() -> None:
    ranked = ranking().iloc[:0]
    assert joined(ranked, NO_TEXTS).empty


def test_defects_of_the_caller_are_refused() -> None:
    ranked = ranking()
    pleiotropy = other_diseases({"gout": ranked}, disease="gout", min_probability=0.5)
    with pytest.raises(ValueError, match=f"table of modulation lacks 1 ranked genes, the first {GENE_IDS[0]}"):
        target_table(ranked, modulation(GENE_IDS[1:]), pleiotropy, NO_TEXTS)
    with pytest.raises(ValueError, match="table of modulation has a gene twice"):
        target_table(ranked, modulation([*GENE_IDS, GENE_IDS[0]]), pleiotropy, NO_TEXTS)
