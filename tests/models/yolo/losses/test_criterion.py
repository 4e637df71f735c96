"""What every criterion promises, whatever the head."""

import pytest
import torch

from models.yolo.losses.scenes import (
    CLASSES,
    HEADS,
    POINTS,
    SIGMAS,
    STRIDES,
    leaves,
    make_losses,
    make_outputs,
    make_targets,
    parameters_of,
)
from posekit.errors import ShapeError
from posekit.models.yolo.losses.criterion import DualCriterion, LossGains, SingleCriterion, make_criterion
from posekit.sample import Targets
from small_networks import small_network

heads = pytest.mark.parametrize(("task", "dual"), HEADS)


def nothing(batch_like):
    """Return the same targets without their objects."""
    return Targets(
        pictures=batch_like.pictures[:0],
        classes=batch_like.classes[:0],
        boxes=batch_like.boxes[:0],
        keypoints=batch_like.keypoints[:0],
        masks=torch.zeros_like(batch_like.masks),
        semantic=batch_like.semantic,
    )


def unlabelled(targets):
    """Return the same targets without any labelled keypoint."""
    return Targets(**(vars(targets) | {"keypoints": torch.zeros_like(targets.keypoints)}))


def outside(targets):
    """Return the same targets with all boxes beside the picture."""
    return Targets(**(vars(targets) | {"boxes": targets.boxes + torch.tensor([5.0, 5.0, 0.0, 0.0])}))


BATCHES = {
    "several": make_targets(),
    "one object": make_targets((0, 1)),
    "no objects": nothing(make_targets()),
    "no keypoints": unlabelled(make_targets()),
    "objects outside": outside(make_targets()),
}
batches = pytest.mark.parametrize("targets", BATCHES.values(), ids=BATCHES)


@heads
@batches
def test_everything_is_finite_and_in_the_graph_whatever_the_batch(task, dual, targets):
    criterion, outputs = make_losses(task, dual=dual), make_outputs(task, dual=dual)
    losses = criterion(outputs, targets)
    losses.total.sum().backward()
    assert losses.total.isfinite().all()
    for name, tensor in leaves(outputs):
        assert tensor.grad is not None, name  # distributed training waits for every parameter
        assert tensor.grad.isfinite().all(), name
    assert all(parameter.grad is not None for parameter in parameters_of(criterion))


@heads
def test_items_are_named_detached_and_what_the_total_is_made_of(task, dual):
    criterion = make_losses(task, dual=dual)
    losses = criterion(make_outputs(task, dual=dual), make_targets())
    assert tuple(losses.items) == criterion.names
    assert losses.total.shape == (len(criterion.names),)
    assert not any(item.requires_grad for item in losses.items.values())
    if not dual:
        torch.testing.assert_close(losses.total.detach(), 2 * torch.stack(list(losses.items.values())))


@heads
def test_separate_masks_that_do_not_overlap_give_the_same_losses_as_maps(task, dual):
    criterion, outputs = make_losses(task, dual=dual), make_outputs(task, dual=dual)
    separate, maps = (make_targets((1, 1), overlap=overlap) for overlap in (False, True))
    torch.testing.assert_close(criterion(outputs, separate).total, criterion(outputs, maps).total)


@heads
def test_gains_multiply_their_terms(task, dual):
    gains = LossGains(box=2.0, cls=3.0, dfl=5.0, pose=7.0, kobj=11.0, rle=13.0)
    ones = LossGains(box=1.0, cls=1.0, dfl=1.0, pose=1.0, kobj=1.0, rle=1.0)
    outputs, targets = make_outputs(task, dual=dual), make_targets()
    factors = {"box": 2.0, "seg": 2.0, "sem": 2.0, "cls": 3.0, "dfl": 5.0, "l1": 5.0, "pose": 7.0, "kobj": 11.0}
    factors["rle"] = 13.0
    plain = make_losses(task, dual=dual, gains=ones)(outputs, targets).items
    for name, item in make_losses(task, dual=dual, gains=gains)(outputs, targets).items.items():
        torch.testing.assert_close(item, plain[name] * factors[name.removesuffix("_loss")])


@heads
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_outputs_are_scored_in_float32(task, dual, dtype):
    targets = make_targets()
    half = make_outputs(task, dual=dual, dtype=dtype)
    single = {branch: {key: in_float32(value) for key, value in raw.items()} for branch, raw in half.items()}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = make_losses(task, dual=dual)(half, targets)
        losses.total.sum().backward()
    expected = make_losses(task, dual=dual)(single, targets)
    assert losses.total.dtype == torch.float32
    torch.testing.assert_close(losses.total, expected.total)
    assert all(tensor.grad.isfinite().all() for _, tensor in leaves(half))


def in_float32(value):
    return value if isinstance(value, list) else value.detach().float().requires_grad_()


@pytest.mark.parametrize(("task", "dual"), [("pose", False), ("pose", True), ("segment", True), ("multitask", False)])
def test_losses_fall_when_outputs_follow_their_gradient(task, dual):
    criterion, outputs, targets = make_losses(task, dual=dual), make_outputs(task, dual=dual), make_targets()
    groups = [{"params": [tensor for _, tensor in leaves(outputs)], "lr": 0.2}]
    groups.append({"params": parameters_of(criterion), "lr": 0.002})
    optimizer = torch.optim.Adam(groups)
    totals = []
    for _ in range(40):
        losses = criterion(outputs, targets)
        optimizer.zero_grad()
        losses.total.sum().backward()
        optimizer.step()
        totals.append({name: item.item() for name, item in losses.items.items()})
    first, last = totals[0], totals[-1]
    assert sum(last.values()) < 0.5 * sum(first.values())
    assert last["box_loss"] < 0.5 * first["box_loss"]


def test_predictions_at_the_truth_have_next_to_no_box_and_keypoint_loss():
    targets, outputs = make_targets((1, 0)), make_outputs("pose", dual=True)
    criterion = make_losses("pose", dual=True)
    grid = criterion.one2many.match(outputs["one2many"], targets).grid
    corners = (targets.boxes[0, :2] - targets.boxes[0, 2:] / 2, targets.boxes[0, :2] + targets.boxes[0, 2:] / 2)
    near, far = (corner * grid.size[0] / grid.strides[:, None] for corner in corners)  # (N, 2), cells
    points = targets.keypoints[0, :, :2] * grid.size[0] / grid.strides[:, None, None]  # (N, K, 2)
    for raw in outputs.values():
        with torch.no_grad():
            raw["boxes"][0] = torch.cat((grid.points - near, far - grid.points), 1).T
            raw["kpts"][0].view(POINTS, 3, -1)[:, :2] = (points - grid.points[:, None]).permute(1, 2, 0)
    items = criterion(outputs, targets).items
    assert items["box_loss"] < 1e-4
    assert items["l1_loss"] < 1e-4
    assert items["pose_loss"] < 1e-4


@pytest.mark.parametrize("task", ["pose", "segment", "multitask"])
def test_validation_outputs_without_training_tensors_are_scored(task):
    outputs = make_outputs(task, dual=True)
    for raw in outputs.values():
        raw.pop("kpts_sigma", None)
        raw.pop("semseg", None)
    items = make_losses(task, dual=True)(outputs, make_targets()).items
    assert all(items[name] == 0 for name in ("rle_loss", "sem_loss") if name in items)


def test_keypoint_terms_can_leave_out_objects_without_labelled_keypoints():
    targets, outputs = make_targets((2, 1)), make_outputs("pose", dual=False)
    some = targets.keypoints.clone()
    some[0, :, 2] = 0
    targets = Targets(**(vars(targets) | {"keypoints": some}))
    skipping = make_losses("pose", dual=False, skip_unlabelled=True)(outputs, targets).items
    counting = make_losses("pose", dual=False)(outputs, targets).items
    assert skipping["pose_loss"] > counting["pose_loss"]
    assert skipping["box_loss"] == counting["box_loss"]


def test_class_weights_multiply_the_columns_of_the_class_loss():
    targets, outputs = make_targets(), make_outputs("detect", dual=False)
    plain = make_losses("detect", dual=False)
    doubled = make_losses("detect", dual=False, class_weights=torch.tensor([2.0] * CLASSES))
    torch.testing.assert_close(
        doubled(outputs, targets).items["cls_loss"], 2 * plain(outputs, targets).items["cls_loss"]
    )
    first_only = make_losses("detect", dual=False, class_weights=torch.tensor([1.0] + [0.0] * (CLASSES - 1)))
    first_only(outputs, targets).total.sum().backward()
    assert outputs["one2many"]["scores"].grad[:, 1:].abs().sum() == 0


@pytest.mark.parametrize(
    ("name", "kind", "names"),
    [
        ("yolov8n", SingleCriterion, "box cls dfl"),
        ("yolo11n-pose", SingleCriterion, "box pose kobj cls dfl"),
        ("yolov8n-seg", SingleCriterion, "box seg cls dfl sem"),
        ("yolo26n", DualCriterion, "box cls l1"),
        ("yolo26n-pose", DualCriterion, "box pose kobj cls l1 rle"),
        ("yolo26n-seg", DualCriterion, "box seg cls l1 sem"),
    ],
)
def test_every_network_trains_with_all_its_parameters(name, kind, names):
    network = small_network(name, nc=CLASSES, kpt_shape=(POINTS, 3)).train().requires_grad_(True)
    sigmas = SIGMAS if name.endswith("pose") else None
    criterion = make_criterion(network, gains=LossGains(), sigmas=sigmas)
    assert isinstance(criterion, kind)
    assert criterion.names == tuple(f"{part}_loss" for part in names.split())
    losses = criterion(network(torch.rand(2, 3, 64, 64)), make_targets())
    losses.total.sum().backward()
    trained = [key for key, parameter in network.named_parameters() if "dfl" not in key]
    assert all(network.get_parameter(key).grad is not None for key in trained)


def test_a_network_with_one_set_of_branches_left_has_one_criterion():
    network = small_network("yolo26n-pose", nc=CLASSES, kpt_shape=(POINTS, 3))
    network.head.keep_only("one2one")
    criterion = make_criterion(network, gains=LossGains(), sigmas=SIGMAS)
    assert isinstance(criterion, SingleCriterion)
    assert criterion(network(torch.rand(2, 3, 64, 64)), make_targets()).total.isfinite().all()


def test_a_criterion_without_schedule_stays_the_same():
    criterion, outputs, targets = make_losses("pose", dual=False), make_outputs("pose", dual=False), make_targets()
    before = criterion(outputs, targets).total
    criterion.end_epoch(10)
    criterion.advance_to(7, 10)
    assert torch.equal(criterion(outputs, targets).total, before)


def test_what_does_not_fit_together_is_told():
    network = small_network("yolov8n-pose", kpt_shape=(POINTS, 3))
    with pytest.raises(ShapeError, match="4 keypoints needs 4 OKS sigmas, found 0"):
        make_criterion(network, gains=LossGains(), sigmas=None)
    with pytest.raises(ShapeError, match=r"class weights must be \(1,\)"):
        make_criterion(network, gains=LossGains(), sigmas=SIGMAS, class_weights=torch.ones(2))
    criterion = make_criterion(network, gains=LossGains(), sigmas=SIGMAS)
    with pytest.raises(ShapeError, match=r"keypoints \(4, 5, 3\), the head needs \(n, 4, 3\)"):
        criterion(network(torch.rand(2, 3, 64, 64)), make_targets(points=5))


def test_strides_give_the_size_of_the_input():
    matched = make_losses("detect", dual=False).criterion.match(
        make_outputs("detect", dual=False)["one2many"], make_targets()
    )
    assert matched.grid.size == (64.0, 64.0)
    assert matched.grid.levels == STRIDES
