from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from target_toys import locus, table

from locus2target.core import schemas
from locus2target.core.tables import read_table, write_table
from locus2target.targets.regulators import (
    NOT_SCORED,
    TOO_FEW_CHANGES,
    TOO_FEW_VARIANTS,
    changed_motifs,
    enrich_regulators,
    gather_motif_effects,
    name_families,
    scored_variants,
)


def toy_loci(n: int) -> pd.DataFrame:
    return table(schemas.LOCI, [locus(f"L{i}", start=i * 2_000_000, end=i * 2_000_000 + 1_000_000) for i in range(n)])


def key(where: int, number: int) -> str:
    return f"1:{where * 2_000_000 + number + 1}:A:G"


def pips(*of_loci: list[float | None]) -> pd.DataFrame:
    """CREDIBLE_SETS of loci L0, L1, ..."""
    rows = [
        {"locus": f"L{i}", "variant": key(i, j), "pip": pip}
        for i, found in enumerate(of_loci)
        for j, pip in enumerate(found)
    ]
    return table(schemas.CREDIBLE_SETS, rows)


def scored(variant: str, *, status: str = "ok") -> dict[str, object]:
    """The row that every variant has of the motif model."""
    return {"variant": variant, "scorer": "motif_max_rank_change", "largest": True, "status": status}


def site(variant: str, family: str, value: float, *, factor: str = "SPI1") -> dict[str, object]:
    return {
        "variant": variant,
        "scorer": "motif_rank_change",
        "track": f"{factor} MA0001.1",
        "track_group": family,
        "value": value,
        "status": "ok",
    }


def effects(*rows: dict[str, object]) -> pd.DataFrame:
    return table(schemas.VARIANT_EFFECTS, rows)


def enrich(credible_sets: pd.DataFrame, found: pd.DataFrame, n_loci: int, **settings: int) -> pd.DataFrame:
    settings = {"permutations": 400, "seed": 1} | settings
    motifs = gather_motif_effects([found], credible_sets["variant"])
    return enrich_regulators(credible_sets, toy_loci(n_loci), motifs, disease="some_disease", **settings)


def random_run(
    seed: int, *, n_loci: int = 10, n_variants: int = 80, n_families: int = 250, rate: float = 0.1
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """PIPs like those of fine-mapping, and motif changes that know nothing of them."""
    generator = np.random.default_rng(seed)
    credible_sets = pips(*(generator.dirichlet(np.full(n_variants, 0.1)).tolist() for _ in range(n_loci)))
    variants = credible_sets["variant"].tolist()
    rows = [scored(variant) for variant in variants]
    for family in range(n_families):
        changed = np.flatnonzero(generator.random(len(variants)) < rate)
        rows += [site(variants[v], f"family {family:03}", 1.5, factor=f"F{family}") for v in changed]
    return credible_sets, effects(*rows), n_loci


def test_statistic_and_null_of_a_toy_by_enumeration() -> None:
    first, second = [0.7, 0.2, 0.1], [0.6, 0.3]
    credible_sets = pips(first, second)
    every = [key(0, 0), key(0, 1), key(0, 2), key(1, 0), key(1, 1)]
    found = effects(
        *(scored(variant) for variant in every),
        *(site(key(0, 0), "ETS", -1.2), site(key(0, 2), "ETS", 1.0), site(key(1, 0), "ETS", 2.0)),
        site(key(1, 1), "ETS", 0.99),  # less than tenfold
    )
    result = enrich(credible_sets, found, 2, permutations=20_000, min_variants=5)
    row = result.iloc[0]
    null = np.array([a[0] + a[2] + b[0] for a in permutations(first) for b in permutations(second)]) / 1.9
    assert row["observed"] == pytest.approx((0.7 + 0.1 + 0.6) / 1.9)
    assert row["expected"] == pytest.approx(null.mean(), abs=0.01)
    assert row["background_sd"] == pytest.approx(null.std(), abs=0.01)
    assert row["z_score"] == pytest.approx((row["observed"] - row["expected"]) / row["background_sd"])
    assert row["p_value"] == pytest.approx(np.mean(null >= row["observed"] - 1e-9), abs=0.01)
    assert row[["regulator", "family", "n_variants", "status"]].tolist() == ["SPI1", "ETS", 5, "ok"]
    assert row["variants"] == f"{key(0, 0)},{key(1, 0)},{key(0, 2)}"


def test_p_values_are_uniform_without_signal() -> None:
    result = enrich(*random_run(21), permutations=999)
    assert (result["status"] == "ok").all()
    assert stats.kstest(result["p_value"], "uniform").pvalue > 0.01
    assert (result["q_value"] > 0.05).all()


def test_a_planted_regulator_is_found_first() -> None:
    credible_sets, found, n_loci = random_run(22)
    strongest = credible_sets.loc[credible_sets.groupby("locus")["pip"].idxmax(), "variant"]
    planted = effects(*(site(variant, "planted", -2.0, factor="REST") for variant in strongest))
    result = enrich(credible_sets, pd.concat([found, planted], ignore_index=True), n_loci, permutations=2_000)
    assert result["regulator"].iloc[0] == "REST"
    assert result["p_value"].iloc[0] == pytest.approx(1 / 2_001)
    assert result["q_value"].iloc[0] < 0.2
    assert result["z_score"].iloc[0] > 5


def test_a_locus_full_of_a_motif_is_not_an_enrichment() -> None:
    """Where every variant of a locus changes the motif, dealing the PIPs anew changes nothing."""
    credible_sets, found, n_loci = random_run(23, n_families=5)
    here = credible_sets.loc[credible_sets["locus"] == "L0", "variant"]
    dense = effects(*(site(variant, "dense", 2.0) for variant in here))
    result = enrich(credible_sets, pd.concat([found, dense], ignore_index=True), n_loci).set_index("family")
    assert result.loc["dense", "p_value"] == 1.0
    assert result.loc["dense", "observed"] == pytest.approx(result.loc["dense", "expected"])


def test_one_variant_and_family_once_with_the_factor_that_changes_most() -> None:
    found = effects(
        site("1:1:A:G", "ETS", 1.1, factor="ELF1"),
        site("1:1:A:G", "ETS", -1.5, factor="SPI1"),
        site("1:1:A:G", "AP-1", 0.4, factor="JUN"),
        site("1:2:A:G", "AP-1", 1.0, factor="JUN"),
        site("1:3:A:G", "ETS", 3.0) | {"status": "no_sequence"},
        site("1:4:A:G", "ETS", 3.0) | {"scorer": "logSED"},
    )
    assert changed_motifs(found).to_numpy().tolist() == [
        ["1:1:A:G", "ETS", "SPI1", -1.5],
        ["1:2:A:G", "AP-1", "JUN", 1.0],
    ]


def test_families_are_named_by_at_most_three_factors_heaviest_first() -> None:
    of_ets = [("ETS", factor) for factor in ("SPI1", "Elf1", "ELF1", "ETV6", "FLI1")]
    sites = pd.DataFrame([*of_ets, ("AP-1", "FOSL1::JUND")], columns=["family", "factor"])
    changes = pd.DataFrame(
        {"variant": ["1:1:A:G", "1:2:A:G"], "family": "ETS", "factor": ["SPI1", "Fli1"], "pip": [0.2, 0.6]}
    )
    assert name_families(sites, changes).to_dict() == {"AP-1": "FOSL1::JUND", "ETS": "FLI1/SPI1/ELF1"}


def test_of_overlapping_loci_the_one_with_most_scored_variants_counts() -> None:
    loci = table(
        schemas.LOCI,
        [
            locus("L0", start=0, end=1_000_000),
            locus("L1", start=500_000, end=1_500_000),  # of another study
            locus("L2", start=5_000_000, end=6_000_000),
        ],
    )
    rows = [
        *({"locus": "L0", "variant": f"1:{n}:A:G", "pip": 0.5} for n in (1, 2)),
        *({"locus": "L1", "variant": f"1:{n}:A:G", "pip": 0.2} for n in (1, 2, 3, 4)),
        *({"locus": "L2", "variant": f"1:{n}:A:G", "pip": pip} for n, pip in ((8, 0.9), (9, None))),
    ]
    found = effects(*(scored(f"1:{n}:A:G") for n in (1, 2, 3, 8, 9)), scored("1:4:A:G", status="no_sequence"))
    credible_sets = table(schemas.CREDIBLE_SETS, rows)
    chosen = scored_variants(credible_sets, loci, gather_motif_effects([found], credible_sets["variant"]).scored)
    assert chosen.to_numpy().tolist() == [
        [0, "1:1:A:G", 0.2],
        [0, "1:2:A:G", 0.2],
        [0, "1:3:A:G", 0.2],
        [1, "1:8:A:G", 0.9],
    ]


def test_order_of_the_inputs_does_not_matter() -> None:
    credible_sets, found, n_loci = random_run(24, n_families=30)
    result = enrich(credible_sets, found, n_loci)
    motifs = gather_motif_effects([found.sample(frac=1, random_state=3)], credible_sets["variant"])
    again = enrich_regulators(
        credible_sets.iloc[::-1],
        toy_loci(n_loci).iloc[::-1],
        motifs,
        disease="some_disease",
        permutations=400,
        seed=1,
    )
    pd.testing.assert_frame_equal(again, result)


def test_every_family_has_a_row_with_its_reason(tmp_path: Path) -> None:
    credible_sets = pips([0.5, 0.3, 0.2, None])
    found = effects(
        *(scored(key(0, j)) for j in range(4)),
        *(site(key(0, j), "often", 2.0) for j in range(3)),
        site(key(0, 3), "elsewhere", 2.0, factor="JUN"),  # its variant has no PIP
    )
    few = enrich(credible_sets, found, 1)
    assert few[["family", "status"]].to_numpy().tolist() == [
        ["elsewhere", TOO_FEW_VARIANTS],
        ["often", TOO_FEW_VARIANTS],
    ]
    assert few["reason"].iloc[0] == "3 variants of the disease have scores; a test needs 20"
    enough = enrich(credible_sets, found, 1, min_variants=3).set_index("family")
    assert enough["status"].to_dict() == {"often": "ok", "elsewhere": TOO_FEW_CHANGES}
    assert enough.loc["often", "p_value"] == 1.0
    assert np.isnan(enough.loc["often", "z_score"])
    assert enough.loc["elsewhere", "reason"].startswith("0 scored variants change a motif")
    unscored = enrich(pips([0.9]), effects(site("1:999:A:G", "often", 2.0)), 1)
    assert unscored[["regulator", "status", "n_variants"]].to_numpy().tolist() == [["SPI1", NOT_SCORED, 0]]
    no_model = enrich(credible_sets, effects(), 1)
    assert no_model[["regulator", "status"]].to_numpy().tolist() == [["none", NOT_SCORED]]
    for number, result in enumerate((few, enough.reset_index(), unscored, no_model)):
        write_table(result, tmp_path / f"{number}.parquet", schemas.REGULATORS)
        assert len(read_table(tmp_path / f"{number}.parquet", schemas.REGULATORS)) == len(result)


def test_tables_one_by_one_say_what_one_table_says() -> None:
    """However the rows are dealt to tables: those of a variant may even be apart."""
    credible_sets, found, n_loci = random_run(3, n_families=20)
    stronger = effects(*(site(variant, "family 003", -2.5, factor="Z") for variant in credible_sets["variant"][::7]))
    found = pd.concat([found, stronger], ignore_index=True)
    motifs = gather_motif_effects([found.iloc[start::5] for start in range(5)], credible_sets["variant"])
    result = enrich_regulators(
        credible_sets, toy_loci(n_loci), motifs, disease="some_disease", permutations=400, seed=1
    )
    pd.testing.assert_frame_equal(result, enrich(credible_sets, found, n_loci))


def test_of_other_diseases_variants_only_the_motifs_with_a_site_count() -> None:
    credible_sets, found, _ = random_run(3, n_families=20)
    elsewhere = [f"9:{number}:A:C" for number in range(30)]
    others = [scored(variant) for variant in elsewhere]
    others += [site(variant, f"only elsewhere {number % 2}", 3.0) for number, variant in enumerate(elsewhere)]
    motifs = gather_motif_effects([found, effects(*others)], credible_sets["variant"])
    assert set(motifs.scored) == set(credible_sets["variant"])
    assert set(motifs.changes["variant"]) <= set(credible_sets["variant"])
    assert len(motifs.sites) == 20 + 2
    alone = gather_motif_effects([found], credible_sets["variant"])
    pd.testing.assert_frame_equal(motifs.changes, alone.changes)


def test_permutations_are_needed() -> None:
    with pytest.raises(ValueError, match="0 permutations"):
        enrich(pips([0.9]), effects(), 1, permutations=0)
