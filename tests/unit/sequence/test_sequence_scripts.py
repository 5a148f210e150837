"""The three steps of the stage, one after the other, on a small genome with a planted CTCF site."""

import importlib

import pysam
import pytest
from sequence_toys import BANK, random_sequence
from test_selection import credible_sets

from locus2target.core.errors import InputError
from locus2target.core.schemas import (
    CREDIBLE_SETS,
    EXONS,
    GENES,
    MUTAGENESIS,
    MUTAGENESIS_WINDOWS,
    SCORED_VARIANTS,
    VARIANT_EFFECTS,
)
from locus2target.core.tables import read_table, read_tables, write_table

MODEL = {
    "model": "motif_jaspar2026",
    "backend": "motif",
    "weights": str(BANK),
    "replicates": None,
    "window_bp": 256,
    "description": None,
}
SETTINGS = {
    "batch_size": 64,
    "chunk": 100,
    "cache": None,
    "device": "cpu",
    "motif_p": 1e-4,
    "background_variants": 2_000,
    "tracks_per_score": None,
    "flank_bp": 20,
    "build": "GRCh37",
}
SITE = "GCCACCAGGGGGCGC"
MISMATCH = ("A", "C") if random_sequence(500, 3)[249] != "A" else ("C", "A")
MISMATCH_KEY = ":".join(("2", "250", *MISMATCH))


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage")
    sequence = random_sequence(300, 1) + SITE + random_sequence(300, 2) + "N" * 300
    (folder / "genome.fa").write_text(f">chr1\n{sequence}\n>chr2\n{random_sequence(500, 3)}\n")
    pysam.faidx(str(folder / "genome.fa"))
    table = credible_sets(
        ("L1", "1", 309, "G", "T", 0.9, 12.0),  # ninth base of the site
        ("L1", "1", 308, "G", "GA", 0.05, 11.0),
        ("L1", "1", 700, "A", "C", 0.02, 9.0),  # no sequence
        ("L2", "2", 250, *MISMATCH, 0.4, 9.0),
    )
    write_table(table.iloc[:3], folder / "a.parquet", CREDIBLE_SETS)
    write_table(table.iloc[3:], folder / "b.parquet", CREDIBLE_SETS)
    write_table(GENES.empty(), folder / "genes.parquet", GENES)
    write_table(EXONS.empty(), folder / "exons.parquet", EXONS)
    importlib.import_module("sample_background").main(
        **sources(folder),
        given=None,
        background=str(folder / "background.parquet"),
        model_scores=str(folder / "scores.parquet"),
        model=MODEL,
        settings=SETTINGS,
    )
    paths = {kind: [str(folder / f"{kind}{i}.parquet") for i in range(6)] for kind in ("variants", "windows")}
    importlib.import_module("collect_variants").main(
        credible_sets=[str(folder / "a.parquet"), str(folder / "b.parquet")],
        **paths,
        scoring={"min_pip": 0.01},
        mutagenesis={"variants_per_locus": 1},
    )
    return folder, paths


def sources(folder):
    paths = {name: str(folder / f"{name}.parquet") for name in ("genes", "exons")}
    return paths | {"genome": str(folder / "genome.fa"), "peaks": None, "weights": [str(BANK)]}


def run(stage, step, output, **inputs):
    folder, paths = stage
    kind = {"score_variants": "variants", "mutate_windows": "windows"}[step]
    outputs = []
    for path in paths[kind]:
        outputs.append(f"{path}.{output}")
        beside = {name: f"{path}.{name}" for name in ("attribution", "motif_hits")} if kind == "windows" else {}
        files = sources(folder) | {kind: path, output: outputs[-1]} | beside | inputs
        importlib.import_module(step).main(**files, model=MODEL, settings=SETTINGS)
    return outputs


def score_variants(stage):
    return run(stage, "score_variants", "variant_effects", background=str(stage[0] / "background.parquet"))


def test_batches_hold_every_variant_and_window_once(stage):
    _, paths = stage
    variants = read_tables(paths["variants"], SCORED_VARIANTS)
    assert variants["variant"].tolist() == ["1:308:G:GA", "1:309:G:T", "1:700:A:C", MISMATCH_KEY]
    assert len(read_table(paths["variants"][5], SCORED_VARIANTS)) == 0
    assert read_tables(paths["windows"], MUTAGENESIS_WINDOWS)["variant"].tolist() == ["1:309:G:T", MISMATCH_KEY]


def test_scoring_finds_the_planted_site_and_says_what_it_cannot_score(stage):
    effects = read_tables(score_variants(stage), VARIANT_EFFECTS)
    largest = effects[effects["scorer"] == "motif_max_rank_change"].set_index("variant")
    assert largest["status"].to_dict() == {
        "1:308:G:GA": "ok",
        "1:309:G:T": "ok",
        "1:700:A:C": "no_sequence",
        MISMATCH_KEY: "ref_mismatch",
    }
    assert largest.loc["1:309:G:T", "track"].startswith("CTCF ")
    assert largest.loc["1:309:G:T", "value"] < -2
    assert largest.loc["1:309:G:T", "background_quantile"] > 0.95
    assert largest.loc["1:308:G:GA", "value"] < -2
    assert largest.loc[["1:308:G:GA", "1:700:A:C"], "background_quantile"].isna().all()
    assert largest.loc[["1:700:A:C", MISMATCH_KEY], "value"].isna().all()


def test_mutagenesis_covers_the_windows(stage):
    frame = read_tables(run(stage, "mutate_windows", "mutagenesis", motifs=str(BANK)), MUTAGENESIS)
    assert (frame["variant"] == "1:309:G:T").sum() == 3 * 41
    assert frame.loc[frame["locus"] == "L2", "status"].tolist() == ["ref_mismatch"]


def test_missing_weights_stop_the_step(stage, tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        run(stage, "mutate_windows", "mutagenesis", motifs=str(BANK), weights=[str(tmp_path / "absent.npz")])
