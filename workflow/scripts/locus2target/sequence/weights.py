"""Published weight files: read without running code from them, and put into our networks tensor by tensor.

Nothing is downloaded. A file that is missing, cut short, or made for another network is an `InputError` that names the
file and the tensor.
"""

import hashlib
import json
import pickle  # only for the error that torch raises
import warnings
import zipfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Generic, TypeVar

import h5py
import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from locus2target.core.digest import file_sha256
from locus2target.core.errors import InputError

NetworkT_co = TypeVar("NetworkT_co", bound=nn.Module, covariant=True)

_SHOWN = 5  # names that a message lists
_FETCH_AGAIN = (
    "The file is damaged or was not copied whole: fetch it again and compare its size with the published one."
)
_OTHER_NETWORK = (
    "Check that the folder holds the model that the sheet names, and that its parameters file (config.json or "
    "params.json) belongs to these weights."
)


@dataclass(frozen=True, slots=True)
class LoadedNetwork(Generic[NetworkT_co]):
    """A network with its published weights.

    Attributes
    ----------
    network
        In eval mode, float32, on the CPU.
    files
        All files that decide what it predicts.
    """

    network: NetworkT_co
    files: tuple[Path, ...]


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors of a torch weight file by name, on the CPU; floating-point ones as float32.

    Parameters
    ----------
    path
        `.safetensors`; a torch checkpoint (`.pth`, `.pt`, `.bin`, `.ckpt`), whose tensors may lie under the key
        `state_dict`; or the `.index.json` of a sharded checkpoint.

    Raises
    ------
    InputError
        If the file or one of its shards is missing, damaged, or needs code to be read.
    """
    _require(path)
    if path.name.endswith(".index.json"):
        tensors = _read_shards(path)
    elif path.suffix == ".safetensors":
        tensors = _read_safetensors(path)
    else:
        tensors = _read_torch(path)
    return {name: tensor.detach().float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}


def read_keras_weights(path: Path) -> dict[str, tuple[npt.NDArray[Any], ...]]:
    """Weights of a Keras `.h5` file: layer name to its arrays, both in the order that Keras saved them.

    Parameters
    ----------
    path
        Weights alone, or a whole model (`model_weights` inside); the format that Keras 2 writes.

    Returns
    -------
    dict
        Floating-point arrays as float32, in Keras' axis order. Layers without weights are left out.

    Raises
    ------
    InputError
        If the file is missing, damaged or not of this format.
    """
    _require(path)
    try:
        with h5py.File(path, "r") as file:
            root = file.get("model_weights", file)
            layers = {layer: _read_layer(root[layer]) for layer in _names(root, "layer_names")}
    except Exception as error:  # damage can make h5py raise anything
        raise InputError(f"not a whole Keras h5 file ({error})", where=str(path), remedy=_FETCH_AGAIN) from error
    if not layers:
        raise InputError(
            "no layers are listed in this h5 file",
            where=str(path),
            remedy="Use the `.h5` file that Keras 2 wrote (attribute `layer_names`), as the authors publish it.",
        )
    return {layer: arrays for layer, arrays in layers.items() if arrays}


def load_into(module: nn.Module, state: Mapping[str, Tensor], *, where: Path, ignore: Collection[str] = ()) -> None:
    """Copy tensors into a network; every tensor must have its place and every place its tensor.

    Parameters
    ----------
    module
        Network whose `state_dict` has the names of `state`.
    state
        Tensors by name.
    where
        File that they come from, for messages.
    ignore
        Names, or patterns such as `*.num_batches_tracked`, of tensors that may be missing on either side.

    Raises
    ------
    InputError
        For a tensor that is missing, unexpected, of another shape, or not floating-point where it has to be.
    """
    own = module.state_dict()
    given = {name: tensor for name, tensor in state.items() if name in own or not _matches(name, ignore)}
    _refuse_names("missing from the file", [n for n in own if n not in given and not _matches(n, ignore)], where)
    _refuse_names("not part of the network", [name for name in given if name not in own], where)
    for name, tensor in given.items():
        _check_tensor(name, tensor, own[name], where)
    module.load_state_dict(given, strict=False)


def find_file(folder: Path, names: Sequence[str]) -> Path:
    """First of the named files that the folder holds; an `InputError` lists what was looked for."""
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise InputError(
        f"none of these files is there: {', '.join(names)}" if folder.is_dir() else "there is no such folder",
        where=str(folder),
        remedy="Put the published files there; `python -m locus2target.sequence.models list` says where they are.",
    )


def read_json(path: Path) -> dict[str, Any]:
    """Object of a JSON file."""
    _require(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"not JSON ({error})", where=str(path), remedy=_FETCH_AGAIN) from error
    if not isinstance(value, dict):
        raise InputError("not a JSON object", where=str(path), remedy="Use the parameters file as published.")
    return value


def checksum(files: Iterable[Path]) -> str:
    """SHA-256 over the SHA-256 of files in the order given: the same for the same contents, wherever they lie."""
    return hashlib.sha256("".join(map(file_sha256, files)).encode()).hexdigest()


def _require(path: Path) -> None:
    if not path.is_file():
        raise InputError("there is no such file", where=str(path), remedy="Check the path in the models sheet.")


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (SafetensorError, ValueError, OSError, RuntimeError) as error:
        raise InputError(f"not a whole safetensors file ({error})", where=str(path), remedy=_FETCH_AGAIN) from error


def _read_torch(path: Path) -> dict[str, Tensor]:
    """Tensors of a torch checkpoint, never run as code."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about the pickle protocol: what is refused is told below
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _unpickling_problem(str(error), path) from error
    except Exception as error:  # damage can make torch's unpickler raise anything
        reason = str(error).split("\n", maxsplit=1)[0]
        raise InputError(f"not a whole torch file ({reason})", where=str(path), remedy=_FETCH_AGAIN) from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]  # Lightning keeps the tensors beside the state of the training
    if not isinstance(content, dict) or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise InputError(
            "this torch file holds something else than tensors by name",
            where=str(path),
            remedy="Save the model's `state_dict()` alone and use that file.",
        )
    return dict(content)


def _unpickling_problem(message: str, path: Path) -> InputError:
    """Whether torch refused to run code or could not read the file at all."""
    if not zipfile.is_zipfile(path) and "GLOBAL" not in message:
        return InputError("not a whole torch file", where=str(path), remedy=_FETCH_AGAIN)
    return InputError(
        "this file holds Python objects besides tensors; reading them could run code, so it is not read",
        where=str(path),
        remedy="Where you trust the file, load it in its own software, save the model's `state_dict()` alone, and use "
        "that file; or use the published safetensors file.",
    )


def _read_shards(index: Path) -> dict[str, Tensor]:
    """Tensors of the files that an index names."""
    file_of = read_json(index).get("weight_map")
    if not isinstance(file_of, dict):
        raise InputError("no `weight_map` inside", where=str(index), remedy="Use the index as published.")
    tensors: dict[str, Tensor] = {}
    for name in sorted(set(file_of.values())):
        if not (index.parent / name).is_file():
            raise InputError(
                f"the file {name} that it lists is missing", where=str(index), remedy="Put all parts in one folder."
            )
        tensors.update(read_state_dict(index.parent / name))
    _refuse_names("missing from the files that it lists", [name for name in file_of if name not in tensors], index)
    return tensors


def _names(group: h5py.Group, attribute: str) -> list[str]:
    """Names that Keras keeps in an attribute; long lists are split into `attribute0`, `attribute1` and so on."""
    if attribute in group.attrs:
        parts = [group.attrs[attribute]]
    else:
        numbered = (f"{attribute}{part}" for part in range(len(group.attrs)))
        parts = [group.attrs[name] for name in numbered if name in group.attrs]
    return [name.decode() if isinstance(name, bytes) else str(name) for part in parts for name in part]


def _read_layer(group: h5py.Group) -> tuple[npt.NDArray[Any], ...]:
    arrays = (np.asarray(group[name]) for name in _names(group, "weight_names"))
    return tuple(array.astype(np.float32) if array.dtype.kind == "f" else array for array in arrays)


def _matches(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _refuse_names(what: str, names: Sequence[str], where: Path) -> None:
    if names:
        shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        tensors = "1 tensor is" if len(names) == 1 else f"{len(names)} tensors are"
        raise InputError(f"{tensors} {what}: {shown}", where=str(where), remedy=_OTHER_NETWORK)


def _check_tensor(name: str, tensor: Tensor, own: Tensor, where: Path) -> None:
    if tensor.shape != own.shape:
        raise InputError(
            f"tensor {name} has shape {tuple(tensor.shape)} in the file and {tuple(own.shape)} in the network",
            where=str(where),
            remedy=_OTHER_NETWORK,
        )
    if tensor.is_floating_point() != own.is_floating_point():
        raise InputError(
            f"tensor {name} is {tensor.dtype} in the file and {own.dtype} in the network",
            where=str(where),
            remedy="Quantised weights are not supported: use the published floating-point file.",
        )
