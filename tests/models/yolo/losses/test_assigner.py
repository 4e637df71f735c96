"""Task-aligned assignment: recorded cases, candidates, overlaps, and what must hold for any picture."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from golden.train_files import arrays
from models.yolo.losses.recorded import dense
from posekit.models.yolo.losses.assign import (
    Assigner,
    box_and_mask_overlap,
    box_overlap,
    complete_iou,
    inside_boxes,
    inside_boxes_at_fitting_levels,
    keypoint_overlap,
    mask_iou,
    mask_overlap,
)
from posekit.models.yolo.losses.objects import (
    Decoded,
    Grid,
    IndexMaps,
    MaskPixels,
    MaskStack,
    Objects,
    Pairs,
    alignment,
)

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
    return Decoded(
        scores=tensor(case, "pd_scores").transpose(1, 2),
        boxes=tensor(case, "pd_bboxes"),
        keypoints=tensor(case, "pd_kpts"),
        coefficients=tensor(case, "pd_coef"),
        prototypes=tensor(case, "proto"),
    )


def recorded_assigner(case):
    topk, kept = int(FILE[f"{case}/topk"]), int(FILE[f"{case}/topk2"])
    if case in POSE_CASES:
        overlap = partial(keypoint_overlap, sigmas=tuple(FILE[f"{case}/sigmas"].tolist()))
        return Assigner(topk=topk, kept=kept, overlap=overlap, candidates=inside_boxes_at_fitting_levels)
    overlap = partial(box_and_mask_overlap, shortlist=3 * topk) if case in MASK_CASES else box_overlap
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
    objects, decoded, grid = recorded_objects(case), recorded_predictions(case), recorded_grid(case)
    together = recorded_assigner(case)(objects, decoded, grid)
    for picture in range(len(objects.labels)):
        one = slice(picture, picture + 1)
        alone = recorded_assigner(case)(objects.take(one), decoded.take(one), grid)
        here = together.pictures == picture
        assert torch.equal(alone.anchors, together.anchors[here])
        assert torch.equal(alone.slots, together.slots[here])
        torch.testing.assert_close(alone.scores, together.scores[here])


class SmallDevice:
    """A measure of overlap on a device that has memory for one picture only."""

    def __init__(self, overlap):
        self.overlap = overlap

    def __call__(self, pairs, objects, decoded):
        if len(objects.labels) > 1:
            raise torch.OutOfMemoryError("one picture at most")
        return self.overlap(pairs, objects, decoded)


@pytest.mark.parametrize("case", ["mixed_k10", "pose_k10", "seg_k7_k2_1"])
def test_too_little_memory_changes_nothing(case):
    objects, decoded, grid = recorded_objects(case), recorded_predictions(case), recorded_grid(case)
    assigner = recorded_assigner(case)
    small = Assigner(
        topk=assigner.topk,
        kept=assigner.kept,
        overlap=SmallDevice(assigner.overlap),
        candidates=assigner.candidates,
    )
    expected, found = assigner(objects, decoded, grid), small(objects, decoded, grid)
    for name in ("pictures", "anchors", "slots", "scores"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name))


def random_case(seed, count, batch=2):
    """Return objects, and decoded around every anchor point."""
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
    return objects, Decoded(scores=scores, boxes=predicted), grid


def no_ties(objects, decoded, grid):
    """Return whether every object can fill its selection with anchor points of a metric above zero."""
    pairs = Pairs.where(inside_boxes(objects, grid))
    metric = alignment(pairs, box_overlap(pairs, objects, decoded), objects, decoded)
    owners = pairs.pictures * objects.labels.shape[1] + pairs.slots
    return int(owners[metric > 0].bincount(minlength=objects.labels.numel()).min()) >= 10


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.sampled_from([(10, 10), (7, 1)]))
def test_the_order_of_objects_does_not_matter(seed, count, selection):
    objects, decoded, grid = random_case(seed, count)
    assume(no_ties(objects, decoded, grid))
    assigner = Assigner(topk=selection[0], kept=selection[1])
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    shuffled = Objects(labels=objects.labels[:, order], boxes=objects.boxes[:, order], valid=objects.valid)
    first, second = assigner(objects, decoded, grid), assigner(shuffled, decoded, grid)
    for name in ("pictures", "anchors", "scores"):
        torch.testing.assert_close(getattr(first, name), getattr(second, name))
    assert torch.equal(first.slots, order[second.slots])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_every_positive_is_a_candidate_or_unscored_and_one_to_one_keeps_one(seed, count):
    objects, decoded, grid = random_case(seed, count)
    candidates = inside_boxes(objects, grid)
    many, one = Assigner()(objects, decoded, grid), Assigner(topk=7, kept=1)(objects, decoded, grid)
    for found in (many, one):
        inside = candidates[found.pictures, found.slots, found.anchors]
        assert (inside | (found.scores == 0)).all()
        assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert (one.pictures * count + one.slots).bincount().max() == 1


def test_a_picture_without_objects_has_no_positives():
    _, decoded, grid = random_case(0, 1)
    nothing = torch.zeros(2, 0)
    objects = Objects(labels=nothing.long(), boxes=torch.zeros(2, 0, 4), valid=nothing.bool())
    assert len(Assigner()(objects, decoded, grid)) == 0
    assert FILE["nogt/fg_count"] == 0


def test_an_object_outside_the_picture_gets_no_anchor_point():
    _, decoded, grid = random_case(0, 1, batch=1)
    boxes = torch.tensor([[[300.0, 300.0, 340.0, 360.0]]])
    objects = Objects(labels=torch.zeros(1, 1).long(), boxes=boxes, valid=torch.ones(1, 1).bool())
    assert len(Assigner()(objects, decoded, grid)) == 0


def test_an_input_of_fewer_anchor_points_than_an_object_selects_is_assigned():
    points = torch.tensor([[0.5, 0.5], [1.5, 0.5], [0.5, 1.5], [1.5, 1.5]])
    grid = Grid(points=points, strides=torch.full((4,), 8.0), levels=(8.0,), size=(16.0, 16.0))
    objects = Objects(
        labels=torch.zeros(1, 1).long(),
        boxes=torch.tensor([[[1.0, 1.0, 15.0, 15.0]]]),
        valid=torch.ones(1, 1).bool(),
    )
    boxes = torch.tensor([[[1.0, 1.0, 15.0, 15.0]] * 4])
    found = Assigner()(objects, Decoded(scores=torch.full((1, 1, 4), 0.5), boxes=boxes), grid)
    assert found.anchors.tolist() == [0, 1, 2, 3]
    torch.testing.assert_close(found.scores, torch.ones(4))


LEVELS = (8.0, 16.0, 32.0)
LEVEL_GRID = Grid.of([torch.empty(1, 1, int(256 / s), int(256 / s)) for s in LEVELS], LEVELS, torch.float32)


def boxed(*boxes):
    corners = torch.tensor([boxes], dtype=torch.float32)
    return Objects(labels=torch.zeros(1, len(boxes)).long(), boxes=corners, valid=corners.sum(2) > 0)


def strides_of(mask):
    return sorted(set(LEVEL_GRID.strides[mask].tolist()))


def test_anchor_points_on_the_border_are_outside():
    exact = inside_boxes(boxed((4.0, 4.0, 36.0, 36.0)), LEVEL_GRID)[0, 0]
    assert LEVEL_GRID.pixels[exact].min() > 4
    assert LEVEL_GRID.pixels[exact].max() < 36


def test_a_box_between_anchor_points_is_widened_to_a_cell_of_the_second_level():
    tiny = inside_boxes(boxed((99.0, 99.0, 101.0, 101.0)), LEVEL_GRID)[0, 0]
    assert LEVEL_GRID.pixels[tiny].tolist() == [[100.0, 100.0], [104.0, 104.0]]


def test_empty_slots_have_no_candidates():
    assert not inside_boxes(boxed((0.0, 0.0, 0.0, 0.0)), LEVEL_GRID).any()


def test_objects_are_learned_by_levels_that_fit_their_size():
    found = inside_boxes_at_fitting_levels(
        boxed((100.0, 100.0, 120.0, 120.0), (60.0, 60.0, 110.0, 110.0), (10.0, 10.0, 250.0, 250.0)), LEVEL_GRID
    )[0]
    assert [strides_of(mask) for mask in found] == [[8.0], [8.0, 16.0], [32.0]]


def test_an_object_that_no_fitting_level_can_learn_keeps_all_levels():
    cut_off = boxed((244.0, 10.0, 1256.0, 250.0))  # for the coarsest level, whose last anchor points are at 240
    assert strides_of(inside_boxes_at_fitting_levels(cut_off, LEVEL_GRID)[0, 0]) == [8.0, 16.0]


PARTS = arrays("parts")


def random_boxes(seed, count, dtype=torch.float32):
    corner, size = torch.rand(2, count, 2, generator=torch.Generator().manual_seed(seed), dtype=dtype).unbind(0)
    return torch.cat((corner * 5, corner * 5 + size * 5 + 0.1), 1)


def test_complete_ious_and_gradients_are_as_recorded():
    first = torch.tensor(PARTS["ciou_box1"], requires_grad=True)
    found = complete_iou(first, torch.from_numpy(PARTS["ciou_box2"]))
    found.sum().backward()
    np.testing.assert_allclose(found.detach(), PARTS["ciou"][:, 0], rtol=1e-4, atol=1e-5)
    norm = np.linalg.norm(PARTS["ciou_grad_box1"])
    np.testing.assert_allclose(first.grad, PARTS["ciou_grad_box1"], rtol=0, atol=1e-4 * norm)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_complete_iou_is_symmetric_at_most_the_iou_and_1_for_equal_boxes(seed):
    first, second = random_boxes(seed, 8), random_boxes(seed + 1, 8)
    found = complete_iou(first, second)
    torch.testing.assert_close(found, complete_iou(second, first), rtol=1e-4, atol=1e-5)
    shared = (torch.minimum(first, second)[:, 2:] - torch.maximum(first, second)[:, :2]).clamp(min=0).prod(1)
    areas = [(some[:, 2:] - some[:, :2]).prod(1) for some in (first, second)]
    assert (found <= shared / (areas[0] + areas[1] - shared) + 1e-5).all()
    torch.testing.assert_close(complete_iou(first, first), torch.ones(8))


def test_boxes_that_do_not_touch_still_have_a_gradient_towards_each_other():
    first = torch.tensor([[0.0, 0.0, 1.0, 1.0]], requires_grad=True)
    complete_iou(first, torch.tensor([[5.0, 0.0, 6.0, 1.0]])).sum().backward()
    assert first.grad[0, [0, 2]].sum() > 0


# One picture of 32x32 px with prototypes of 8x8, one object on the left half.
MAPS = torch.zeros(1, 8, 8)
MAPS[0, :, :4] = 1
ONE_OBJECT = Objects(
    labels=torch.zeros(1, 1).long(),
    boxes=torch.tensor([[[0.0, 0.0, 16.0, 32.0]]]),
    valid=torch.ones(1, 1).bool(),
    masks=IndexMaps(maps=MAPS, slots=1),
)
PREDICTIONS = Decoded(
    scores=torch.full((1, 1, 3), 0.5),
    boxes=torch.tensor([[[0.0, 0.0, 32.0, 32.0], [0.0, 0.0, 16.0, 16.0], [0.0, 0.0, 32.0, 32.0]]]),
    coefficients=torch.tensor([[[1.0], [1.0], [-1.0]]]),
    prototypes=torch.ones(1, 1, 8, 8),
)
PAIRS = Pairs(pictures=torch.zeros(3).long(), slots=torch.zeros(3).long(), anchors=torch.arange(3))


def test_mask_overlap_is_the_iou_of_masks_cropped_to_their_boxes():
    found = mask_overlap(PAIRS, torch.tensor([0.3, 0.2, 0.1]), ONE_OBJECT, PREDICTIONS, shortlist=3)
    torch.testing.assert_close(found, torch.tensor([0.5, 0.5, 0.0]))


def test_only_the_most_promising_pairs_are_compared():
    found = mask_overlap(PAIRS, torch.tensor([0.2, 0.3, 0.1]), ONE_OBJECT, PREDICTIONS, shortlist=1)
    torch.testing.assert_close(found, torch.tensor([0.0, 0.5, 0.0]))


def test_masks_without_pixels_have_no_overlap():
    pixels = MaskPixels.inside(torch.zeros(1, 4), (8, 8))
    nothing = torch.zeros(0).bool()
    assert mask_iou(nothing, nothing, pixels, torch.zeros(1).long()).tolist() == [0.0]
