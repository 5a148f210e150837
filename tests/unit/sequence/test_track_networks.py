"""The engine on every published architecture, narrow: recomputed against the whole network, and loaded from files."""

import copy
import dataclasses

import numpy as np
import pandas as pd
import pytest
import tiny_borzoi
import torch
from published_formats import write_calico, write_huggingface
from sequence_toys import ToyGenome, random_sequence, variant_table
from tiny_borzoi import PARAMETERS, TARGETS, random_network, write_tiny_borzoi

from locus2target.core.errors import InputError
from locus2target.sequence.backends import Sources
from locus2target.sequence.encoding import one_hot_tensor
from locus2target.sequence.halo import Edits
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.networks.borzoi import Borzoi
from locus2target.sequence.networks.borzoi_config import BorzoiConfig, config_from_baskerville, find_head
from locus2target.sequence.networks.enformer import Enformer, EnformerConfig
from locus2target.sequence.networks.shorkie import Shorkie
from locus2target.sequence.networks.shorkie_config import ShorkieShape
from locus2target.sequence.track_families import FAMILIES, read_track_table
from locus2target.sequence.track_model import load_track_model
from locus2target.sequence.track_reference import TrackNetwork, WindowPredictor
from locus2target.sequence.windows import OK

CPU = torch.device("cpu")
BORZOI = BorzoiConfig(
    length=2560,
    widths=(6, 6, 8, 8, 10, 10, 12),
    depth=2,
    heads=2,
    key_dim=4,
    value_dim=6,
    position_features=8,
    position_tokens=20,
    hidden=14,
    crop_bins=4,
    human_tracks=6,
)
ENFORMER = EnformerConfig(
    dim=24,
    depth=2,
    heads=2,
    output_heads={"human": 6},
    target_length=16,
    attn_dim_key=4,
    num_downsamples=3,
    dim_divisible_by=4,
    length=8 * 24,
)
SHORKIE = ShorkieShape(
    length=1024,
    channels=4,
    stem_width=8,
    stem_kernel=11,
    widths=(8, 8, 12),
    kernel=5,
    convolutions=2,
    layers=2,
    heads=2,
    key_width=3,
    position_features=8,
    stages=2,
    unet_kernel=3,
    crop_bins=8,
    outputs=6,
)
MAKERS = {
    "borzoi": lambda: Borzoi(BORZOI),
    "prime": lambda: Borzoi(dataclasses.replace(BORZOI, stages=3, hidden=None)),
    "mini": lambda: Borzoi(dataclasses.replace(BORZOI, upsample_conv=False, hidden=None, stem_kernel=11)),
    "flashzoi": lambda: Borzoi(dataclasses.replace(BORZOI, attention="rotary", rotary_dim=4)),
    "enformer": lambda: Enformer(ENFORMER),
    "shorkie": lambda: Shorkie(SHORKIE),
}
MATES = np.array(tiny_borzoi.MATES)


@pytest.fixture(params=MAKERS)
def network(request):
    return random_network(MAKERS[request.param])


def edits_at(window, starts, length, seed=0):
    generator = np.random.default_rng(seed)
    alleles = [
        (window[start : start + length] + generator.integers(1, 4, length)).astype(np.uint8) % 4 for start in starts
    ]
    return Edits(np.array(starts), alleles)


def whole_network(network, codes, tracks, bins):
    """Mean of both strands by the network's own forward pass."""
    forward = network(one_hot_tensor(torch.from_numpy(codes)))
    mate = np.ascontiguousarray(3 - codes[:, ::-1])
    reverse = network(one_hot_tensor(torch.from_numpy(mate))).flip(2)
    return ((forward[:, tracks] + reverse[:, MATES[tracks]]) / 2)[:, :, bins]


@pytest.mark.parametrize("length", [1, 3])
def test_edits_are_predicted_as_by_the_whole_network(network, length):
    geometry = network.geometry
    window = np.random.default_rng(3).integers(0, 4, geometry.length).astype(np.uint8)
    token = geometry.token_bp
    middle = geometry.length // 2 // token * token
    starts = [0, 1, token - 1, token, middle - 1, middle, middle + token // 2, geometry.length - token - 1]
    starts.append(geometry.length - length)
    edits = edits_at(window, starts, length)
    tracks = np.array([0, 1, 3, 5])
    bins = np.array([0, 1, 2, geometry.n_bins - 1])
    predictor = WindowPredictor(TrackNetwork(network, CPU, torch.float32, tracks, MATES[tracks]), window, bins)
    predicted = predictor.edited(edits)
    codes = edits.write(window, np.zeros(len(starts), dtype=np.int64), geometry.length)
    expected = whole_network(network, codes, tracks, bins)
    assert (predicted - expected).abs().amax() <= 1e-5 * expected.abs().amax()
    reference = whole_network(network, window[None], tracks, bins)
    change = (expected - reference).abs().amax()
    assert change > 1e-3 * expected.abs().amax()  # else the comparison would say nothing
    assert (predictor.whole(codes) - expected).abs().amax() <= 1e-5 * expected.abs().amax()


def test_every_architecture_has_short_pieces(network):
    ready = TrackNetwork(network, CPU, torch.float32, np.arange(6), None)
    assert ready.halo(1) is not None


def test_bfloat16_predictions_keep_the_order_of_effects(network):
    geometry = network.geometry
    window = np.random.default_rng(4).integers(0, 4, geometry.length).astype(np.uint8)
    starts = np.random.default_rng(5).choice(geometry.length - 1, 24, replace=False)
    edits = edits_at(window, [0, *starts], 1)
    edits = Edits(edits.starts, [window[:0], *edits.alleles[1:]])
    effects = []
    for dtype in (torch.float32, torch.bfloat16):
        ready = TrackNetwork(copy.deepcopy(network), CPU, dtype, np.arange(6), MATES)
        predicted = WindowPredictor(ready, window, np.arange(geometry.n_bins)).edited(edits)
        effects.append((predicted[1:] - predicted[:1]).sum(2).flatten().numpy())
    assert pd.Series(effects[0]).corr(pd.Series(effects[1]), method="spearman") > 0.9


def load(*folders, **settings):
    return load_track_model(ModelRow("m", "borzoi", folders, **settings), device=CPU, batch_size=8)


def test_a_published_folder_scores_variants(tmp_path):
    networks = [write_tiny_borzoi(tmp_path / name, seed) for seed, name in enumerate(("f0c0", "f1c0"))]
    model = load(tmp_path / "f0c0", tmp_path / "f1c0", tracks="track[03]", scorers="SAD", strands=2)
    assert [track.name for track in model.spec.tracks] == ["track0", "track3"]
    assert model.spec.tracks[0].group == "RNA:tissue 0"
    assert (model.spec.window.length, model.spec.window.center_offset, model.spec.bin_size) == (2560, 1280, 32)
    assert "halo" in model.spec.capabilities
    sequence = random_sequence(6000, seed=1)
    genome = ToyGenome({"1": sequence})
    alt = "A" if sequence[2999] != "A" else "C"
    scores = model.score(variant_table(("1", 3000, sequence[2999], alt)), Sources(genome.fetch, genome.lengths))
    assert scores.status == [OK]
    expected = []
    for network in networks:
        window = sequence[2999 - 1280 : 2999 + 1280]
        codes = np.array(
            [["ACGT".index(base) for base in text] for text in (window, window[:1280] + alt + window[1281:])]
        )
        raw = whole_network(network, codes.astype(np.uint8), np.array([0, 3]), np.arange(network.geometry.n_bins))
        coverage = (raw / 0.3) ** (4 / 3) * 0.3  # nothing is as high as the soft clip
        expected.append((coverage[1] - coverage[0]).double().sum(1).numpy())
    np.testing.assert_allclose(scores.effects.values, np.mean(expected, axis=0), rtol=1e-3)


def test_the_family_of_the_transform_follows_the_files(tmp_path):
    write_tiny_borzoi(tmp_path / "legacy")
    write_tiny_borzoi(tmp_path / "current", untransform=None)
    for folder, family in (("legacy", "borzoi_legacy"), ("current", "baskerville")):
        model = load(tmp_path / folder)
        assert model.untransform.family == family
        assert family in model.scores[0].formula
    transform = FAMILIES["borzoi"].transform
    assert transform(Borzoi(BORZOI), tmp_path).family == "borzoi_legacy"
    prime = Borzoi(dataclasses.replace(BORZOI, stages=3, hidden=None))
    assert (transform(prime, tmp_path).family, transform(prime, tmp_path).unclip) == ("baskerville", False)


def test_default_scores_are_those_of_the_family(tmp_path):
    write_tiny_borzoi(tmp_path)
    model = load(tmp_path)
    assert [(score.name, score.mask) for score in model.scores] == [("logSED", "exons"), ("logD2", "")]


def test_the_checksum_covers_weights_parameters_and_tracks(tmp_path):
    write_tiny_borzoi(tmp_path)
    first = load(tmp_path).spec.weights_sha256
    (tmp_path / "targets.txt").write_text(TARGETS.replace("0.3", "0.4"))
    assert load(tmp_path).spec.weights_sha256 != first


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window_bp": 1000}, "window_bp is 1000, the network reads 2560 bases"),
        ({"shared_bp": 2560}, "Lower shared_bp"),
        ({"center_offset": 3}, "leave center_offset empty"),
        ({"tracks": "nothing"}, "finds no track"),
        ({"scorers": "logSED@nowhere"}, "is not a mask"),
    ],
)
def test_settings_that_do_not_fit_are_refused(tmp_path, settings, message):
    write_tiny_borzoi(tmp_path)
    with pytest.raises(InputError, match=message):
        load(tmp_path, **settings)


def test_a_missing_or_foreign_table_of_tracks_is_refused(tmp_path):
    write_tiny_borzoi(tmp_path, targets="\tidentifier\n0\tonly one\n")
    with pytest.raises(InputError, match="it has 1 tracks, the network 6"):
        load(tmp_path)
    (tmp_path / "targets.txt").unlink()
    with pytest.raises(InputError, match=r"there is no targets\.txt"):
        load(tmp_path)


MOUSE_TARGETS = "\tidentifier\n" + "".join(f"{i}\tmouse{i}\n" for i in range(4))


def test_the_head_is_that_of_the_table_of_tracks(tmp_path):
    """One folder with heads for both species: the number of its tracks tells which is meant."""
    parameters = {
        "model": PARAMETERS["model"] | {"head_mouse": {**PARAMETERS["model"]["head_human"], "num_targets": 4}}
    }
    networks = {
        species: random_network(
            lambda species=species: Borzoi(
                config_from_baskerville(parameters, find_head(parameters, species, where=""), where="")
            ),
            seed,
        )
        for seed, species in enumerate(("human", "mouse"))
    }
    state = dict(networks["human"].state_dict())
    for index, (species, network) in enumerate(networks.items()):
        for part in ("weight", "bias"):
            state[f"heads_cov.{index}.0.conv.{part}"] = network.state_dict()[f"{species}_head.{part}"]
            state.pop(f"{species}_head.{part}", None)
        for name in [name for name in network.state_dict() if name.startswith("final_joined_convs.0.")]:
            old = name.replace("final_joined_convs.0.norm.", "norm.layer.").replace(
                "final_joined_convs.0.conv_layer.", "conv_nac."
            )
            state[f"heads_cov.{index}.0.{old}"] = network.state_dict()[name]
            state.pop(name, None)
    write_calico(tmp_path, state, parameters, TARGETS)
    assert torch.equal(load(tmp_path).networks[0]._head.human_head.weight, networks["human"].human_head.weight)
    (tmp_path / "targets.txt").write_text(MOUSE_TARGETS)
    mouse = load(tmp_path)
    assert [track.name for track in mouse.spec.tracks] == ["mouse0", "mouse1", "mouse2", "mouse3"]
    assert torch.equal(mouse.networks[0]._head.mouse_head.weight, networks["mouse"].mouse_head.weight)
    (tmp_path / "targets.txt").write_text(MOUSE_TARGETS + "4\tfifth\n")
    with pytest.raises(InputError, match="it has 5 tracks, the network 6"):
        load(tmp_path)


def test_replicates_of_different_models_are_refused(tmp_path):
    write_tiny_borzoi(tmp_path / "a")
    shape = [*PARAMETERS["model"]["trunk"][:-1], {"name": "Crop", "crop_size": 6}]
    write_tiny_borzoi(tmp_path / "b", trunk=shape)
    with pytest.raises(InputError, match="replicates of one model"):
        load(tmp_path / "a", tmp_path / "b")


def test_enformer_needs_no_table_of_tracks(tmp_path):
    config = dataclasses.asdict(dataclasses.replace(ENFORMER, num_downsamples=7, target_length=896, length=196_608))
    write_huggingface(tmp_path, Enformer(EnformerConfig(**config)).state_dict(), config)
    model = load_track_model(ModelRow("e", "enformer", (tmp_path,)), device=CPU, batch_size=8)
    assert [score.name for score in model.scores] == ["SAD", "center_mask"]
    assert model.spec.tracks[5].name == "track_5"
    assert model.untransform.family == "none"
    assert model.batches.size == 2
    with pytest.raises(InputError, match="targets"):
        read_track_table(FAMILIES["borzoi"], tmp_path, 6)


def test_enformer_reads_the_head_for_mouse_where_its_table_is_given(tmp_path):
    heads = {"human": 6, "mouse": 4}
    shape = {"num_downsamples": 7, "target_length": 896, "length": 196_608, "output_heads": heads}
    config = dataclasses.asdict(dataclasses.replace(ENFORMER, **shape))
    write_huggingface(tmp_path, Enformer(EnformerConfig(**config)).state_dict(), config)
    (tmp_path / "targets.txt").write_text(MOUSE_TARGETS)
    model = load_track_model(ModelRow("e", "enformer", (tmp_path,)), device=CPU, batch_size=8)
    assert [track.name for track in model.spec.tracks] == ["mouse0", "mouse1", "mouse2", "mouse3"]
    assert model.networks[0]._head.species == "mouse"
