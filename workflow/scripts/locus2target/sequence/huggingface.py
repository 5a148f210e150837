"""Hugging Face language models of DNA from a local folder: any masked or causal one, and DNABERT-2.

Nothing is downloaded, and no code of the folder is run. A model that `transformers` does not know by itself needs such
code; DNABERT-2 is one, and is built from `networks.dnabert2` instead. The check that every tensor of the file has its
place is strict, because `transformers` fills what it misses with random numbers and goes on.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from locus2target.core.errors import InputError
from locus2target.sequence.batching import Batches
from locus2target.sequence.encoding import BASES
from locus2target.sequence.language_backends import LanguageBackend, LanguageInfo
from locus2target.sequence.model_row import Precision
from locus2target.sequence.networks.dnabert2 import Dnabert2, is_dnabert2, load_dnabert2
from locus2target.sequence.token_models import (
    BaseTokens,
    CausalModel,
    MaskedBaseModel,
    MaskedTokenModel,
    TokenNetwork,
    TokenRunner,
    WordTokens,
)
from locus2target.sequence.weights import checksum, find_file, read_json

_WORD_WINDOW = 512  # bases; models with long tokens were trained on windows of about this size
_NO_LIMIT = 10**9  # tokenizers without a limit state a larger number
_PROBE = "ACGTTGCAAGCTGATTACAGGCCTTAACCGGATCTCGAGAATTCCGT"
_UNUSED = re.compile(r"(^|\.)(pooler|seq_relationship|contact_head)\.|position_ids$|inv_freq$|\.attn\.(masked_)?bias$")
_WEIGHT_FILES = ("*.safetensors", "pytorch_model*.bin")
_OTHER_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.*", "merges.txt", "tokenizer.model")
_OUT_OF_PROCESS = (
    "Run the model in its own environment with backend `external`, whose program may trust that code, or use a version "
    "of the model that transformers has built in."
)


@dataclass(frozen=True, slots=True)
class TransformersNetwork:
    """A model of `transformers` as `TokenNetwork`."""

    model: Any

    @property
    def n_layers(self) -> int:
        """Layers."""
        return int(self.model.config.num_hidden_layers)

    def logits(self, tokens: Tensor) -> Tensor:
        """(B, T) token ids to (B, T, vocabulary)."""
        logits: Tensor = self.model(input_ids=tokens, attention_mask=torch.ones_like(tokens)).logits
        return logits

    def hidden_state(self, tokens: Tensor, layer: int) -> Tensor:
        """(B, T) token ids to (B, T, D)."""
        output = self.model(input_ids=tokens, attention_mask=torch.ones_like(tokens), output_hidden_states=True)
        state: Tensor = output.hidden_states[layer]
        return state


@dataclass(frozen=True, slots=True)
class Dnabert2Network:
    """DNABERT-2 as `TokenNetwork`."""

    model: Dnabert2

    @property
    def n_layers(self) -> int:
        """Layers."""
        return self.model.n_layers

    def logits(self, tokens: Tensor) -> Tensor:
        """(B, T) token ids to (B, T, vocabulary)."""
        logits: Tensor = self.model(tokens)
        return logits

    def hidden_state(self, tokens: Tensor, layer: int) -> Tensor:
        """(B, T) token ids to (B, T, D)."""
        return self.model.hidden_states(tokens)[layer]


def load_huggingface(
    folder: Path, *, device: torch.device, batch_size: int, precision: Precision = "float32"
) -> LanguageBackend:
    """Load a language model of DNA from the folder that `save_pretrained` or a download of the hub wrote.

    Parameters
    ----------
    folder
        With `config.json`, weights and tokenizer.
    device
        Where it runs.
    batch_size
        Windows in one forward pass.
    precision
        Of weights and network; probabilities are float64 in any case.

    Raises
    ------
    InputError
        If `transformers` is not installed, the model needs code of its own, or files are missing or do not fit.
    """
    _require_transformers(folder)
    config_path = find_file(folder, ["config.json"])
    config = read_json(config_path)
    masked = _is_masked(config, config_path)
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    tokenizer = _load_tokenizer(folder)
    network: TokenNetwork
    if is_dnabert2(config):
        network = Dnabert2Network(load_dnabert2(folder).network.to(device, dtype))
    else:
        network = TransformersNetwork(_load_model(folder, config, masked, dtype).to(device))
    return _backend(folder, network, tokenizer, config, masked, device, batch_size)


def _backend(
    folder: Path,
    network: TokenNetwork,
    tokenizer: Any,
    config: dict[str, Any],
    masked: bool,
    device: torch.device,
    batch_size: int,
) -> LanguageBackend:
    """The kind of model that network and tokenizer make."""
    longest = _longest(config, tokenizer, network.model) if isinstance(network, TransformersNetwork) else None
    bases = base_tokens(tokenizer)
    tokens = bases if bases is not None else _word_tokens(tokenizer, longest, folder)
    info = _info(folder, masked, bases, longest)
    runner = TokenRunner(network, tokens, device, Batches(batch_size, device, str(folder)))
    if not masked:
        return CausalModel(info, runner)
    if tokenizer.mask_token_id is None:
        raise InputError(
            "the tokenizer has no mask token", where=str(folder), remedy="Use the tokenizer that belongs to the model."
        )
    if bases is None:
        return MaskedTokenModel(info, runner, int(tokenizer.mask_token_id))
    return MaskedBaseModel(info, runner, bases, int(tokenizer.mask_token_id))


def base_tokens(tokenizer: Any) -> BaseTokens | None:
    """How a tokenizer writes single bases; None when its tokens are longer.

    The tokenizer is asked for runs of each base: where the answers differ the window stands, and what does not differ
    before and behind it are special tokens.
    """
    run = 8
    encoded = _encode(tokenizer, [base * run for base in BASES])
    if len({len(ids) for ids in encoded}) > 1:
        return None
    answers = np.array(encoded, dtype=np.int64)
    differs = np.flatnonzero((answers != answers[0]).any(axis=0))
    if len(differs) != run or differs[-1] - differs[0] != run - 1:
        return None
    start, end = int(differs[0]), int(differs[-1]) + 1
    ids, prefix, suffix = answers[:, start], answers[0, :start], answers[0, end:]
    window = [int(ids[BASES.index(base)]) for base in _PROBE]
    if len(set(ids.tolist())) < len(BASES) or _encode(tokenizer, [_PROBE])[0] != [*prefix, *window, *suffix]:
        return None
    unknown = _unknown_id(tokenizer, start, len(prefix) + len(suffix))
    if unknown is None:
        return None
    return BaseTokens(np.append(ids, unknown), tuple(prefix.tolist()), tuple(suffix.tolist()))


def _unknown_id(tokenizer: Any, start: int, specials: int) -> int | None:
    """Token of an unknown base: the tokenizer's own for N, else the mask, unknown or padding token."""
    with_n = _encode(tokenizer, ["ACNGT"])[0]
    if len(with_n) == len("ACNGT") + specials:
        return int(with_n[start + 2])
    choices = (tokenizer.mask_token_id, tokenizer.unk_token_id, tokenizer.pad_token_id)
    return next((int(choice) for choice in choices if choice is not None), None)


def _word_tokens(tokenizer: Any, longest: int | None, folder: Path) -> WordTokens:
    if tokenizer.unk_token_id in _encode(tokenizer, [_PROBE])[0]:
        raise InputError(
            "the tokenizer does not know sequences of upper-case A, C, G and T",
            where=str(folder),
            remedy="Use a model of DNA with the tokenizer that it was trained with.",
        )
    special = frozenset(int(token) for token in tokenizer.all_special_ids)
    return WordTokens(lambda sequences: _encode(tokenizer, sequences), special, longest)


def _encode(tokenizer: Any, sequences: list[str]) -> list[list[int]]:
    encoded: list[list[int]] = tokenizer(sequences)["input_ids"]
    return encoded


def _info(folder: Path, masked: bool, tokens: BaseTokens | None, longest: int | None) -> LanguageInfo:
    bases = None if tokens is None or longest is None else longest - len(tokens.prefix) - len(tokens.suffix)
    return LanguageInfo(
        kind="masked_lm" if masked else "causal_lm",
        unit="token" if tokens is None else "base",
        default_bp=_WORD_WINDOW if tokens is None else bases,
        shortest_bp=1,
        longest_bp=bases,
        weights_sha256=checksum(sorted(_files(folder, (*_WEIGHT_FILES, *_OTHER_FILES)))),
        licence="see the model card",
        citation=folder.name,
    )


def _files(folder: Path, patterns: Iterable[str]) -> set[Path]:
    return {path for pattern in patterns for path in folder.glob(pattern)}


def _longest(config: dict[str, Any], tokenizer: Any, model: nn.Module) -> int | None:
    """Most tokens that the model reads, special ones included.

    RoBERTa and its kin number positions from behind that of the padding on: no token reaches the rows before.
    """
    skipped = [
        part.padding_idx + 1
        for name, part in model.named_modules()
        if name.endswith("position_embeddings") and isinstance(part, nn.Embedding) and part.padding_idx is not None
    ]
    stated = [config.get(name) for name in ("max_position_embeddings", "n_positions")]
    limits = [int(limit) - max(skipped, default=0) for limit in stated if limit is not None]
    return min([limit for limit in (*limits, int(tokenizer.model_max_length)) if limit < _NO_LIMIT], default=None)


def _is_masked(config: dict[str, Any], where: Path) -> bool:
    """Whether the model is a masked one; its configuration names the class that it was saved from."""
    names = config.get("architectures") or [""]
    if str(names[0]).endswith("ForMaskedLM"):
        return True
    if str(names[0]).endswith(("ForCausalLM", "LMHeadModel")):
        return False
    raise InputError(
        f"architectures {names} is neither a masked nor a causal language model",
        where=str(where),
        remedy="Use a checkpoint with its language model head (...ForMaskedLM, ...ForCausalLM or ...LMHeadModel).",
    )


def _require_transformers(folder: Path) -> None:
    try:
        import transformers  # noqa: F401
    except ImportError as error:
        raise InputError(
            "the package transformers is not installed",
            where=str(folder),
            remedy="Install it into the environment of the rule (envs/), or run `pip install transformers`.",
        ) from error


def _load_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    load: Any = AutoTokenizer.from_pretrained
    try:
        return load(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise InputError(
            f"the tokenizer cannot be loaded without code of its own ({_first_line(error)})",
            where=str(folder),
            remedy=f"Put tokenizer.json and tokenizer_config.json beside the weights. {_OUT_OF_PROCESS}",
        ) from error


def _load_model(folder: Path, config: dict[str, Any], masked: bool, dtype: torch.dtype) -> nn.Module:
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    if config.get("model_type") not in CONFIG_MAPPING_NAMES:
        raise InputError(
            f"transformers does not know models of type {config.get('model_type')!r}: it would have to run code that "
            "comes with the weights, which this project does not do",
            where=str(folder),
            remedy=_OUT_OF_PROCESS,
        )
    load: Any = (AutoModelForMaskedLM if masked else AutoModelForCausalLM).from_pretrained
    try:
        model, found = load(
            folder, local_files_only=True, trust_remote_code=False, dtype=dtype, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise InputError(
            f"the model cannot be loaded ({_first_line(error)})", where=str(folder), remedy=_OUT_OF_PROCESS
        ) from error
    _require_all_tensors(found, folder)
    loaded: nn.Module = model.eval()
    return loaded


def _require_all_tensors(found: dict[str, Any], folder: Path) -> None:
    """Refuse a checkpoint that is not of the built-in architecture: the rest of it would be random numbers."""
    words = {"missing_keys": "missing", "unexpected_keys": "unexpected", "mismatched_keys": "of another shape"}
    for key, word in words.items():
        names = sorted(str(name) for name in found.get(key, ()) if not _UNUSED.search(str(name)))
        if names:
            raise InputError(
                f"{len(names)} tensors are {word}, for example {names[0]}: the weights are not of the architecture "
                "that transformers has built in under this name",
                where=str(folder),
                remedy=_OUT_OF_PROCESS,
            )


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0]
