"""The step on files: every disease's ranking goes in, one disease's table and its copy for people come out."""

from pathlib import Path

import pandas as pd
from target_toys import table

import annotate_targets
from locus2target.core import schemas
from locus2target.core.tables import TableSchema, read_table, write_table
from locus2target.targets.weights import SOURCES

DRUGS = "gene\tdrug\tphase\nFIRST\twonderdrug\t4\nNOWHERE\tx\t1\n"


def stored(path: Path, schema: TableSchema, rows: list[dict[str, object]]) -> str:
    write_table(table(schema, rows), path, schema)
    return str(path)


def ranked(folder: Path, disease: str, **probabilities: float) -> str:
    rows = [
        {
            "disease": disease,
            "gene_rank": rank,
            "gene_id": f"ENSG_{name}",
            "gene_symbol": name,
            "probability": probability,
            "parts": "prior=-0.7;distance=1.25",
        }
        for rank, (name, probability) in enumerate(probabilities.items(), start=1)
    ]
    return stored(folder / f"{disease}.parquet", schemas.RANKED_GENES, rows)


def run(folder: Path, annotations: dict[str, str | None]) -> tuple[pd.DataFrame, pd.DataFrame]:
    direction = {
        "gene_id": "ENSG_FIRST",
        "direction": 1.0,
        "reliability": "single",
        "statement": "More, more.",
        "n_agree": 1,
    }
    own = {"disease": "gout", "gene_id": "ENSG_FIRST", "source": "colocalization_eqtl", "value": 0.9, "log_odds": 2.0}
    genes = [{"gene_id": f"ENSG_{name}", "gene_symbol": name} for name in ("FIRST", "SECOND", "THIRD")]
    annotate_targets.main(
        ranked_genes=[ranked(folder, "asthma", FIRST=0.8, THIRD=0.7), ranked(folder, "gout", SECOND=0.6, FIRST=0.3)],
        evidence=stored(folder / "evidence.parquet", schemas.EVIDENCE, [own]),
        gene_directions=stored(
            folder / "directions.parquet",
            schemas.GENE_DIRECTIONS,
            # another disease's direction must not be taken for this one's
            [{**direction, "disease": "gout"}, {**direction, "disease": "asthma", "direction": -1.0}],
        ),
        genes=stored(folder / "genes.parquet", schemas.GENES, genes),
        annotations=annotations,
        targets=str(folder / "targets.parquet"),
        targets_tsv=str(folder / "targets.tsv"),
        disease="gout",
        settings={"confident_probability": 0.5},
    )
    return read_table(folder / "targets.parquet", schemas.TARGETS), pd.read_csv(folder / "targets.tsv", sep="\t")


def test_one_table_per_disease(tmp_path: Path) -> None:
    drugs = tmp_path / "drugs.tsv"
    drugs.write_text(DRUGS)
    targets, copy = run(tmp_path, {"tractability": None, "known_drugs": str(drugs), "safety_constraint": None})
    second, first = targets.to_dict("records")
    assert (second["gene_symbol"], second["modulation"], second["n_other_diseases"]) == ("SECOND", "unknown", 0)
    assert (first["modulation"], first["modulation_reliability"]) == ("inhibit", "moderate")
    assert first["other_diseases"] == "asthma (0.80, direction unknown)"
    assert first["known_drugs"] == "wonderdrug (phase 4)"
    assert list(copy.columns) == [*schemas.TARGETS.names, "prior", *SOURCES]
    assert copy["distance"].tolist() == [1.25, 1.25]


def test_annotations_change_nothing_else(tmp_path: Path) -> None:
    drugs = tmp_path / "drugs.tsv"
    drugs.write_text(DRUGS)
    annotated, _ = run(tmp_path, {"known_drugs": str(drugs)})
    bare, _ = run(tmp_path, {})
    pd.testing.assert_frame_equal(
        annotated.drop(columns="known_drugs"), bare.drop(columns="known_drugs"), check_exact=True
    )
