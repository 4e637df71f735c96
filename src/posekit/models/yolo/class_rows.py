"""Which class of one network is which class of another, by name."""

from collections.abc import Mapping

import torch
from torch import Tensor


def moved_classes(names: Mapping[int, str], source_names: Mapping[int, str]) -> dict[int, int]:
    """Return for classes of a network the class of another that has the same name.

    Case and blanks around a name do not matter, and numbers are no names.

    Args:
        names: class names by index.
        source_names: those of the other network.

    Returns:
        Index in `names` to index in `source_names`; empty when no name matches, or when all that match keep their
        place among as many classes: then nothing has to move.
    """
    indices: dict[str, int] = {}
    for index, name in source_names.items():
        indices.setdefault(_key(name), index)
    moved = {index: indices[_key(name)] for index, name in names.items() if _key(name) in indices and _is_name(name)}
    stays = len(names) == len(source_names) and all(index == origin for index, origin in moved.items())
    return {} if stays else moved


@torch.no_grad()
def copy_class_rows(target: Tensor, source: Tensor, moved: Mapping[int, int]) -> bool:
    """Copy rows of a class convolution, in place; return whether the two have rows of one shape.

    Args:
        target: weight (nc, c, 1, 1) or bias (nc,).
        source: the same of another network, for its number of classes.
        moved: see `moved_classes`.
    """
    if target.shape[1:] != source.shape[1:]:
        return False
    target[list(moved)] = source[list(moved.values())].to(target)
    return True


def _key(name: str) -> str:
    return name.strip().casefold()


def _is_name(name: str) -> bool:
    return bool(name.strip()) and not name.strip().isdecimal()
