"""Training of the project's own small accessibility network, on peaks of several cell types.

Like Basset (Kelley et al. 2016, Genome Research 26:990): a window is open in a cell type or not, one logit each. The
filters of the first layer start as motifs of transcription factors, which a few thousand windows then need not find,
and are trained on.
"""

import copy
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from locus2target.sequence.encoding import UNKNOWN, one_hot_tensor, reverse_complement
from locus2target.sequence.metrics import auroc, average_precision
from locus2target.sequence.motif_bank import MotifBank, weight_matrix
from locus2target.sequence.networks.accessibility import AccessibilityFacts, AccessibilityNet, AccessibilityShape
from locus2target.sequence.training_windows import PARTS, TEST, TRAINING, VALIDATION, TrainingWindows

_LOGGER = logging.getLogger(__name__)
SHAPE = AccessibilityShape(
    window_bp=256, widths=(64, 48, 64), kernels=(17, 7, 5), pools=(4, 4, 2), dilations=(1,), hidden=32
)
MARGIN = 32  # bases by which a training window may be shifted
_BATCH = 64
_LEARNING_RATE = 2e-3  # at its highest
_WARM_UP = 0.2  # share of the steps in which the rate rises
_WEIGHT_DECAY = 0.05
_HIDDEN_BASES = 0.1  # share of a training window's bases that are hidden: a dropout of the input
_LOOKED_AT = 2000
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrainedNetwork:
    """A network at the epoch with the smallest validation loss.

    Attributes
    ----------
    network
        In eval mode.
    losses
        Validation loss after each epoch: mean binary cross-entropy, nats.
    """

    network: AccessibilityNet
    losses: tuple[float, ...]


def motif_filters(bank: MotifBank, *, kernel: int) -> Tensor:
    """One filter per family of motifs: log odds of the family's motif that has the most information.

    A motif wider than the filter gives its most informative stretch, a narrower one stands in the middle.

    Returns
    -------
    torch.Tensor
        float32 of shape (families, 4, kernel), families by name, each filter of norm 1.
    """
    best: dict[str, tuple[float, Tensor]] = {}
    for counts, family in zip(bank.counts, bank.families, strict=True):
        weights = weight_matrix(counts)
        bits = (weights * counts / counts.sum(axis=1, keepdims=True)).sum(axis=1)
        width = min(kernel, len(weights))
        sums = np.convolve(bits, np.ones(width), mode="valid")
        first = int(sums.argmax())
        if family not in best or sums[first] > best[family][0]:
            laid = torch.zeros(4, kernel)
            start = (kernel - width) // 2
            laid[:, start : start + width] = torch.from_numpy(weights[first : first + width].T)
            best[family] = float(sums[first]), laid / laid.norm()
    return torch.stack([best[family][1] for family in sorted(best)])


@torch.inference_mode()
def telling_filters(filters: Tensor, windows: TrainingWindows, *, n: int, seed: int) -> Tensor:
    """The n filters whose best match tells open training windows from closed ones best, in either direction.

    Parameters
    ----------
    filters
        float32 of shape (F, 4, kernel); both strands are matched.
    windows
        Up to 2,000 open and 2,000 closed ones of the training part are looked at.
    n
        How many are wanted.
    seed
        Of the choice among windows.
    """
    training = windows.of_part(TRAINING)
    is_open = np.asarray(training.labels.any(axis=1), dtype=np.bool_)
    generator = np.random.default_rng(seed)
    rows = np.concatenate([generator.permutation(np.flatnonzero(kind))[:_LOOKED_AT] for kind in (is_open, ~is_open)])
    best = []
    for codes in torch.split(torch.from_numpy(training.codes[rows]), _BATCH):
        both = (one_hot_tensor(strand) for strand in (codes, reverse_complement(codes)))
        best.append(torch.maximum(*(nn.functional.conv1d(one, filters).amax(2) for one in both)))
    distance = np.array([abs(auroc(column, is_open[rows]) - 0.5) for column in torch.cat(best).T.numpy()])
    chosen = np.argsort(-distance, kind="stable")[:n]
    return filters[torch.from_numpy(np.sort(chosen))]


def train_network(
    windows: TrainingWindows,
    shape: AccessibilityShape,
    facts: AccessibilityFacts,
    filters: Tensor,
    *,
    seed: int,
    epochs: int,
) -> TrainedNetwork:
    """Train one network; the same seed, threads and machine give the same weights.

    AdamW with one cycle of the learning rate (Smith and Topin 2019). Each time that a window is seen it is shifted,
    read on either strand, and some of its bases are hidden. The weights of the epoch with the smallest validation loss
    stay.

    Parameters
    ----------
    windows
        Their training part is learned from, their validation part chooses the epoch.
    shape, facts
        Of the network.
    filters
        float32 of shape (F, 4, first kernel): what the first F filters start from.
    seed
        Of everything drawn.
    epochs
        Passes over the training windows.
    """
    torch.manual_seed(seed)
    network = AccessibilityNet(shape, facts)
    training, validation = windows.of_part(TRAINING), windows.of_part(VALIDATION)
    _start(network, filters, training)
    optimizer = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    steps = epochs * -(-len(training.codes) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LEARNING_RATE, total_steps=steps, pct_start=_WARM_UP)
    generator = torch.Generator().manual_seed(seed)
    losses: list[float] = []
    best = network.state_dict()
    for epoch in range(epochs):
        network.train()
        for rows in torch.split(torch.randperm(len(training.codes), generator=generator), _BATCH):
            one_hot, labels = _draw(training, rows, shape.window_bp, generator)
            loss = nn.functional.binary_cross_entropy_with_logits(network(one_hot), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch's annotation
            optimizer.step()
            schedule.step()
        losses.append(cross_entropy(predict_logits([network], validation), validation.labels))
        _LOGGER.info("epoch %d of %d: validation loss %.4f", epoch + 1, epochs, losses[-1])
        if losses[-1] == min(losses):
            best = copy.deepcopy(network.state_dict())
    network.load_state_dict(best)
    return TrainedNetwork(network.eval(), tuple(losses))


def _start(network: AccessibilityNet, filters: Tensor, training: TrainingWindows) -> None:
    """Put the motifs into the first layer, and the share of open windows into the logits."""
    share = torch.from_numpy(training.labels).mean(0).clamp(1e-3, 1 - 1e-3)
    with torch.no_grad():
        network.get_parameter("layers.conv0.weight")[: len(filters)] = filters
        network.head.bias.copy_(torch.logit(share))


def _draw(windows: TrainingWindows, rows: Tensor, window_bp: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """One-hot windows (B, 4, window_bp), each shifted, turned and with hidden bases at random; labels (B, T)."""
    codes = torch.from_numpy(windows.codes)[rows]
    room = codes.shape[1] - window_bp
    starts = torch.randint(room + 1, (len(rows), 1), generator=generator)
    codes = codes.gather(1, starts + torch.arange(window_bp))
    turned = torch.rand(len(rows), generator=generator) < 0.5
    codes[turned] = reverse_complement(codes[turned])
    codes[torch.rand(codes.shape, generator=generator) < _HIDDEN_BASES] = UNKNOWN
    return one_hot_tensor(codes), torch.from_numpy(windows.labels)[rows]


@torch.inference_mode()
def predict_logits(networks: Sequence[AccessibilityNet], windows: TrainingWindows) -> Floats:
    """Logits of the windows' middles, float64 (N, T): mean over both strands and the networks, put into eval mode."""
    length = networks[0].shape.window_bp
    margin = (windows.codes.shape[1] - length) // 2
    parts = []
    for codes in torch.split(torch.from_numpy(windows.codes[:, margin : margin + length]), 4 * _BATCH):
        strands = one_hot_tensor(codes), one_hot_tensor(reverse_complement(codes))
        parts.append(torch.stack([network.eval()(strand) for network in networks for strand in strands]).mean(0))
    logits: Floats = torch.cat(parts).double().numpy()
    return logits


def cross_entropy(logits: Floats, labels: npt.NDArray[np.float32]) -> float:
    """Mean binary cross-entropy, nats."""
    return float(
        nn.functional.binary_cross_entropy_with_logits(torch.from_numpy(logits), torch.from_numpy(labels).double())
    )


def measure(networks: Sequence[AccessibilityNet], windows: TrainingWindows) -> dict[str, Any]:
    """What `config.json` records of the held-out parts: windows, loss, and by cell type AUROC, AUPRC, share open."""
    measured: dict[str, Any] = {}
    for part in (VALIDATION, TEST):
        held_out = windows.of_part(part)
        logits = predict_logits(networks, held_out)
        by_track = {
            track: {
                "auroc": round(auroc(logits[:, t], held_out.labels[:, t]), 4),
                "auprc": round(average_precision(logits[:, t], held_out.labels[:, t]), 4),
                "share_open": round(float(held_out.labels[:, t].mean()), 4),
            }
            for t, track in enumerate(windows.tracks)
        }
        loss = round(cross_entropy(logits, held_out.labels), 5)
        measured[PARTS[part]] = {"windows": len(logits), "loss": loss, "tracks": by_track}
    return measured
