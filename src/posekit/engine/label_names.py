"""What the label files of a validation run are called."""

from collections.abc import Iterable
from pathlib import Path


def label_names(pictures: Iterable[str], folder: Path) -> dict[str, str]:
    """Return the stem of the label file of each picture, unique in one flat folder.

    Args:
        pictures: paths of picture files below `folder`.
        folder: names of its sub-folders are joined with ``_``.

    Returns:
        By picture; of several pictures with the same stem (``a.jpg``, ``a.png``) the later ones get -2, -3, ...
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for picture in pictures:
        if picture in names:
            continue
        stem = "_".join(Path(picture).relative_to(folder).with_suffix("").parts)
        name, number = stem, 1
        while name in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name)
        names[picture] = name
    return names
