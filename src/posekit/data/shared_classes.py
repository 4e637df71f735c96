"""Class numbers of a COCO JSON file to those of the dataset YAML that names it."""

from dataclasses import replace

import numpy as np

from posekit.data.split import Split
from posekit.errors import DatasetError


def number_like(split: Split, names: dict[int, str], source: str) -> Split:
    """Return a split with the class numbers of the data set that it belongs to, matched by name.

    Args:
        split: as read from JSON.
        names: class names of the data set; names like ``class_0``, made up for ``nc``, say nothing.
        source: name of the data set, for messages.

    Raises:
        DatasetError: the split has a class that the data set does not name.
    """
    made_up = all(name == f"class_{number}" for number, name in names.items())
    if split.names == names or (made_up and len(names) == len(split.names)):
        return split
    numbers = {name: number for number, name in names.items()}
    unknown = [name for name in split.names.values() if name not in numbers]
    if unknown or len(numbers) < len(names):
        raise DatasetError(
            f"{source}: names {list(names.values())}, but the annotations of its split {split.name} have the classes "
            f"{list(split.names.values())}; give them the same names, or leave names out of the YAML"
        )
    table = np.array([numbers[split.names[number]] for number in sorted(split.names)], np.int64)
    pictures = tuple(replace(labels, classes=table[labels.classes]) for labels in split.pictures)
    return replace(split, names=names, pictures=pictures)
