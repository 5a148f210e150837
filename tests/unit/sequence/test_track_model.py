"""Track models against a slow twin: haplotypes as strings, whole networks, scores as they are defined."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sequence_toys import ToyGenome, random_sequence, random_variants, variant_table
from tiny_profile import TinyProfile

from locus2target.sequence.backends import ModelSpec, Sources, Track
from locus2target.sequence.batching import Batches
from locus2target.sequence.genes import GeneModels
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.scorers import parse_scorers
from locus2target.sequence.track_model import OUTSIDE_OUTPUT, TrackModel
from locus2target.sequence.track_reference import TrackNetwork
from locus2target.sequence.tracks import TrackTable, Untransform
from locus2target.sequence.windows import ALLELE_TOO_LONG, NO_SEQUENCE, OK, REF_MISMATCH, WindowSpec

CPU = torch.device("cpu")
LENGTH, BIN, CROP = 256, 4, 4
PAIRS = np.array([1, 0, 2, 4, 3])  # tracks 0 and 1, 3 and 4 are mates
TABLE = TrackTable(
    pd.DataFrame(
        {
            "identifier": [f"t{i}" for i in range(5)],
            "description": [f"t{i}" for i in range(5)],
            "clip": 768.0,
            "clip_soft": 1.5,
            "scale": [1.0, 1.0, 0.5, 2.0, 2.0],
            "sum_stat": ["sum_sqrt", "sum_sqrt", "sum", "sum_sqrt", "sum_sqrt"],
            "strand_pair": PAIRS,
        }
    )
)
TRACKS = np.array([0, 2, 4])
SEQUENCE = random_sequence(1500, seed=11)
GENES = pd.DataFrame(
    {
        "gene_id": ["near", "wide", "far"],
        "chromosome": "1",
        "start": [700, 640, 1440],
        "end": [760, 900, 1480],
        "strand": "+",
        "tss": [701, 641, 1441],
    }
)
EXONS = pd.DataFrame(
    {
        "gene_id": ["near", "near", "wide", "wide", "far"],
        "chromosome": "1",
        "start": [700, 730, 640, 850, 1440],
        "end": [711, 760, 655, 900, 1480],
    }
)
SCORERS = "SAD,logSED,D2@center:32"
VARIANTS = pd.concat(
    [
        random_variants(SEQUENCE[:900], 30, seed=2).query("position > 600"),
        variant_table(
            ("1", 700, SEQUENCE[699], "A" if SEQUENCE[699] != "A" else "C"),
            ("1", 705, SEQUENCE[704], SEQUENCE[704] + "GATTACAGATTACA"),
            ("1", 720, SEQUENCE[719:732], SEQUENCE[719]),
            ("1", 733, SEQUENCE[732:736], "ACGTACGTAC"),
            ("1", 741, SEQUENCE[740:760], "".join("ACGT"[("ACGT".index(b) + 1) % 4] for b in SEQUENCE[740:760])),
        ),
    ],
    ignore_index=True,
)


def sources(sequence=SEQUENCE, shift_after=0, by=0):
    """Genome and genes; all behind base `shift_after` lies `by` bases further right."""
    genome = ToyGenome({"1": sequence})
    tables = []
    for table in (GENES, EXONS):
        moved = table.copy()
        for column in ("start", "end"):
            moved[column] = np.where(moved[column] > shift_after, moved[column] + by, moved[column])
        tables.append(moved)
    return Sources(genome.fetch, genome.lengths, GeneModels(*tables))


def build(
    networks=1, *, tracks=TRACKS, scorers=SCORERS, family="borzoi_legacy", batch=4, network=None, table=TABLE, **row
):
    settings = {"shared_bp": 64, "strands": 2} | row
    model_row = ModelRow("tiny", "borzoi", (Path("x"),) * networks, scorers=scorers, **settings)
    dtype = getattr(torch, model_row.precision)
    loaded = [
        TrackNetwork(
            TinyProfile(length=LENGTH, crop=CROP, seed=seed) if network is None else network,
            CPU,
            dtype,
            tracks,
            PAIRS[tracks] if model_row.strands == 2 else None,
        )
        for seed in range(networks)
    ]
    spec = ModelSpec(
        model="tiny",
        kind="track",
        window=WindowSpec(LENGTH, LENGTH // 2, 0),
        bin_size=BIN,
        tracks=tuple(Track(f"t{row}", f"t{row}") for row in tracks),
        licence="",
        citation="",
        weights_sha256="",
    )
    return TrackModel(
        spec=spec,
        row=model_row,
        networks=tuple(loaded),
        requests=parse_scorers(scorers),
        untransform=Untransform(table, tracks, family=family, rescale=True, unclip=True),
        track_strands=table.strands[tracks],
        batches=Batches(batch, CPU, "tiny"),
    )


def frame(model, scores):
    effects = scores.effects
    return pd.DataFrame(
        {
            "variant": effects.variants,
            "score": [model.scores[score].name for score in effects.scores],
            "gene": ["" if gene is None else gene for gene in effects.genes],
            "track": [model.spec.tracks[track].name for track in effects.tracks],
            "value": effects.values.astype(np.float64),
        }
    ).set_index(["variant", "score", "gene", "track"])["value"]


# --- The slow twin: nothing of the library but the network and the definition of its coverage ---


def hot(text):
    return torch.tensor([[[float(base == letter) for base in text] for letter in "ACGT"]])


def coverage(network, text, strands, tracks):
    raw = network(hot(text))[0]
    if strands == 2:
        mate = text[::-1].translate(str.maketrans("ACGT", "TGCA"))
        raw = (raw + network(hot(mate))[0].flip(1)[PAIRS]) / 2
    scale = torch.tensor(TABLE.frame["scale"].to_numpy(np.float32))[:, None]
    x = raw / scale
    x = torch.where(x > 1.5, 1.5 + (x - 1.5) ** 2, x)
    root = torch.tensor((TABLE.frame["sum_stat"] == "sum_sqrt").to_numpy())[:, None]
    return (torch.where(root, x ** (4 / 3), x) * scale)[tracks].double().numpy()


def slow_alleles(network, variant, start, strands, tracks):
    """Coverage of REF and ALT, stitched when they differ in length, and bases that their bins stand for."""
    position, ref, alt = variant
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        position, ref, alt = position + 1, ref[1:], alt[1:]
    padded, pad = "N" * 400 + SEQUENCE + "N" * 400, 400
    at = pad + position - 1
    left, right = padded[:at], padded[at + len(ref) :]
    first = pad + start
    index = at - first  # in the window
    predicted = []
    for allele in (ref, alt):
        whole = left + allele + right
        by_left = coverage(network, whole[first : first + LENGTH], strands, tracks)
        moved = at + len(allele) - index  # first base of the window whose index `index` is the base after the change
        by_right = coverage(network, whole[moved : moved + LENGTH], strands, tracks)
        if len(ref) == len(alt):
            predicted.append(by_left)
            continue
        cut = index // BIN - CROP
        bins = np.arange(by_left.shape[1])
        predicted.append(np.where(bins < cut, by_left, np.where(bins > cut, by_right, (by_left + by_right) / 2)))
    bases = np.arange(start, start + LENGTH)
    if len(ref) != len(alt):
        bases = np.where(bases < position - 1, bases, bases + len(ref))
    return *predicted, bases[CROP * BIN : LENGTH - CROP * BIN], position - 1


def slow_scores(network, variant, start, strands, tracks):
    ref, alt, bases, changed = slow_alleles(network, variant, start, strands, tracks)
    values = {("SAD", ""): alt.sum(1) - ref.sum(1)}
    bin_of = np.arange(len(bases)) // BIN
    for gene, exons in EXONS.groupby("gene_id"):
        inside = np.zeros(len(bases), dtype=bool)
        for first, last in zip(exons["start"], exons["end"], strict=True):
            inside |= (bases >= first) & (bases < last)
        bins = np.unique(bin_of[inside])
        if len(bins):
            values["logSED", gene] = np.log2(alt[:, bins].sum(1) + 1) - np.log2(ref[:, bins].sum(1) + 1)
    middle = (changed - start) // BIN - CROP
    bins = slice(max(middle - 4, 0), middle + 4)
    values["D2", ""] = np.sqrt(((alt[:, bins] - ref[:, bins]) ** 2).sum(1))
    return values


def slow_frame(networks, shifts=(0,), strands=2, tracks=TRACKS, shared_bp=64):
    collected = {}
    for row, (_, position, ref, alt) in enumerate(VARIANTS.itertuples(index=False)):
        cell = (position - 1) // shared_bp
        for network in networks:
            for shift in shifts:
                start = cell * shared_bp + shared_bp // 2 - LENGTH // 2 - shift
                for (score, gene), values in slow_scores(network, (position, ref, alt), start, strands, tracks).items():
                    for track, value in zip(tracks, values, strict=True):
                        collected.setdefault((row, score, gene, f"t{track}"), []).append(value)
    series = pd.Series({key: np.mean(values) for key, values in collected.items()})
    return series.rename_axis(["variant", "score", "gene", "track"])


def assert_same(found, expected, tolerance=5e-5):
    assert not found.index.has_duplicates
    assert set(found.index) == set(expected.index)
    expected = expected.loc[found.index]
    for score, values in found.groupby(level="score"):
        wanted = expected.xs(score, level="score").to_numpy()
        assert np.abs(values.to_numpy() - wanted).max() <= tolerance * np.abs(wanted).max()


@pytest.mark.parametrize(
    "settings", [{}, {"strands": 1}, {"shared_bp": 32}, {"tracks": np.arange(5)}], ids=["pair", "one", "grid", "all"]
)
def test_scores_are_those_of_the_slow_twin(settings):
    model = build(**settings)
    scores = model.score(VARIANTS, sources())
    assert scores.status == [OK] * len(VARIANTS)
    expected = slow_frame([TinyProfile(length=LENGTH, crop=CROP)], **settings)
    assert_same(frame(model, scores), expected)


def test_shifts_and_replicates_average_scores():
    model = build(networks=2, shifts=(-3, 0, 3))
    networks = [TinyProfile(length=LENGTH, crop=CROP, seed=seed) for seed in range(2)]
    expected = slow_frame(networks, shifts=(-3, 0, 3))
    assert_same(frame(model, model.score(VARIANTS, sources())), expected)


def test_a_network_that_is_not_local_is_recomputed_whole():
    network = TinyProfile(length=LENGTH, crop=CROP)
    network.is_local = False
    model = build(network=network)
    assert model.networks[0].halo(1) is None
    assert_same(frame(model, model.score(VARIANTS, sources())), slow_frame([network]))


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_scores_depend_neither_on_the_batch_nor_on_the_order_nor_on_the_company(batch):
    whole = build(batch=5)
    expected = frame(whole, whole.score(VARIANTS, sources()))
    order = np.random.default_rng(1).permutation(len(VARIANTS))[: len(VARIANTS) - 5]
    model = build(batch=batch)
    found = frame(model, model.score(VARIANTS.iloc[order].reset_index(drop=True), sources())).reset_index()
    found["variant"] = order[found["variant"]]
    found = found.set_index(["variant", "score", "gene", "track"])["value"]
    assert_same(found, expected[expected.index.get_level_values("variant").isin(order)])


def edited(position, ref, alt):
    return SEQUENCE[: position - 1] + alt + SEQUENCE[position - 1 + len(ref) :]


@pytest.mark.parametrize(
    ("ref_length", "alt"), [(1, "X" + "GATTACA"), (8, "X"), (3, "TTTTTTTTTT"), (1, "C"), (5, "CCCCC")]
)
def test_exchanging_ref_and_alt_negates_antisymmetric_scores(ref_length, alt):
    position = 725
    ref = SEQUENCE[position - 1 : position - 1 + ref_length]
    alt = alt.replace("X", ref[0])
    assert alt != ref
    model = build(scorers="SAD,logSED,center_mask@center:32", batch=1)
    forward = frame(model, model.score(variant_table(("1", position, ref, alt)), sources()))
    genome = edited(position, ref, alt)
    backward = frame(
        model,
        model.score(
            variant_table(("1", position, alt, ref)), sources(genome, position + len(ref) - 2, len(alt) - len(ref))
        ),
    )
    assert len(forward) > 0
    kept = [key for key in forward.index if key[2] != "near"]  # a change of length inside an exon changes the exon
    np.testing.assert_allclose(forward[kept], -backward[kept], rtol=5e-5, atol=5e-5 * forward.abs().max())


def test_a_variant_that_changes_nothing_scores_zero():
    base = SEQUENCE[719]
    model = build()
    scores = model.score(variant_table(("1", 720, base, base), ("1", 722, SEQUENCE[721], "N")), sources())
    assert scores.status[0] == OK
    assert np.abs(scores.effects.values).max() < 1e-6


def test_bfloat16_keeps_the_order_of_scores():
    variants = VARIANTS[VARIANTS["ref"].str.len() == VARIANTS["alt"].str.len()].reset_index(drop=True)
    exact, rough = (build(precision=precision, family="none") for precision in ("float32", "bfloat16"))
    found = pd.DataFrame({m.row.precision: frame(m, m.score(variants, sources())) for m in (exact, rough)})
    assert found.notna().all(axis=None)
    assert found.xs("SAD", level="score").corr("spearman").iloc[0, 1] > 0.98
    assert found.xs("D2", level="score").corr("spearman").iloc[0, 1] > 0.95


def test_every_variant_has_a_verdict_and_one_bad_variant_spares_the_others():
    wrong = "A" if SEQUENCE[719] != "A" else "C"
    table = variant_table(
        ("1", 720, SEQUENCE[719], wrong),
        ("1", 720, wrong, SEQUENCE[719]),
        ("1", 721, SEQUENCE[720], "A" * 200),
        ("1", 4000, "A", "C"),
        ("2", 7, "A", "C"),
    )
    scores = build().score(table, sources())
    assert scores.status == [OK, REF_MISMATCH, ALLELE_TOO_LONG, NO_SEQUENCE, NO_SEQUENCE]
    assert [bool(text) for text in scores.reason] == [False, True, True, True, True]
    assert set(scores.effects.variants) == {0}


def test_without_a_gene_in_reach_the_variant_is_ok_and_silent():
    base = SEQUENCE[99]
    model = build(scorers="logSED")
    scores = model.score(variant_table(("1", 100, base, "A" if base != "A" else "C")), sources())
    assert scores.status == [OK]
    assert len(scores.effects.values) == 0
    assert model.scores[0].silent_reason == "no gene in reach of the model's output"


def test_the_order_of_effects_does_not_depend_on_the_company():
    """The deletion takes gene a away and leaves b as it is; of the base change beside it a comes first all the same."""
    spans = pd.DataFrame({"gene_id": ["a", "b"], "chromosome": "1", "start": [740, 700], "end": [744, 711]})
    genome = ToyGenome({"1": SEQUENCE})
    given = Sources(genome.fetch, genome.lengths, GeneModels(spans.assign(strand="+", tss=1), spans))
    base = SEQUENCE[719]
    variants = variant_table(
        ("1", 735, SEQUENCE[734:750], SEQUENCE[734]), ("1", 720, base, "A" if base != "A" else "C")
    )
    model = build(scorers="logSED", shared_bp=128)
    together, alone = model.score(variants, given).effects, model.score(variants.iloc[1:], given).effects
    assert together.genes[together.variants == 1].tolist() == alone.genes.tolist() == ["a", "b"] * 3


STRANDED = TrackTable(TABLE.frame.assign(identifier=["a+", "a-", "b", "c-", "c+"]))


def test_genes_are_not_scored_on_tracks_of_the_opposite_strand():
    """By hand: `near` and `wide` lie on +, `far` (out of reach) and `wide` turned to - on the other strand."""
    given = sources()
    given.genes.genes["strand"] = ["+", "-", "+"]
    settings = {"tracks": np.arange(5), "scorers": "SAD,logSED,nDinf,logSED@tss:64"}
    whole, model = build(**settings), build(table=STRANDED, **settings)
    table = VARIANTS.iloc[-5:].reset_index(drop=True)
    found = frame(model, model.score(table, given))
    expected = frame(whole, whole.score(table, given))
    allowed = {"": {0, 1, 2, 3, 4}, "near": {0, 2, 4}, "wide": {1, 2, 3}}
    kept = [key for key in expected.index if int(key[3][1]) in allowed[key[2]]]
    assert 0 < len(kept) < len(expected)
    assert set(found.index) == set(kept)
    np.testing.assert_array_equal(found[kept], expected[kept])


def test_the_formula_says_which_tracks_and_bins_a_gene_is_scored_on():
    policy = "no tracks of the strand opposite to the gene's"
    sad, sed, tss = build(table=STRANDED, scorers="SAD,logSED,logSED@tss:30").scores
    assert policy not in sad.formula
    assert policy in sed.formula
    assert "tss:30 is 8 x 4 bp" in tss.formula
    assert sed.silent_reason == "no gene in reach of the model's output on the strand of a track"
    assert "2 stranded track(s) whose strand their names do not tell" in build(scorers="logSED").scores[0].formula
    assert policy not in build(tracks=np.array([2]), scorers="logSED").scores[0].formula


def test_a_variant_outside_the_output_is_said_to_be():
    model = build(scorers="center_mask@center:8,SAD", shared_bp=256)
    table = variant_table(("1", 513, SEQUENCE[512], "A" if SEQUENCE[512] != "A" else "C"))  # at the cell's edge
    scores = model.score(table, sources())
    assert scores.status == [OUTSIDE_OUTPUT]
    assert "shared_bp" in scores.reason[0]
    assert len(scores.effects.values) == 0


def test_offsets_are_from_the_center_of_the_window():
    table = variant_table(
        ("1", 641, SEQUENCE[640], "N"), ("1", 673, SEQUENCE[672], "N"), ("1", 704, SEQUENCE[703], "N")
    )
    assert build(shared_bp=64).score(table, sources()).offsets.tolist() == [-32, 0, 31]
    assert build(shared_bp=0).score(table, sources()).offsets.tolist() == [0, 0, 0]


def test_coverage_and_formula_say_what_was_read():
    model = build(scorers="SAD,logSED", shifts=(0, 2))
    scores = model.score(VARIANTS.iloc[:1], sources())
    coverage_of = dict(zip(scores.effects.genes, scores.effects.coverage, strict=True))
    assert np.isnan(coverage_of[None])
    assert coverage_of["near"] == 1.0
    assert "mean of both strands" in model.scores[0].formula
    assert "2 shift(s) and 1 replicate(s)" in model.scores[0].formula
    assert "coverage" in model.scores[0].formula


def test_out_of_memory_makes_batches_smaller_and_changes_no_score(monkeypatch):
    table = VARIANTS.iloc[[0, 6, 4, 8, 7, 3]].reset_index(drop=True)
    exact = build(batch=16, shared_bp=128)
    expected = frame(exact, exact.score(table, sources()))
    transform = TinyProfile.transform

    def transform_two(self, tokens):
        if len(tokens) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return transform(self, tokens)

    monkeypatch.setattr(TinyProfile, "transform", transform_two)
    model = build(batch=16, shared_bp=128)
    assert_same(frame(model, model.score(table, sources())), expected)
    assert model.batches.size <= 2
