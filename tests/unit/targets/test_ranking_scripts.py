"""The two steps on files: what one writes the other reads, and other diseases stay out."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
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
NO_FILES = dict.fromkeys(["open_chromatin", "enhancer_gene_links", "coding_consequences", "gene_constraint"])


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
        contexts=stored(
            tmp_path,
            schemas.CONTEXT_ENRICHMENT,
            [{"disease": "some_disease", "kind": "qtl", "context": "blood", "relevance": 0.5, "status": "ok"}],
        ),
        annotations=NO_FILES,
        weights=str(WEIGHTS),
        evidence=str(tmp_path / "evidence.parquet"),
        disease="some_disease",
        settings=SETTINGS,
    )
    shared_pathway = {
        "disease": "some_disease",
        "locus": "L1",
        "gene_id": "ENSG_TARGET",
        "gene_symbol": "TARGET",
        "source": "convergence",
        "log_odds": 0.6,
        "log_odds_unweighted": 0.6,
        "status": "ok",
    }
    (tmp_path / "convergence").mkdir()
    convergence = stored(tmp_path / "convergence", schemas.EVIDENCE, [shared_pathway])
    names = ("locus_genes", "locus_genes_tsv", "locus_classes", "locus_classes_tsv", "ranked_genes", "ranked_tsv")
    rank_genes.main(
        **inputs,
        evidence=[str(tmp_path / "evidence.parquet"), convergence],
        weights=str(WEIGHTS),
        all_evidence=str(tmp_path / "all_evidence"),
        evidence_tsv=str(tmp_path / "evidence_tsv"),
        **{name: str(tmp_path / name) for name in names},
        disease="some_disease",
        settings=SETTINGS,
    )
    own = read_table(tmp_path / "evidence.parquet", schemas.EVIDENCE)
    evidence = read_table(tmp_path / "all_evidence", schemas.EVIDENCE)
    assert set(evidence["locus"]) == {"L1"}
    pd.testing.assert_frame_equal(evidence.iloc[:-1], own)
    assert evidence.iloc[-1][["source", "log_odds"]].tolist() == ["convergence", 0.6]
    # the only tissue there is: its relevance is a weight among tissues, and one alone has all of it
    told = evidence[evidence["source"] == "colocalization_eqtl"].iloc[0]
    assert told["log_odds"] == pytest.approx(told["log_odds_unweighted"])
    locus_genes = read_table(tmp_path / "locus_genes", schemas.LOCUS_GENES)
    assert locus_genes[["locus", "gene_id"]].to_numpy().tolist()[-1] == ["L2", "none"]
    assert locus_genes["status"].tolist()[-1] == "mhc"
    target = locus_genes.set_index("gene_id").loc["ENSG_TARGET"]
    assert target["probability"] > target["probability_local"]
    classes = read_table(tmp_path / "locus_classes", schemas.LOCUS_CLASSES)
    assert classes[["locus", "locus_class", "n_candidates", "status"]].to_numpy().tolist() == [
        ["L1", "clear", 2, "ok"],
        ["L2", "not_ranked", 0, "mhc"],
    ]
    ranked = read_table(tmp_path / "ranked_genes", schemas.RANKED_GENES)
    assert ranked["gene_symbol"].tolist() == ["TARGET", "NEAREST"]
    assert ranked["probability"][0] == target["probability"]
    people = pd.read_csv(tmp_path / "ranked_tsv", sep="\t")
    assert people.columns[: len(schemas.RANKED_GENES.names)].tolist() == schemas.RANKED_GENES.names
    assert (people["motif_change"] == 0).all()
    assert people["colocalization_eqtl"][0] > 2
    assert people["convergence"].tolist() == [0.6, 0]


def test_evidence_of_loci_in_parts_is_that_of_all_loci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signals of a neighbouring locus count also where that locus is in another part."""
    second = {"locus": "L2", "lead_variant": "1:1799000:A:G"}
    peaks = tmp_path / "peaks.bed"
    peaks.write_text("1\t999990\t1000010\tblood\n1\t1798990\t1799010\tblood\n2\t5\t10\tblood\n")
    exon = {"gene_id": "ENSG_FAR", "chromosome": "1", "start": 1_798_000, "end": 1_800_000}
    inputs: dict[str, Any] = {
        "loci": [stored(tmp_path, schemas.LOCI, [locus(start=1_700_000, end=1_900_000) | second, locus()])],
        "fine_mapping": [stored(tmp_path, schemas.FINE_MAPPING, [fit(), fit("L2")])],
        "credible_sets": [
            stored(tmp_path, schemas.CREDIBLE_SETS, [variant(1_799_000, 0.9) | second, variant(1_000_000, 0.8)])
        ],
        "signals": [stored(tmp_path, schemas.SIGNALS, [])],
        "colocalization": [
            stored(tmp_path, schemas.COLOCALIZATION, [coloc("FAR", 0.99), coloc("NEAR", 0.9) | {"locus": "L2"}])
        ],
        "cis_effects": [stored(tmp_path, schemas.CIS_EFFECTS, [])],
        "variant_effects": [
            stored(tmp_path, schemas.VARIANT_EFFECTS, [effect(p, quantile=0.999) for p in (1_000_000, 1_799_000)])
        ],
        "genes": stored(tmp_path, schemas.GENES, [gene("NEAR", 1_002_000), gene("FAR", 1_400_000)]),
        "exons": stored(tmp_path, schemas.EXONS, [exon]),
        "contexts": stored(tmp_path, schemas.CONTEXT_ENRICHMENT, []),
    }

    def evidence_of(disease: str, loci_at_once: int) -> pd.DataFrame:
        monkeypatch.setattr(assemble_evidence, "_LOCI_AT_ONCE", loci_at_once)
        path = tmp_path / f"{disease}.{loci_at_once}.parquet"
        settled = {"weights": str(WEIGHTS), "disease": disease, "settings": SETTINGS}
        annotations = NO_FILES | {"open_chromatin": str(peaks)}
        assemble_evidence.main(**inputs, **settled, annotations=annotations, evidence=str(path))
        return read_table(path, schemas.EVIDENCE)

    whole, parted = evidence_of("some_disease", 25), evidence_of("some_disease", 1)
    pd.testing.assert_frame_equal(parted, whole)
    assert whole["locus"].drop_duplicates().tolist() == ["L1", "L2"]
    others = whole[(whole["source"] == "other_signals") & (whole["gene_id"] == "ENSG_FAR")]
    assert others.set_index("locus").loc["L1", "value"] == pytest.approx(1.0)
    assert (whole.loc[whole["source"] == "open_chromatin", "value"] > 0).any()
    assert evidence_of("disease without loci", 25).empty


@pytest.mark.parametrize("name", ["evidence_tsv", "locus_genes_tsv", "locus_classes_tsv"])
def test_copies_for_people_say_what_the_tables_say(tmp_path: Path, name: str) -> None:
    """Row by row, numbers to six digits."""
    rows = [
        {"gene_id": f"ENSG_{symbol}", "gene_symbol": symbol, "source": source, "log_odds": log_odds, "status": "ok"}
        | {"disease": "some_disease", "locus": "L1", "log_odds_unweighted": log_odds / 3}
        for symbol, source, log_odds in (
            ("A", "distance", 1 / 3),
            ("A", "colocalization_eqtl", 2 / 7),
            ("B", "distance", -0.1),
        )
    ]
    tables = {
        "evidence_tsv": ("all_evidence", schemas.EVIDENCE),
        "locus_genes_tsv": ("locus_genes", schemas.LOCUS_GENES),
        "locus_classes_tsv": ("locus_classes", schemas.LOCUS_CLASSES),
    }
    rank_genes.main(
        evidence=[stored(tmp_path, schemas.EVIDENCE, rows)],
        loci=[stored(tmp_path, schemas.LOCI, [locus()])],
        fine_mapping=[stored(tmp_path, schemas.FINE_MAPPING, [fit()])],
        weights=str(WEIGHTS),
        **{key: str(tmp_path / key) for pair in tables.items() for key in (pair[0], pair[1][0])},
        ranked_genes=str(tmp_path / "ranked_genes"),
        ranked_tsv=str(tmp_path / "ranked_tsv"),
        disease="some_disease",
        settings=SETTINGS,
    )
    stem, schema = tables[name]
    stored_table = read_table(tmp_path / stem, schema)
    copy = pd.read_csv(tmp_path / name, sep="\t", keep_default_na=False)
    assert copy.columns.tolist() == schema.names
    assert len(copy) == len(stored_table)
    for column in ("log_odds", "log_odds_unweighted", "probability", "top_probability", "none_probability"):
        if column in copy:
            assert copy[column].tolist() == pytest.approx(stored_table[column].tolist(), rel=5e-6)
