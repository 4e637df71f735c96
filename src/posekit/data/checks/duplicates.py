"""Pictures that occur twice, within a split or across splits, and objects that are labelled twice."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import cv2
import numpy as np

from posekit.data.annotation import box_overlaps
from posekit.data.checks.findings import EXAMPLES, Example, Finding, finding
from posekit.data.checks.table import ObjectTable
from posekit.data.labels import Split
from posekit.io.decode import read_image

# Two labels of one class with at least this IoU are taken for one object.
SAME_BOX = 0.95
HASH_SIDE = 16

Place = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class PicturePrints:
    """What tells pictures apart: `content`, of the file's bytes, and `look`, of a small gray version."""

    content: bytes
    look: bytes


def picture_prints(splits: Mapping[str, Split], *, workers: int = 4) -> dict[Place, PicturePrints]:
    """Return the prints of all pictures by split and index; decodes every picture once."""
    places = [(name, index) for name, split in splits.items() for index in range(len(split.pictures))]
    paths = [splits[name].pictures[index].path for name, index in places]
    with ThreadPoolExecutor(workers, "posekit check") as pool:
        return dict(zip(places, pool.map(_print_of, paths), strict=True))


def find_duplicate_pictures(prints: Mapping[Place, PicturePrints]) -> list[Finding]:
    """Tell of pictures that occur more than once in one split."""
    groups = [group for group in _alike(prints) if _within_one_split(group)]
    if not groups:
        return []
    extra = sum(len(group) - 1 for group in groups)
    are_copies = "s are copies" if extra > 1 else " is a copy"
    return [finding("duplicate_pictures", extra, _examples(groups), are_copies=are_copies)]


def find_leakage(prints: Mapping[Place, PicturePrints]) -> list[Finding]:
    """Tell of pictures that stand in more than one split, so that a score would measure memory."""
    groups = [group for group in _alike(prints) if not _within_one_split(group)]
    if not groups:
        return []
    names = ", ".join(sorted({name for group in groups for name, _ in group}))
    stand = "s stand" if len(groups) > 1 else " stands"
    return [finding("leakage", len(groups), _examples(groups), stand=stand, names=names)]


def find_duplicate_objects(table: ObjectTable) -> list[Finding]:
    """Tell of objects of one class and picture whose boxes are nearly equal."""
    rows_by_picture: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row, place in enumerate(zip(table.split.tolist(), table.picture.tolist(), strict=True)):
        rows_by_picture[place].append(row)
    pairs = [pair for rows in rows_by_picture.values() for pair in _same_boxes(table, rows)]
    if not pairs:
        return []
    examples = []
    for first, second in pairs[:EXAMPLES]:
        one, other = table.example(first, "labelled twice"), table.example(second, "")
        examples.append(
            Example(split=one.split, picture=one.picture, objects=one.objects + other.objects, caption=one.caption)
        )
    return [finding("duplicate_objects", len(pairs), examples, seem="s seem" if len(pairs) > 1 else " seems")]


def _print_of(path: str) -> PicturePrints:
    content = blake2b(Path(path).read_bytes(), digest_size=16).digest()
    gray = cv2.cvtColor(read_image(Path(path)), cv2.COLOR_BGR2GRAY)
    small = np.asarray(cv2.resize(gray, (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA), np.int16)
    steps = np.diff(small, axis=1)
    # Even pictures have no look of their own: only equal files are taken for copies of each other.
    look = np.packbits(steps > 0).tobytes() if np.abs(steps).mean() > 1 else content
    return PicturePrints(content=content, look=look)


def _alike(prints: Mapping[Place, PicturePrints]) -> list[list[Place]]:
    """Return the groups of two or more pictures that are equal or look equal."""
    by_look: dict[bytes, list[Place]] = defaultdict(list)
    for place, print_ in prints.items():
        by_look[print_.look].append(place)
    return [group for group in by_look.values() if len(group) > 1]


def _within_one_split(group: Sequence[Place]) -> bool:
    return len({name for name, _ in group}) == 1


def _examples(groups: Sequence[Sequence[Place]]) -> list[Example]:
    return [
        Example(split=name, picture=index, caption=f"copy {number} of {len(group)}")
        for group in groups[: EXAMPLES // 2]
        for number, (name, index) in enumerate(group[:2], 1)
    ]


def _same_boxes(table: ObjectTable, rows: list[int]) -> list[tuple[int, int]]:
    boxes, classes = table.boxes[rows], table.classes[rows]
    same = np.triu((box_overlaps(boxes, boxes) >= SAME_BOX) & (classes[:, None] == classes[None]), 1)
    return [(rows[first], rows[second]) for first, second in np.argwhere(same).tolist()]
