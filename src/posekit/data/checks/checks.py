"""The checks: exchanged sides, unused keypoints, unlikely boxes and limbs, rare classes, pictures and objects twice."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.data.checks.findings import EXAMPLES, Example, Finding, finding
from posekit.data.checks.table import Indices, ObjectTable, Statistics, Values
from posekit.data.labels import Split
from posekit.io.decode import read_image
from posekit.ops.boxes import exact_iou
from posekit.schema.schema import KeypointSchema

Marks = NDArray[np.bool_]
Place = tuple[str, int]  # split, and index of the picture in it

# Lengths are shares of the object's size, the square root of its box's area.
TINY = 3.0  # px: boxes of a shorter side can hardly be seen
OUTSIDE_BOX = 0.25  # a point may lie this far outside its box
LONG_LIMB = 4.0  # times the usual length of its kind
APART = 0.06  # the points of a pair, where their direction is to tell something
OPPOSITE = -0.8  # mean cosine between a pair and the others below which it runs against them
STEADY = 0.9  # pairs that agree with the others in so many objects are rarely crossed by chance
ENOUGH = 10  # fewer objects say nothing about what is usual
RARE_KEYPOINT = 0.01  # share of the objects with any labelled point
RARE_CLASS = 0.02  # share of the objects of the largest class
SAME_BOX = 0.95  # two labels of one class with at least this IoU are taken for one object
HASH_SIDE = 16  # px, of the gray versions that pictures are compared by


def find_outliers(table: ObjectTable, schema: KeypointSchema | None) -> list[Finding]:
    """Tell of tiny boxes, boxes beyond the picture, points far outside their box, and unlikely limbs."""
    if not len(table):
        return []
    findings = [*_tiny_boxes(table), *_boxes_beyond(table)]
    if schema is not None:
        findings += [*_points_outside(table, schema), *_same_place(table, schema), *_long_limbs(table, schema)]
    return findings


def _tiny_boxes(table: ObjectTable) -> list[Finding]:
    sides = (table.boxes[:, 2:] - table.boxes[:, :2]).min(1)
    return _boxes_found("tiny_boxes", table, TINY - sides, 0)


def _boxes_beyond(table: ObjectTable) -> list[Finding]:
    limits = np.concatenate((np.zeros_like(table.sizes), table.sizes[:, ::-1]), 1)
    beyond = np.maximum(limits[:, :2] - table.boxes[:, :2], table.boxes[:, 2:] - limits[:, 2:]).max(1)
    return _boxes_found("box_beyond_picture", table, beyond / table.sizes.max(1), 0.01)


def _points_outside(table: ObjectTable, schema: KeypointSchema) -> list[Finding]:
    points = table.keypoints[..., :2]
    near, far = table.boxes[:, None, :2], table.boxes[:, None, 2:]
    distance = np.linalg.norm(np.maximum(np.maximum(near - points, points - far), 0), axis=-1) / table.scale[:, None]
    distance = np.where(table.labelled, distance, 0.0)
    return _points_found("points_outside_box", table, schema, distance > OUTSIDE_BOX, distance.max(1, initial=0))


def _same_place(table: ObjectTable, schema: KeypointSchema) -> list[Finding]:
    """Tell of objects three or more of whose labelled points share one place."""
    marked = np.zeros_like(table.labelled)
    for row, (points, labelled) in enumerate(zip(table.keypoints[..., :2], table.labelled, strict=True)):
        if labelled.sum() >= 3:
            _, inverse, counts = np.unique(points[labelled], axis=0, return_inverse=True, return_counts=True)
            marked[row, np.flatnonzero(labelled)] = np.asarray(counts[inverse.ravel()] >= 3)
    return _points_found("points_in_one_place", table, schema, marked, np.zeros(len(table)))


def _long_limbs(table: ObjectTable, schema: KeypointSchema) -> list[Finding]:
    limbs = np.array(schema.skeleton, np.int64).reshape(-1, 2)
    if not len(limbs):
        return []
    ends = table.keypoints[:, limbs, :2]  # (N, L, 2, 2)
    lengths = np.linalg.norm(ends[:, :, 1] - ends[:, :, 0], axis=-1) / table.scale[:, None]
    known: Marks = np.asarray(table.labelled[:, limbs].all(-1))
    usual = np.array([_usual(lengths[known[:, number], number]) for number in range(len(limbs))])
    factor = np.where(known, lengths / usual, 0.0)
    marked = np.zeros(table.labelled.shape, bool)
    for row, limb in np.argwhere(factor > LONG_LIMB).tolist():
        marked[row, limbs[limb]] = True
    return _points_found("long_limbs", table, schema, marked, factor.max(1))


def _usual(lengths: Values) -> float:
    """Return what is usual for a limb; endless where too few are known."""
    return max(float(np.percentile(lengths, 90)), 0.02) if len(lengths) >= ENOUGH else np.inf


def _boxes_found(code: str, table: ObjectTable, excess: Values, limit: float) -> list[Finding]:
    """Return a finding about the objects whose `excess` (N,) is above a limit, the largest first."""
    rows = np.flatnonzero(excess > limit)
    order = rows[np.argsort(-excess[rows], kind="stable")][:EXAMPLES]
    return [finding(code, len(rows), [table.example(row, "") for row in order.tolist()])] if len(rows) else []


def _points_found(
    code: str, table: ObjectTable, schema: KeypointSchema, marked: Marks, excess: Values
) -> list[Finding]:
    """Return a finding about the objects with `marked` (N, K) keypoints, the largest `excess` (N,) first."""
    rows = np.flatnonzero(marked.any(1))
    order = rows[np.argsort(-excess[rows], kind="stable")][:EXAMPLES]
    examples = [table.example_of_points(row, marked[row], schema) for row in order.tolist()]
    return [finding(code, len(rows), examples)] if len(rows) else []


def find_swapped_sides(table: ObjectTable, schema: KeypointSchema) -> list[Finding]:
    """Compare the direction from left to right of each pair with that of the object's other pairs.

    Wrists and ankles cross in real life; a pair is only reported where it agrees with the others in
    nine of ten objects, or where it disagrees in nine of ten, which means that the names are mixed up.
    """
    pairs = [(a, b) for a, b in enumerate(schema.flip_idx or ()) if a < b]
    if len(pairs) < 3 or not len(table):
        return []
    cosines = _agreement(table, np.array(pairs, np.int64))
    findings = []
    usual = np.zeros(len(pairs), bool)
    for number, pair in enumerate(pairs):
        known = np.isfinite(cosines[:, number])
        agreeing = float((cosines[known, number] > 0).mean()) if known.sum() >= ENOUGH else np.nan
        usual[number] = agreeing >= STEADY
        if agreeing <= 1 - STEADY:
            first, second = (schema.names[index] for index in pair)
            rows = np.flatnonzero(cosines[:, number] < 0)
            examples = [table.example(row, f"{first} / {second}", pair) for row in rows[:EXAMPLES].tolist()]
            findings.append(finding("mixed_names", len(rows), examples, first=first, second=second))
    rows, numbers = np.nonzero((cosines < OPPOSITE) & usual)
    if len(rows):
        findings.append(_swapped_objects(table, schema, pairs, cosines, rows, numbers))
    return findings


def _agreement(table: ObjectTable, pairs: Indices) -> Values:
    """Return (N, P) the mean cosine between each pair's direction and the others'; NaN with fewer than two others."""
    points, labelled = table.keypoints[..., :2], table.labelled
    vectors = (points[:, pairs[:, 1]] - points[:, pairs[:, 0]]) / table.scale[:, None, None]  # (N, P, 2)
    lengths = np.linalg.norm(vectors, axis=-1)
    known = labelled[:, pairs].all(-1) & (lengths > APART)
    directions = np.where(known[..., None], vectors / np.maximum(lengths, APART)[..., None], 0.0)
    cosines = directions @ directions.transpose(0, 2, 1)  # (N, P, P), 1 on the diagonal of known pairs
    others = known.sum(1, keepdims=True) - 1
    mean = (cosines.sum(2) - 1) / np.maximum(others, 1)
    agreement: Values = np.where(known & (others >= 2), mean, np.nan)
    return agreement


def _swapped_objects(
    table: ObjectTable,
    schema: KeypointSchema,
    pairs: list[tuple[int, int]],
    cosines: Values,
    rows: Indices,
    numbers: Indices,
) -> Finding:
    order = np.argsort(cosines[rows, numbers], kind="stable")[:EXAMPLES]
    examples = []
    for row, number in zip(rows[order].tolist(), numbers[order].tolist(), strict=True):
        first, second = (schema.names[index] for index in pairs[number])
        examples.append(table.example(row, f"{first} / {second}", pairs[number]))
    count = len(np.unique(rows))
    return finding("swapped_sides", count, examples, s="s" * (count != 1))


def find_unused_keypoints(table: ObjectTable, schema: KeypointSchema) -> list[Finding]:
    """Tell of points that no object has, and of those that fewer than one in a hundred has."""
    labelled = table.labelled
    with_points = labelled[labelled.any(1)]
    if not len(with_points):
        return [finding("no_keypoints")] if len(table) else []
    share = with_points.mean(0)
    findings = []
    never = [schema.names[index] for index in np.flatnonzero(share == 0)]
    if never:
        findings.append(finding("unused_keypoints", len(never), total=schema.count, names=", ".join(never)))
    few = np.flatnonzero((share > 0) & (share < RARE_KEYPOINT))
    rare = [f"{schema.names[index]} ({share[index]:.1%})" for index in few]
    if rare:
        findings.append(finding("rare_keypoints", len(rare), names=", ".join(rare)))
    return findings


def find_visibility_misuse(table: ObjectTable, schema: KeypointSchema) -> list[Finding]:
    """Tell of labelled points at the corner (0, 0), of unlabelled points with a place, and of unused values."""
    if not len(table):
        return []
    labelled = table.labelled
    at_corner = (table.keypoints[..., :2] == 0).all(-1)
    findings = []
    wrong, kept = labelled & at_corner, ~labelled & ~at_corner
    if wrong.any():
        hint = "write visibility 0 for missing points" if schema.has_visibility else "write -1 -1 for missing points"
        findings.append(_misused("labelled_at_origin", table, schema, wrong, hint))
    if schema.has_visibility and kept.any():
        findings.append(_misused("place_without_visibility", table, schema, kept))
    if schema.has_visibility and labelled.any() and not (table.keypoints[..., 2] == 1).any():
        findings.append(finding("no_hidden_points"))
    return findings


def _misused(code: str, table: ObjectTable, schema: KeypointSchema, marked: Marks, hint: str = "") -> Finding:
    """Return a finding that counts `marked` (N, K) points."""
    rows = np.flatnonzero(marked.any(1))[:EXAMPLES]
    examples = [table.example_of_points(row, marked[row], schema) for row in rows.tolist()]
    return finding(code, int(marked.sum()), examples, hint=hint)


def find_class_imbalance(statistics: Statistics, names: Mapping[int, str]) -> list[Finding]:
    """Tell of classes without objects, and of classes with very few."""
    counts = statistics.class_counts
    findings = []
    absent = [name for number, name in names.items() if not counts[number]]
    if absent and counts.sum():
        findings.append(finding("absent_classes", len(absent), total=len(names), names=", ".join(absent[:20])))
    limit = RARE_CLASS * counts.max(initial=0)
    rare = [f"{name} ({counts[number]})" for number, name in names.items() if 0 < counts[number] < limit]
    if rare:
        findings.append(finding("rare_classes", len(rare), names=", ".join(rare[:20])))
    return findings


@dataclass(frozen=True, kw_only=True)
class PicturePrints:
    """What tells pictures apart: `content`, of the file's bytes, and `look`, of a small gray version."""

    content: bytes
    look: bytes


def picture_prints(splits: Mapping[str, Split], *, workers: int = 4) -> dict[Place, PicturePrints]:
    """Return the prints of all pictures by split and index; decodes every picture once."""
    places = [(name, index) for name, split in splits.items() for index in range(len(split.pictures))]
    paths = [splits[name].pictures.paths[index] for name, index in places]
    with ThreadPoolExecutor(workers, "posekit check") as pool:
        return dict(zip(places, pool.map(_print_of, paths), strict=True))


def find_duplicate_pictures(prints: Mapping[Place, PicturePrints]) -> list[Finding]:
    """Tell of pictures that occur more than once in one split."""
    groups = [group for group in _alike(prints) if _within_one_split(group)]
    if not groups:
        return []
    extra = sum(len(group) - 1 for group in groups)
    are_copies = "s are copies" if extra > 1 else " is a copy"
    return [finding("duplicate_pictures", extra, _copies(groups), are_copies=are_copies)]


def find_leakage(prints: Mapping[Place, PicturePrints]) -> list[Finding]:
    """Tell of pictures that stand in more than one split, so that a score would measure memory."""
    groups = [group for group in _alike(prints) if not _within_one_split(group)]
    if not groups:
        return []
    names = ", ".join(sorted({name for group in groups for name, _ in group}))
    stand = "s stand" if len(groups) > 1 else " stands"
    return [finding("leakage", len(groups), _copies(groups), stand=stand, names=names)]


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


def _copies(groups: Sequence[Sequence[Place]]) -> list[Example]:
    return [
        Example(split=name, picture=index, caption=f"copy {number} of {len(group)}")
        for group in groups[: EXAMPLES // 2]
        for number, (name, index) in enumerate(group[:2], 1)
    ]


def _same_boxes(table: ObjectTable, rows: list[int]) -> list[tuple[int, int]]:
    boxes, classes = table.boxes[rows], table.classes[rows]
    same = np.triu((exact_iou(boxes, boxes) >= SAME_BOX) & (classes[:, None] == classes[None]), 1)
    return [(rows[first], rows[second]) for first, second in np.argwhere(same).tolist()]
