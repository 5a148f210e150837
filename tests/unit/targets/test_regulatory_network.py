from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from target_toys import gene, locus, table

import draw_network
import enrich_gene_sets
import enrich_regulators
from locus2target.core import schemas
from locus2target.core.tables import TableSchema, read_table, write_table
from locus2target.targets.gene_sets import GeneSet, GeneSetFile, build_membership
from locus2target.targets.regulatory_network import q_values_by_name, regulatory_network

GENES = table(schemas.GENES, [gene(name, 1_000 * n) for n, name in enumerate(("AAA", "BBB", "CCC", "DDD"), start=1)])
MEMBERSHIP = build_membership(
    [
        GeneSetFile(
            Path("toy.gmt"),
            (
                GeneSet("S1", "First", "toy", frozenset({"AAA", "BBB"})),
                GeneSet("S2", "Second", "toy", frozenset({"AAA", "BBB", "DDD"})),  # the same shown genes as S1
                GeneSet("S3", "Third", "toy", frozenset({"BBB", "CCC"})),
                GeneSet("S4", "Untested", "toy", frozenset({"AAA", "CCC"})),
                GeneSet("S5", "Fifth", "toy", frozenset({"DDD"})),  # no shown gene
                GeneSet("S6", "Sixth", "toy", frozenset({"CCC"})),
            ),
            {},
        )
    ],
    GENES,
    min_genes=1,
)
RANKED = table(
    schemas.RANKED_GENES,
    [
        {"gene_id": f"ENSG_{name}", "gene_symbol": name, "probability": probability, "gene_rank": rank}
        for rank, (name, probability) in enumerate([("AAA", 0.9), ("BBB", 0.6), ("CCC", 0.3), ("DDD", 0.05)], start=1)
    ],
)
ENRICHMENT = table(
    schemas.GENE_SET_ENRICHMENT,
    [
        *(
            {"gene_set": name, "gene_set_name": title, "source": "toy", "p_value": p, "q_value": 2 * p, "status": "ok"}
            for name, title, p in (
                ("S5", "Fifth", 0.001),
                ("S1", "First", 0.01),
                ("S2", "Second", 0.02),
                ("S3", "Third", 0.03),
                ("S6", "Sixth", 0.4),
            )
        ),
        {"gene_set": "S4", "gene_set_name": "Untested", "source": "toy", "status": "too_few_loci", "reason": "why"},
    ],
)
REGULATORS = table(
    schemas.REGULATORS,
    [
        {"regulator": "SPI1/ELF1", "family": "ETS", "p_value": 0.01, "q_value": 0.04, "status": "ok"},
        {"regulator": "JUN", "family": "AP-1", "p_value": 0.3, "q_value": 0.5, "status": "ok"},
        {"regulator": "REST", "family": "REST", "status": "too_few_changes", "reason": "1 scored variants change"},
    ],
)


def evidence(name: str, variants: str | None, *, source: str = "colocalization_eqtl", **cells: Any) -> dict[str, Any]:
    return {
        "gene_id": f"ENSG_{name}",
        "gene_symbol": name,
        "locus": "L1",
        "source": source,
        "log_odds": 1.0,
        "variants": variants,
        "status": "ok",
        **cells,
    }


EVIDENCE = table(
    schemas.EVIDENCE,
    [
        evidence("AAA", "1:1:A:G,1:2:A:G"),
        evidence("AAA", "1:2:A:G", source="enhancer_gene_link"),  # again: counts once
        evidence("AAA", "1:3:A:G", source="distance"),
        evidence("AAA", "1:3:A:G", source="coding_consequence"),
        evidence("BBB", "1:1:A:G", log_odds=-1.0),
        evidence("BBB", "1:4:A:G", source="open_chromatin"),
        evidence("BBB", None),
        evidence("CCC", "1:5:A:G"),
        evidence("DDD", "1:1:A:G"),  # not shown: too improbable
    ],
)
CREDIBLE_SETS = table(
    schemas.CREDIBLE_SETS,
    [
        {"locus": "L1", "variant": f"1:{n}:A:G", "pip": pip}
        for n, pip in ((1, 0.5), (2, 0.2), (3, 0.9), (4, 0.3), (5, 0.01), (6, None))
    ],
)


def change(variant: str, family: str, value: float = 2.0) -> dict[str, Any]:
    return {
        "variant": variant,
        "scorer": "motif_rank_change",
        "track": f"{family} MA0001.1",
        "track_group": family,
        "value": value,
        "status": "ok",
    }


EFFECTS = table(
    schemas.VARIANT_EFFECTS,
    [
        change("1:1:A:G", "ETS"),
        change("1:2:A:G", "ETS", -1.5),
        change("1:2:A:G", "AP-1"),
        change("1:3:A:G", "AP-1"),
        change("1:4:A:G", "AP-1", 0.5),  # less than tenfold
        change("1:4:A:G", "REST"),
        change("1:5:A:G", "ETS"),
    ],
)


def network(**changes: Any) -> pd.DataFrame:
    inputs = {
        "regulators": REGULATORS,
        "enrichment": ENRICHMENT,
        "ranked_genes": RANKED,
        "evidence": EVIDENCE,
        "credible_sets": CREDIBLE_SETS,
        "variant_effects": EFFECTS,
        "membership": MEMBERSHIP,
        "genes": GENES,
    }
    return regulatory_network(**(inputs | {"disease": "some_disease"} | changes))


def test_edges_of_a_toy() -> None:
    edges = network()
    columns = ["from_kind", "from_name", "to_kind", "to_name", "weight", "variants"]
    expected = [
        ["regulator", "SPI1/ELF1", "gene", "AAA", pytest.approx(0.7), "1:1:A:G,1:2:A:G"],
        ["regulator", "JUN", "gene", "AAA", pytest.approx(0.2), "1:2:A:G"],
        ["regulator", "REST", "gene", "BBB", pytest.approx(0.3), "1:4:A:G"],
        ["gene", "AAA", "gene_set", "First", 0.9, None],
        ["gene", "BBB", "gene_set", "First", 0.6, None],
        ["gene", "BBB", "gene_set", "Third", 0.6, None],
        ["gene", "CCC", "gene_set", "Third", 0.3, None],
        ["gene", "CCC", "gene_set", "Sixth", 0.3, None],
    ]
    found = edges[columns].astype(object).where(edges[columns].notna(), None)
    assert found.to_numpy().tolist() == expected
    assert set(edges["disease"]) == {"some_disease"}


def test_details_say_what_was_tested() -> None:
    details = network()["detail"].tolist()
    assert details[0] == (
        "2 variants (PIP 0.7) of the evidence for AAA change a motif of SPI1/ELF1; its enrichment has p 0.01 and q 0.04"
    )
    assert details[1].startswith("a variant (PIP 0.2) of the evidence for AAA changes a motif of JUN;")
    assert details[2].endswith("its enrichment was not tested: 1 scored variants change")
    assert details[3] == ("AAA (probability 0.9) belongs to First (toy S1); its enrichment has p 0.01 and q 0.02")


def test_limits_keep_the_best() -> None:
    edges = network(max_genes=2, max_regulators=1, max_sets=1)
    assert edges[["from_name", "to_name"]].to_numpy().tolist() == [
        ["SPI1/ELF1", "AAA"],
        ["AAA", "First"],
        ["BBB", "First"],
    ]
    assert set(network(min_mass=0.25)["from_name"]) == {"SPI1/ELF1", "REST", "AAA", "BBB", "CCC"}
    assert network(min_probability=0.95).empty


def test_order_of_the_inputs_does_not_matter() -> None:
    turned = network(
        evidence=EVIDENCE.iloc[::-1],
        credible_sets=CREDIBLE_SETS.iloc[::-1],
        variant_effects=EFFECTS.iloc[::-1],
        regulators=REGULATORS.iloc[::-1],
    )
    pd.testing.assert_frame_equal(turned, network())


def test_without_gene_sets_and_scores_there_are_no_edges(tmp_path: Path) -> None:
    edges = network(
        regulators=table(schemas.REGULATORS, [{"regulator": "none", "status": "not_scored"}]),
        enrichment=schemas.GENE_SET_ENRICHMENT.empty(),
        variant_effects=schemas.VARIANT_EFFECTS.empty(),
        membership=build_membership([], GENES),
    )
    assert edges.empty
    write_table(edges, tmp_path / "edges.parquet", schemas.NETWORK_EDGES)


def test_q_values_are_those_of_tested_nodes() -> None:
    assert q_values_by_name(REGULATORS, ENRICHMENT.head(2)) == {
        "SPI1/ELF1": 0.04,
        "JUN": 0.5,
        "Fifth": 0.002,
        "First": 0.02,
    }


def stored(folder: Path, frame: pd.DataFrame, schema: TableSchema) -> str:
    path = folder / f"{schema.name}.parquet"
    write_table(frame, path, schema)
    return str(path)


def test_steps_hand_over_one_disease(tmp_path: Path) -> None:
    """The three scripts on files: two loci of the disease, and one of another that stays out."""
    other = {"disease": "another"}
    loci = [locus(), locus("L2", start=5_000_000, end=6_000_000), locus("L3", start=0, end=9_000_000) | other]
    candidates = [
        {"locus": where, "gene_id": f"ENSG_{name}", "gene_symbol": name, "probability_local": probability}
        for where, name, probability in (("L1", "AAA", 0.6), ("L1", "BBB", 0.2), ("L2", "CCC", 0.5), ("L2", "DDD", 0.1))
    ]
    variants = CREDIBLE_SETS.assign(disease="some_disease", study="S", status="ok")
    foreign = variants.assign(disease="another", locus="L3", pip=1.0)
    gmt = tmp_path / "toy.gmt"
    gmt.write_text("S1\ttoy | First\tAAA\tCCC\nS2\ttoy | Second\tBBB\tDDD\n")
    scores = [{"variant": f"1:{n}:A:G", "scorer": "motif_max_rank_change", "status": "ok"} for n in range(1, 6)]
    effects = pd.concat([table(schemas.VARIANT_EFFECTS, scores), EFFECTS], ignore_index=True)
    inputs = {
        "loci": [stored(tmp_path, table(schemas.LOCI, loci), schemas.LOCI)],
        "genes": stored(tmp_path, GENES, schemas.GENES),
        "variants": [stored(tmp_path, pd.concat([variants, foreign]), schemas.CREDIBLE_SETS)],
        "effects": [stored(tmp_path, effects, schemas.VARIANT_EFFECTS)],
    }
    sizes = {"min_genes": 1, "max_genes": 10}
    settings = sizes | {"permutations": 50, "seed": 1}
    files = ("sets", "sets.tsv", "tfs", "tfs.tsv", "net", "net.tsv", "net.svg", "net.png")
    paths = {name: str(tmp_path / name) for name in files}
    enrich_gene_sets.main(
        locus_genes=stored(tmp_path, table(schemas.LOCUS_GENES, candidates), schemas.LOCUS_GENES),
        loci=inputs["loci"],
        genes=inputs["genes"],
        gene_sets=[str(gmt)],
        enrichment=paths["sets"],
        enrichment_tsv=paths["sets.tsv"],
        disease="some_disease",
        settings=settings,
    )
    enrich_regulators.main(
        credible_sets=inputs["variants"],
        loci=inputs["loci"],
        variant_effects=inputs["effects"],
        regulators=paths["tfs"],
        regulators_tsv=paths["tfs.tsv"],
        disease="some_disease",
        settings=settings,
    )
    draw_network.main(
        regulators=paths["tfs"],
        enrichment=paths["sets"],
        ranked_genes=stored(tmp_path, RANKED, schemas.RANKED_GENES),
        evidence=stored(tmp_path, EVIDENCE, schemas.EVIDENCE),
        credible_sets=inputs["variants"],
        variant_effects=inputs["effects"],
        genes=inputs["genes"],
        gene_sets=[str(gmt)],
        edges=paths["net"],
        edges_tsv=paths["net.tsv"],
        figure=paths["net.svg"],
        figure_png=paths["net.png"],
        disease="some_disease",
        settings=sizes,
    )
    sets = read_table(paths["sets"], schemas.GENE_SET_ENRICHMENT)
    assert sets[["gene_set", "observed"]].to_numpy().tolist() == [["S1", 1.1], ["S2", pytest.approx(0.3)]]
    factors = read_table(paths["tfs"], schemas.REGULATORS)
    assert set(factors["status"]) == {"too_few_variants"}
    assert set(factors["n_variants"]) == {5}
    edges = read_table(paths["net"], schemas.NETWORK_EDGES)
    assert edges.loc[edges["to_name"] == "First", "from_name"].tolist() == ["AAA", "CCC"]
    assert edges["weight"].max() == 0.9  # the other disease's PIPs of 1 stay out
    assert pd.read_csv(paths["net.tsv"], sep="\t")["from_name"].tolist() == edges["from_name"].tolist()
    assert "First" in Path(paths["net.svg"]).read_text()
    assert Path(paths["net.png"]).read_bytes().startswith(b"\x89PNG")
