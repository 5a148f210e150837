"""The two steps on files: what one writes the other reads, and other diseases stay out."""

from pathlib import Path

import pandas as pd
from target_toys import LEAD, WEIGHTS, coloc, effect, fit, gene, locus, table, variant

import assemble_evidence
import rank_genes
from locus2target.core import schemas
from locus2target.core.tables import TableSchema, read_table, write_table

SETTINGS = {
    "gene_types": ["protein_coding"],
    "candidate_window_bp": 500_000,
    "confident_probability": 0.5,
    "in_prior": [],
    "posterior_threshold": 0.8,
}
NO_FILES = {"open_chromatin": None, "enhancer_gene_links": None, "coding_consequences": None}


def stored(folder: Path, schema: TableSchema, rows: list[dict[str, object]]) -> str:
    path = folder / f"{schema.name}.parquet"
    write_table(table(schema, rows), path, schema)
    return str(path)


def test_steps_hand_over_one_disease(tmp_path: Path) -> None:
    other = {"locus": "L9", "disease": "another"}
    loci = [locus(), locus("L2", status="mhc", start=25_000_000, end=34_000_000), locus() | other]
    fits = [fit(), fit("L2", method="none", status="mhc"), fit() | other]
    inputs = {
        "loci": [stored(tmp_path, schemas.LOCI, loci)],
        "fine_mapping": [stored(tmp_path, schemas.FINE_MAPPING, fits)],
    }
    assemble_evidence.main(
        **inputs,
        credible_sets=[
            stored(tmp_path, schemas.CREDIBLE_SETS, [variant(1_000_000, 0.9), variant(1_000_000, 0.9) | other])
        ],
        signals=[
            stored(
                tmp_path,
                schemas.SIGNALS,
                [{"locus": "L1", "disease": "some_disease", "primary": True, "lead_variant": LEAD}],
            )
        ],
        colocalization=[
            stored(tmp_path, schemas.COLOCALIZATION, [coloc("TARGET", 0.99), coloc("NEAREST", 0.9) | other])
        ],
        cis_effects=[stored(tmp_path, schemas.CIS_EFFECTS, [])],
        variant_effects=[stored(tmp_path, schemas.VARIANT_EFFECTS, [effect(1_000_000, status="no_sequence")])],
        genes=stored(tmp_path, schemas.GENES, [gene("NEAREST", 1_005_000), gene("TARGET", 1_100_000)]),
        exons=stored(tmp_path, schemas.EXONS, []),
        annotations=NO_FILES,
        weights=str(WEIGHTS),
        evidence=str(tmp_path / "evidence.parquet"),
        disease="some_disease",
        settings=SETTINGS,
    )
    rank_genes.main(
        **inputs,
        evidence=str(tmp_path / "evidence.parquet"),
        weights=str(WEIGHTS),
        locus_genes=str(tmp_path / "locus_genes.parquet"),
        ranked_genes=str(tmp_path / "ranked.parquet"),
        ranked_tsv=str(tmp_path / "ranked.tsv"),
        disease="some_disease",
        settings=SETTINGS,
    )
    evidence = read_table(tmp_path / "evidence.parquet", schemas.EVIDENCE)
    assert set(evidence["locus"]) == {"L1"}
    locus_genes = read_table(tmp_path / "locus_genes.parquet", schemas.LOCUS_GENES)
    assert locus_genes[["locus", "gene_id"]].to_numpy().tolist()[-1] == ["L2", "none"]
    assert locus_genes["status"].tolist()[-1] == "mhc"
    ranked = read_table(tmp_path / "ranked.parquet", schemas.RANKED_GENES)
    assert ranked["gene_symbol"].tolist() == ["TARGET", "NEAREST"]
    people = pd.read_csv(tmp_path / "ranked.tsv", sep="\t")
    assert people.columns[: len(schemas.RANKED_GENES.names)].tolist() == schemas.RANKED_GENES.names
    assert (people["motif_change"] == 0).all()
    assert people["colocalization_eqtl"][0] > 2
