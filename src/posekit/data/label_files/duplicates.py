"""Rows that say the same thing twice."""

from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from posekit.data.label_files.numbers import Numbers
from posekit.data.label_files.objects import RawObjects


def find_duplicates(numbers: Numbers) -> dict[int, int]:
    """Return for each row that repeats an earlier one the index of that one."""
    if len(numbers) < 2:
        return {}
    first: dict[bytes, int] = {}
    duplicates = {}
    values = (numbers.flat + 0.0).tobytes()  # + 0.0 makes -0 the same as 0
    ends = [numbers.flat.itemsize * end for end in accumulate(numbers.widths)]
    for index, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        earlier = first.setdefault(values[start:end], index)
        if earlier != index:
            duplicates[index] = earlier
    return duplicates


def sorted_without(objects: RawObjects, duplicates: dict[int, int]) -> NDArray[np.int64]:
    """Return the indices of the objects that are no duplicates, sorted by class, box and keypoints."""
    kept = np.array([index for index in range(len(objects)) if index not in duplicates], np.int64)
    columns = [objects.classes[kept, None], objects.boxes[kept]]
    if objects.keypoints is not None:
        columns.append(objects.keypoints[kept].reshape(len(kept), -1))
    keys = np.concatenate(columns, axis=1)
    return kept[np.lexsort(keys.T[::-1])]
