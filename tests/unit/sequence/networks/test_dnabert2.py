import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.special import erf

from locus2target.core.errors import InputError
from locus2target.sequence.networks.dnabert2 import (
    Dnabert2,
    Dnabert2Shape,
    alibi_slopes,
    is_dnabert2,
    load_dnabert2,
)

SHAPE = Dnabert2Shape(
    vocab_size=11,
    hidden_size=12,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=7,
    type_vocab_size=2,
    layer_norm_eps=1e-12,
)
CONFIG = {
    "model_type": "bert",
    "architectures": ["BertForMaskedLM"],
    "alibi_starting_size": 512,
    "max_position_embeddings": 512,
    **{name: getattr(SHAPE, name) for name in Dnabert2Shape.__annotations__},
}


def random_network(seed=0):
    torch.manual_seed(seed)
    network = Dnabert2(SHAPE).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.5)
    return network


def slow_logits(state, tokens):
    """The published formulas in float64, one sequence and one head at a time."""
    w = {name: tensor.double().numpy() for name, tensor in state.items()}

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0.0)

    def norm(x, name, eps=1e-12):
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps) * w[f"{name}.weight"] + w[f"{name}.bias"]

    def gelu(x):
        return x * 0.5 * (1 + erf(x / np.sqrt(2)))

    heads, width = SHAPE.num_attention_heads, SHAPE.hidden_size // SHAPE.num_attention_heads
    places = np.arange(len(tokens))
    embedded = w["bert.embeddings.word_embeddings.weight"][tokens]
    x = norm(embedded + w["bert.embeddings.token_type_embeddings.weight"][0], "bert.embeddings.LayerNorm")
    for layer in range(SHAPE.num_hidden_layers):
        name = f"bert.encoder.layer.{layer}"
        query, key, value = np.split(linear(x, f"{name}.attention.self.Wqkv"), 3, axis=1)
        mixed = []
        for head, slope in zip(range(heads), [1 / 16, 1 / 256, 1 / 4], strict=True):
            part = slice(head * width, (head + 1) * width)
            scores = query[:, part] @ key[:, part].T / np.sqrt(width)
            scores -= slope * np.abs(places[:, None] - places[None, :])
            weights = np.exp(scores - scores.max(1, keepdims=True))
            mixed.append(weights / weights.sum(1, keepdims=True) @ value[:, part])
        attended = linear(np.concatenate(mixed, axis=1), f"{name}.attention.output.dense")
        x = norm(attended + x, f"{name}.attention.output.LayerNorm")
        gate, passed = np.split(linear(x, f"{name}.mlp.gated_layers"), 2, axis=1)
        x = norm(linear(gelu(gate) * passed, f"{name}.mlp.wo") + x, f"{name}.mlp.layernorm")
    hidden = norm(gelu(linear(x, "cls.predictions.transform.dense")), "cls.predictions.transform.LayerNorm")
    return linear(hidden, "cls.predictions.decoder")


def write_folder(folder, state, **changes):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG | changes))
    torch.save(state, folder / "pytorch_model.bin")
    return folder


def test_logits_are_those_of_the_formulas():
    network = random_network()
    tokens = torch.randint(0, SHAPE.vocab_size, (3, 9), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        logits = network(tokens).numpy()
    expected = np.stack([slow_logits(network.state_dict(), row.numpy()) for row in tokens])
    assert np.allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_hidden_states_begin_with_the_embeddings_and_end_before_the_head():
    network = random_network()
    tokens = torch.arange(SHAPE.vocab_size)[None]
    with torch.inference_mode():
        states = network.hidden_states(tokens)
        assert len(states) == network.n_layers + 1
        assert torch.equal(states[0], network.bert.embeddings(tokens))
        assert torch.equal(network.cls.predictions(states[-1]), network(tokens))


def test_slopes_of_twelve_heads_are_those_of_eight_and_every_other_of_sixteen():
    eight = [2.0**-i for i in range(1, 9)]
    assert alibi_slopes(8) == eight
    assert alibi_slopes(12) == pytest.approx([*eight, 2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5])


def test_published_names_load_with_a_pooler_and_with_one_shared_matrix(tmp_path):
    network = random_network()
    state = dict(network.state_dict())
    state["cls.predictions.decoder.weight"] = state["bert.embeddings.word_embeddings.weight"]
    pooled = state | {"bert.pooler.dense.weight": torch.zeros(12, 12), "bert.pooler.dense.bias": torch.zeros(12)}
    tokens = torch.arange(SHAPE.vocab_size)[None]
    whole = load_dnabert2(write_folder(tmp_path / "bin", pooled))
    folder = write_folder(tmp_path / "safe", {})
    shared = {name: tensor.clone() for name, tensor in state.items() if name != "cls.predictions.decoder.weight"}
    save_file(shared, folder / "model.safetensors")
    with torch.inference_mode():
        assert torch.equal(whole.network(tokens), load_dnabert2(folder).network(tokens))
    assert [file.name for file in whole.files] == ["config.json", "pytorch_model.bin"]


def test_files_of_another_architecture_are_refused(tmp_path):
    state = dict(random_network().state_dict())
    state["bert.encoder.layer.0.attention.self.query.weight"] = torch.zeros(12, 12)
    with pytest.raises(InputError, match=r"attention\.self\.query\.weight"):
        load_dnabert2(write_folder(tmp_path / "plain", state))
    folder = write_folder(tmp_path / "no_size", random_network().state_dict())
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(InputError, match="'vocab_size' is missing"):
        load_dnabert2(folder)


def test_only_its_own_configuration_is_taken_for_it():
    assert is_dnabert2(CONFIG)
    assert not is_dnabert2({"model_type": "bert", "max_position_embeddings": 512})
