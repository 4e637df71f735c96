"""A data set as a dictionary, as trainers show it."""

from typing import Any

from posekit.data.description import DatasetDescription


def dataset_dict(description: DatasetDescription) -> dict[str, Any]:
    """Return what a data set is, in plain values.

    Returns:
        ``path``; ``train``, ``val`` and, if there is one, ``test`` (a path, a list of paths, or None); ``nc``;
        ``names`` by class number; ``channels``; ``kpt_shape`` [K, D], or None without keypoints.
    """
    places = {split: [str(path) for path in paths] for split, paths in description.splits.items()}
    splits = {"train": None, "val": None} | {
        split: paths[0] if len(paths) == 1 else paths for split, paths in places.items()
    }
    return {
        "path": str(description.root),
        **splits,
        "nc": len(description.names),
        "names": dict(description.names),
        "channels": description.channels,
        "kpt_shape": list(description.schema.shape) if description.schema else None,
    }
