"""The official COCO numbers of boxes, masks and keypoints, as published results state them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from posekit.errors import DatasetError
from posekit.log import LOGGER
from posekit.metrics.coco_evaluator import CocoScores, evaluate
from posekit.metrics.coco_fields import Key, shown
from posekit.metrics.coco_kept import Kept, keep_best
from posekit.metrics.coco_protocol import PROTOCOLS, CocoProtocol
from posekit.metrics.coco_truth import CocoTruth, read_truth
from posekit.schema import COCO_PERSON

Rows = Sequence[Mapping[str, Any]]


class CocoCollector:
    """Collects prediction rows picture by picture and scores them at the end.

    It keeps what the protocols look at: for each picture and category the 100 best boxes or masks and the 20 best
    poses, as arrays. Numbers equal those of COCO's own evaluator on the same rows, in whatever order pictures come.

    Args:
        truth: ground truth; read with outlines for ``segm``.
        kinds: any of ``bbox``, ``segm`` and ``keypoints``.
        sigmas: K OKS sigmas; None for COCO's own where the truth has 17 points.
        area_from_box: take a detection's size from its box also for keypoints and masks, as COCO's evaluator does
            when rows hold both. Published numbers come from rows without boxes.

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
    ) -> None:
        self._truth = truth
        self._protocols = [_protocol(kind) for kind in kinds]
        self._sigmas = _checked_sigmas(sigmas, truth) if self._scores_kind("keypoints") else None
        if self._scores_kind("segm") and not truth.outlines:
            raise DatasetError("masks are to be scored, but the COCO truth was read without outlines")
        self._area_from_box = area_from_box
        self._kept: dict[int, dict[str, Kept]] = {}

    def add(self, picture: Key, rows: Rows) -> None:
        """Add all detections of one picture; a picture that was added before is ignored.

        Args:
            picture: its path, file name or id.
            rows: its rows as `coco_rows.prediction_rows` makes them; none when nothing was found.

        Raises:
            DatasetError: the truth does not have the picture, or a row has a wrong form.
        """
        self.add_by_number(self._truth.index.number(picture), rows)

    def add_by_number(self, number: int, rows: Rows) -> None:
        """Add all detections of the picture with this number in the truth; see `add`."""
        if number not in self._kept:
            self._kept[number] = {protocol.kind: self._keep(rows, protocol) for protocol in self._protocols}

    def kept(self) -> dict[int, dict[str, Kept]]:
        """Return what was kept of each picture, by picture number and kind: plain arrays that can be sent elsewhere."""
        return self._kept

    def merge(self, kept: Mapping[int, dict[str, Kept]]) -> None:
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

    def _keep(self, rows: Rows, protocol: CocoProtocol) -> Kept:
        points, with_boxes = len(self._sigmas or ()), self._area_from_box
        return keep_best(rows, protocol, self._truth.categories, points=points, with_boxes=with_boxes)

    def _scores_kind(self, kind: str) -> bool:
        return any(protocol.kind == kind for protocol in self._protocols)


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
        collector.add_by_number(number, its_rows)
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
        raise DatasetError(f"predictions: {shown(row)} is no row with an 'image_id'")
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
