"""What every criterion promises, whatever the head, with one set of branches and with two."""

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
from posekit.config.commands import TASKS_WITH_KEYPOINTS, TASKS_WITH_OUTLINES
from posekit.config.settings import TrainSettings
from posekit.errors import ShapeError
from posekit.models.yolo.family import YoloTraining
from posekit.models.yolo.losses.criterion import class_weights, make_criterion
from posekit.sample import Targets
from posekit.schema.schema import KeypointSchema
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
    gains = {"box": 2.0, "cls": 3.0, "dfl": 5.0, "pose": 7.0, "kobj": 11.0, "rle": 13.0}
    outputs, targets = make_outputs(task, dual=dual), make_targets()
    factors = gains | {"seg": 2.0, "sem": 2.0, "l1": 5.0}
    plain = make_losses(task, dual=dual, **dict.fromkeys(gains, 1.0))(outputs, targets).items
    for name, item in make_losses(task, dual=dual, **gains)(outputs, targets).items.items():
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
    grid = criterion.branches["one2many"].assign(outputs["one2many"], targets).grid
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
    ("name", "names"),
    [
        ("yolov8n", "box cls dfl"),
        ("yolo11n-pose", "box pose kobj cls dfl"),
        ("yolov8n-seg", "box seg cls dfl sem"),
        ("yolo26n", "box cls l1"),
        ("yolo26n-pose", "box pose kobj cls l1 rle"),
        ("yolo26n-seg", "box seg cls l1 sem"),
    ],
)
def test_every_network_trains_with_all_its_parameters(name, names):
    network = small_network(name, nc=CLASSES, kpt_shape=(POINTS, 3)).train().requires_grad_(True)
    sigmas = SIGMAS if name.endswith("pose") else None
    criterion = make_criterion(network, TrainSettings(), sigmas=sigmas)
    assert criterion.names == tuple(f"{part}_loss" for part in names.split())
    losses = criterion(network(torch.rand(2, 3, 64, 64)), make_targets())
    losses.total.sum().backward()
    trained = [key for key, parameter in network.named_parameters() if "dfl" not in key]
    assert all(network.get_parameter(key).grad is not None for key in trained)


def test_a_network_with_one_set_of_branches_left_has_one_criterion():
    network = small_network("yolo26n-pose", nc=CLASSES, kpt_shape=(POINTS, 3))
    network.head.keep_only("one2one")
    criterion = make_criterion(network, TrainSettings(), sigmas=SIGMAS)
    assert list(criterion.branches) == ["one2one"]
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
        make_criterion(network, TrainSettings(), sigmas=None)
    with pytest.raises(ShapeError, match=r"class weights must be \(1,\)"):
        make_criterion(network, TrainSettings(), sigmas=SIGMAS, class_weights=torch.ones(2))
    criterion = make_criterion(network, TrainSettings(), sigmas=SIGMAS)
    with pytest.raises(ShapeError, match=r"keypoints \(4, 5, 3\), the head needs \(n, 4, 3\)"):
        criterion(network(torch.rand(2, 3, 64, 64)), make_targets(points=5))


def test_strides_give_the_size_of_the_input():
    assigned = (
        make_losses("detect", dual=False)
        .branches["one2many"]
        .assign(make_outputs("detect", dual=False)["one2many"], make_targets())
    )
    assert assigned.grid.size == (64.0, 64.0)
    assert assigned.grid.levels == STRIDES


def test_the_weight_moves_from_one_to_many_to_one_to_one():
    criterion = make_losses("detect", dual=True)
    shares = []
    for _ in range(10):
        shares.append(criterion.share)
        criterion.end_epoch(10)
    assert shares == pytest.approx([0.8 - 0.7 * epoch / 9 for epoch in range(10)])
    assert criterion.share == pytest.approx(0.1)  # never below


def test_a_run_of_one_epoch_keeps_the_first_weights():
    criterion = make_losses("detect", dual=True)
    criterion.advance_to(0, 1)
    assert criterion.share == pytest.approx(0.8)


@pytest.mark.parametrize("epoch", [0, 3, 9])
def test_a_resumed_run_has_the_weights_of_an_uninterrupted_one(epoch):
    whole, resumed = make_losses("detect", dual=True), make_losses("detect", dual=True)
    for _ in range(epoch):
        whole.end_epoch(10)
    resumed.advance_to(epoch, 10)
    assert resumed.share == whole.share
    resumed.end_epoch(10)
    whole.end_epoch(10)
    assert resumed.share == whole.share


def test_totals_are_weighted_and_items_are_those_of_one_to_one():
    criterion, outputs, targets = make_losses("pose", dual=True), make_outputs("pose", dual=True), make_targets()
    many, one = (one(outputs[branch], targets) for branch, one in criterion.branches.items())
    criterion.advance_to(5, 10)
    losses = criterion(outputs, targets)
    torch.testing.assert_close(losses.total, criterion.share * many.total + (1 - criterion.share) * one.total)
    assert losses.items == one.items


@pytest.mark.parametrize("branch", ["one2many", "one2one"])
def test_both_branches_train_the_flow(branch):
    outputs, criterion = make_outputs("pose", dual=True), make_losses("pose", dual=True)
    criterion.branches[branch](outputs[branch], make_targets()).total.sum().backward()
    assert any(parameter.grad.abs().sum() > 0 for parameter in criterion.branches["one2one"].rules.flow.parameters())


def test_only_one_to_many_trains_the_prototypes():
    outputs, criterion = make_outputs("multitask", dual=True), make_losses("multitask", dual=True)
    criterion.branches["one2one"](outputs["one2one"], make_targets()).total.sum().backward()
    assert outputs["one2many"]["proto"].grad is None


def test_multitask_heads_learn_no_likelihood():
    assert "rle_loss" in make_losses("pose", dual=True).names
    assert "rle_loss" not in make_losses("multitask", dual=True).names


def test_rare_classes_weigh_more_and_the_mean_is_1():
    weights = class_weights(torch.tensor([100, 25, 400]), 0.5)
    assert weights.mean().item() == pytest.approx(1)
    assert (weights / weights[0]).tolist() == pytest.approx([1.0, 2.0, 0.5])


def test_classes_without_objects_weigh_the_mean_of_the_others():
    weights = class_weights(torch.tensor([10, 0, 40]), 1.0)
    assert weights[1].item() == pytest.approx(1)
    assert weights[0].item() == pytest.approx(4 * weights[2].item())


def test_power_0_and_no_objects_at_all_weigh_all_classes_alike():
    assert class_weights(torch.tensor([7, 0, 3]), 0.0).tolist() == [1.0, 1.0, 1.0]
    assert class_weights(torch.zeros(3), 1.0).tolist() == [1.0, 1.0, 1.0]


COCO_POINTS = 17
INPUT, RATIO = 64, 4


def silent_targets(count, task):
    """Return as many objects on the first of two pictures, none of their keypoints labelled, no mask known."""
    masks = task in TASKS_WITH_OUTLINES
    return Targets(
        pictures=torch.zeros(count, dtype=torch.int64),
        classes=torch.zeros(count, dtype=torch.int64),
        boxes=torch.full((count, 4), 0.5),
        keypoints=torch.zeros(count, COCO_POINTS, 3) if task in TASKS_WITH_KEYPOINTS else None,
        masks=torch.zeros((2, INPUT // RATIO, INPUT // RATIO), dtype=torch.uint8) if masks else None,
        overlap=True,
        semantic=torch.zeros((2, INPUT // RATIO, INPUT // RATIO)) if masks else None,
        outlined=torch.zeros(count, dtype=torch.bool) if masks else None,
    )


@pytest.mark.parametrize("objects", [0, 1])
@pytest.mark.parametrize("suffix", ["", "-seg", "-pose", "-multitask"])
@pytest.mark.parametrize("family", ["yolov8n", "yolo11n", "yolo26n"])
@pytest.mark.parametrize("skip", [False, True])
def test_every_parameter_gets_a_gradient(family, suffix, objects, skip):
    network = small_network(family + suffix)
    schema = KeypointSchema.for_shape((COCO_POINTS, 3)) if suffix in ("-pose", "-multitask") else None
    model = YoloTraining(network, schema, None)
    model.freeze(None)
    model.train()
    settings = TrainSettings(skip_unlabelled=skip)
    criterion = model.criterion(settings, (0.05,) * COCO_POINTS if schema else None, torch.ones(1))
    losses = criterion(network(torch.rand(2, 3, INPUT, INPUT)), silent_targets(objects, model.task))
    losses.total.sum().backward()
    trained = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert [name for name, parameter in trained.items() if parameter.grad is None] == []
