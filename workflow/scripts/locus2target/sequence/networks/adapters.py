"""Borzoi fine-tuned with few weights: an adapter folder, loaded on top of a base.

Our format, a folder with

- `adapter.json`: `base` {`family`: borzoi, flashzoi, prime or mini; `id`: text; `sha256` of the base's weight file, if
  it shall be checked}, `method` (a key of `METHODS`), and settings of `AdapterSettings` that differ from the defaults;
- `adapter.safetensors`: the new head as `head.weight` (tracks, channels, 1) and `head.bias`; the parts that
  `adapter_merge` and `adapter_layers` describe; any other tensor takes the place of the base's tensor of that name;
- `targets.txt`: one row per track of the head.

baskerville-tf publishes no adapters. Its `hound_transfer.py` leaves whole networks, which are read too: `params.json`
with a section `transfer`, and `model_best.mergeW.h5` (LoRA, Locon and IA3, merged by it) or `model_best.h5` (full,
linear, and Houlsby with or without squeeze-and-excitation).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from locus2target.core.digest import file_sha256
from locus2target.core.errors import InputError
from locus2target.sequence.networks.adapter_layers import (
    ATTENTION,
    attention_layers,
    convolutions,
    dense_layers,
    empty_network,
)
from locus2target.sequence.networks.adapter_merge import (
    State,
    merge_ia3_inputs,
    merge_ia3_outputs,
    merge_locon,
    merge_lora,
    refuse_parts,
)
from locus2target.sequence.networks.borzoi import Borzoi, load_borzoi
from locus2target.sequence.networks.borzoi_config import BorzoiConfig, config_from_keras, find_head
from locus2target.sequence.networks.borzoi_formats import from_keras
from locus2target.sequence.networks.keras_layers import KerasLayers
from locus2target.sequence.tracks import read_targets
from locus2target.sequence.weights import (
    LoadedNetwork,
    find_file,
    load_into,
    read_json,
    read_state_dict,
)

SETTINGS_FILE, WEIGHTS_FILE, TARGETS_FILE, BASE_FOLDER = "adapter.json", "adapter.safetensors", "targets.txt", "base"
BASKERVILLE_IA3_WIDTH = 1536
_MERGED_BY_BASKERVILLE = ("lora", "lora_full", "lora_conv", "locon", "ia3")


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """What adapter.json says besides the base; defaults are those of baskerville.

    Attributes
    ----------
    method
        Key of `METHODS`.
    lora_alpha
        Numerator of LoRA's scale.
    lora_full
        Whether LoRA is on keys and outputs of the attention too, not on queries and values alone.
    locon_alpha
        Numerator of Locon's scale.
    conv_select
        How many convolutions, from the last, have Locon or squeeze-and-excitation. Where Locon is asked for all, the
        first has none: it is trained itself.
    latent
        Bottleneck of Houlsby adapters.
    se_rank
        Bottleneck of squeeze-and-excitation.
    ia3_width
        IA3 scales the inputs of dense layers that read as many channels.
    """

    method: str
    lora_alpha: float = 16.0
    lora_full: bool = False
    locon_alpha: float = 1.0
    conv_select: int = 4
    latent: int = 8
    se_rank: int = 16
    ia3_width: int = BASKERVILLE_IA3_WIDTH


def is_adapted(folder: Path) -> bool:
    """Whether `load_adapted_borzoi` has to read this folder, and not `load_borzoi`."""
    if (folder / SETTINGS_FILE).is_file():
        return True
    return (folder / "params.json").is_file() and "transfer" in read_json(folder / "params.json")


def load_adapted_borzoi(base_folder: Path | None, adapter_folder: Path) -> LoadedNetwork[Borzoi]:
    """Fine-tuned network, with the head of the adapter.

    Parameters
    ----------
    base_folder
        As `load_borzoi` reads it; None for the folder, or link, `base` in the adapter's. Not read for a folder of
        hound_transfer.py, which holds the whole network.
    adapter_folder
        In one of the formats above.

    Returns
    -------
    LoadedNetwork
        A `Borzoi`; with squeeze-and-excitation, its `is_local` is False.

    Raises
    ------
    InputError
        If files are missing or damaged, the base is not that of the adapter, or a tensor is missing, superfluous or of
        another shape.
    """
    if not (adapter_folder / SETTINGS_FILE).is_file() and (adapter_folder / "params.json").is_file():
        return _load_transferred(adapter_folder)
    described, weights = (find_file(adapter_folder, [name]) for name in (SETTINGS_FILE, WEIGHTS_FILE))
    settings, base_of = _read_settings(described)
    base = load_borzoi(adapter_folder / BASE_FOLDER if base_folder is None else base_folder)
    _check_base(base, base_of, described)
    network = _adapt(base.network, settings, read_state_dict(weights), weights)
    targets = _check_targets(adapter_folder, network.n_tracks)
    return LoadedNetwork(network, (*base.files, described, weights, targets))


def _adapt(base: Borzoi, settings: AdapterSettings, delta: State, weights: Path) -> Borzoi:
    """Base with the adapter's tensors merged, put in place, or in layers of their own."""
    if base.config.attention == "rotary" and settings.method in {"lora", "locon", "ia3"}:
        raise InputError(
            f"{settings.method} adapts queries, keys and values, which Flashzoi has in one layer",
            where=str(weights),
            remedy="Fine-tune Borzoi, or use another method.",
        )
    state = {name: tensor for name, tensor in base.state_dict().items() if "_head." not in name}
    for part in ("weight", "bias"):
        if f"head.{part}" not in delta:
            raise InputError(f"tensor head.{part} is missing", where=str(weights), remedy="Save the new head with it.")
        state[f"head.{part}"] = delta.pop(f"head.{part}")
    METHODS[settings.method](state, delta, base.config, settings, weights)
    refuse_parts(delta, weights)
    tracks = len(state["head.weight"])
    for part in ("weight", "bias"):
        state[f"{base.species}_head.{part}"] = state.pop(f"head.{part}")
    config = replace(
        base.config,
        human_tracks=tracks if base.species == "human" else None,
        mouse_tracks=tracks if base.species == "mouse" else None,
    )
    houlsby = settings.method in {"houlsby", "houlsby_se"}
    network = empty_network(
        config,
        latent=settings.latent if houlsby else None,
        squeezed=settings.conv_select if settings.method == "houlsby_se" else 0,
        rank=settings.se_rank,
    )
    return _fill(network, state | delta, weights)


def _fill(network: Borzoi, state: Mapping[str, Tensor], where: Path) -> Borzoi:
    load_into(network, state, where=where, ignore=("*.num_batches_tracked", "*.rotary_emb.inv_freq"))
    return network.eval()


def _merge_lora(state: State, delta: State, config: BorzoiConfig, settings: AdapterSettings, where: Path) -> None:
    parts = ATTENTION if settings.lora_full else ("to_q", "to_v")
    merge_lora(state, delta, attention_layers(config, parts), alpha=settings.lora_alpha, where=where)


def _merge_locon(state: State, delta: State, config: BorzoiConfig, settings: AdapterSettings, where: Path) -> None:
    """LoRA on the attention, and its like on the last convolutions; the first one is trained itself, if at all."""
    _merge_lora(state, delta, config, settings, where)
    selected = convolutions(config)[-settings.conv_select :] if settings.conv_select else []
    layers = [f"{name}.conv_layer" for name in selected if name != "conv_dna"]
    merge_locon(state, delta, layers, alpha=settings.locon_alpha, where=where)


def _merge_ia3(state: State, delta: State, config: BorzoiConfig, settings: AdapterSettings, where: Path) -> None:
    merge_ia3_outputs(state, delta, attention_layers(config, ("to_k", "to_v")), where=where)
    merge_ia3_inputs(state, delta, dense_layers(config), width=settings.ia3_width, where=where)


def _merge_nothing(state: State, delta: State, config: BorzoiConfig, settings: AdapterSettings, where: Path) -> None:
    """Tensors replace others, or belong to layers that are added."""


METHODS: Mapping[str, Callable[[State, State, BorzoiConfig, AdapterSettings, Path], None]] = {
    "lora": _merge_lora,
    "locon": _merge_locon,
    "ia3": _merge_ia3,
    "houlsby": _merge_nothing,
    "houlsby_se": _merge_nothing,
    "linear": _merge_nothing,
    "full": _merge_nothing,
}
"""Ways of fine-tuning, and how each changes the tensors of the base."""


def _read_settings(path: Path) -> tuple[AdapterSettings, Mapping[str, Any]]:
    """Settings, and what is said of the base."""
    values = read_json(path)
    base = values.pop("base", None)
    problem = partial(InputError, where=str(path), remedy="The format is at the top of networks/adapters.py.")
    if not isinstance(base, dict) or "family" not in base:
        raise problem("`base` does not name the family of the base")
    if values.get("method") not in METHODS:
        raise problem(f"method is {values.get('method')!r}, not one of {', '.join(METHODS)}")
    defaults = asdict(AdapterSettings("lora"))
    for name, value in values.items():
        if name not in defaults:
            raise problem(f"{name} is no setting; there are base, {', '.join(defaults)}")
        if not _is_like(value, defaults[name]):
            raise problem(f"{name} is {value!r}, where {defaults[name]!r} is the default")
    return AdapterSettings(**values), base


def _is_like(value: object, default: object) -> bool:
    """Whether a setting has the type of its default, and is above 0 if it is a number."""
    if isinstance(default, (bool, str)):
        return isinstance(value, type(default))
    number = (int, float) if isinstance(default, float) else int
    return isinstance(value, number) and not isinstance(value, bool) and value > 0


def _check_base(base: LoadedNetwork[Borzoi], described: Mapping[str, Any], where: Path) -> None:
    """Refuse a base of another family than the adapter's, or with other weights."""
    family = _family(base.network.config)
    if described["family"] != family:
        raise InputError(
            f"the adapter is for {described['family']}, but {base.files[0].parent} holds {family}",
            where=str(where),
            remedy=f"Give the base that it was trained on: {described.get('id', 'the file does not say which')}.",
        )
    wanted = described.get("sha256")
    if wanted is not None and file_sha256(base.files[0]) != wanted:
        raise InputError(
            f"{base.files[0]} is not the base that the adapter was trained on: its SHA-256 differs",
            where=str(where),
            remedy=f"Give {described.get('id', 'that base')}.",
        )


def _family(config: BorzoiConfig) -> str:
    if config.attention == "rotary":
        return "flashzoi"
    if config.hidden is not None:
        return "borzoi"
    return "prime" if config.upsample_conv else "mini"


def _check_targets(folder: Path, tracks: int) -> Path:
    path = find_file(folder, [TARGETS_FILE])
    rows = len(read_targets(path).frame)
    if rows != tracks:
        raise InputError(
            f"{rows} tracks, but the head has {tracks}", where=str(path), remedy="List the tracks of the training."
        )
    return path


def _load_transferred(folder: Path) -> LoadedNetwork[Borzoi]:
    """Whole network as hound_transfer.py of baskerville-tf leaves it."""
    parameters = folder / "params.json"
    params = read_json(parameters)
    transfer = params.get("transfer", {})
    merged = transfer.get("mode") == "adapter" and transfer.get("adapter") in _MERGED_BY_BASKERVILLE
    weights = find_file(folder, ["model_best.mergeW.h5" if merged else "model_best.h5"])
    head = find_head(params, None, where=str(parameters))
    config = config_from_keras(params, head, where=str(parameters))
    if merged and transfer["adapter"] == "ia3" and config.hidden is None and config.width == BASKERVILLE_IA3_WIDTH:
        raise InputError(
            "baskerville's merge of IA3 takes the head of Prime for one of the scaled layers and leaves its weights as "
            "they were before the training",
            where=str(weights),
            remedy="Save head and factors of the unmerged model_best.h5 in the format of networks/adapters.py.",
        )
    layers = KerasLayers(weights)
    state = from_keras(layers.arrays, config, head, where=str(weights))
    latent = layers.next_shape("adapter_houlsby")[1] if layers.count("adapter_houlsby") else None
    squeezed = layers.count("squeeze_excite")
    rank = layers.next_shape("squeeze_excite")[1] if squeezed else 0
    network = empty_network(config, latent=latent, squeezed=squeezed, rank=rank)
    added = _added_layers(layers, config)
    targets = _check_targets(folder, network.n_tracks)
    return LoadedNetwork(_fill(network, state | added, weights), (weights, parameters, targets))


def _added_layers(layers: KerasLayers, config: BorzoiConfig) -> State:
    """Tensors of Houlsby adapters and of squeeze-and-excitation in a Keras file."""
    state: State = {}
    places = [f"transformer.{layer}.{half}.adapter" for layer in range(config.depth) for half in (0, 1)]
    for name in places if layers.count("adapter_houlsby") else ():
        arrays = layers.take("adapter_houlsby", [2, 1, 2, 1])
        for part, array in zip(("down.weight", "down.bias", "up.weight", "up.bias"), arrays, strict=True):
            state[f"{name}.{part}"] = torch.from_numpy(array.T.copy())
    for name in convolutions(config)[len(convolutions(config)) - layers.count("squeeze_excite") :]:
        arrays = layers.take("squeeze_excite", [2, 2])
        for part, array in zip(("squeeze", "excite"), arrays, strict=True):
            state[f"{name}.adapter.{part}.weight"] = torch.from_numpy(array.T.copy())
    return state
