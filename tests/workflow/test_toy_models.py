"""A second sequence model in the toy run: a narrow Borzoi with random weights in Calico's published format."""

import numpy as np
import pandas as pd
import pysam
import pytest
import torch
from tiny_borzoi import LENGTH
from toy import GENES, Toy

from locus2target.core import schemas
from locus2target.core.tables import read_table, read_tables
from locus2target.sequence.networks.borzoi import load_borzoi

pytestmark = pytest.mark.workflow
CELL = 512  # shared_bp of the toy's sheet
CROP, BIN = 4, 32


@pytest.fixture(scope="module")
def effects(finished_toy: Toy) -> pd.DataFrame:
    paths = sorted((finished_toy.directory / "results/score_variants/tiny_borzoi").glob("*.parquet"))
    return read_tables(paths, schemas.VARIANT_EFFECTS)


def coverage(network: torch.nn.Module, windows: list[str]) -> np.ndarray:
    """Coverage (2 tracks, bins) of each window, both strands averaged before Borzoi's inverse transform."""
    codes = torch.tensor([["ACGT".index(base) for base in window] for window in windows])
    one_hot = torch.nn.functional.one_hot(codes, 4).permute(0, 2, 1).float()
    with torch.inference_mode():
        raw = (network(one_hot) + network(one_hot.flip(1, 2)).flip(2))[:, [2, 3]] / 2  # both are their own mates
    return ((raw / 0.3) ** (4 / 3) * 0.3).double().numpy()


def test_a_score_is_that_of_whole_forward_passes(finished_toy: Toy, effects: pd.DataFrame) -> None:
    data = finished_toy.directory / "data"
    rows = effects[(effects["scorer"] == "SAD") & (effects["status"] == "ok")]
    variant = rows["variant"].iloc[len(rows) // 2]
    own = rows[rows["variant"] == variant].sort_values("track")
    _, position, _, alt = variant.split(":")
    at = int(position) - 1
    start = at // CELL * CELL + CELL // 2 - LENGTH // 2
    with pysam.FastaFile(str(data / "genome.fa")) as fasta:
        ref_window = fasta.fetch("chr1", start, start + LENGTH).upper()
    alt_window = ref_window[: at - start] + alt + ref_window[at - start + 1 :]
    bins = (at - start) // BIN - CROP + np.arange(-4, 4)  # of an even number one more lies on the left
    expected = []
    for replicate in range(2):
        ref, other = coverage(load_borzoi(data / "tiny_borzoi" / f"f{replicate}").network, [ref_window, alt_window])
        expected.append((other - ref)[:, bins].sum(1))
    assert own["value"].to_numpy() == pytest.approx(np.mean(expected, axis=0), rel=1e-3)
    assert (own["window_offset"] == at - start - LENGTH // 2).all()


def test_genes_are_scored_where_they_are_in_reach(effects: pd.DataFrame) -> None:
    largest = effects[effects["scorer"] == "largest_logSED"]
    for row in largest.itertuples():
        at = int(row.variant.split(":")[1]) - 1
        start = at // CELL * CELL + CELL // 2 - LENGTH // 2
        first, last = start + CROP * BIN, start + LENGTH - CROP * BIN
        reach = {f"ENSG{n:011d}" for n, (s, e, _) in enumerate(GENES.values(), 1) if s < last and e > first}
        scored = set(effects.loc[(effects["variant"] == row.variant) & (effects["scorer"] == "logSED"), "gene_id"])
        assert scored == reach
        assert pd.isna(row.value) == (not reach)
        assert row.reason == ("" if reach else "no gene in reach of the model's output")
    assert largest["value"].notna().any()


def test_every_variant_has_a_row_for_every_score_and_a_quantile(effects: pd.DataFrame) -> None:
    largest = effects[effects["largest"]]
    assert largest.groupby("variant")["scorer"].nunique().eq(2).all()
    known = largest[largest["value"].notna()]
    assert known["background_quantile"].between(0, 1).all()
    assert known.loc[known["scorer"] == "largest_SAD", "background_quantile"].mean() == pytest.approx(0.5, abs=0.1)


def test_the_run_says_what_its_scores_are(finished_toy: Toy) -> None:
    path = finished_toy.directory / "results/sample_background/tiny_borzoi.scores.parquet"
    table = read_table(path, schemas.MODEL_SCORES).set_index("scorer")
    assert table["mask"].to_dict() == {"SAD": "center:256", "logSED": "exons"}
    formula = table.loc["SAD", "formula"]
    for part in ("version 1", "borzoi_legacy", "both strands", "2 replicate(s)"):
        assert part in formula
    page = (finished_toy.directory / "results/render_report/report.html").read_text()
    assert "tiny_borzoi" in page


def test_attribution_covers_the_mutated_windows(finished_toy: Toy) -> None:
    folder = finished_toy.directory / "results/mutate_windows/tiny_borzoi"
    maps = read_tables(sorted(folder.glob("?-of-?.parquet")), schemas.MUTAGENESIS)
    bases = read_tables(sorted(folder.glob("*.attribution.parquet")), schemas.ATTRIBUTION)
    scored = maps[(maps["status"] == "ok") & maps["value"].notna()]
    assert scored.groupby(["locus", "variant"])["track"].nunique().eq(1).all()  # one output per window
    means = scored.groupby(["locus", "variant", "position"])["value"].mean()
    found = bases.set_index(["locus", "variant", "position"])["attribution"]
    assert len(found) == len(means)
    assert found.to_numpy() == pytest.approx(-means[found.index].to_numpy(), rel=1e-4, abs=1e-6)
