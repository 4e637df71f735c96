"""What nobody knows of an object is not held against the network: missing outlines, missing keypoints, padding."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from models.yolo.losses.scenes import (
    BATCH,
    CLASSES,
    MASKS,
    POINTS,
    SIDE,
    SIGMAS,
    STRIDES,
    index_maps,
    make_losses,
    make_outputs,
    make_targets,
)
from posekit.config.settings import TrainSettings
from posekit.models.yolo.losses.assign import box_overlap, inside_boxes, joint_overlap
from posekit.models.yolo.losses.criterion import make_criterion
from posekit.models.yolo.losses.objects import Decoded, Grid, Pairs, pack_objects
from posekit.models.yolo.losses.terms import known_pixels, semantic_loss
from small_networks import small_network

COUNTS = (3, 1)
DUAL = pytest.mark.parametrize("dual", [False, True], ids=["single", "dual"])
OVERLAP = pytest.mark.parametrize("overlap", [True, False], ids=["maps", "stack"])


def without_masks(targets, missing):
    """Return targets as the data set gives them whose objects (n,) bool `missing` have no outline."""
    stack = make_targets(COUNTS, overlap=False).masks * ~missing[:, None, None]
    return replace(targets, masks=index_maps(stack, COUNTS) if targets.overlap else stack, outlined=~missing)


def without_keypoints(targets, missing):
    return replace(targets, keypoints=targets.keypoints * ~missing[:, None, None])


def gradients(targets, *, dual, names, task="multitask", **options):
    """Return the gradients of some raw outputs of all branches."""
    outputs = make_outputs(task, dual=dual)
    make_losses(task, dual=dual, skip_unlabelled=True, **options)(outputs, targets).total.sum().backward()
    return {
        (branch, name): raw[name].grad
        for branch, raw in outputs.items()
        for name in names
        if name in raw and raw[name].is_leaf and raw[name].requires_grad
    }


@DUAL
@OVERLAP
def test_objects_without_outline_send_no_gradient_into_masks(dual, overlap):
    targets = without_masks(make_targets(COUNTS, overlap=overlap), torch.ones(4, dtype=torch.bool))
    found = gradients(targets, dual=dual, names=("mask_coefficient", "proto"))
    assert len(found) >= 2
    for gradient in found.values():
        assert gradient is None or not gradient.any()


@DUAL
def test_objects_without_keypoints_send_no_gradient_into_keypoints(dual):
    targets = without_keypoints(make_targets(COUNTS), torch.ones(4, dtype=torch.bool))
    for gradient in gradients(targets, dual=dual, names=("kpts", "kpts_sigma")).values():
        assert gradient is None or not gradient.any()


@pytest.mark.parametrize(("name", "counts"), [("multitask", False), ("pose", True)])
@pytest.mark.parametrize("family", ["yolo11n", "yolo26n"])
def test_only_multitask_networks_are_silent_about_objects_without_keypoints(family, name, counts):
    network = small_network(f"{family}-{name}", nc=CLASSES, kpt_shape=(POINTS, 3)).train()
    criterion = make_criterion(network, TrainSettings(), sigmas=SIGMAS)
    targets = without_keypoints(make_targets(COUNTS), torch.ones(4, dtype=torch.bool))
    items = criterion(network(torch.rand(BATCH, 3, SIDE, SIDE)), targets).items
    assert (float(items["kobj_loss"]) > 0) == counts
    assert float(items["pose_loss"]) == 0
    assert float(items["box_loss"]) > 0


@OVERLAP
@pytest.mark.parametrize("part", ["mask", "keypoints"])
def test_a_term_is_the_mean_over_the_objects_that_are_known(part, overlap):
    """Of two pictures one says nothing of a part: the terms of the part are those of the other picture alone."""
    targets = make_targets((2, 2), overlap=overlap)
    missing = torch.tensor([True, True, False, False])
    silent = without_keypoints(targets, missing)
    if part == "mask":
        masks = targets.masks.clone()
        masks[: 1 if overlap else 2] = 0
        silent = replace(targets, masks=masks, outlined=~missing)
    outputs = make_outputs("multitask", dual=False)
    both = make_losses("multitask", dual=False, skip_unlabelled=True)(outputs, silent).items
    second = {
        "one2many": {
            key: [one[1:] for one in value] if isinstance(value, list) else value[1:]
            for key, value in outputs["one2many"].items()
        }
    }
    rows = targets.pictures == 1
    alone = replace(
        targets,
        pictures=targets.pictures[rows] - 1,
        classes=targets.classes[rows],
        boxes=targets.boxes[rows],
        keypoints=targets.keypoints[rows],
        masks=targets.masks[1:] if overlap else targets.masks[2:],
        semantic=targets.semantic[1:],
    )
    expected = make_losses("multitask", dual=False, skip_unlabelled=True)(second, alone).items
    for name in ("seg_loss",) if part == "mask" else ("pose_loss", "kobj_loss"):
        torch.testing.assert_close(both[name], expected[name])


def test_overlap_is_the_mean_of_both_tasks_as_far_as_they_are_known():
    targets = make_targets(COUNTS, overlap=True)
    grid = Grid.of(make_outputs("multitask", dual=True)["one2many"]["feats"], STRIDES, torch.float32)
    generator = torch.Generator().manual_seed(0)
    anchors = len(grid.points)
    objects = pack_objects(targets, BATCH, (SIDE, SIDE), torch.float32)
    near = torch.rand(BATCH, anchors, 2, generator=generator) * SIDE / 2
    decoded = Decoded(
        scores=torch.rand(BATCH, CLASSES, anchors, generator=generator),
        boxes=torch.cat((near, near + SIDE / 2), 2),
        keypoints=torch.rand(BATCH, anchors, POINTS, 2, generator=generator) * SIDE,
        coefficients=torch.randn(BATCH, anchors, MASKS, generator=generator),
        prototypes=torch.randn(BATCH, MASKS, SIDE // 4, SIDE // 4, generator=generator),
    )
    pairs = Pairs.where(inside_boxes(objects, grid))
    measure = partial(joint_overlap, sigmas=SIGMAS, shortlist=anchors)
    boxes = box_overlap(pairs, objects, decoded)
    nothing = torch.zeros(4, dtype=torch.bool)
    silent = without_keypoints(without_masks(targets, ~nothing), ~nothing)
    silent = pack_objects(silent, BATCH, (SIDE, SIDE), torch.float32)
    torch.testing.assert_close(measure(pairs, silent, decoded), boxes)
    whole, without = (
        measure(pairs, pack_objects(each, BATCH, (SIDE, SIDE), torch.float32), decoded)
        for each in (targets, without_masks(targets, ~nothing))
    )
    labelled = (objects.keypoints[..., 2] > 0).any(2)[pairs.pictures, pairs.slots]
    assert labelled.any()
    # Masks are half of what segmentation sees, and that is half of everything where keypoints are labelled.
    masks = boxes + (whole - without) * 2 * (1 + labelled.float())
    assert masks.min() > -1e-5
    assert 0.1 < masks.max() < 1 + 1e-5


def test_pixels_of_boxes_without_outline_are_unknown():
    targets = make_targets(COUNTS)
    missing = torch.tensor([False, False, True, False])
    objects = pack_objects(without_masks(targets, missing), BATCH, (SIDE, SIDE), torch.float32)
    covered = objects.require_masks().covered()
    known = known_pixels(objects, covered, (SIDE, SIDE))
    x1, y1, x2, y2 = (objects.boxes[0, 2] / 4).tolist()
    rows, columns = torch.meshgrid(*[torch.arange(SIDE // 4) + 0.5] * 2, indexing="ij")
    inside = (columns > x1) & (columns < x2) & (rows > y1) & (rows < y2)
    assert torch.equal(known[0], ~inside | covered[0])
    assert (inside & ~covered[0]).any()
    assert known[1].all()
    assert known_pixels(pack_objects(targets, BATCH, (SIDE, SIDE), torch.float32), covered, (SIDE, SIDE)) is None


def test_unknown_pixels_do_not_count():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, CLASSES, 4, 4, generator=generator, requires_grad=True)
    target = (torch.rand(1, CLASSES, 4, 4, generator=generator) > 0.5).float()
    known = torch.ones(1, 4, 4, dtype=torch.bool)
    known[:, :, 2:] = False
    loss = semantic_loss(logits, target, known)
    torch.testing.assert_close(loss, semantic_loss(logits[..., :2], target[..., :2]))
    loss.backward()
    assert not logits.grad[..., 2:].any()
    torch.testing.assert_close(semantic_loss(logits, target, known | True), semantic_loss(logits, target))


@DUAL
def test_points_that_a_class_does_not_have_send_no_gradient(dual):
    owned = torch.ones(CLASSES, POINTS, dtype=torch.bool)
    owned[:, 2:] = False
    targets = make_targets(COUNTS)
    targets.keypoints[:, 2:] = 0
    found = gradients(targets, dual=dual, names=("kpts",), class_points=owned)
    for gradient in found.values():
        values = gradient.view(BATCH, POINTS, 3, -1)
        assert values[:, :2].any()
        assert not values[:, 2:].any()
