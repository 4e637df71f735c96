"""Runs the evaluator (hotcoco) over what was kept of the detections, some pictures at a time."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from posekit.metrics.coco_fields import Key
from posekit.metrics.coco_kept import Kept
from posekit.metrics.coco_objects import Fields
from posekit.metrics.coco_protocol import CocoProtocol
from posekit.metrics.coco_truth import CocoTruth

# The evaluator takes detections as Python objects; so many pictures' at once stay within some tens of megabytes.
PICTURES_AT_ONCE = 256
ABSENT = -1.0


@dataclass(frozen=True, kw_only=True)
class CocoScores:
    """The official numbers of one protocol; -1 where the truth has nothing to score, as COCO writes it.

    Attributes:
        kind: ``bbox``, ``segm`` or ``keypoints``.
        stats: summary numbers by name, in COCO's order: `coco_protocol.BOX_STATS` or `KEYPOINT_STATS`.
        thresholds: AP at each of the 10 thresholds 0.5, 0.55 ... 0.95, over all sizes.
        per_category: AP by category id, over all sizes and thresholds.
        sigmas: the K OKS sigmas of keypoints; None for boxes and masks.
    """

    kind: str
    stats: dict[str, float]
    thresholds: tuple[float, ...]
    per_category: dict[Key, float]
    sigmas: tuple[float, ...] | None = None


@dataclass(frozen=True)
class CategoryGroup:
    """Categories that the evaluator takes at once: it knows one number of keypoints.

    Attributes:
        categories: their numbers.
        sigmas: OKS sigmas of their keypoints; None for boxes and masks.
    """

    categories: frozenset[int]
    sigmas: tuple[float, ...] | None


def evaluate(
    protocol: CocoProtocol, truth: CocoTruth, kept: Mapping[int, Kept], sigmas: tuple[float, ...] | None
) -> CocoScores:
    """Return the official numbers over some pictures of the truth.

    Args:
        protocol: what is scored.
        truth: ground truth.
        kept: the detections of each picture that counts, by picture number.
        sigmas: K OKS sigmas for keypoints, else None; categories with fewer points have the first of them.
    """
    groups = _groups(truth, sigmas)
    curves = [_curves(protocol, truth, _of_group(kept, group, groups), group) for group in groups]
    order = np.argsort([number for group in groups for number in sorted(group.categories)])
    precision = np.concatenate([part["precision"] for part in curves], 2)[:, :, order]
    recall = np.concatenate([part["recall"] for part in curves], 1)[:, order]
    return _scores(protocol, truth, precision, recall, sigmas)


def _groups(truth: CocoTruth, sigmas: tuple[float, ...] | None) -> list[CategoryGroup]:
    """Return all categories as one group, for keypoints those with the same number of points."""
    counts = sorted(set(truth.points_of.values()))
    if sigmas is None or len(counts) < 2:
        return [CategoryGroup(frozenset(truth.names), sigmas)]
    return [
        CategoryGroup(frozenset(number for number, its in truth.points_of.items() if its == count), sigmas[:count])
        for count in counts
    ]


def _of_group(kept: Mapping[int, Kept], group: CategoryGroup, groups: Sequence[CategoryGroup]) -> Mapping[int, Kept]:
    if len(groups) == 1:
        return kept
    return {number: its.of(group.categories, len(group.sigmas or ())) for number, its in kept.items()}


def _curves(protocol: CocoProtocol, truth: CocoTruth, kept: Mapping[int, Kept], group: CategoryGroup) -> dict[str, Any]:
    """Return what the evaluator accumulates over the categories of a group, in rising order of their numbers."""
    from hotcoco import Params, StreamingEval

    parameters = Params(protocol.kind)
    if group.sigmas is not None:
        parameters.kpt_oks_sigmas = list(group.sigmas)
    evaluator = StreamingEval(
        [{"id": number, "name": truth.names[number]} for number in sorted(group.categories)],
        protocol.kind,
        params=parameters,
    )
    with warnings.catch_warnings():
        # It warns of sigmas other than COCO's: those of the data set are meant, and stand beside the result.
        warnings.filterwarnings("ignore", message="hotcoco: kpt_oks_sigmas differ", category=UserWarning)
        for numbers in _parts(sorted(kept)):
            images = [_image(truth, number) for number in numbers]
            objects = [entry for number in numbers for entry in _objects(truth, number, protocol, group)]
            evaluator.update(images, objects, _detections(numbers, kept, protocol))
        result = evaluator.finalize()
        result.accumulate()
    return cast(dict[str, Any], result.eval)  # accumulate() made it


def _parts(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), PICTURES_AT_ONCE):
        yield numbers[start : start + PICTURES_AT_ONCE]


def _image(truth: CocoTruth, number: int) -> Fields:
    height, width = truth.pictures[number - 1].size or (0, 0)
    return {"id": number, "height": height, "width": width}


def _objects(truth: CocoTruth, number: int, protocol: CocoProtocol, group: CategoryGroup) -> list[Fields]:
    """Return the objects of a picture that are of a group."""
    objects = truth.objects.get(number, ())
    return [_annotation(entry, protocol) for entry in objects if entry["category_id"] in group.categories]


def _annotation(entry: Fields, protocol: CocoProtocol) -> Fields:
    if protocol.kind == "segm" and not entry["outlined"]:
        return entry | {"iscrowd": 1}
    return entry


def _detections(numbers: Sequence[int], kept: Mapping[int, Kept], protocol: CocoProtocol) -> Any:
    """Return rows of only what the protocol scores: the evaluator would take a box for the size of a detection."""
    if protocol.field == "bbox":
        return np.concatenate([_box_table(number, kept[number]) for number in numbers])
    return [row for number in numbers for row in _rows(number, kept[number], protocol)]


def _box_table(number: int, kept: Kept) -> NDArray[np.float64]:
    """Return (N, 7): picture, x, y, width, height, score, category."""
    boxes = np.zeros((0, 4)) if kept.boxes is None else kept.boxes
    picture = np.full(len(boxes), float(number))
    return np.column_stack([picture, boxes, kept.scores, kept.categories])


def _rows(number: int, kept: Kept, protocol: CocoProtocol) -> list[Fields]:
    columns: dict[str, Sequence[Any]] = {"category_id": kept.categories.tolist(), "score": kept.scores.tolist()}
    if kept.boxes is not None:
        columns["bbox"] = kept.boxes.tolist()
    if kept.outlines is not None:
        columns["segmentation"] = kept.outlines
    if kept.points is not None:
        columns["keypoints"] = _triplets(kept.points).tolist()
    return [
        {"image_id": number} | dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def _triplets(points: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return (N, 3K) from (N, 2K): the evaluator reads a third number after each x and y, and does not use it."""
    triplets = np.ones((len(points), points.shape[1] // 2, 3), points.dtype)
    triplets[..., :2] = points.reshape(*triplets.shape[:2], 2)
    return triplets.reshape(len(points), 3 * triplets.shape[1])


def _scores(
    protocol: CocoProtocol,
    truth: CocoTruth,
    precision: NDArray[np.float64],
    recall: NDArray[np.float64],
    sigmas: tuple[float, ...] | None,
) -> CocoScores:
    """Summarise precision (10, 101, C, sizes, limits) and recall (10, C, sizes, limits) as COCO does."""
    everywhere = precision[:, :, :, 0, -1]
    return CocoScores(
        kind=protocol.kind,
        stats={name: _stat(name, protocol, precision, recall) for name in protocol.stats},
        thresholds=tuple(_mean(values) for values in everywhere),
        per_category={key: _mean(everywhere[:, :, number - 1]) for key, number in truth.categories.items()},
        sigmas=sigmas,
    )


def _stat(name: str, protocol: CocoProtocol, precision: NDArray[np.float64], recall: NDArray[np.float64]) -> float:
    """Return one number by its name, such as AP50, APm or AR10."""
    values, ending = (precision, name[2:]) if name.startswith("AP") else (recall, name[2:])
    thresholds: Any = {"50": 0, "75": 5}.get(ending, slice(None))
    sizes = ("", "m", "l") if protocol.kind == "keypoints" else ("", "s", "m", "l")
    size = sizes.index(ending) if ending in sizes else 0
    limit = {"1": 0, "10": 1}.get(ending, -1)
    return _mean(values[thresholds][..., size, limit])


def _mean(values: NDArray[np.float64]) -> float:
    real = values[values > ABSENT]
    return float(real.mean()) if real.size else ABSENT
