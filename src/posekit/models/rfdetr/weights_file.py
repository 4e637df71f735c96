"""Reads the published files, and files that the reference implementation wrote."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posekit.checkpoint.read import read_tensor_file
from posekit.errors import CheckpointError

PREFIXES = ("module.", "model.", "_orig_mod.")
ENTRIES = ("model", "state_dict")


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """What a file holds.

    Attributes:
        path: the file.
        state: tensors by name, floating ones in 32 bits.
        options: training options or model settings by name; empty when the file has none.
    """

    path: str
    state: dict[str, Tensor]
    options: dict[str, Any] = field(default_factory=dict)


def read_weights_file(path: str | Path) -> WeightsFile:
    """Read a ``.pth`` file without running anything that is in it.

    Raises:
        WeightsNotFoundError: there is no such file.
        CheckpointError: the file is damaged, hostile, or holds no state dict.
    """
    top = read_tensor_file(path)
    entries = [top[name] for name in ENTRIES if isinstance(top.get(name), dict)]
    state = _tensors(entries[0] if entries else top)
    if not state:
        raise CheckpointError(f"{path}: no state dict under 'model' or 'state_dict'")
    return WeightsFile(path=str(path), state=state, options=_options(top))


def _tensors(entry: Mapping[Any, Any]) -> dict[str, Tensor]:
    """Return tensors by name, without what wrappers put before the names."""
    return {
        _bare(name): tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in entry.items()
        if isinstance(name, str) and isinstance(tensor, torch.Tensor)
    }


def _bare(name: str) -> str:
    while name.startswith(PREFIXES):
        name = name.partition(".")[2]
    return name


def _options(top: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of older files and the settings of newer ones, which come first."""
    parts = [top.get(key) for key in ("hyper_parameters", "args", "model_config")]
    return {str(key): value for part in parts if isinstance(part, dict) for key, value in part.items()}
