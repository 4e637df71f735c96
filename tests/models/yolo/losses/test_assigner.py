"""Task-aligned assignment: recorded cases, and what must hold for any picture."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from golden.train_files import arrays
from models.yolo.losses.recorded import dense
from posekit.models.yolo.losses.assign import (
    Assigner,
    BoxAndMaskOverlap,
    KeypointOverlap,
    box_overlap,
    inside_boxes,
    inside_boxes_at_fitting_levels,
)
from posekit.models.yolo.losses.objects import Grid, MaskStack, Objects, Pairs, Predictions, alignment

FILE = arrays("assigner")
BOX_CASES = [str(name) for name in FILE["case_names"]]
POSE_CASES, MASK_CASES = ["pose_k10", "pose_k7_k2_1"], ["seg_k10", "seg_k7_k2_1"]


def tensor(case, name):
    return torch.from_numpy(FILE[f"{case}/{name}"]) if f"{case}/{name}" in FILE else None


def recorded_grid(case):
    levels = tuple(float(stride) for stride in FILE.get(f"{case}/strides", (8, 16, 32)))
    points, strides = torch.from_numpy(FILE["anchors_grid"]), torch.from_numpy(FILE["anchor_strides"])[:, 0]
    return Grid(points=points, strides=strides, levels=levels, size=(160.0, 192.0))


def recorded_objects(case):
    valid = tensor(case, "mask_gt")[..., 0] > 0
    masks = None
    if case in MASK_CASES:
        stack = np.unpackbits(FILE[f"{case}/gt_masks"], axis=-1)[..., : FILE[f"{case}/mask_hw"][1]]
        rows = torch.arange(valid.numel()).view_as(valid)
        masks = MaskStack(stack=torch.from_numpy(stack).flatten(0, 1), rows=rows, valid=valid)
    return Objects(
        labels=tensor(case, "gt_labels")[..., 0].long(),
        boxes=tensor(case, "gt_bboxes"),
        valid=valid,
        keypoints=tensor(case, "gt_kpts"),
        masks=masks,
    )


def recorded_predictions(case):
    return Predictions(
        scores=tensor(case, "pd_scores").transpose(1, 2),
        boxes=tensor(case, "pd_bboxes"),
        keypoints=tensor(case, "pd_kpts"),
        coefficients=tensor(case, "pd_coef"),
        prototypes=tensor(case, "proto"),
    )


def recorded_assigner(case):
    topk, kept = int(FILE[f"{case}/topk"]), int(FILE[f"{case}/topk2"])
    if case in POSE_CASES:
        overlap = KeypointOverlap(sigmas=tuple(FILE[f"{case}/sigmas"].tolist()))
        return Assigner(topk=topk, kept=kept, overlap=overlap, candidates=inside_boxes_at_fitting_levels)
    overlap = BoxAndMaskOverlap(shortlist=3 * topk) if case in MASK_CASES else box_overlap
    return Assigner(topk=topk, kept=kept, overlap=overlap)


@pytest.mark.parametrize("case", BOX_CASES + POSE_CASES + MASK_CASES)
def test_assignments_are_as_recorded(case):
    objects = recorded_objects(case)
    found = recorded_assigner(case)(objects, recorded_predictions(case), recorded_grid(case))
    foreground, index = dense(found, *FILE[f"{case}/fg_mask"].shape)
    np.testing.assert_array_equal(foreground, FILE[f"{case}/fg_mask"])
    np.testing.assert_array_equal(index, FILE[f"{case}/target_gt_idx"])
    labels = objects.labels[found.pictures, found.slots]
    np.testing.assert_array_equal(labels, FILE[f"{case}/target_labels_fg"])
    np.testing.assert_array_equal(objects.boxes[found.pictures, found.slots], FILE[f"{case}/target_bboxes_fg"])
    scores = np.zeros_like(FILE[f"{case}/target_scores_fg"])
    scores[np.arange(len(found)), labels] = found.scores
    np.testing.assert_allclose(scores, FILE[f"{case}/target_scores_fg"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("case", BOX_CASES + POSE_CASES)
def test_candidates_are_as_recorded(case):
    test = inside_boxes_at_fitting_levels if case in POSE_CASES else inside_boxes
    expected = np.unpackbits(FILE[f"{case}/candidates"], axis=-1)[..., :630]
    np.testing.assert_array_equal(test(recorded_objects(case), recorded_grid(case)), expected)


@pytest.mark.parametrize("case", ["mixed_k10", "pose_k7_k2_1", "seg_k10"])
def test_a_picture_is_assigned_alike_alone_and_in_a_batch(case):
    objects, predictions, grid = recorded_objects(case), recorded_predictions(case), recorded_grid(case)
    together = recorded_assigner(case)(objects, predictions, grid)
    for picture in range(len(objects.labels)):
        one = slice(picture, picture + 1)
        alone = recorded_assigner(case)(objects.take(one), predictions.take(one), grid)
        here = together.pictures == picture
        assert torch.equal(alone.anchors, together.anchors[here])
        assert torch.equal(alone.slots, together.slots[here])
        torch.testing.assert_close(alone.scores, together.scores[here])


class SmallDevice:
    """A measure of overlap on a device that has memory for one picture only."""

    def __init__(self, overlap):
        self.overlap = overlap

    def __call__(self, pairs, objects, predictions):
        if len(objects.labels) > 1:
            raise torch.OutOfMemoryError("one picture at most")
        return self.overlap(pairs, objects, predictions)


@pytest.mark.parametrize("case", ["mixed_k10", "pose_k10", "seg_k7_k2_1"])
def test_too_little_memory_changes_nothing(case):
    objects, predictions, grid = recorded_objects(case), recorded_predictions(case), recorded_grid(case)
    assigner = recorded_assigner(case)
    small = Assigner(
        topk=assigner.topk,
        kept=assigner.kept,
        overlap=SmallDevice(assigner.overlap),
        candidates=assigner.candidates,
    )
    expected, found = assigner(objects, predictions, grid), small(objects, predictions, grid)
    for name in ("pictures", "anchors", "slots", "scores"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name))


def random_case(seed, count, batch=2):
    """Return objects, and predictions around every anchor point."""
    generator = torch.Generator().manual_seed(seed)
    grid = recorded_grid("normal_k10")
    centre = torch.rand(batch, count, 2, generator=generator) * torch.tensor([120.0, 90.0]) + 36
    half = torch.rand(batch, count, 2, generator=generator) * 20 + 15
    boxes = torch.cat((centre - half, centre + half), 2)
    around = grid.pixels[None].expand(batch, -1, -1)
    sides = torch.rand(batch, len(around[0]), 4, generator=generator) * 40 + 10
    predicted = torch.cat((around - sides[..., :2], around + sides[..., 2:]), 2)
    scores = torch.rand(batch, 3, len(around[0]), generator=generator)
    objects = Objects(
        labels=torch.randint(0, 3, (batch, count), generator=generator),
        boxes=boxes,
        valid=torch.ones(batch, count, dtype=torch.bool),
    )
    return objects, Predictions(scores=scores, boxes=predicted), grid


def no_ties(objects, predictions, grid):
    """Return whether every object can fill its selection with anchor points of a metric above zero."""
    pairs = Pairs.where(inside_boxes(objects, grid))
    metric = alignment(pairs, box_overlap(pairs, objects, predictions), objects, predictions)
    owners = pairs.pictures * objects.labels.shape[1] + pairs.slots
    return int(owners[metric > 0].bincount(minlength=objects.labels.numel()).min()) >= 10


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.sampled_from([(10, 10), (7, 1)]))
def test_the_order_of_objects_does_not_matter(seed, count, selection):
    objects, predictions, grid = random_case(seed, count)
    assume(no_ties(objects, predictions, grid))
    assigner = Assigner(topk=selection[0], kept=selection[1])
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    shuffled = Objects(labels=objects.labels[:, order], boxes=objects.boxes[:, order], valid=objects.valid)
    first, second = assigner(objects, predictions, grid), assigner(shuffled, predictions, grid)
    for name in ("pictures", "anchors", "scores"):
        torch.testing.assert_close(getattr(first, name), getattr(second, name))
    assert torch.equal(first.slots, order[second.slots])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_every_positive_is_a_candidate_or_unscored_and_one_to_one_keeps_one(seed, count):
    objects, predictions, grid = random_case(seed, count)
    candidates = inside_boxes(objects, grid)
    many, one = Assigner()(objects, predictions, grid), Assigner(topk=7, kept=1)(objects, predictions, grid)
    for found in (many, one):
        inside = candidates[found.pictures, found.slots, found.anchors]
        assert (inside | (found.scores == 0)).all()
        assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert (one.pictures * count + one.slots).bincount().max() == 1


def test_a_picture_without_objects_has_no_positives():
    _, predictions, grid = random_case(0, 1)
    nothing = torch.zeros(2, 0)
    objects = Objects(labels=nothing.long(), boxes=torch.zeros(2, 0, 4), valid=nothing.bool())
    assert len(Assigner()(objects, predictions, grid)) == 0
    assert FILE["nogt/fg_count"] == 0


def test_an_object_outside_the_picture_gets_no_anchor_point():
    _, predictions, grid = random_case(0, 1, batch=1)
    boxes = torch.tensor([[[300.0, 300.0, 340.0, 360.0]]])
    objects = Objects(labels=torch.zeros(1, 1).long(), boxes=boxes, valid=torch.ones(1, 1).bool())
    assert len(Assigner()(objects, predictions, grid)) == 0


def test_an_input_of_fewer_anchor_points_than_an_object_selects_is_assigned():
    points = torch.tensor([[0.5, 0.5], [1.5, 0.5], [0.5, 1.5], [1.5, 1.5]])
    grid = Grid(points=points, strides=torch.full((4,), 8.0), levels=(8.0,), size=(16.0, 16.0))
    objects = Objects(
        labels=torch.zeros(1, 1).long(),
        boxes=torch.tensor([[[1.0, 1.0, 15.0, 15.0]]]),
        valid=torch.ones(1, 1).bool(),
    )
    boxes = torch.tensor([[[1.0, 1.0, 15.0, 15.0]] * 4])
    found = Assigner()(objects, Predictions(scores=torch.full((1, 1, 4), 0.5), boxes=boxes), grid)
    assert found.anchors.tolist() == [0, 1, 2, 3]
    torch.testing.assert_close(found.scores, torch.ones(4))
