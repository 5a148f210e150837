import hashlib
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import safetensors.torch
import torch
from published_formats import random_state, write_huggingface, write_keras, write_sharded
from torch import nn

from locus2target.core.errors import InputError
from locus2target.sequence.weights import (
    LoadedNetwork,
    checksum,
    find_file,
    load_into,
    read_json,
    read_keras_weights,
    read_state_dict,
)

SHAPES = {"stem.weight": (3, 4, 5), "norm.running_mean": (3,), "head.bias": (2,)}


def assert_same(found, expected):
    assert set(found) == set(expected)
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name


def small_network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv1d(4, 3, 5), nn.BatchNorm1d(3), nn.Linear(7, 2))


class TestReadStateDict:
    def test_safetensors_holds_what_was_written(self, tmp_path):
        state = random_state(SHAPES)
        assert_same(read_state_dict(write_huggingface(tmp_path, state, {}) / "model.safetensors"), state)

    @pytest.mark.parametrize("name", ["model_best.pth", "model.pt", "pytorch_model.bin"])
    @pytest.mark.parametrize("zipped", [True, False])
    def test_torch_checkpoints_new_and_old(self, tmp_path, name, zipped):
        state = random_state(SHAPES)
        torch.save(state, tmp_path / name, _use_new_zipfile_serialization=zipped)
        assert_same(read_state_dict(tmp_path / name), state)

    def test_a_lightning_checkpoint_is_unwrapped(self, tmp_path):
        state = random_state(SHAPES)
        torch.save({"epoch": 3, "state_dict": state, "lr_schedulers": []}, tmp_path / "last.ckpt")
        assert_same(read_state_dict(tmp_path / "last.ckpt"), state)

    def test_shards_are_joined(self, tmp_path):
        state = random_state(SHAPES)
        assert_same(read_state_dict(write_sharded(tmp_path, state, shards=2)), state)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_floats_become_float32_and_counts_stay(self, tmp_path, dtype):
        given = {"weight": torch.tensor([1.5, -2.25], dtype=dtype), "num_batches_tracked": torch.tensor(7)}
        safetensors.torch.save_file(given, tmp_path / "model.safetensors")
        found = read_state_dict(tmp_path / "model.safetensors")
        assert found["weight"].dtype == torch.float32
        assert found["weight"].tolist() == [1.5, -2.25]
        assert found["num_batches_tracked"].dtype == torch.int64

    def test_parameters_come_back_as_plain_tensors_without_gradient(self, tmp_path):
        torch.save({"weight": nn.Parameter(torch.ones(2))}, tmp_path / "model.pth")
        assert not read_state_dict(tmp_path / "model.pth")["weight"].requires_grad


class Attacker:
    """Unpickling it would write a file."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (Path.touch, (self.target,))


class TestBadFiles:
    @pytest.mark.parametrize("name", ["model.safetensors", "model.pth", "model.safetensors.index.json"])
    def test_missing(self, tmp_path, name):
        with pytest.raises(InputError, match=rf"{name}: there is no such file"):
            read_state_dict(tmp_path / name)

    @pytest.mark.parametrize("keep", [0, 4, 60, 0.5, -1])
    def test_truncated_safetensors(self, tmp_path, keep):
        path = write_huggingface(tmp_path, random_state(SHAPES), {}) / "model.safetensors"
        truncate(path, keep)
        with pytest.raises(InputError, match=r"model\.safetensors: not a whole safetensors file"):
            read_state_dict(path)

    @pytest.mark.parametrize("keep", [0, 4, 60, 0.5, -1])
    @pytest.mark.parametrize("zipped", [True, False])
    def test_truncated_torch_file(self, tmp_path, keep, zipped):
        path = tmp_path / "model_best.pth"
        torch.save(random_state(SHAPES), path, _use_new_zipfile_serialization=zipped)
        truncate(path, keep)
        with pytest.raises(InputError, match=r"model_best\.pth: not a whole torch file"):
            read_state_dict(path)

    @pytest.mark.parametrize("content", [b"<!doctype html><p>Not found</p>", b"\x00" * 500, b"version https://git-lfs"])
    def test_something_else_under_the_name(self, tmp_path, content):
        for name in ("model.pth", "model.safetensors"):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(InputError, match="not a whole"):
                read_state_dict(tmp_path / name)

    @pytest.mark.parametrize("zipped", [True, False])
    def test_code_in_a_pickle_is_refused_not_run(self, tmp_path, zipped):
        path = tmp_path / "model.pt"
        torch.save({"weight": Attacker(tmp_path / "ran")}, path, _use_new_zipfile_serialization=zipped)
        with pytest.raises(InputError, match=r"model\.pt: .* run code, so it is not read") as caught:
            read_state_dict(path)
        assert "state_dict()" in caught.value.remedy
        assert not (tmp_path / "ran").exists()

    def test_a_whole_module_is_refused(self, tmp_path):
        torch.save(small_network(), tmp_path / "model.pth")
        with pytest.raises(InputError, match="Python objects besides tensors"):
            read_state_dict(tmp_path / "model.pth")

    @pytest.mark.parametrize("content", [[torch.ones(2)], {"step": 3}, torch.ones(2)])
    def test_no_tensors_by_name(self, tmp_path, content):
        torch.save(content, tmp_path / "model.pth")
        with pytest.raises(InputError, match="something else than tensors by name"):
            read_state_dict(tmp_path / "model.pth")

    def test_a_missing_shard_is_named(self, tmp_path):
        index = write_sharded(tmp_path, random_state(SHAPES), shards=2)
        (tmp_path / "model-00002-of-00002.safetensors").unlink()
        with pytest.raises(InputError, match=r"index\.json: the file model-00002-of-00002\.safetensors .* is missing"):
            read_state_dict(index)

    def test_a_tensor_that_no_shard_holds_is_named(self, tmp_path):
        index = write_sharded(tmp_path, random_state(SHAPES), shards=2)
        content = json.loads(index.read_text())
        content["weight_map"]["tail.bias"] = "model-00001-of-00002.safetensors"
        index.write_text(json.dumps(content))
        with pytest.raises(InputError, match=r"1 tensor is missing from the files that it lists: tail\.bias"):
            read_state_dict(index)

    def test_an_index_without_a_map(self, tmp_path):
        (tmp_path / "model.safetensors.index.json").write_text("{}")
        with pytest.raises(InputError, match="weight_map"):
            read_state_dict(tmp_path / "model.safetensors.index.json")


def truncate(path, keep):
    """Keep some bytes: a number of them, a share, or all but one."""
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])


KERAS_LAYERS = {
    "conv1d": [np.arange(40, dtype=np.float32).reshape(5, 4, 2), np.ones(2, np.float32)],
    "re_lu": [],
    "batch_normalization": [np.full(2, value, np.float32) for value in range(4)],
    "dense_1": [np.eye(2, dtype=np.float64)],
}


class TestReadKerasWeights:
    @pytest.mark.parametrize("whole_model", [True, False])
    def test_layers_and_arrays_keep_their_order(self, tmp_path, whole_model):
        found = read_keras_weights(write_keras(tmp_path / "model_best.h5", KERAS_LAYERS, whole_model=whole_model))
        assert list(found) == ["conv1d", "batch_normalization", "dense_1"]
        for layer, arrays in found.items():
            for array, expected in zip(arrays, KERAS_LAYERS[layer], strict=True):
                assert array.dtype == np.float32
                np.testing.assert_array_equal(array, expected)

    def test_more_than_ten_arrays_are_not_sorted_by_name(self, tmp_path):
        arrays = [np.full(1, value, np.float32) for value in range(12)]
        found = read_keras_weights(write_keras(tmp_path / "m.h5", {"attention": arrays}))
        assert [float(array[0]) for array in found["attention"]] == list(range(12))

    def test_long_name_lists_are_split_over_attributes(self, tmp_path):
        path = write_keras(tmp_path / "m.h5", {"a": [np.zeros(1)], "b": [np.ones(1)], "c": [np.ones(2)]})
        with h5py.File(path, "r+") as file:
            attributes = file["model_weights"].attrs
            del attributes["layer_names"]
            attributes["layer_names0"] = np.array(["a", "b"], dtype="S")
            attributes["layer_names1"] = ["c"]  # text instead of bytes, as newer h5py writes it
        assert list(read_keras_weights(path)) == ["a", "b", "c"]

    @pytest.mark.parametrize("keep", [0, 100, 0.5])
    def test_truncated(self, tmp_path, keep):
        path = write_keras(tmp_path / "model_best.h5", KERAS_LAYERS)
        truncate(path, keep)
        with pytest.raises(InputError, match=r"model_best\.h5: not a whole Keras h5 file"):
            read_keras_weights(path)

    def test_missing(self, tmp_path):
        with pytest.raises(InputError, match="no such file"):
            read_keras_weights(tmp_path / "model_best.h5")

    def test_another_h5_format(self, tmp_path):
        with h5py.File(tmp_path / "m.h5", "w") as file:
            file["layers/conv1d/vars/0"] = np.ones(2)
        with pytest.raises(InputError, match="no layers are listed"):
            read_keras_weights(tmp_path / "m.h5")

    def test_an_array_that_is_listed_and_not_there(self, tmp_path):
        path = write_keras(tmp_path / "m.h5", KERAS_LAYERS)
        with h5py.File(path, "r+") as file:
            del file["model_weights/conv1d/conv1d/weight_1:0"]
        with pytest.raises(InputError, match="weight_1:0"):
            read_keras_weights(path)


class TestLoadInto:
    def test_every_tensor_arrives(self):
        source, target = small_network(0), small_network(1)
        load_into(target, source.state_dict(), where=Path("model.pth"))
        assert_same(target.state_dict(), source.state_dict())

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda state: state.pop("0.weight"), r"f0/model\.pth: 1 tensor is missing from the file: 0\.weight"),
            (lambda state: state.update(tail=torch.ones(1)), r"1 tensor is not part of the network: tail"),
            (
                lambda state: state.update({"2.weight": torch.ones(2, 8)}),
                r"tensor 2\.weight has shape \(2, 8\) in the file and \(2, 7\) in the network",
            ),
            (
                lambda state: state.update({"2.bias": torch.ones(2, dtype=torch.int8)}),
                r"tensor 2\.bias is torch\.int8 in the file and torch\.float32 in the network",
            ),
            (
                lambda state: state.update({f"more.{i}": torch.ones(1) for i in range(9)}),
                r"9 tensors are not part of the network: more\.0, .*, more\.4 and 4 more",
            ),
        ],
    )
    def test_what_does_not_fit_is_named_and_nothing_is_loaded(self, change, message):
        network, state = small_network(0), dict(small_network(1).state_dict())
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        change(state)
        with pytest.raises(InputError, match=message):
            load_into(network, state, where=Path("f0/model.pth"))
        assert_same(network.state_dict(), before)

    def test_ignored_tensors_may_be_missing_on_either_side(self):
        network, state = small_network(0), dict(small_network(1).state_dict())
        del state["1.num_batches_tracked"]
        state["0.positions"] = torch.ones(3)
        load_into(network, state, where=Path("m"), ignore=["*.num_batches_tracked", "0.positions"])
        assert torch.equal(network[0].weight, state["0.weight"])

    def test_ignored_tensors_are_loaded_where_both_sides_have_them(self):
        network, state = small_network(0), small_network(1).state_dict()
        load_into(network, state, where=Path("m"), ignore=["*"])
        assert_same(network.state_dict(), state)

    def test_half_precision_is_cast(self):
        network, state = (
            small_network(0),
            {n: t.half() for n, t in small_network(1).state_dict().items() if "num" not in n},
        )
        load_into(network, state, where=Path("m"), ignore=["*num_batches_tracked"])
        assert network[0].weight.dtype == torch.float32


def test_find_file_takes_the_first_and_lists_what_it_looked_for(tmp_path):
    for name in ("b.pth", "c.pth"):
        (tmp_path / name).touch()
    assert find_file(tmp_path, ["a.pth", "b.pth", "c.pth"]) == tmp_path / "b.pth"
    with pytest.raises(InputError, match=r"none of these files is there: x\.h5, y\.h5"):
        find_file(tmp_path, ["x.h5", "y.h5"])
    with pytest.raises(InputError, match="no such folder"):
        find_file(tmp_path / "nowhere", ["x.h5"])


@pytest.mark.parametrize("content", ["{", "", "[1]", "\xff"])
def test_read_json_wants_an_object(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=r"config\.json: not "):
        read_json(tmp_path / "config.json")


def test_checksum_is_of_the_contents_in_order(tmp_path):
    for name, content in {"a": b"one", "b": b"two", "c": b"one"}.items():
        (tmp_path / name).write_bytes(content)
    a, b, c = (tmp_path / name for name in "abc")
    digests = hashlib.sha256(b"one").hexdigest() + hashlib.sha256(b"two").hexdigest()
    assert checksum([a, b]) == hashlib.sha256(digests.encode()).hexdigest()
    assert checksum([a, b]) == checksum([c, b]) != checksum([b, a])


def test_a_loaded_network_names_its_files(tmp_path):
    loaded = LoadedNetwork(small_network().eval(), (tmp_path / "m.pth",))
    assert not loaded.network.training
    with pytest.raises(AttributeError):
        loaded.files = ()
