"""The official COCO numbers of boxes, masks and keypoints, as published results state them."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from posekit.data.coco.fields import Key
from posekit.errors import DatasetError
from posekit.files.values import quote
from posekit.log import LOGGER
from posekit.metrics.coco_rows import category_of, placed_boxes, rounded_scores, run_lengths
from posekit.metrics.coco_truth import CocoTruth, Fields, looked_up, read_truth
from posekit.results.detected import Arrays
from posekit.schema.schema import COCO_PERSON

BOX_STATS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
KEYPOINT_STATS = ("AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl")

Floats = NDArray[np.floating[Any]]
Rows = Sequence[Mapping[str, Any]]
Mask = NDArray[np.uint8] | NDArray[np.bool_] | Mapping[str, Any]  # (h, w), or its run lengths

# The evaluator takes detections as Python objects; so many pictures' at once stay within some tens of megabytes.
PICTURES_AT_ONCE = 256
ABSENT = -1.0  # the score where there are no objects


@dataclass(frozen=True, kw_only=True)
class CocoProtocol:
    """One of the official protocols.

    Attributes:
        kind: its name, as COCO's own evaluator calls it.
        field: the key of a prediction row that is scored.
        letter: the letter of its metric keys, as in ``metrics/COCO-AP(P)``.
        limit: highest number of detections per picture and category that are looked at.
        stats: names of its summary numbers, in COCO's order.
        recall: the name among them that stands for AR over everything.
    """

    kind: str
    field: str
    letter: str
    limit: int
    stats: tuple[str, ...]
    recall: str


PROTOCOLS = {
    "bbox": CocoProtocol(kind="bbox", field="bbox", letter="B", limit=100, stats=BOX_STATS, recall="AR100"),
    "segm": CocoProtocol(kind="segm", field="segmentation", letter="M", limit=100, stats=BOX_STATS, recall="AR100"),
    "keypoints": CocoProtocol(
        kind="keypoints", field="keypoints", letter="P", limit=20, stats=KEYPOINT_STATS, recall="AR"
    ),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class CocoDetections:
    """N detections of one picture, with the numbers that `predictions.json` holds.

    Attributes:
        categories: (N,) category numbers of the truth.
        scores: (N,) float64.
        boxes: (N, 4) float64 x, y, width, height in pixels; None where only points or masks are scored.
        points: (N, 2K) x, y in pixels; None unless points are scored.
        outlines: N masks, run-length encoded once they are kept; None unless masks are scored.
        left_out: further detections that are not looked at because their numbers are not finite.
    """

    categories: NDArray[np.int64]
    scores: NDArray[np.float64]
    boxes: NDArray[np.float64] | None = None
    points: Floats | None = None
    outlines: Sequence[Mask] | None = None
    left_out: int = 0

    def take(self, chosen: NDArray[np.int64]) -> "CocoDetections":
        """Return some of them, in the order of `chosen`."""
        return replace(
            self,
            categories=self.categories[chosen],
            scores=self.scores[chosen],
            boxes=None if self.boxes is None else self.boxes[chosen],
            points=None if self.points is None else self.points[chosen],
            outlines=None if self.outlines is None else [self.outlines[i] for i in chosen],
        )

    def best(self, protocol: CocoProtocol, *, with_boxes: bool) -> "CocoDetections":
        """Return what one protocol looks at, in falling score.

        That is the highest scores of each category, up to the protocol's limit; of equal scores the earlier one.
        `with_boxes` keeps boxes also where they are not scored; then they decide the size of a detection.
        """
        boxes = self.boxes if with_boxes or protocol.field == "bbox" else None
        points = self.points if protocol.field == "keypoints" else None
        outlines = self.outlines if protocol.field == "segmentation" else None
        usable = np.isfinite(self.scores)
        for numbers in (boxes, points):
            if numbers is not None:
                usable &= np.isfinite(numbers).all(1)
        left_out = int(np.count_nonzero(~usable))
        scored = replace(self, boxes=boxes, points=points, outlines=outlines, left_out=left_out)
        kept = scored.take(_best(self.scores, self.categories, usable, protocol.limit))
        return replace(
            kept,
            points=None if kept.points is None else _compact(kept.points),
            outlines=None if kept.outlines is None else [_run_lengths(mask) for mask in kept.outlines],
        )


def _best(scores: Floats, labels: NDArray[np.int64], usable: NDArray[np.bool_], limit: int) -> NDArray[np.int64]:
    """Return the rows with the `limit` highest scores of each label, in falling score over all labels."""
    order = np.flatnonzero(usable)
    order = order[np.argsort(-scores[order], kind="stable")]
    grouped = np.argsort(labels[order], kind="stable")
    counts = np.unique(labels[order], return_counts=True)[1]
    ranks = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    return order[np.sort(grouped[ranks < limit])]


def _compact(values: Floats) -> Floats:
    """Return the numbers as float32 where that loses nothing."""
    with np.errstate(over="ignore"):
        small = values.astype(np.float32)
    return small if np.array_equal(small, values) else values


def _run_lengths(mask: Any) -> Mapping[str, Any]:
    from hotcoco.mask import area

    if isinstance(mask, np.ndarray):
        return run_lengths(mask)
    value = {key: mask.get(key) for key in ("size", "counts")} if isinstance(mask, Mapping) else {}
    try:
        area(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise DatasetError(f"predictions: a 'segmentation' is no run-length encoded mask: {error}") from error
    return value


def _positions(keypoints: Floats, points: int) -> Floats:
    """Return the x and y of K points (N, 2K), from triplets or pairs (N, 3K or 2K)."""
    if keypoints.shape[1] not in (3 * points, 2 * points):
        raise DatasetError(
            f"predictions have {keypoints.shape[1]} numbers of keypoints; the truth has {points} points per object"
        )
    return keypoints.reshape(len(keypoints), points, -1)[..., :2].reshape(len(keypoints), 2 * points)


def _columns(rows: Rows, key: str, width: int | None) -> NDArray[np.float64]:
    """Return one field of all rows as (N, width); (N,) without a width."""
    try:
        values = np.array([_field(row, key) for row in rows], np.float64)
    except (TypeError, ValueError, OverflowError):
        values = np.zeros(())
    shape = () if width is None else (width,)
    if rows and values.shape != (len(rows), *shape):
        wanted = "a number" if width is None else f"a list of {width} numbers"
        raise DatasetError(f"predictions: {key!r} of every row must be {wanted}")
    return values.reshape(len(rows), *shape)


def _keypoint_columns(rows: Rows, points: int) -> Floats:
    if not rows:
        return np.zeros((0, 2 * points))
    first = _field(rows[0], "keypoints")
    width = len(first) if isinstance(first, list | tuple) else 0
    if width not in (3 * points, 2 * points):
        return _positions(np.zeros((1, width)), points)  # which says what is wrong
    return _positions(_columns(rows, "keypoints", width), points)


def _field(row: Mapping[str, Any], key: str) -> Any:
    if key not in row:
        raise DatasetError(f"predictions: a row has no {key!r}; it has {sorted(row)}")
    return row[key]


@dataclass(frozen=True, kw_only=True)
class CocoScores:
    """The official numbers of one protocol; -1 where the truth has nothing to score, as COCO writes it.

    Attributes:
        kind: ``bbox``, ``segm`` or ``keypoints``.
        stats: summary numbers by name, in COCO's order: `BOX_STATS` or `KEYPOINT_STATS`.
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
    """Category numbers that the evaluator takes at once, as it knows one number of keypoints, and their sigmas."""

    categories: frozenset[int]
    sigmas: tuple[float, ...] | None

    def of(self, found: CocoDetections) -> CocoDetections:
        """Return the detections of these categories, with as many points as they have."""
        chosen = found.take(np.flatnonzero(np.isin(found.categories, list(self.categories))))
        return replace(chosen, points=None if chosen.points is None else chosen.points[:, : 2 * len(self.sigmas or ())])


def evaluate(
    protocol: CocoProtocol, truth: CocoTruth, kept: Mapping[int, CocoDetections], sigmas: tuple[float, ...] | None
) -> CocoScores:
    """Return the official numbers over the pictures of which detections were `kept`, by picture number.

    `sigmas` are K for keypoints, else None; categories with fewer points have the first of them.
    """
    groups = _groups(truth, sigmas)
    curves = [
        _curves(protocol, truth, {number: group.of(its) for number, its in kept.items()}, group) for group in groups
    ]
    order = np.argsort([number for group in groups for number in sorted(group.categories)])
    precision = np.concatenate([part["precision"] for part in curves], 2)[:, :, order]
    recall = np.concatenate([part["recall"] for part in curves], 1)[:, order]
    everywhere = precision[:, :, :, 0, -1]
    return CocoScores(
        kind=protocol.kind,
        stats={name: _stat(name, protocol, precision, recall) for name in protocol.stats},
        thresholds=tuple(_mean(values) for values in everywhere),
        per_category={key: _mean(everywhere[:, :, number - 1]) for key, number in truth.categories.items()},
        sigmas=sigmas,
    )


def _groups(truth: CocoTruth, sigmas: tuple[float, ...] | None) -> list[CategoryGroup]:
    """Return all categories as one group, for keypoints those with the same number of points."""
    counts = sorted(set(truth.points_of.values()))
    if sigmas is None or len(counts) < 2:
        return [CategoryGroup(frozenset(truth.names), sigmas)]
    return [
        CategoryGroup(frozenset(number for number, its in truth.points_of.items() if its == count), sigmas[:count])
        for count in counts
    ]


def _curves(
    protocol: CocoProtocol, truth: CocoTruth, kept: Mapping[int, CocoDetections], group: CategoryGroup
) -> dict[str, Any]:
    """Return what the evaluator accumulates over the categories of a group, in rising order of their numbers.

    That are precision (10, 101, C, sizes, limits) and recall (10, C, sizes, limits).
    """
    from hotcoco import Params, StreamingEval

    parameters = Params(protocol.kind)
    if group.sigmas is not None:
        parameters.kpt_oks_sigmas = list(group.sigmas)
    evaluator = StreamingEval(
        [{"id": number, "name": truth.names[number]} for number in sorted(group.categories)],
        protocol.kind,
        params=parameters,
    )
    pictures = sorted(kept)
    with warnings.catch_warnings():
        # It warns of sigmas other than COCO's: those of the data set are meant, and stand beside the result.
        warnings.filterwarnings("ignore", message="hotcoco: kpt_oks_sigmas differ", category=UserWarning)
        for start in range(0, len(pictures), PICTURES_AT_ONCE):
            numbers = pictures[start : start + PICTURES_AT_ONCE]
            images = [_image(truth, number) for number in numbers]
            objects = [entry for number in numbers for entry in _objects(truth, number, protocol, group)]
            evaluator.update(images, objects, _detections(numbers, kept, protocol))
        result = evaluator.finalize()
        result.accumulate()
    return cast(dict[str, Any], result.eval)  # accumulate() made it


def _image(truth: CocoTruth, number: int) -> Fields:
    height, width = truth.pictures[number - 1].size or (0, 0)
    return {"id": number, "height": height, "width": width}


def _objects(truth: CocoTruth, number: int, protocol: CocoProtocol, group: CategoryGroup) -> list[Fields]:
    """Return the objects of a picture that are of a group; masks on those without an outline are ignored."""
    return [
        entry | {"iscrowd": 1} if protocol.kind == "segm" and not entry["outlined"] else entry
        for entry in truth.objects.get(number, ())
        if entry["category_id"] in group.categories
    ]


def _detections(numbers: Sequence[int], kept: Mapping[int, CocoDetections], protocol: CocoProtocol) -> Any:
    """Return rows of only what the protocol scores: the evaluator would take a box for the size of a detection."""
    if protocol.field == "bbox":
        return np.concatenate([_box_table(number, kept[number]) for number in numbers])
    return [row for number in numbers for row in _rows(number, kept[number])]


def _box_table(number: int, kept: CocoDetections) -> NDArray[np.float64]:
    """Return (N, 7): picture, x, y, width, height, score, category."""
    boxes = np.zeros((0, 4)) if kept.boxes is None else kept.boxes
    picture = np.full(len(boxes), float(number))
    return np.column_stack([picture, boxes, kept.scores, kept.categories])


def _rows(number: int, kept: CocoDetections) -> list[Fields]:
    columns: dict[str, Sequence[Any]] = {"category_id": kept.categories.tolist(), "score": kept.scores.tolist()}
    if kept.boxes is not None:
        columns["bbox"] = kept.boxes.tolist()
    if kept.outlines is not None:
        columns["segmentation"] = kept.outlines
    if kept.points is not None:
        # The evaluator reads a third number after each x and y, and does not use it.
        triplets = np.ones((len(kept.points), kept.points.shape[1] // 2, 3), kept.points.dtype)
        triplets[..., :2] = kept.points.reshape(*triplets.shape[:2], 2)
        columns["keypoints"] = triplets.reshape(len(triplets), 3 * triplets.shape[1]).tolist()
    return [
        {"image_id": number} | dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


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


class CocoCollector:
    """Collects detections picture by picture and scores them at the end.

    It keeps what the protocols look at: for each picture and category the 100 best boxes or masks and the 20 best
    poses, as arrays. Numbers equal those of COCO's own evaluator on the same rows, in whatever order pictures come;
    a picture that comes again is ignored.

    Args:
        truth: ground truth; read with outlines for ``segm``.
        kinds: any of ``bbox``, ``segm`` and ``keypoints``.
        sigmas: K OKS sigmas; None for COCO's own where the truth has 17 points.
        area_from_box: take a detection's size from its box also for keypoints and masks, as COCO's evaluator does
            when rows hold both. Published numbers come from rows without boxes.
        category_ids: category id of each class number, for `add`; None for class number + 1.

    Raises:
        DatasetError: a kind is unknown, the truth lacks keypoints or outlines, or sigmas and points differ in number.
    """

    def __init__(
        self,
        truth: CocoTruth,
        kinds: Iterable[str] = ("bbox", "keypoints"),
        *,
        sigmas: Sequence[float] | None = None,
        area_from_box: bool = False,
        category_ids: Mapping[int, int] | None = None,
    ) -> None:
        self._truth = truth
        self._protocols = [_protocol(kind) for kind in kinds]
        self._fields = {protocol.field for protocol in self._protocols} | ({"bbox"} if area_from_box else set())
        self._sigmas = _checked_sigmas(sigmas, truth) if "keypoints" in self._fields else None
        if "segmentation" in self._fields and not truth.outlines:
            raise DatasetError("masks are to be scored, but the COCO truth was read without outlines")
        self._area_from_box = area_from_box
        self._category_ids = category_ids
        self._kept: dict[int, dict[str, CocoDetections]] = {}

    def add(self, picture: Key, detected: Arrays) -> None:
        """Add all detections of the picture with this path, file name or id.

        They are in pixels of the original picture, boxes and keypoints clipped to it; masks have its size. Numbers
        are rounded as in `prediction_rows`.

        Raises:
            DatasetError: the truth does not have the picture, a class has no category id, or what is to be scored is
                missing.
        """
        number = self._truth.index.number(picture)
        if number in self._kept:
            return
        ids = [category_of(int(label), self._category_ids) for label in detected.classes]
        known, categories = self._known(ids)
        chosen = np.array(known, np.int64)
        points: Floats | None = None
        masks: list[Mask] | None = None
        if "keypoints" in self._fields:
            points = np.zeros((0, 2 * len(self._sigmas or ())))
            if known:
                keypoints = _given(detected.keypoints, "keypoints")[chosen].astype(np.float64)
                points = _positions(keypoints.reshape(len(known), -1), len(self._sigmas or ()))
        if "segmentation" in self._fields:
            masks = [_given(detected.masks, "masks")[i] for i in known]
        self._keep(
            number,
            CocoDetections(
                categories=categories,
                scores=rounded_scores(detected.scores)[chosen],
                boxes=placed_boxes(detected.boxes)[chosen],
                points=points,
                outlines=masks,
            ),
        )

    def add_rows(self, number: int, rows: Rows) -> None:
        """Add all detections of the picture with this number in the truth, as rows of `predictions.json`.

        Rows of categories that the truth does not have are ignored, as COCO ignores them.

        Raises:
            DatasetError: a row lacks a field, or has one of the wrong form.
        """
        if number in self._kept:
            return
        places, categories = self._known([_field(row, "category_id") for row in rows])
        known = [rows[place] for place in places]
        points = len(self._sigmas or ())
        self._keep(
            number,
            CocoDetections(
                categories=categories,
                scores=_columns(known, "score", None),
                boxes=_columns(known, "bbox", 4) if "bbox" in self._fields else None,
                points=_keypoint_columns(known, points) if "keypoints" in self._fields else None,
                outlines=[_field(row, "segmentation") for row in known] if "segmentation" in self._fields else None,
            ),
        )

    def kept(self) -> dict[int, dict[str, CocoDetections]]:
        """Return what was kept of each picture, by picture number and kind: plain arrays that can be sent elsewhere."""
        return self._kept

    def merge(self, kept: Mapping[int, dict[str, CocoDetections]]) -> None:
        """Add what another process kept over the same truth; pictures that both have count once."""
        self._kept = {**kept, **self._kept}

    def scores(self) -> dict[str, CocoScores]:
        """Return the numbers of each kind over the pictures that were added."""
        left_out = sum(max(kept.left_out for kept in kinds.values()) for kinds in self._kept.values() if kinds)
        if left_out:
            LOGGER.warning(f"COCO scores: {left_out} detections with NaN or infinite numbers are left out")
        return {
            protocol.kind: evaluate(
                protocol,
                self._truth,
                {number: kinds[protocol.kind] for number, kinds in self._kept.items()},
                self._sigmas if protocol.kind == "keypoints" else None,
            )
            for protocol in self._protocols
        }

    def _known(self, ids: Sequence[Any]) -> tuple[list[int], NDArray[np.int64]]:
        """Return the places of the category ids that the truth has, and their numbers."""
        numbers = [looked_up(self._truth.categories, category) for category in ids]
        known = [place for place, number in enumerate(numbers) if number is not None]
        return known, np.array([numbers[place] for place in known], np.int64)

    def _keep(self, number: int, found: CocoDetections) -> None:
        self._kept[number] = {
            protocol.kind: found.best(protocol, with_boxes=self._area_from_box) for protocol in self._protocols
        }


def _given(values: Any, what: str) -> Any:
    if values is None:
        raise DatasetError(f"predictions: {what} are to be scored, but the detections have none")
    return values


def coco_scores(
    truth: Mapping[str, Any] | Path | str,
    rows: Rows,
    *,
    kinds: Iterable[str] = ("bbox", "keypoints"),
    sigmas: Sequence[float] | None = None,
    image_ids: Iterable[Key] | None = None,
    area_from_box: bool = False,
) -> dict[str, CocoScores]:
    """Return the official numbers of prediction rows, as `predictions.json` holds them.

    Args:
        truth: COCO ground truth: a JSON file, or what it holds.
        rows: predictions; each belongs to the picture of its ``file_name``, else of its ``image_id``.
        kinds: any of ``bbox``, ``segm`` and ``keypoints``.
        sigmas: K OKS sigmas; None for COCO's own where the truth has 17 points.
        image_ids: ids or file names of the pictures that count; None for all of the truth.
        area_from_box: see `CocoCollector`.

    Raises:
        DatasetNotFoundError: there is no such file.
        DatasetError: truth, rows, kinds or sigmas are not what they should be.
    """
    kinds = tuple(kinds)
    read = read_truth(truth, outlines="segm" in kinds)
    if read.problems:
        LOGGER.warning(f"COCO truth: {len(read.problems)} entries mended or left out, the first: {read.problems[0]}")
    collector = CocoCollector(read, kinds, sigmas=sigmas, area_from_box=area_from_box)
    by_picture: dict[int, list[Mapping[str, Any]]] = {number: [] for number in _wanted(read, image_ids)}
    for row in rows:
        number = _picture_of(row, read)
        if number in by_picture:
            by_picture[number].append(row)
    for number, its_rows in by_picture.items():
        collector.add_rows(number, its_rows)
    return collector.scores()


def coco_metrics_dict(scores: Mapping[str, CocoScores]) -> dict[str, float]:
    """Return the numbers under their metric keys, such as ``metrics/COCO-AP(P)``; -1 where there was no truth.

    Each kind has AP, AP50, AP75, APs (boxes and masks), APm, APl and AR, with B, M or P for boxes, masks and poses.
    """
    metrics: dict[str, float] = {}
    for kind, result in scores.items():
        protocol = PROTOCOLS[kind]
        names = {name: name for name in protocol.stats if name.startswith("AP")} | {"AR": protocol.recall}
        metrics |= {f"metrics/COCO-{key}({protocol.letter})": result.stats[name] for key, name in names.items()}
    return metrics


def _wanted(truth: CocoTruth, image_ids: Iterable[Key] | None) -> list[int]:
    if image_ids is None:
        return [picture.number for picture in truth.pictures]
    return sorted({truth.index.number(picture) for picture in image_ids})


def _picture_of(row: Mapping[str, Any], truth: CocoTruth) -> int:
    if not isinstance(row, Mapping) or "image_id" not in row:
        raise DatasetError(f"predictions: {quote(row)} is no row with an 'image_id'")
    return truth.index.number_of_row(row.get("file_name"), row["image_id"])


def _protocol(kind: str) -> CocoProtocol:
    if kind not in PROTOCOLS:
        raise DatasetError(f"COCO has no protocol {kind!r}; it has {', '.join(PROTOCOLS)}")
    return PROTOCOLS[kind]


def _checked_sigmas(sigmas: Sequence[float] | None, truth: CocoTruth) -> tuple[float, ...]:
    """Return K sigmas; the evaluator would compute wrong numbers from too many or too few."""
    if sigmas is None:
        sigmas = COCO_PERSON.oks_sigmas or ()
    if truth.objects and not truth.points:
        raise DatasetError("keypoints are to be scored, but no object of the COCO truth has any")
    if truth.points not in (0, len(sigmas)):
        raise DatasetError(
            f"the COCO truth has {truth.points} keypoints per object, but there are {len(sigmas)} OKS sigmas: "
            f"give {truth.points} of them (kpt_oks_sigmas)"
        )
    if not all(0 < sigma < float("inf") for sigma in sigmas):
        raise DatasetError(f"OKS sigmas must all be above 0, but are {list(sigmas)}")
    return tuple(float(sigma) for sigma in sigmas)
