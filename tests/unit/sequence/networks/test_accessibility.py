import json

import pytest
import torch
from safetensors.torch import save_file

from locus2target.core.errors import InputError
from locus2target.sequence.networks.accessibility import (
    AccessibilityFacts,
    AccessibilityNet,
    AccessibilityShape,
    load_accessibility,
)
from locus2target.sequence.patches import PatchEngine

torch.set_num_threads(1)
SHAPE = AccessibilityShape(64, (6, 8), (5, 3), (4, 2), (1, 2), 5)
FACTS = AccessibilityFacts(("liver", "T cell"), ("gut", "blood"), "CC0", "toy", {"auroc": 0.9})


def write_network(folder, shape=SHAPE, facts=FACTS, **changes):
    """A folder as the training writes it."""
    torch.manual_seed(0)
    network = AccessibilityNet(shape, facts).eval()
    folder.mkdir(exist_ok=True)
    save_file(network.state_dict(), folder / "model.safetensors")
    tracks = [{"name": name, "group": group} for name, group in zip(facts.tracks, facts.groups, strict=True)]
    config = shape.to_config() | {
        "tracks": tracks,
        "licence": facts.licence,
        "citation": facts.citation,
        "training": facts.training,
    }
    kept = {key: value for key, value in (config | changes).items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))
    return network


def test_a_network_is_the_same_after_writing_and_loading(tmp_path):
    network = write_network(tmp_path)
    loaded = load_accessibility(tmp_path)
    one_hot = torch.eye(4)[torch.randint(0, 4, (3, 64))].transpose(1, 2)
    assert loaded.network.shape == SHAPE
    assert loaded.network.facts == FACTS
    assert torch.equal(loaded.network(one_hot), network(one_hot))
    assert not loaded.network.training
    assert [path.name for path in loaded.files] == ["model.safetensors", "config.json"]


def test_shape_of_the_output_and_of_what_lies_between():
    network = AccessibilityNet(AccessibilityShape(), FACTS).eval()
    one_hot = torch.zeros(2, 4, 1024)
    assert network(one_hot).shape == (2, 2)
    columns = network.layers[:12](one_hot)  # stem and tower
    assert columns.shape == (2, 128, 1024 // 16)


def test_the_patch_engine_knows_every_layer():
    network = AccessibilityNet(AccessibilityShape(), FACTS).eval()
    assert PatchEngine.of(network.layers, torch.zeros(5, 4)) is not None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"widths": None}, "'widths' is missing"),
        ({"tracks": None}, "'tracks' is missing"),
        ({"tracks": []}, "no tracks"),
        ({"tracks": [{"name": "liver"}]}, "'group' is missing"),
        ({"kernels": [5]}, "not one per convolution"),
        ({"hidden": "many"}, "unusable sizes"),
        ({"hidden": 7}, "tensor head.weight has shape"),
    ],
)
def test_a_config_that_cannot_be_used_is_named(tmp_path, changes, words):
    write_network(tmp_path, **changes)
    with pytest.raises(InputError, match=words):
        load_accessibility(tmp_path)


def test_a_missing_file_is_named(tmp_path):
    write_network(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"model\.safetensors"):
        load_accessibility(tmp_path)
