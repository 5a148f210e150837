import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr
from sequence_toys import ROOT

from locus2target.core.errors import InputError
from locus2target.sequence.masks import MASKS, MaskSpec
from locus2target.sequence.scorers import TRACK_SCORERS, parse_scorers


def padded_profile(prediction, pseudocount):
    return (prediction + pseudocount) / np.sum(prediction + pseudocount)


def js(ref, alt):
    pseudocount = np.percentile(ref, 25)
    r, a = padded_profile(ref, pseudocount), padded_profile(alt, pseudocount)
    return (np.sum(rel_entr(r, a)) + np.sum(rel_entr(a, r))) / 2


def profile(prediction):
    return prediction / (prediction.sum() + 1e-8)


def jsd(ref, alt):
    r, a = profile(ref), profile(alt)
    return (np.sum(rel_entr(r, (r + a) / 2)) + np.sum(rel_entr(a, (r + a) / 2))) / 2


TWINS = {
    "SAD": lambda ref, alt: alt.sum() - ref.sum(),
    "logSAD": lambda ref, alt: np.log2(alt + 1).sum() - np.log2(ref + 1).sum(),
    "logSED": lambda ref, alt: np.log2(alt.sum() + 1) - np.log2(ref.sum() + 1),
    "D1": lambda ref, alt: np.abs(alt - ref).sum(),
    "D2": lambda ref, alt: ((alt - ref) ** 2).sum() ** 0.5,
    "logD1": lambda ref, alt: np.abs(np.log2(alt + 1) - np.log2(ref + 1)).sum(),
    "logD2": lambda ref, alt: ((np.log2(alt + 1) - np.log2(ref + 1)) ** 2).sum() ** 0.5,
    "SAX": lambda ref, alt: (alt - ref)[np.argmax(np.abs(alt - ref))],
    "JS": js,
    "JSD": jsd,
    "nD1": lambda ref, alt: np.abs(profile(alt) - profile(ref)).sum(),
    "nD2": lambda ref, alt: ((profile(alt) - profile(ref)) ** 2).sum() ** 0.5,
    "nDinf": lambda ref, alt: np.abs(profile(alt) - profile(ref)).max(),
    "gene_mask_lfc": lambda ref, alt: np.log(alt.mean() + 1e-3) - np.log(ref.mean() + 1e-3),
    "active_allele": lambda ref, alt: max(alt.sum(), ref.sum()),
    "gene_mask_active": lambda ref, alt: max(alt.mean(), ref.mean()),
    "max_abs_diff": lambda ref, alt: np.abs(alt - ref).max(),
}
TWINS |= {
    "SUM": TWINS["SAD"],
    "SED": TWINS["SAD"],
    "logSUM": TWINS["logSAD"],
    "center_mask": TWINS["logSED"],
}
LEVELS = {"active_allele", "gene_mask_active"}  # not 0 when nothing changes
NAMES = sorted(TRACK_SCORERS)


def score(name, ref, alt):
    """Score of one variant and track."""
    ref, alt = (torch.tensor(values, dtype=torch.float32)[None, None] for values in (ref, alt))
    result = TRACK_SCORERS[name].reduce(ref, alt)
    assert result.shape == (1, 1)
    assert result.dtype == torch.float32
    return float(result)


def predictions(seed, shape, scale, change):
    """Coverage of both haplotypes: peaks on a floor, ALT changed by a share of each bin."""
    generator = np.random.default_rng(seed)
    ref = scale * generator.lognormal(0, 1.5, shape)
    alt = ref * np.exp(change * generator.standard_normal(shape))
    return torch.tensor(ref, dtype=torch.float32), torch.tensor(alt, dtype=torch.float32)


def by_twin(name, ref, alt):
    """Scores variant by variant and track by track, in float64."""
    n_variants, n_tracks = alt.shape[:2]
    ref = ref.double().numpy().repeat(n_variants // len(ref), axis=0)
    alt = alt.double().numpy()
    return np.array([[TWINS[name](ref[b, t], alt[b, t]) for t in range(n_tracks)] for b in range(n_variants)])


def test_every_scorer_has_a_twin():
    assert sorted(TWINS) == NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("n_bins", "scale", "change"),
    [(1, 1.0, 0.3), (5, 1e-3, 0.5), (64, 10.0, 0.1), (301, 1e5, 1e-3), (6_144, 3.0, 0.02)],
)
def test_equals_the_definition(name, n_bins, scale, change):
    ref, alt = predictions(n_bins, (3, 2, n_bins), scale, change)
    scores = TRACK_SCORERS[name].reduce(ref, alt)
    assert scores.dtype == torch.float32
    np.testing.assert_allclose(scores.numpy(), by_twin(name, ref, alt), rtol=2e-4, atol=1e-7)


HAND_COMPUTED = {  # REF 1, 3, 4; ALT 3, 3, 0
    "SAD": -2,
    "SUM": -2,
    "SED": -2,
    "logSAD": 1 - np.log2(5),
    "logSUM": 1 - np.log2(5),
    "logSED": np.log2(7 / 9),
    "center_mask": np.log2(7 / 9),
    "D1": 6,
    "D2": np.sqrt(20),
    "logD1": 1 + np.log2(5),
    "logD2": np.sqrt(1 + np.log2(5) ** 2),
    "SAX": -4,
    "JS": 0.5  # the 25th percentile of 1, 3, 4 is 2: REF + 2 is 3, 5, 6 of 14, ALT + 2 is 5, 5, 2 of 12
    * (
        (5 / 12 - 3 / 14) * np.log((5 / 12) / (3 / 14))
        + (5 / 12 - 5 / 14) * np.log((5 / 12) / (5 / 14))
        + (2 / 12 - 6 / 14) * np.log((2 / 12) / (6 / 14))
    ),
    "JSD": 0.5  # profiles 1/8, 3/8, 1/2 and 1/2, 1/2, 0; their mean is 5/16, 7/16, 1/4
    * (
        1 / 8 * np.log(2 / 5)
        + 3 / 8 * np.log(6 / 7)
        + 1 / 2 * np.log(2)
        + 1 / 2 * np.log(8 / 5)
        + 1 / 2 * np.log(8 / 7)
    ),
    "nD1": 3 / 8 + 1 / 8 + 1 / 2,
    "nD2": np.sqrt((3 / 8) ** 2 + (1 / 8) ** 2 + (1 / 2) ** 2),
    "nDinf": 1 / 2,
    "gene_mask_lfc": np.log((2 + 1e-3) / (8 / 3 + 1e-3)),
    "active_allele": 8,
    "gene_mask_active": 8 / 3,
    "max_abs_diff": 4,
}


@pytest.mark.parametrize("name", NAMES)
def test_equals_hand_computed_values(name):
    assert score(name, [1.0, 3.0, 4.0], [3.0, 3.0, 0.0]) == pytest.approx(HAND_COMPUTED[name], rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_bins=st.integers(1, 40), exponent=st.floats(-3, 6), change=st.floats(1e-4, 2))
def test_exchanging_ref_and_alt(name, seed, n_bins, exponent, change):
    ref, alt = predictions(seed, (2, 2, n_bins), 10**exponent, change)
    if name == "JS":  # its pseudocount is REF's, so that it is symmetric only where that is the same
        ref, alt = torch.nn.functional.pad(ref, (2 * n_bins, 0)), torch.nn.functional.pad(alt, (2 * n_bins, 0))
    scorer = TRACK_SCORERS[name]
    forward, backward = scorer.reduce(ref, alt), scorer.reduce(alt, ref)
    assert torch.equal(forward, -backward if scorer.signed else backward)
    assert scorer.signed or (forward >= 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_shared_reference_is_broadcast(name):
    ref, alt = predictions(1, (4, 3, 50), 5.0, 0.2)
    shared = ref[:1]
    scorer = TRACK_SCORERS[name]
    scores = scorer.reduce(shared, alt)
    assert scores.shape == (4, 3)
    assert torch.equal(scores, scorer.reduce(shared.expand(4, -1, -1), alt))
    np.testing.assert_allclose(scores.numpy(), by_twin(name, shared, alt), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_no_change_scores_zero_and_no_coverage_stays_finite(name):
    ref, _ = predictions(2, (2, 3, 6_144), 7.0, 0.0)
    unchanged = TRACK_SCORERS[name].reduce(ref, ref.clone())
    assert (unchanged > 0).all() if name in LEVELS else (unchanged == 0).all()
    empty = torch.zeros_like(ref)
    assert (TRACK_SCORERS[name].reduce(empty, empty) == 0).all()
    assert torch.isfinite(TRACK_SCORERS[name].reduce(empty, ref)).all()
    assert torch.isfinite(TRACK_SCORERS[name].reduce(ref, empty)).all()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SAD", 64.0),
        ("logSED", 64 / (6_144 * 1e6) / np.log(2)),
        ("logSAD", 64 / 1e6 / np.log(2)),
        ("D2", 64.0),
        ("gene_mask_lfc", 64 / (6_144 * 1e6)),
    ],
)
def test_a_small_change_of_large_coverage_is_not_lost(name, expected):
    ref = np.full(6_144, 1e6)
    alt = ref.copy()
    alt[3_000] += 64
    assert np.float32(1e6) * 6_144 + np.float32(64) == np.float32(1e6) * 6_144  # float32 sums would lose it
    assert score(name, ref, alt) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["logD1", "logD2", "JS", "JSD", "nD1", "nD2"])
def test_a_weak_variant_keeps_its_digits(name):
    ref, alt = predictions(3, (1, 2, 6_144), 40.0, 1e-4)
    np.testing.assert_allclose(TRACK_SCORERS[name].reduce(ref, alt).numpy(), by_twin(name, ref, alt), rtol=2e-3)


@pytest.mark.parametrize(("scale", "expected"), [(1.0, (0.1349, 0.1373, 0.1375)), (0.01, (0.0473, 0.1155, 0.1349))])
def test_pseudocount_of_log_sed_is_not_scale_free(scale, expected):
    for total, change in zip((50, 500, 5_000), expected, strict=True):
        ref = np.full(10, scale * total / 10)
        assert score("logSED", ref, 1.1 * ref) == pytest.approx(change, abs=6e-5)


def test_jensen_shannon_differs_from_baskerville_by_its_epsilon_alone():
    ref, alt = predictions(4, (1, 1, 6_144), 2.0, 0.3)
    r, a = (profile(values.double().numpy()[0, 0]) for values in (ref, alt))
    middle = (r + a) / 2 + 1e-8
    baskerville = 0.5 * (r * np.log(r / middle)).sum() + 0.5 * (a * np.log(a / middle)).sum()
    ours = float(TRACK_SCORERS["JSD"].reduce(ref, alt))
    assert 0 < ours - baskerville <= 6_144 * 1e-8


@pytest.mark.parametrize("n_bins", [1, 2, 3, 4, 5, 6, 9, 100])
def test_js_takes_the_percentile_of_numpy(n_bins):
    ref, alt = predictions(n_bins, (1, 1, n_bins), 1.0, 1.0)
    expected = js(ref.double().numpy()[0, 0], alt.double().numpy()[0, 0])
    assert float(TRACK_SCORERS["JS"].reduce(ref, alt)) == pytest.approx(expected, rel=1e-4, abs=1e-12)


def test_active_allele_is_a_level_not_a_change():
    assert score("active_allele", [5.0, 5.0], [5.0, 5.0]) == 10
    assert score("gene_mask_active", [5.0, 5.0], [1.0, 1.0]) == 5


def test_parse_scorers():
    requests = parse_scorers("logSED, center_mask@center:2001,SAD@tss:384,D2, D2@gene,logSED@all")
    assert [(request.scorer.name, request.mask.text) for request in requests] == [
        ("logSED", "exons"),
        ("center_mask", "center:2001"),
        ("SAD", "tss:384"),
        ("D2", ""),
        ("D2", "gene"),
        ("logSED", ""),
    ]
    assert requests[1].mask == MaskSpec("center", 2_001)


@pytest.mark.parametrize("name", NAMES)
def test_default_masks_exist(name):
    (request,) = parse_scorers(name)
    assert request.scorer is TRACK_SCORERS[name]
    assert request.mask.text == TRACK_SCORERS[name].default_mask.replace("all", "")


@pytest.mark.parametrize("text", ["", "logsed", "logSED,,SAD", "log SED", "logSED@", "logSED@exons@gene"])
def test_unknown_scorers_are_refused_with_the_list(text):
    with pytest.raises(InputError, match="is not a score of tracks") as caught:
        parse_scorers(text, where="models.tsv, row 3, scorers")
    assert caught.value.where == "models.tsv, row 3, scorers"
    assert all(re.search(rf"\b{name}\b", caught.value.remedy) for name in NAMES)


@pytest.mark.parametrize("mask", ["exon", "center", "tss:0", "exons:5", "all:1", "center:-3", "Gene"])
def test_unknown_masks_are_refused_with_the_list(mask):
    with pytest.raises(InputError, match=r"not a (mask|score)") as caught:
        parse_scorers(f"SAD@{mask}")
    assert all(name in caught.value.remedy for name in (MASKS if "-" not in mask else NAMES))


def test_a_score_is_asked_for_once():
    with pytest.raises(InputError, match="SAD with mask all is asked for twice"):
        parse_scorers("SAD,logSED,SAD@all")


def test_the_page_of_scores_lists_each_with_formula_version_mask_and_sign():
    page = (ROOT / "docs" / "scores.md").read_text()
    for scorer in TRACK_SCORERS.values():
        row = next(line for line in page.splitlines() if line.startswith("| ") and f"`{scorer.name}`" in line[:60])
        cells = [cell.strip() for cell in row.replace(r"\|", "¦").strip("|").split(" | ")]
        assert cells[1] == f"`{scorer.formula}`".replace("|", "¦")
        assert cells[2] == ("signed" if scorer.signed else "unsigned")
        assert f"`{scorer.default_mask}`" in cells[4]
        assert cells[5] == str(scorer.version)
    assert all(f"`{mask}`" in page for mask in MASKS)
