"""Networks with golden weights, and the arrays recorded from them."""

import gzip
import json
from functools import cache
from pathlib import Path

import numpy as np
import torch

from golden.fill import fill_state, image
from posekit.models.yolo.definition import parse_definition
from posekit.models.yolo.network import YoloNetwork
from posekit.models.yolo.presets import stock_definition

FOLDER = Path(__file__).parent / "yolo"
KEEP = ("dfl.conv.weight", "flow_model.loc", "flow_model.cov", "flow_model.mask")
STOCK = sorted(path.name.removesuffix(".json.gz") for path in (FOLDER / "keys").iterdir() if "_k" not in path.name)
RECORDED = sorted(path.stem for path in (FOLDER / "models").iterdir() if not path.stem.endswith("_tta"))


@cache
def recorded_keys(name):
    return json.loads(gzip.decompress((FOLDER / "keys" / f"{name}.json.gz").read_bytes()))


@cache
def checksums():
    return json.loads(gzip.decompress((FOLDER / "checksums.json.gz").read_bytes()))


def build_recorded(name):
    """Build the network that a key file describes, with its initial weights."""
    recorded = recorded_keys(name)
    kpt_shape = tuple(recorded["kpt_shape"]) if recorded.get("kpt_shape") else None
    definition = parse_definition(stock_definition(name.split("_")[0]))
    return YoloNetwork(definition.with_classes(recorded["nc"], kpt_shape))


def golden_network(name):
    """Build a network and give it the golden weights, in evaluation mode."""
    network = build_recorded(name)
    fill_state(network.state_dict(), KEEP, lift=1.0)
    return network.eval()


def golden_input(height, width, seeds=(0,)):
    """Return golden pictures as (B, 3, height, width) in [0, 1]."""
    pictures = np.stack([image(height, width, seed) for seed in seeds])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def raw_arrays(outputs):
    """Name raw outputs as the golden files do."""
    arrays = {f"feat_{i}": feat for i, feat in enumerate(outputs["one2many"]["feats"])}
    for branch, raw in outputs.items():
        prefix = "raw_" if len(outputs) == 1 else f"raw_{branch}_"
        arrays |= {prefix + key: value for key, value in raw.items() if key != "feats"}
    return arrays


def assert_recorded(file, key, array, *, absolute, relative):
    """Compare with an array stored whole, or as evenly spaced values with two sums (see README.md)."""
    flat = array.detach().numpy().reshape(-1)
    if key in file:
        assert array.shape == file[key].shape
        np.testing.assert_allclose(flat, file[key].reshape(-1), atol=absolute, rtol=relative, err_msg=key)
        return
    assert array.shape == tuple(file[f"{key}/shape"])
    values = file[f"{key}/value"]
    np.testing.assert_allclose(flat[:: flat.size // 2048], values, atol=absolute, rtol=relative, err_msg=key)
    total, mean_abs = file[f"{key}/sums"]
    assert abs(flat.sum(dtype=np.float64) - total) <= 1e-4 * mean_abs * flat.size
    assert abs(np.abs(flat).mean(dtype=np.float64) - mean_abs) <= 1e-4 * mean_abs
