import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sequence_toys import ToyGenome, random_sequence, random_variants

from locus2target.core.errors import InputError
from locus2target.sequence.backends import Sources
from locus2target.sequence.encoding import UNKNOWN, decode
from locus2target.sequence.huggingface import load_huggingface
from locus2target.sequence.language import load_language_model
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.networks.dnabert2 import Dnabert2, Dnabert2Shape

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

CPU = torch.device("cpu")
UNKNOWN_WORD = {"unk_token": "[UNK]"}
DNABERT2 = {
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 7,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
}
GENOME = random_sequence(400, seed=11)


def character_tokenizer(folder, *, brackets=True, letters="ACGTN"):
    """A tokenizer with one token per base."""
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {token: i for i, token in enumerate([*specials, *letters])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, **UNKNOWN_WORD))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    if brackets:
        tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    return save_tokenizer(tokenizer, folder)


def save_tokenizer(tokenizer, folder):
    names = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names, **UNKNOWN_WORD)
    fast.save_pretrained(folder)
    return fast


def word_tokenizer(folder):
    """A tokenizer of longer words, trained on random sequence."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(**UNKNOWN_WORD))
    specials = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=24, special_tokens=specials, show_progress=False)
    tokenizer.train_from_iterator([random_sequence(500, seed=i) for i in range(4)], trainer)
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return save_tokenizer(tokenizer, folder)


@pytest.fixture(scope="module")
def masked_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    character_tokenizer(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=10,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=66,
        initializer_range=0.5,
    )
    transformers.BertForMaskedLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def causal_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpt2")
    character_tokenizer(folder, brackets=False, letters="ACGT")
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=10, n_embd=16, n_layer=2, n_head=2, n_positions=64, bos_token_id=2, eos_token_id=3,
        initializer_range=0.5,
    )  # fmt: skip
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def dnabert2_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dnabert2")
    tokenizer = word_tokenizer(folder)
    values = DNABERT2 | {"vocab_size": len(tokenizer)}
    names = {"model_type": "bert", "architectures": ["BertForMaskedLM"], "alibi_starting_size": 512}
    (folder / "config.json").write_text(json.dumps(names | values))
    torch.manual_seed(0)
    torch.save(Dnabert2(Dnabert2Shape(**values)).state_dict(), folder / "pytorch_model.bin")
    return folder


def load(folder, batch_size=3):
    return load_huggingface(folder, device=CPU, batch_size=batch_size)


def random_codes(n, length, seed=0):
    return np.random.default_rng(seed).integers(0, 4, size=(n, length)).astype(np.uint8)


def tokens_of(folder, window):
    return transformers.AutoTokenizer.from_pretrained(folder)(decode(window), return_tensors="pt")["input_ids"]


def log_softmax(logits):
    logits = logits.double().numpy()
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def test_each_base_is_masked_by_itself(masked_folder):
    codes, backend = random_codes(2, 20), load(masked_folder)
    rows, positions = np.array([0, 1, 1, 0, 1]), np.array([0, 19, 7, 7, 3])
    log_p = backend.base_log_probs(codes, rows, positions)
    model = transformers.BertForMaskedLM.from_pretrained(masked_folder).eval()
    for row, position, found in zip(rows, positions, log_p, strict=True):
        tokens = tokens_of(masked_folder, codes[row])
        tokens[0, position + 1] = 4  # behind [CLS]
        with torch.inference_mode():
            expected = log_softmax(model(tokens).logits[0, position + 1, 5:9])
        assert found == pytest.approx(expected, abs=1e-5)
    assert np.exp(log_p).sum(axis=1) == pytest.approx(1)


def test_one_unmasked_pass_gives_all_terms(masked_folder):
    codes, backend = random_codes(4, 20, seed=2), load(masked_folder)
    codes[2, 5] = UNKNOWN
    found = backend.unmasked_log_likelihood(codes)
    model = transformers.BertForMaskedLM.from_pretrained(masked_folder).eval()
    for window, value in zip(codes, found, strict=True):
        with torch.inference_mode():
            log_p = log_softmax(model(tokens_of(masked_folder, window)).logits[0, 1:-1, 5:9])
        assert value == pytest.approx(sum(log_p[i, b] for i, b in enumerate(window) if b < UNKNOWN), abs=1e-4)


def test_causal_likelihood_is_minus_the_loss_of_transformers(causal_folder):
    codes = random_codes(5, 40)
    found = load(causal_folder).log_likelihood(codes)
    model = transformers.GPT2LMHeadModel.from_pretrained(causal_folder).eval()
    for window, value in zip(codes, found, strict=True):
        tokens = tokens_of(causal_folder, window)
        with torch.inference_mode():
            loss = model(tokens, labels=tokens).loss.item()
        assert value == pytest.approx(-loss * 39, rel=1e-5)


def test_an_unknown_base_is_read_but_not_scored(causal_folder):
    codes = random_codes(1, 30)
    codes[0, 12] = UNKNOWN
    backend = load(causal_folder)
    model = transformers.GPT2LMHeadModel.from_pretrained(causal_folder).eval()
    tokens = torch.tensor([[1 if code == UNKNOWN else 5 + int(code) for code in codes[0]]])  # [UNK] for N
    with torch.inference_mode():
        log_p = log_softmax(model(tokens).logits[0])
    expected = sum(log_p[i - 1, tokens[0, i]] for i in range(1, 30) if i != 12)
    assert backend.log_likelihood(codes)[0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", ["masked_folder", "causal_folder", "dnabert2_folder"])
def test_batches_do_not_change_results(kind, request):
    folder = request.getfixturevalue(kind)
    codes = random_codes(7, 30, seed=4)
    one, many = load(folder, 1), load(folder, 64)
    assert one.embed(codes, 1) == pytest.approx(many.embed(codes, 1), abs=1e-5)
    if kind != "masked_folder":
        assert one.log_likelihood(codes) == pytest.approx(many.log_likelihood(codes), rel=1e-5)


def test_embeddings_are_means_over_the_bases_without_special_tokens(masked_folder):
    codes, backend = random_codes(2, 20), load(masked_folder)
    model = transformers.BertForMaskedLM.from_pretrained(masked_folder).eval()
    for layer in range(backend.n_layers + 1):
        found = backend.embed(codes, layer)
        for window, vector in zip(codes, found, strict=True):
            with torch.inference_mode():
                states = model(tokens_of(masked_folder, window), output_hidden_states=True).hidden_states[layer]
            assert vector == pytest.approx(states[0, 1:-1].double().mean(dim=0).numpy(), abs=1e-5)


def test_words_are_masked_one_by_one(dnabert2_folder):
    codes, backend = random_codes(4, 36, seed=6), load(dnabert2_folder)
    assert (backend.info.unit, backend.info.longest_bp) == ("token", None)
    found, unmasked = backend.log_likelihood(codes), backend.unmasked_log_likelihood(codes)
    network = backend.runner.network.model
    for window, value, plain in zip(codes, found, unmasked, strict=True):
        tokens = tokens_of(dnabert2_folder, window)
        assert tokens.shape[1] < 36
        total = 0.0
        for place in range(1, tokens.shape[1] - 1):
            masked = tokens.clone()
            masked[0, place] = 4
            with torch.inference_mode():
                total += log_softmax(network(masked)[0, place])[tokens[0, place]]
        assert value == pytest.approx(total, rel=1e-5)
        with torch.inference_mode():
            log_p = log_softmax(network(tokens)[0])
        places = range(1, tokens.shape[1] - 1)
        assert plain == pytest.approx(sum(log_p[i, tokens[0, i]] for i in places), rel=1e-5)


@pytest.mark.parametrize(
    ("kind", "scorers", "names"),
    [
        ("masked_folder", None, ["masked_llr", "pll_delta@unmasked"]),
        ("causal_folder", None, ["causal_delta"]),
        ("dnabert2_folder", None, ["pll_delta@mean"]),
        ("dnabert2_folder", "embedding_distance", ["embedding_distance"]),
    ],
)
def test_a_folder_scores_all_kinds_of_variants(kind, scorers, names, request):
    folder = request.getfixturevalue(kind)
    row = ModelRow("toy", "huggingface", (folder,), window_bp=48, scorers=scorers, strands=2)
    model = load_language_model(row, device=CPU, batch_size=16)
    genome = ToyGenome({"1": GENOME})
    variants = random_variants(GENOME, 12, seed=1)
    scores = model.score(variants, Sources(genome.fetch, genome.lengths))
    assert [score.name for score in model.scores] == names
    assert set(scores.status) == {"ok"}
    assert np.isfinite(scores.effects.values).all()
    assert set(scores.effects.variants) == set(range(len(variants)))
    assert np.abs(scores.effects.values).min() > 0


def test_the_window_of_a_model_with_positions_is_what_its_positions_hold(masked_folder, causal_folder):
    assert load(masked_folder).info.longest_bp == 64  # 66 positions, two of them for [CLS] and [SEP]
    assert load(causal_folder).info.default_bp == 64


@pytest.mark.parametrize(("kind", "padding"), [("Roberta", 0), ("Roberta", 1), ("Esm", 0)])
def test_positions_that_begin_behind_the_padding_hold_fewer_bases(tmp_path, kind, padding):
    character_tokenizer(tmp_path)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=10, max_position_embeddings=40, pad_token_id=padding, mask_token_id=4, **sizes
    )
    getattr(transformers, f"{kind}ForMaskedLM")(config).save_pretrained(tmp_path)
    backend = load_huggingface(tmp_path, device=CPU, batch_size=4)
    bases = 40 - (padding + 1) - 2  # and two brackets
    assert (backend.info.default_bp, backend.info.longest_bp) == (bases, bases)
    assert np.isfinite(backend.unmasked_log_likelihood(np.zeros((1, bases), np.uint8))).all()


def test_words_longer_than_the_model_reads_give_no_score(dnabert2_folder, monkeypatch):
    backend = load(dnabert2_folder)
    object.__setattr__(backend.runner.tokens, "longest", 5)
    assert np.isnan(backend.log_likelihood(random_codes(2, 60))).all()
    assert np.isnan(backend.embed(random_codes(2, 60), 1)).all()


def test_single_bases_of_a_word_model_cannot_be_masked(dnabert2_folder):
    row = ModelRow("toy", "huggingface", (dnabert2_folder,), scorers="masked_llr")
    with pytest.raises(InputError, match="tokens are longer than a base"):
        load_language_model(row, device=CPU, batch_size=1)


def copy_folder(source, target, **config):
    target.mkdir()
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    values = json.loads((target / "config.json").read_text()) | config
    (target / "config.json").write_text(json.dumps(values))
    return target


def test_models_that_need_their_own_code_are_refused(masked_folder, tmp_path):
    folder = copy_folder(masked_folder, tmp_path / "hyena", model_type="hyenadna")
    with pytest.raises(InputError, match=r"does not know models of type 'hyenadna'.*backend `external`"):
        load(folder)


def test_a_checkpoint_with_other_tensors_is_refused_instead_of_filled_at_random(masked_folder, tmp_path):
    folder = copy_folder(masked_folder, tmp_path / "other")
    state = load_file(folder / "model.safetensors")
    renamed = {name.replace("intermediate.dense", "mlp.gated_layers"): tensor for name, tensor in state.items()}
    save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"missing, for example bert.encoder.layer.0.intermediate.dense"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architectures": ["BertModel"]}, "neither a masked nor a causal"),
        ({"hidden_size": 8}, "cannot be loaded|another shape"),
    ],
)
def test_configurations_that_do_not_fit_are_refused(masked_folder, tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        load(copy_folder(masked_folder, tmp_path / "changed", **change))


def test_a_tokenizer_of_another_alphabet_is_refused(causal_folder, tmp_path):
    folder = copy_folder(causal_folder, tmp_path / "lower")
    character_tokenizer(folder, brackets=False, letters="acgt")
    with pytest.raises(InputError, match="upper-case"):
        load(folder)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"config\.json"):
        load(tmp_path)
