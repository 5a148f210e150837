"""Language models that this project builds itself: Shorkie LM and Nucleotide GPT, from their published weights."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from locus2target.sequence.batching import Batches
from locus2target.sequence.encoding import BASES, UNKNOWN, Codes, one_hot_tensor
from locus2target.sequence.language_backends import Indices, LanguageInfo, LogProbs
from locus2target.sequence.model_row import Precision
from locus2target.sequence.networks.nucleotide_gpt import NucleotideGpt, load_nucleotide_gpt
from locus2target.sequence.networks.shorkie import ShorkieLm, load_shorkie_lm
from locus2target.sequence.token_models import BaseTokens, CausalModel, TokenRunner
from locus2target.sequence.weights import checksum


@dataclass(frozen=True, slots=True)
class ShorkieLanguageModel:
    """Shorkie LM: `MaskedBases` and `UnmaskedLikelihood`. A masked base is a column of zeros, as in its training."""

    info: LanguageInfo
    network: ShorkieLm
    device: torch.device
    batches: Batches
    precision: Precision

    def base_log_probs(self, codes: Codes, rows: Indices, positions: Indices) -> LogProbs:
        """See `MaskedBases`."""

        def run(asked: Indices) -> LogProbs:
            masked, places = codes[rows[asked]], positions[asked]
            order = np.arange(len(asked))
            masked[order, places] = UNKNOWN
            first, last = int(places.min()), int(places.max())
            log_p = self._log_probs(masked, first, last + 1)
            return log_p[order, :, places - first]

        parts = [result for _, result in self.batches.run(run, np.arange(len(rows)))]
        return np.concatenate([np.empty((0, len(BASES))), *parts])

    def unmasked_log_likelihood(self, codes: Codes) -> LogProbs:
        """See `UnmaskedLikelihood`."""

        def run(rows: Indices) -> LogProbs:
            log_p = self._log_probs(codes[rows], 0, codes.shape[1])
            seen = codes[rows][:, None, :] == np.arange(len(BASES), dtype=np.uint8)[:, None]
            return np.asarray(np.where(seen, log_p, 0.0).sum(axis=(1, 2)), dtype=np.float64)

        return np.concatenate([result for _, result in self.batches.run(run, np.arange(len(codes)))])

    def _log_probs(self, codes: Codes, start: int, stop: int) -> LogProbs:
        """Log-probabilities (B, 4, stop - start) of the bases there; only those are decoded."""
        sequence = one_hot_tensor(torch.from_numpy(codes).to(self.device))
        network = self.network
        with torch.inference_mode():
            with self._autocast():
                levels = network.convolve(sequence)
                span = network.decode_span(start, stop)
                cut = [level[..., columns] for level, columns in zip(levels, span.levels, strict=True)]
                tokens: Tensor = network.transform(levels[-1])[..., span.tokens]
                embedding = network.decode(tokens, cut, span, start, stop)
            return network.predict(embedding, None).double().cpu().numpy()

    def _autocast(self) -> AbstractContextManager[object]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")


def load_shorkie_lm_backend(
    folder: Path, *, device: torch.device, batch_size: int, precision: Precision = "float32"
) -> ShorkieLanguageModel:
    """Load Shorkie LM (Chao et al. 2025) from the folder of its published files.

    Raises
    ------
    InputError
        If files are missing or do not fit the architecture.
    """
    loaded = load_shorkie_lm(folder)
    length = loaded.network.geometry.length
    info = LanguageInfo(
        kind="masked_lm",
        unit="base",
        default_bp=length,
        shortest_bp=length,
        longest_bp=length,
        weights_sha256=checksum(loaded.files),
        licence="see calico/shorkie-paper",
        citation="Chao et al. 2025",
    )
    batches = Batches(batch_size, device, str(folder))
    return ShorkieLanguageModel(info, loaded.network.to(device), device, batches, precision)


@dataclass(frozen=True, slots=True)
class NucleotideGptNetwork:
    """Nucleotide GPT as `TokenNetwork`."""

    network: NucleotideGpt

    @property
    def n_layers(self) -> int:
        """Layers."""
        return self.network.config.num_layers

    def logits(self, tokens: Tensor) -> Tensor:
        """(B, T) tokens to (B, T, vocabulary)."""
        return self.network.forward(tokens)

    def hidden_state(self, tokens: Tensor, layer: int) -> Tensor:
        """(B, T) tokens to (B, T, D)."""
        return self.network.hidden_state(tokens, layer)


def load_nucleotide_gpt_backend(
    folder: Path, *, device: torch.device, batch_size: int, precision: Precision = "float32"
) -> CausalModel:
    """Load Nucleotide GPT from a folder that `networks.nucleotide_gpt` describes.

    Raises
    ------
    InputError
        If files are missing or do not fit the architecture.
    """
    loaded = load_nucleotide_gpt(folder)
    longest = loaded.network.config.max_seq_len
    info = LanguageInfo(
        kind="causal_lm",
        unit="base",
        default_bp=longest,
        shortest_bp=1,
        longest_bp=longest,
        weights_sha256=checksum(loaded.files),
        licence="of the checkpoint",
        citation="github.com/shaemclaughlin/NucleotideGPT",
    )
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    network = NucleotideGptNetwork(loaded.network.to(device, dtype))
    tokens = BaseTokens(np.array(loaded.network.token_of_base, dtype=np.int64))
    return CausalModel(info, TokenRunner(network, tokens, device, Batches(batch_size, device, str(folder))))
