"""Recorded assignments and losses (`train/assigner`, `parts`, `loss_*`), given back by their original keys.

Two things keep the copies small, and neither changes a value on which a result depends:

- Arrays that several cases share are stored once; `same` lists pairs of keys (key, key that holds the array).
- Predictions of anchor points outside every object, and prototypes of pictures without objects, can change nothing
  (their recorded gradients are 0). They are left out: `cut` lists pairs of keys (key, key of the packed mask of what
  was kept); here they become noise.
"""

import zlib
from functools import cache
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "train"


@cache
def arrays(name):
    """Return the arrays of `train/<name>.npz` by their original keys."""
    with np.load(FOLDER / f"{name}.npz") as file:
        stored = {key: file[key] for key in file.files}
    cut, same = stored.pop("cut"), stored.pop("same")
    restored = {key: whole(key, stored, mask) for key, mask in cut}
    plain = {key: value for key, value in stored.items() if not key.startswith(("kept/", "shape/"))} | restored
    return plain | {key: plain[holder] for key, holder in same}


def whole(key, stored, mask):
    """Return an array of which only the kept values are stored."""
    shape, mask_shape = stored[f"shape/{key}"], stored[f"shape/{mask}"]
    kept = np.unpackbits(stored[mask], count=np.prod(mask_shape)).astype(bool).reshape(mask_shape)
    values = np.random.default_rng(zlib.crc32(key.encode())).random(shape, np.float32)
    values[np.broadcast_to(kept, shape)] = stored[key]
    return values
