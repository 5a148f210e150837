"""Write tensors the way published models are stored."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import safetensors.torch
import torch

State = Mapping[str, torch.Tensor]


def random_state(shapes: Mapping[str, Sequence[int]], seed: int = 0) -> dict[str, torch.Tensor]:
    """Normal float32 tensors of these shapes."""
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(*shape, generator=generator) for name, shape in shapes.items()}


def write_huggingface(folder: Path, state: State, config: Mapping[str, Any]) -> Path:
    """config.json + model.safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(
        {name: t.contiguous().clone() for name, t in state.items()}, folder / "model.safetensors"
    )
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def write_sharded(folder: Path, state: State, *, shards: int = 2) -> Path:
    """model-0000i-of-0000n.safetensors and their index; gives the index."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [f"model-{i + 1:05d}-of-{shards:05d}.safetensors" for i in range(shards)]
    file_of = {name: files[i % shards] for i, name in enumerate(state)}
    for file in files:
        part = {name: t.contiguous().clone() for name, t in state.items() if file_of[name] == file}
        safetensors.torch.save_file(part, folder / file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": file_of}))
    return index


def write_calico(folder: Path, state: State, params: Mapping[str, Any], targets: str) -> Path:
    """model_best.pth + params.json + targets.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(dict(state), folder / "model_best.pth")
    (folder / "params.json").write_text(json.dumps(params))
    (folder / "targets.txt").write_text(targets)
    return folder


def write_keras(path: Path, layers: Mapping[str, Sequence[np.ndarray]], *, whole_model: bool = True) -> Path:
    """Keras 2 h5: a group per layer, arrays `<layer>/weight_<i>:0` inside it, the orders in attributes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole_model else file
        root.attrs["layer_names"] = np.array(list(layers), dtype="S")
        for layer, arrays in layers.items():
            group = root.create_group(layer)
            names = [f"{layer}/weight_{i}:0" for i in range(len(arrays))]
            group.attrs["weight_names"] = np.array(names, dtype="S") if names else np.array([], dtype="S1")
            for name, array in zip(names, arrays, strict=True):
                group.create_dataset(name, data=array)
    return path


def targets_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """targets.txt: tab-separated, row numbers first."""
    columns = list(rows[0])
    lines = ["\t".join(["", *columns])]
    lines += ["\t".join([str(number), *(str(row[column]) for column in columns)]) for number, row in enumerate(rows)]
    return "\n".join(lines) + "\n"
