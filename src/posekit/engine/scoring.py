"""Everything that is counted while a validation runs, and put together at its end."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posekit.config.commands import TASKS_WITH_KEYPOINTS
from posekit.config.settings import ValSettings
from posekit.engine import distributed
from posekit.engine.validation_run import LabelledBatch, ValidationRun
from posekit.errors import DatasetError, DatasetNotFoundError
from posekit.log import LOGGER
from posekit.metrics.coco import CocoCollector, coco_metrics_dict
from posekit.metrics.coco_truth import CocoTruth, read_truth, truth_from_labels
from posekit.metrics.evaluator import Evaluator
from posekit.metrics.keypoints import PerKeypoint
from posekit.metrics.matching import matched_pairs
from posekit.metrics.parts import Truth, kinds_of
from posekit.metrics.report import Metrics
from posekit.models.contract import Model
from posekit.ops.letterbox import Letterbox
from posekit.ops.masks import letterboxed_to_original
from posekit.ops.polygons import overlap_order, separate_masks, without_overlap
from posekit.results.detected import Arrays, Detected
from posekit.sample import Batch, Floats, Sample, Targets

# The COCO protocol that measures each part.
PROTOCOL_OF_PART = {"box": "bbox", "seg": "segm", "pose": "keypoints"}


def _truth(run: ValidationRun, *, masks: bool) -> CocoTruth | None:
    """Return the truth of a COCO file, or one made from label files when predictions are saved."""
    if run.split.truth is not None:
        return read_truth(run.split.truth, outlines=masks)
    if run.settings.save_json:
        return read_truth(
            truth_from_labels(run.split.pictures, run.split.names, schema=run.split.schema), outlines=masks
        )
    return None


def _category_ids(truth: CocoTruth, names: Mapping[int, str]) -> dict[int, int]:
    """Return the category id of each class: by name where all classes have one, else in rising order of the ids."""
    ids = {key: number for key, number in truth.categories.items() if isinstance(key, int)}
    by_name = {truth.names[number]: key for key, number in ids.items()}
    if set(names.values()) <= by_name.keys():
        return {number: by_name[name] for number, name in names.items()}
    if len(ids) != len(names):
        raise DatasetError(
            f"the COCO file has the categories {', '.join(by_name)}, and the data set the classes "
            f"{', '.join(names.values())}"
        )
    return dict(zip(names, sorted(ids), strict=True))


def truth_of(sample: Sample, letterbox: Letterbox, *, mask_size: tuple[int, int] | None, overlap: bool) -> Truth:
    """Return the labels of a picture in pixels of the network input.

    Args:
        sample: a labelled picture.
        letterbox: how it was placed.
        mask_size: (h, w) of the masks; None makes none.
        overlap: each pixel of a mask belongs to the smallest object over it; objects then come in falling area.
    """
    scale, shift = _to_network(sample, letterbox)
    boxes = (sample.boxes * np.tile(scale, 2) + np.tile(shift, 2)).astype(np.float32)
    keypoints = sample.keypoints
    if keypoints is not None:
        keypoints = np.concatenate((keypoints[..., :2] * scale + shift, keypoints[..., 2:]), -1, dtype=np.float32)
    if mask_size is None:
        return Truth(classes=sample.classes, boxes=boxes, keypoints=keypoints)
    polygons = sample.polygons or (np.zeros((0, 2), np.float32),) * len(boxes)
    moved = [polygon * scale + shift if len(polygon) else polygon for polygon in polygons]
    masks = separate_masks(moved, letterbox.network, mask_size)
    outlined = np.array([len(polygon) > 0 for polygon in polygons], np.bool_)
    if not overlap:
        return Truth(classes=sample.classes, boxes=boxes, keypoints=keypoints, masks=masks, outlined=outlined)
    order = overlap_order(masks)
    return Truth(
        classes=sample.classes[order],
        boxes=boxes[order],
        keypoints=None if keypoints is None else keypoints[order],
        masks=without_overlap(masks[order]),
        outlined=outlined[order],
    )


def _to_network(sample: Sample, letterbox: Letterbox) -> tuple[Floats, Floats]:
    """Return (2,) factors and (2,) offsets, x and y, from pixels of the sample to those of the network input."""
    factors = np.array(letterbox.gain) * np.array(letterbox.original) / np.array(sample.size)
    return factors[::-1].astype(np.float32), np.array(letterbox.pad[::-1], np.float32)


@dataclass(frozen=True, kw_only=True)
class ScoredBatch:
    """One batch after the network.

    A detection changes its form three times on its way to a COCO score: from tensors to arrays (here), from pixels of
    the network input to those of its picture (`originals`), and to what the COCO protocol takes (`CocoCollector`).

    Attributes:
        batch: the pictures.
        positions: their numbers in the data set.
        truths: their labels, in pixels of the network input.
        founds: their detections, likewise.
    """

    batch: Batch
    positions: tuple[int, ...]
    truths: list[Truth]
    founds: list[Arrays]

    def originals(self) -> list[Arrays]:
        """Return the detections in pixels of the original pictures, with masks over these."""
        placed = zip(self.founds, self.batch.letterboxes, strict=True)
        return [_original(found, letterbox) for found, letterbox in placed]


def scored_batch(ready: LabelledBatch, detected: list[Detected[Tensor]], settings: ValSettings) -> ScoredBatch:
    """Put the truth beside the detections of a batch."""
    founds = [picture.numpy() for picture in detected]
    if settings.single_cls:
        founds = [replace(found, classes=np.zeros_like(found.classes)) for found in founds]
    masks = founds[0].masks if founds else None
    size = None if masks is None else (masks.shape[1], masks.shape[2])
    placed = zip(ready.batch.samples, ready.batch.letterboxes, strict=True)
    truths = [truth_of(*picture, mask_size=size, overlap=settings.overlap_mask) for picture in placed]
    return ScoredBatch(batch=ready.batch, positions=ready.positions, truths=truths, founds=founds)


def _original(found: Arrays, letterbox: Letterbox) -> Arrays:
    moved = found.to_original(letterbox)
    if found.masks is None:
        return moved
    masks = letterboxed_to_original(torch.from_numpy(found.masks).float(), letterbox)
    return replace(moved, masks=masks.gt(0.5).to(torch.uint8).numpy())


class Scorer:
    """Scores batch by batch; keeps a few bytes per detection, and nothing of the pictures.

    A COCO truth that cannot be used never stops a run: a warning says so, and there are no COCO scores.

    Attributes:
        category_ids: COCO category id of each class number; None where COCO's numbers play no part.
    """

    def __init__(self, run: ValidationRun, model: Model) -> None:
        settings = run.settings
        self._evaluator = Evaluator(model.task, model.names, run.sigmas, conf=settings.conf, confusion=settings.plots)
        self._folder = run.split.folder
        self._keypoints: PerKeypoint | None = None
        schema = run.split.schema
        if run.sigmas is not None and schema is not None and model.task in TASKS_WITH_KEYPOINTS:
            self._keypoints = PerKeypoint(schema, run.sigmas.values)
        self.category_ids: dict[int, int] | None = None
        self._collector: CocoCollector | None = None
        kinds = [PROTOCOL_OF_PART[kind.name] for kind in kinds_of(model.task)]
        with self._unless_unusable():
            truth = _truth(run, masks="segm" in kinds)
            if truth is not None:
                ids = self.category_ids = _category_ids(truth, run.split.names)
                sigmas = None if run.sigmas is None else run.sigmas.values
                self._collector = CocoCollector(truth, kinds, sigmas=sigmas, category_ids=ids)

    @property
    def collects(self) -> bool:
        """Whether detections in pixels of the original pictures are collected for COCO scores."""
        return self._collector is not None

    def add(self, scored: ScoredBatch, originals: Sequence[Arrays] | None) -> None:
        """Count a batch, and its detections in pixels of the original pictures where they are collected."""
        paths = [sample.path for sample in scored.batch.samples]
        names = [Path(path).relative_to(self._folder).as_posix() for path in paths]
        self._evaluator.add(scored.truths, scored.founds, names, scored.positions)
        if self._keypoints is not None:
            for truth, found in zip(scored.truths, scored.founds, strict=True):
                self._keypoints.add(truth, found, matched_pairs(truth, found))
        with self._unless_unusable():
            for path, detected in zip(paths, originals or (), strict=False):
                if self._collector is not None:
                    self._collector.add(path, detected)

    def metrics(self) -> Metrics:
        """Return the numbers of all processes."""
        evaluators = distributed.gather(self._evaluator)
        tables = distributed.gather(self._keypoints)
        for evaluator in evaluators[1:]:
            evaluators[0].merge(evaluator)
        metrics = evaluators[0].metrics()
        for table in tables[1:]:
            if tables[0] is not None and table is not None:
                tables[0].merge(table)
        metrics.keypoints = tables[0]
        collected = distributed.gather(None if self._collector is None else self._collector.kept())
        if self._collector is not None:
            for kept in collected:
                if kept is not None:
                    self._collector.merge(kept)
            metrics.coco = coco_metrics_dict(self._collector.scores())
        return metrics

    @contextmanager
    def _unless_unusable(self) -> Iterator[None]:
        try:
            yield
        except (DatasetError, DatasetNotFoundError) as error:
            LOGGER.warning("no COCO scores: %s", error)
            self._collector = None


def targets_of(truths: Sequence[Truth], shape: tuple[int, int], *, overlap: bool) -> Targets:
    """Return the labelled objects of a batch as targets.

    Args:
        truths: of the pictures, in pixels of the network input.
        shape: (H, W) of the input.
        overlap: whether masks become index maps; each pixel then belongs to one object at most.
    """
    height, width = shape
    boxes = np.concatenate([truth.boxes for truth in truths]) / np.array((width, height, width, height), np.float32)
    centres = np.concatenate(((boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]), 1)
    keypoints = [truth.keypoints for truth in truths if truth.keypoints is not None]
    points = None
    if keypoints:
        points = np.concatenate(keypoints) / np.array((width, height, 1), np.float32)
    masks = [truth.masks for truth in truths if truth.masks is not None]
    counts = [len(truth) for truth in truths]
    return Targets(
        pictures=torch.repeat_interleave(torch.arange(len(truths)), torch.tensor(counts)),
        classes=torch.from_numpy(np.concatenate([truth.classes for truth in truths]).astype(np.int64)),
        boxes=torch.from_numpy(centres.astype(np.float32)),
        keypoints=None if points is None else torch.from_numpy(points.astype(np.float32)),
        masks=_joined([np.asarray(stack, np.uint8) for stack in masks], overlap=overlap) if masks else None,
        overlap=overlap,
        outlined=_outlined(truths) if masks else None,
    )


def _outlined(truths: Sequence[Truth]) -> torch.Tensor:
    """Return (n,) bool, whose masks are known."""
    known = [np.ones(len(truth), np.bool_) if truth.outlined is None else truth.outlined for truth in truths]
    return torch.from_numpy(np.concatenate(known))


def _joined(masks: Sequence[NDArray[np.uint8]], *, overlap: bool) -> torch.Tensor:
    """Return (B, h, w) index maps, or (n, h, w) masks."""
    if not overlap:
        return torch.from_numpy(np.concatenate(masks).astype(np.uint8))
    maps = [(stack * np.arange(1, len(stack) + 1, dtype=np.int32)[:, None, None]).max(0, initial=0) for stack in masks]
    return torch.from_numpy(np.stack(maps).astype(np.int32))
