"""How far the outputs of an exported file are from those of PyTorch, and where: the first that is too far is an error.

Predictions of all anchor points are compared one by one. Of networks that rank, what stands at one rank in PyTorch may
stand at another in the file where two scores are nearly the same; rows are then matched, or left out and counted.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from posekit.errors import ExportError
from posekit.models.exported.facts import Facts
from posekit.models.rfdetr.architecture import KeypointSlots
from posekit.models.rfdetr.decode import FINDABLE, PLACE
from posekit.models.yolo.inference import points_of_classes
from posekit.ops.boxes import box_iou, xywh_to_xyxy
from posekit.results.detected import Detected

CONFIDENT: Final = 0.25
LEAST: Final = 20  # so many of the best predictions are compared where fewer are confident, as of untrained networks
SAME_CORNERS: Final = 1.0  # pixels between corners from which boxes are the same, whatever their areas
SAME_OBJECT: Final = 0.5  # IoU from which a box of the file can be that of PyTorch
# A query was given to another cell where its box and its logits differ by more than so many times their limits.
FAR: Final = 4
FEW_MOVED: Final = 2


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How far a file may be from PyTorch.

    Attributes:
        pixels: of boxes and keypoints, in pixels of the input.
        scores: of scores and confidences.
        masks: of mask coefficients and prototypes, as a share of the largest of them.
        moved: share of queries that may have been given to another cell.
        overlap: of an IoU, where the threshold of suppression decides.
        lost: share of confident detections that may be missing.
        ap: of the average precision.
    """

    pixels: float
    scores: float
    masks: float
    moved: float
    overlap: float
    lost: float
    ap: float


LIMITS: Final = {
    32: Limits(pixels=0.5, scores=0.01, masks=0.01, moved=0.02, overlap=0.01, lost=0, ap=0.003),
    16: Limits(pixels=2, scores=0.03, masks=0.05, moved=0.5, overlap=0.03, lost=0, ap=0.003),
    # Eight bits are judged by what they find: single values of a good file may be far off.
    8: Limits(pixels=inf, scores=inf, masks=inf, moved=inf, overlap=inf, lost=0.5, ap=0.02),
}


@dataclass(frozen=True, kw_only=True)
class Rows:
    """n predictions of one picture, in pixels of the input.

    Attributes:
        boxes: (n, 4) corners.
        scores: (n, nc), or (n,) of the classes.
        classes: (n,) int64, the best ones.
        points: (n, K, D); None without keypoints.
        coefficients: (n, M) of masks; None without.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    points: Tensor | None = None
    coefficients: Tensor | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def best(self) -> Tensor:
        """(n,) the best score of each."""
        return self.scores if self.scores.ndim == 1 else self.scores.amax(1)

    def take(self, rows: Tensor | slice) -> "Rows":
        """Return the rows that a mask, indices or a slice selects."""
        parts: dict[str, Any] = {name: None if part is None else part[rows] for name, part in vars(self).items()}
        return Rows(**parts)

    @classmethod
    def of_detected(cls, found: Detected[Tensor]) -> "Rows":
        """Return detections as rows."""
        return cls(boxes=found.boxes.cpu(), scores=found.scores.cpu(), classes=found.classes.cpu(),
                   points=None if found.keypoints is None else found.keypoints.cpu())  # fmt: skip


@dataclass
class Differences:
    """What comparing has found so far.

    Args:
        facts: of the file.
        limits: beyond which a difference is an error.

    Attributes:
        largest: by kind ("boxes", "keypoints", "scores", "confidences", "masks") the largest difference.
        compared: predictions of which boxes and keypoints were compared.
        confident: those of them with a score above `CONFIDENT`.
        moved: those that stand at another rank in the file.
        ranks: all that could have moved.
        detections: confident detections of PyTorch.
        lost: those of them that the file lacks.
    """

    facts: Facts
    limits: Limits
    largest: dict[str, float] = field(default_factory=dict)
    compared: int = 0
    confident: int = 0
    moved: int = 0
    ranks: int = 0
    detections: int = 0
    lost: int = 0

    def __post_init__(self) -> None:
        self._points = points_of_classes(self.facts.schema, max(self.facts.names, default=0) + 1)

    def shapes(self, own: dict[str, Tensor], other: dict[str, Tensor]) -> None:
        """Refuse outputs of other shapes than those of PyTorch, and outputs that are no numbers."""
        for name, value in own.items():
            if other[name].shape != value.shape:
                raise ExportError(f"{name} has the shape {tuple(other[name].shape)}, not {tuple(value.shape)}")
            if not bool(torch.isfinite(other[name]).all()):
                raise ExportError(f"{name} holds values that are no finite numbers")

    def dense(self, own: Tensor, other: Tensor, least: int) -> None:
        """Compare predictions (4 + nc + K * D + M, A) of one picture, in pixels: all scores, and the best of the rest.

        Args:
            own: of PyTorch.
            other: of the file.
            least: how many predictions are compared where fewer are confident.
        """
        first, second = (self._of_dense(values) for values in (own, other))
        self._note("scores", (second.scores - first.scores).abs(), lambda at: f"the score of {self._class(at[1])}")
        chosen = self._chosen(first.best, least)
        self._same(first.take(chosen), second.take(chosen), with_scores=False)

    def queries(self, own: dict[str, Tensor], other: dict[str, Tensor], size: tuple[int, int], least: int) -> int:
        """Compare the queries of one picture; return how many were given to another cell.

        A query's learned embedding belongs to its rank, so one that was given to another cell is another prediction,
        and a little of it reaches all others. Where any has moved, the middle one of all differences counts.

        Args:
            own: outputs of PyTorch by name, without the axis of the batch.
            other: of the file.
            size: (H, W) of the input in pixels.
            least: how many predictions are compared where fewer are confident.
        """
        first, second = (self._of_queries(values, size) for values in (own, other))
        boxes = (second.boxes - first.boxes).abs().amax(1)
        logits = (other["labels"] - own["labels"]).abs().amax(1)
        moved = ((boxes > FAR * self.limits.pixels) & (logits > FAR * self.limits.scores)).nonzero()[:, 0].tolist()
        self.ranks += len(first)
        self.moved += len(moved)
        if not moved:
            chosen = self._chosen(first.best, least)
            self._same(first.take(chosen), second.take(chosen), with_scores=True)
            return 0
        if self.moved > max(self.limits.moved * self.ranks, FEW_MOVED):
            raise ExportError(f"{len(moved)} of {len(first)} queries are far off, the first of them query {moved[0]}")
        self._note("boxes", boxes.median()[None], lambda at: "the middle one of the boxes of all queries")
        if first.points is not None and second.points is not None:
            gaps = (second.points - first.points).abs()[..., :2].amax(2).median(0).values
            self._note("keypoints", gaps, lambda at: f"of all queries the middle one of {self._point(at[0])}")
        return len(moved)

    def rows(self, own: Rows, other: Rows, least: int) -> None:
        """Compare what was chosen in the graph, best first.

        Args:
            own: of PyTorch, without empty rows.
            other: of the file.
            least: how many rows are compared where fewer are confident.
        """
        chosen = self._chosen(own.best, least)
        full = self.facts.max_det is not None and max(len(own), len(other)) >= self.facts.max_det
        floor = self.facts.conf or 0.0
        if len(chosen) < len(own):
            floor = float(own.best[chosen].min())
            other = other.take(other.best > floor - self.limits.scores)
        pairs = self._matched(own.take(chosen), other, floor=floor, full=full)
        self.ranks += len(chosen)
        self.moved += sum(first != second for first, second in pairs)

    def found(self, own: Rows, other: Rows, *, conf: float, max_det: int, moved: int = 0) -> None:
        """Compare detections, best first: each has to be found by both; see `Limits.lost`.

        Args:
            own: of PyTorch.
            other: of the file.
            conf: threshold of the scores.
            max_det: most detections.
            moved: queries of the picture that were given to another cell, and may each be another detection.
        """
        pairs = self._matched(own, other, floor=conf, full=max(len(own), len(other)) >= max_det, moved=moved)
        self.detections += len(own)
        self.lost += len(own) - len(pairs)

    def masks(self, own: Tensor, other: Tensor) -> None:
        """Compare prototypes (M, h, w) of masks."""
        share = (other - own).abs() / own.abs().max().clamp(min=1e-6)
        self._note("masks", share, lambda at: f"the value of mask prototype {at[0]} at row {at[1]}, column {at[2]}")

    def _of_dense(self, values: Tensor) -> Rows:
        nc, schema, masks = len(self.facts.names), self.facts.schema, self.facts.masks
        values = values.T  # (A, 4 + nc + K * D + M)
        scores = values[:, 4 : 4 + nc]
        points = None
        if schema is not None:
            points = values[:, 4 + nc :][:, : schema.shape[0] * schema.shape[1]].reshape(-1, *schema.shape)
        return Rows(
            boxes=xywh_to_xyxy(values[:, :4]), scores=scores, classes=scores.argmax(1), points=points,
            coefficients=values[:, values.shape[1] - masks :] if masks else None,
        )  # fmt: skip

    def _of_queries(self, values: dict[str, Tensor], size: tuple[int, int]) -> Rows:
        scores = values["labels"].sigmoid()
        corner = scores.new_tensor((size[1], size[0]))
        classes = scores.argmax(1)
        points = values.get("keypoints")
        if points is not None and self.facts.slots is not None:
            table = KeypointSlots(self.facts.slots).mask()
            slot = classes.clamp(max=len(table) - 1)
            own = points.reshape(len(classes), *table.shape, -1)[torch.arange(len(classes)), slot]
            points = torch.cat((own[..., PLACE], own[..., FINDABLE, None]), -1) * table[slot][..., None]
        if points is not None:
            points = torch.cat((points[..., :2] * corner, points[..., 2:].sigmoid()), -1)
        return Rows(
            boxes=xywh_to_xyxy(values["dets"]) * corner.repeat(2), scores=scores, classes=classes, points=points
        )

    def _matched(self, own: Rows, other: Rows, *, floor: float, full: bool, moved: int = 0) -> list[tuple[int, int]]:
        """Compare rows with those of their class that overlap them most; return which row is which.

        Args:
            own: of PyTorch.
            other: of the file.
            floor: threshold of the scores.
            full: whether either has as many rows as it can, so that the last are a matter of chance.
            moved: how many may have no counterpart; single values are not compared then.
        """
        pairs = _pairs(own, other)
        for mine, theirs, side, word in (
            (own, other, 0, "is missing"),
            (other, own, 1, "is one that PyTorch does not find"),
        ):
            single = sorted(set(range(len(mine))) - {pair[side] for pair in pairs})
            strange = [row for row in single if not self._on_the_brink(mine, row, theirs, floor, full)]
            if len(strange) > moved and not self.limits.lost:
                score, label = float(mine.best[strange[0]]), int(mine.classes[strange[0]])
                box = ", ".join(f"{value:.0f}" for value in mine.boxes[strange[0]].tolist())
                raise ExportError(
                    f"a detection of {self._class(label)} with the score {score:.2f} in the box {box} {word}"
                )
        if not moved:
            first, second = (torch.tensor([pair[side] for pair in pairs], dtype=torch.long) for side in (0, 1))
            self._same(own.take(first), other.take(second), with_scores=True)
        return pairs

    def _on_the_brink(self, mine: Rows, row: int, theirs: Rows, floor: float, full: bool) -> bool:
        """Whether a row without a counterpart was nearly left out, or nearly dropped by a better one."""
        score = float(mine.best[row])
        if score <= floor + self.limits.scores:
            return True
        if full and (not len(theirs) or score <= float(theirs.best.min()) + self.limits.scores):
            return True
        if not len(theirs) or (self.facts.selection != "suppress" and self.facts.iou is None):
            return False
        overlaps = box_iou(mine.boxes[row, None].numpy(), theirs.boxes.numpy())
        return bool((overlaps > (0.7 if self.facts.iou is None else self.facts.iou) - self.limits.overlap).any())

    def _chosen(self, best: Tensor, least: int) -> Tensor:
        """Return the indices of confident predictions (n,), or of as many of the best, best first, and count them."""
        confident = int((best > CONFIDENT).sum())
        chosen = best.argsort(descending=True, stable=True)[: max(confident, least)]
        self.confident += confident
        self.compared += len(chosen)
        return chosen

    def _same(self, own: Rows, other: Rows, *, with_scores: bool) -> None:
        """Compare rows one by one."""
        if not len(own):
            return
        self._note(
            "boxes", (other.boxes - own.boxes).abs().amax(1), lambda at: f"the box of {self._class(own.classes[at[0]])}"
        )
        if own.points is not None and other.points is not None:
            gap = (other.points - own.points).abs()
            if self._points is not None:
                gap = gap * self._points[own.classes][..., None]
            self._note("keypoints", gap[..., :2].amax(2), lambda at: self._point(at[1]))
            if gap.shape[2] > 2:
                self._note("confidences", gap[..., 2], lambda at: f"the confidence of {self._point(at[1])}")
        if own.coefficients is not None and other.coefficients is not None:
            share = (other.coefficients - own.coefficients).abs() / own.coefficients.abs().max().clamp(min=1e-6)
            self._note("masks", share, lambda at: f"mask coefficient {at[1]}")
        if with_scores:
            gap = (other.scores - own.scores).abs().reshape(len(own), -1)
            one = own.scores.ndim == 1
            self._note("scores", gap, lambda at: f"the score of {self._class(own.classes[at[0]] if one else at[1])}")

    def _note(self, kind: str, gaps: Tensor, place: Callable[[tuple[int, ...]], str]) -> None:
        """Remember the largest of differences of any shape; beyond the limit, say where it is."""
        if not gaps.numel():
            return
        at = tuple(int(index) for index in np.unravel_index(int(gaps.argmax()), tuple(gaps.shape)))
        worst = float(gaps[at])
        self.largest[kind] = max(self.largest.get(kind, 0.0), worst)
        limit, unit = {
            "boxes": (self.limits.pixels, " px"),
            "keypoints": (self.limits.pixels, " px"),
            "masks": (self.limits.masks, " of the largest value"),
        }.get(kind, (self.limits.scores, ""))
        if worst > limit:
            raise ExportError(f"{place(at)} is {worst:.2g}{unit} off (at most {limit:g}{unit})")

    def _point(self, index: int) -> str:
        schema = self.facts.schema
        return f"keypoint {index}" + (f" ({schema.names[index]})" if schema is not None and schema.is_named else "")

    def _class(self, label: int | Tensor) -> str:
        return f"class {int(label)} ({self.facts.names.get(int(label), 'without a name')})"


def _pairs(own: Rows, other: Rows) -> list[tuple[int, int]]:
    """Return which row is which: of one class, the pairs that overlap most first, of equal ones those of a rank."""
    if not len(own) or not len(other):
        return []
    overlaps = box_iou(own.boxes.float().numpy(), other.boxes.float().numpy())
    near = (own.boxes[:, None] - other.boxes[None]).abs().amax(2) < SAME_CORNERS
    overlaps = np.where(near.numpy(), np.maximum(overlaps, 1.0), overlaps)  # boxes may have no area, or a negative one
    overlaps = np.where((own.classes[:, None] == other.classes[None]).numpy(), overlaps, 0.0)
    distance = np.abs(np.arange(len(own))[:, None] - np.arange(len(other))[None])
    first, second = (overlaps >= SAME_OBJECT).nonzero()
    order = np.lexsort((distance[first, second], -np.round(overlaps[first, second], 4)))
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for index in order:
        row, column = int(first[index]), int(second[index])
        if row not in pairs and column not in taken:
            pairs[row] = column
            taken.add(column)
    return sorted(pairs.items())
