import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sequence_toys import ToyGenome, random_sequence, random_variants

from locus2target.core.errors import InputError
from locus2target.sequence.backends import Sources
from locus2target.sequence.encoding import UNKNOWN
from locus2target.sequence.language import load_language_model
from locus2target.sequence.language_networks import load_nucleotide_gpt_backend, load_shorkie_lm_backend
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.networks.nucleotide_gpt import NucleotideGpt, NucleotideGptConfig
from locus2target.sequence.networks.shorkie import ShorkieLm
from locus2target.sequence.networks.shorkie_config import read_shape

CPU = torch.device("cpu")
LENGTH = 64
UNET = {"name": "unet_conv", "kernel_size": 3, "upsample_conv": True}
SHORKIE = {
    "model": {
        "seq_length": LENGTH, "activation": "gelu", "norm_type": "batch",
        "trunk": [
            {"name": "conv_dna", "filters": 8, "kernel_size": 11, "norm_type": None, "activation": "linear"},
            {"name": "res_tower", "filters_init": 8, "filters_end": 12, "divisible_by": 4, "kernel_size": 5,
             "num_convs": 2, "pool_size": 2, "repeat": 3},
            {"name": "transformer_tower", "key_size": 3, "heads": 2, "num_position_features": 8, "repeat": 1},
            UNET, UNET, UNET,
        ],
        "head": {"name": "final", "units": 4, "activation": "softmax"},
    }
}  # fmt: skip
GPT = {
    "d_model": 12, "ffw_multiplier": 2, "query_heads": 2, "key_heads": 2, "key_dim": 6, "num_layers": 2,
    "vocab_size": 6, "max_seq_len": LENGTH,
}  # fmt: skip


@pytest.fixture(scope="module")
def shorkie_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shorkie_lm")
    (folder / "params.json").write_text(json.dumps(SHORKIE))
    torch.manual_seed(0)
    network = ShorkieLm(read_shape(folder / "params.json")).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.4)
    save_file(network.state_dict(), folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def gpt_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nucleotide_gpt")
    (folder / "config.json").write_text(json.dumps(GPT))
    torch.manual_seed(0)
    save_file(NucleotideGpt(NucleotideGptConfig(**GPT)).state_dict(), folder / "model.safetensors")
    return folder


def random_codes(n, seed=0):
    codes = np.random.default_rng(seed).integers(0, 4, size=(n, LENGTH)).astype(np.uint8)
    codes[0, 3] = UNKNOWN
    return codes


def whole_log_probs(network, codes):
    """Log-probabilities (B, 4, L) from whole windows; columns of unknown bases are zero."""
    one_hot = torch.from_numpy(np.eye(5, dtype=np.float32)[codes][..., :4]).transpose(1, 2)
    with torch.inference_mode():
        return network(one_hot).double().numpy()


@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_shorkie_lm_sees_a_masked_base_as_zeros(shorkie_folder, batch_size):
    backend = load_shorkie_lm_backend(shorkie_folder, device=CPU, batch_size=batch_size)
    codes = random_codes(3)
    rows, positions = np.array([0, 1, 2, 2, 1, 0]), np.array([30, 0, LENGTH - 1, 31, 17, 4])
    found = backend.base_log_probs(codes, rows, positions)
    for row, position, log_p in zip(rows, positions, found, strict=True):
        masked = codes[[row]]
        masked[0, position] = UNKNOWN
        assert log_p == pytest.approx(whole_log_probs(backend.network, masked)[0, :, position], abs=1e-5)
    assert np.exp(found).sum(axis=1) == pytest.approx(1, rel=1e-5)


def test_shorkie_lm_unmasked_sums_the_terms_of_one_pass(shorkie_folder):
    backend = load_shorkie_lm_backend(shorkie_folder, device=CPU, batch_size=2)
    codes = random_codes(3)
    log_p = whole_log_probs(backend.network, codes)
    expected = [
        sum(log_p[b, code, i] for i, code in enumerate(window) if code < UNKNOWN) for b, window in enumerate(codes)
    ]
    assert backend.unmasked_log_likelihood(codes) == pytest.approx(expected, rel=1e-5)


def test_nucleotide_gpt_sums_the_terms_of_the_next_base(gpt_folder):
    backend = load_nucleotide_gpt_backend(gpt_folder, device=CPU, batch_size=2)
    codes = random_codes(3)
    network = backend.runner.network.network
    with torch.inference_mode():
        log_p = network(network.tokenize(torch.from_numpy(codes))).double().log_softmax(-1).numpy()
    expected = [
        sum(log_p[b, i - 1, "PACGTN".index("ACGT"[code])] for i, code in enumerate(window) if i and code < UNKNOWN)
        for b, window in enumerate(codes)
    ]
    assert backend.log_likelihood(codes) == pytest.approx(expected, rel=1e-5)
    assert backend.embed(codes, 0).shape == (3, 12)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(("family", "scores"), [("shorkie_lm", 2), ("nucleotide_gpt", 1)])
def test_families_score_variants_with_their_own_window(shorkie_folder, gpt_folder, family, scores, precision):
    folder = shorkie_folder if family == "shorkie_lm" else gpt_folder
    row = ModelRow("toy", family, (folder,), precision=precision, strands=2)
    model = load_language_model(row, device=CPU, batch_size=8)
    assert (model.spec.window.length, model.spec.window.center_offset) == (LENGTH, LENGTH // 2)
    sequence = random_sequence(300)
    genome, variants = ToyGenome({"1": sequence}), random_variants(sequence, 8)
    result = model.score(variants, Sources(genome.fetch, genome.lengths))
    assert set(result.status) == {"ok"}
    assert set(result.effects.variants) == set(range(len(variants)))
    assert len(model.scores) == scores
    assert set(result.offsets) == {0}


def test_half_precision_stays_near(shorkie_folder):
    codes, rows = random_codes(3), np.array([0, 1, 2])
    full, half = (
        load_shorkie_lm_backend(shorkie_folder, device=CPU, batch_size=4, precision=precision)
        .base_log_probs(codes, rows, np.array([9, 30, 50]))
        for precision in ("float32", "bfloat16")
    )  # fmt: skip
    assert np.abs(full - half).max() < 0.3
    assert not np.array_equal(full, half)


@pytest.mark.parametrize(("window_bp", "limit"), [(32, "at least 64"), (128, "at most 64")])
def test_shorkie_lm_reads_windows_of_one_length(shorkie_folder, window_bp, limit):
    row = ModelRow("toy", "shorkie_lm", (shorkie_folder,), window_bp=window_bp)
    with pytest.raises(InputError, match=limit):
        load_language_model(row, device=CPU, batch_size=1)
