"""The step on files: two diseases that share a pathway with themselves, not with each other."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from target_toys import WEIGHTS, fit, gene, locus, table

import converge_loci
from locus2target.core import schemas
from locus2target.core.tables import TableSchema, read_table, write_table
from locus2target.targets.weights import read_weights

DISEASES = ("one", "two")


def stored(path: Path, schema: TableSchema, rows: list[dict[str, Any]]) -> str:
    write_table(table(schema, rows), path, schema)
    return str(path)


def ran(folder: Path, *, enabled: bool = True, min_loci: int = 1) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Scores and evidence by disease.

    Genes P1 to P5 are a set; each disease has a P and a Q at loci of chromosomes 1 to 3, disease `one` points at P.
    """
    places = {f"{disease}_{number}": (disease, number) for disease in DISEASES for number in (1, 2, 3)}
    names = [(letter, number) for number in range(1, 6) for letter in "PQ"]
    genes = [gene(f"{letter}{number}", 1_000_000) | {"chromosome": str(number)} for letter, number in names]
    genes.append(gene("RNA", 1_000_000, kind="lincRNA"))
    evidence = {
        disease: [
            {
                "disease": disease,
                "locus": name,
                "gene_id": f"ENSG_{letter}{number}",
                "gene_symbol": f"{letter}{number}",
                "source": "distance",
                "log_odds": 0.0,  # contexts alike are what counts
                "log_odds_unweighted": (2.0 if disease == "one" else -2.0) * (letter == "P"),
                "status": "ok",
            }
            for name, (owner, number) in places.items()
            if owner == disease
            for letter in "PQ"
        ]
        for disease in DISEASES
    }
    (folder / "sets.gmt").write_text("p\ttoy | The P genes\tP1\tP2\tP3\tP4\tP5\n")
    outputs = {
        name: [str(folder / f"{disease}.{ending}") for disease in DISEASES]
        for name, ending in (
            ("convergence", "parquet"),
            ("convergence_tsv", "tsv"),
            ("convergence_rows", "rows.parquet"),
        )
    }
    converge_loci.main(
        evidence=[
            stored(folder / f"{disease}.in.parquet", schemas.EVIDENCE, evidence[disease]) for disease in DISEASES
        ],
        loci=[
            stored(
                folder / "loci.parquet",
                schemas.LOCI,
                [locus(name) | {"disease": disease, "chromosome": str(n)} for name, (disease, n) in places.items()],
            )
        ],
        fine_mapping=[
            stored(
                folder / "fits.parquet",
                schemas.FINE_MAPPING,
                [fit(name) | {"disease": disease} for name, (disease, _) in places.items()],
            )
        ],
        genes=stored(folder / "genes.parquet", schemas.GENES, genes),
        gene_sets=[str(folder / "sets.gmt")],
        weights=str(WEIGHTS),
        diseases=list(DISEASES),
        gene_types=["protein_coding"],
        settings={"enabled": enabled, "min_loci": min_loci},
        **outputs,
    )
    scores = [read_table(path, schemas.CONVERGENCE) for path in outputs["convergence"]]
    for path, expected in zip(outputs["convergence_tsv"], scores, strict=True):
        assert pd.read_csv(path, sep="\t")["strongest"].tolist() == pytest.approx(expected["strongest"].tolist())
    rows = [read_table(path, schemas.EVIDENCE) for path in outputs["convergence_rows"]]
    return {
        disease: (one.set_index("gene_symbol"), other.set_index("gene_symbol"))
        for disease, one, other in zip(DISEASES, scores, rows, strict=True)
    }


def test_each_disease_has_its_own_scores_and_rows(tmp_path: Path) -> None:
    found = ran(tmp_path)
    for disease, (scores, rows) in found.items():
        assert set(scores.index) == set(rows.index) == {f"{letter}{number}" for letter in "PQ" for number in (1, 2, 3)}
        assert (scores["disease"] == disease).all()
        assert (rows["disease"] == disease).all()
        assert rows["locus"].str.startswith(disease).all()
    scores, rows = found["one"]
    # two genes at odds of exp(2) to 1, beside `none` at its prior
    odds = np.array([np.exp(2) / 2, 1 / 2, np.exp(read_weights(WEIGHTS).log_odds("prior", "none"))])
    local = odds[0] / odds.sum()
    assert scores.loc["P1", "partners"] == f"P2 ({local:.2f}), P3 ({local:.2f})"
    # two chromosomes elsewhere with a P and a Q each; the other disease points at Q: it resembles this one nowhere
    own = np.array([local, odds[1] / odds.sum()] * 2)
    expected = own.mean() * 2
    assert scores.loc["P1", "strongest"] == pytest.approx(
        np.log1p((2 * local - expected) / np.sqrt(expected + 0.5)), rel=1e-9
    )
    assert scores.loc["P1", "gene_set_name"] == "The P genes"
    assert scores.loc["Q1", "status"] == "in_no_set"
    assert rows.loc["P1", "log_odds"] > 0 > rows.loc["Q1", "log_odds"]
    # the other disease's loci point at Q, which are in no set
    assert (found["two"][0]["status"] == "in_no_set").all()
    assert (found["two"][1]["log_odds"] == 0).all()


def test_settings_reach_the_rows(tmp_path: Path) -> None:
    _, rows = ran(tmp_path, enabled=False)["one"]
    assert (rows["status"] == "switched_off").all()
    assert (rows["log_odds"] == 0).all()
    scores, _ = ran(tmp_path, min_loci=3)["one"]
    assert (scores["status"] == "too_few_loci").all()
