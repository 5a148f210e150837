"""Small convolutional network of chromatin accessibility: one window in, one logit per cell type out.

Made so that single-base changes are cheap to follow exactly (`sequence.patches`): convolutions with pooling, dilated
residual blocks, and a mean over the columns, behind which all is small. Like Basset (Kelley et al. 2016, Genome
Research 26:990) it is trained on peaks of many cell types at once.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from torch import Tensor, nn

from locus2target.core.errors import InputError
from locus2target.sequence.networks.residual import Residual
from locus2target.sequence.weights import LoadedNetwork, find_file, load_into, read_json, read_state_dict

_WEIGHTS, _CONFIG = "model.safetensors", "config.json"
_WRITTEN = "Use the config.json that the training wrote beside model.safetensors."


@dataclass(frozen=True, slots=True)
class AccessibilityShape:
    """Sizes of a network.

    Attributes
    ----------
    window_bp
        Bases of a window.
    widths, kernels, pools
        Channels, columns that are read, and columns pooled into one, of each convolution; the first is the stem.
    dilations
        Spacing of the three columns that each residual block reads.
    hidden
        Width of the layer between the mean and the logits.
    """

    window_bp: int = 1024
    widths: tuple[int, ...] = (64, 96, 128)
    kernels: tuple[int, ...] = (17, 7, 5)
    pools: tuple[int, ...] = (4, 2, 2)
    dilations: tuple[int, ...] = (1, 2, 4)
    hidden: int = 128

    def __post_init__(self) -> None:
        if not len(self.widths) == len(self.kernels) == len(self.pools) > 0:
            raise ValueError("widths, kernels and pools are not one per convolution")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Shape from the object that `to_config` gave; other keys are not read."""
        values: dict[str, Any] = {field.name: config[field.name] for field in fields(cls)}
        for name, value in values.items():
            values[name] = tuple(value) if isinstance(value, list) else value
        return cls(**values)

    def to_config(self) -> dict[str, Any]:
        """Sizes by name, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class AccessibilityFacts:
    """What `config.json` says of a trained network besides its sizes.

    Attributes
    ----------
    tracks, groups
        Cell type of each output, and the tissue or lineage that it belongs to.
    licence, citation
        Terms and source.
    training
        Data, split and held-out performance, as the training wrote them.
    """

    tracks: tuple[str, ...]
    groups: tuple[str, ...]
    licence: str
    citation: str
    training: Mapping[str, Any]


class AccessibilityNet(nn.Module):
    """Network of a given shape.

    Attributes
    ----------
    layers
        One-hot window (B, 4, L) to the hidden vector (B, hidden).
    head
        Hidden vector to logits.
    """

    def __init__(self, shape: AccessibilityShape, facts: AccessibilityFacts) -> None:
        super().__init__()
        self.shape = shape
        self.facts = facts
        self.layers = nn.Sequential(_layers(shape))
        self.head = nn.Linear(shape.hidden, len(facts.tracks))

    def forward(self, one_hot: Tensor) -> Tensor:
        """(B, 4, window_bp) to logits (B, tracks): log odds that the window is accessible in a cell type."""
        logits: Tensor = self.head(self.layers(one_hot))
        return logits


def load_accessibility(folder: Path) -> LoadedNetwork[AccessibilityNet]:
    """Network from a folder.

    Parameters
    ----------
    folder
        `model.safetensors` with the state dict, and `config.json` with the sizes (`AccessibilityShape.to_config`) and
        `tracks` (a list of objects with `name` and `group`), `licence`, `citation` and `training`.

    Raises
    ------
    InputError
        If a file is missing or damaged, a key is missing or unusable, or a tensor does not fit.
    """
    path, config_path = find_file(folder, [_WEIGHTS]), find_file(folder, [_CONFIG])
    config = read_json(config_path)
    try:
        shape = AccessibilityShape.from_config(config)
        facts = _facts(config)
        network = AccessibilityNet(shape, facts)
    except KeyError as error:
        raise InputError(f"key {error.args[0]!r} is missing", where=str(config_path), remedy=_WRITTEN) from error
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"unusable sizes or tracks ({error})", where=str(config_path), remedy=_WRITTEN) from error
    load_into(network, read_state_dict(path), where=path, ignore=("*.num_batches_tracked",))
    return LoadedNetwork(network.eval(), (path, config_path))


def _facts(config: Mapping[str, Any]) -> AccessibilityFacts:
    tracks: Sequence[Mapping[str, str]] = config["tracks"]
    if not tracks:
        raise ValueError("no tracks")
    return AccessibilityFacts(
        tuple(track["name"] for track in tracks),
        tuple(track["group"] for track in tracks),
        config["licence"],
        config["citation"],
        config["training"],
    )


def _layers(shape: AccessibilityShape) -> "OrderedDict[str, nn.Module]":
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    width = 4
    for i, (wider, kernel, pool) in enumerate(zip(shape.widths, shape.kernels, shape.pools, strict=True)):
        layers[f"conv{i}"] = nn.Conv1d(width, wider, kernel, padding="same", bias=False)
        layers[f"norm{i}"] = nn.BatchNorm1d(wider)
        layers[f"activation{i}"] = nn.ReLU()
        layers[f"pool{i}"] = nn.MaxPool1d(pool)
        width = wider
    for i, dilation in enumerate(shape.dilations):
        convolution = nn.Conv1d(width, width, 3, padding="same", dilation=dilation, bias=False)
        layers[f"block{i}"] = Residual(OrderedDict(conv=convolution, norm=nn.BatchNorm1d(width), activation=nn.ReLU()))
    layers["mean"] = nn.AdaptiveAvgPool1d(1)
    layers["flat"] = nn.Flatten()
    layers["dense"] = nn.Linear(width, shape.hidden)
    layers["activation"] = nn.ReLU()
    return layers
