"""Costs, matching and losses, and one step of training with recorded gradients."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from golden.networks import golden_input
from golden.rfdetr_files import SIGMAS, arrays, assert_matches, golden_network, outputs_of, recorded_targets, tensors
from posekit.models.rfdetr.losses import (
    DETECTION_WEIGHTS,
    POSE_WEIGHTS,
    Matched,
    SetCriterion,
    detection_cost,
    detection_criterion,
    detection_losses,
    generalised_iou,
    iou,
    match,
    object_count,
    pose_criterion,
    pose_losses,
)
from posekit.models.rfdetr.network import Outputs, Predictions, set_initial_weights
from posekit.sample import Targets
from small_rfdetr import small_rfdetr

FRACTION = st.floats(0, 0.4)


@given(x=FRACTION, y=FRACTION, w=st.floats(0.1, 0.5), h=st.floats(0.1, 0.5))
def test_a_box_overlaps_itself_wholly(x, y, w, h):
    box = torch.tensor([x, y, x + w, y + h])
    torch.testing.assert_close(iou(box, box), torch.tensor(1.0))
    torch.testing.assert_close(generalised_iou(box, box), torch.tensor(1.0))


def test_the_generalised_overlap_of_distant_boxes_falls_with_distance():
    box = torch.tensor([0.0, 0.0, 1.0, 1.0])
    near, far = (generalised_iou(box, box + shift) for shift in (1.0, 5.0))
    assert iou(box, box + 1) == 0
    assert 0 > near > far > -1


def test_empty_boxes_give_numbers():
    empty = torch.zeros(4, requires_grad=True)
    value = generalised_iou(empty, torch.zeros(4)) + iou(empty, torch.zeros(4))
    value.backward()
    assert value.isfinite()
    assert empty.grad.isfinite().all()


def test_recorded_costs():
    stored, (logits, boxes) = arrays("losses"), tensors("losses", "pred_logits", "pred_boxes")
    cost = detection_cost(Predictions(logits[0], boxes[0]), recorded_targets("losses"))
    total = 2 * stored["cost_class"] + 5 * stored["cost_bbox"] + 2 * stored["cost_giou"]
    np.testing.assert_allclose(cost, total, rtol=1e-5, atol=1e-5)


def random_scene(seed, pictures, queries, objects):
    """Return predictions and targets of pictures with the given numbers of objects."""
    made = torch.Generator().manual_seed(seed)
    predictions = Predictions(
        torch.randn(pictures, queries, 3, generator=made), torch.rand(pictures, queries, 4, generator=made)
    )
    counts = torch.tensor(objects)
    targets = Targets(
        pictures=torch.arange(pictures).repeat_interleave(counts),
        classes=torch.randint(3, (int(counts.sum()),), generator=made),
        boxes=torch.rand(int(counts.sum()), 4, generator=made),
    )
    return predictions, targets


@pytest.mark.parametrize("groups", [1, 3])
def test_recorded_matches(groups):
    predictions = Predictions(*tensors("losses", "pred_logits", "pred_boxes"))
    pairs = match(predictions, recorded_targets("losses"), groups, detection_cost)
    assert_matches(pairs, "losses", f"match_g{groups}_{{}}_")


@given(
    seed=st.integers(0, 1000),
    objects=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    groups=st.integers(1, 3),
)
def test_every_object_has_one_query_of_its_picture_in_each_group(seed, objects, groups):
    predictions, targets = random_scene(seed, len(objects), 6 * groups, objects)
    pairs = match(predictions, targets, groups, detection_cost)
    assert len(pairs) == groups * len(targets)
    assert (pairs.pictures == targets.pictures[pairs.targets]).all()
    taken = set(zip(pairs.pictures.tolist(), pairs.queries.tolist(), strict=True))
    assert len(taken) == len(pairs)
    seen = set(zip((pairs.queries // 6).tolist(), pairs.targets.tolist(), strict=True))
    assert len(seen) == len(pairs)


def test_more_objects_than_queries_leave_some_without():
    predictions, targets = random_scene(0, 1, 3, [5])
    assert len(match(predictions, targets, 1, detection_cost)) == 3


def test_pictures_without_objects_have_no_pairs():
    predictions, targets = random_scene(0, 2, 3, [0, 0])
    assert len(match(predictions, targets, 1, detection_cost)) == 0


def test_queries_that_are_not_finite_are_taken_last():
    predictions, targets = random_scene(0, 1, 4, [3])
    predictions.boxes[0, 1] = torch.nan
    assert 1 not in match(predictions, targets, 1, detection_cost).queries


def test_a_picture_whose_queries_are_all_not_finite_is_matched_all_the_same():
    predictions, targets = random_scene(0, 1, 4, [3])
    predictions.logits[:] = torch.nan
    assert len(match(predictions, targets, 1, detection_cost)) == 3


NAMES = ("l1", "vis", "oks")


def test_recorded_losses_of_detection():
    predictions = Predictions(*tensors("losses", "pred_logits", "pred_boxes"))
    criterion = SetCriterion([detection_losses], DETECTION_WEIGHTS)
    losses = criterion.by_layer(Outputs(last=predictions, groups=3), recorded_targets("losses"))["last"]
    for name, recorded in (("cls_loss", "loss_ce"), ("box_loss", "loss_bbox"), ("giou_loss", "loss_giou")):
        assert float(losses[name]) == pytest.approx(float(arrays("losses")[f"ia_bce/{recorded}"]), rel=1e-5)


def matched(keypoints="", points="pred_keypoints"):
    """Return the recorded predictions and objects; keypoints from keys with a prefix of their own."""
    predictions = Predictions(*tensors("losses", "pred_logits", "pred_boxes", points))
    targets = recorded_targets("losses", keypoints=keypoints)
    matching = match(predictions, targets, 3, detection_cost)
    return Matched(predictions=predictions, targets=targets, matching=matching, object_count=torch.tensor(18.0))


def recorded_pose_losses(made, sigmas=SIGMAS):
    """Return the losses as they were recorded: each object without labels adds a constant 1 to the mean of OKS."""
    losses = pose_losses(made, sigmas)
    if made.has_keypoints:
        labelled = (made.true_keypoints[..., 2] > 0).any(1).sum()
        count = len(made.matching)
        losses["kpt_oks_loss"] = (losses["kpt_oks_loss"] * labelled + (count - labelled)) / count
    return losses


@pytest.mark.parametrize(
    ("case", "keypoints", "points"),
    [("pose", "", "pred_keypoints"), ("k5", "k5/", "k5/pred_keypoints"), ("k21", "k21/", "k21/pred_keypoints")],
)
def test_recorded_losses_of_keypoints(case, keypoints, points):
    made = matched(keypoints, points)
    sigmas = (*SIGMAS, *[0.05] * 4)[: made.keypoints.shape[1]]
    losses = recorded_pose_losses(made, sigmas)
    for name in NAMES:
        recorded = float(arrays("losses")[f"{case}/loss_keypoints_{name}"])
        assert float(losses[f"kpt_{name}_loss"]) == pytest.approx(recorded, rel=1e-5)


def test_exact_keypoints_cost_nothing_but_their_visibility():
    made = matched()
    true = made.true_keypoints
    made.predictions.keypoints[made.matching.pictures, made.matching.queries] = true
    losses = pose_losses(replace(made), SIGMAS)
    assert losses["kpt_l1_loss"] == 0
    assert float(losses["kpt_oks_loss"]) == pytest.approx(0, abs=1e-6)


def test_persons_without_labels_do_not_weaken_the_others():
    made = matched()
    made.targets.keypoints[0, :, 2] = 0  # one more person without labels
    labelled = (made.true_keypoints[..., 2] > 0).any(1)
    matching = replace(made.matching, **{name: part[labelled] for name, part in vars(made.matching).items()})
    alone = pose_losses(replace(made, matching=matching), SIGMAS)["kpt_oks_loss"]
    torch.testing.assert_close(pose_losses(made, SIGMAS)["kpt_oks_loss"], alone)


def test_no_labels_at_all_cost_nothing():
    made = matched()
    made.targets.keypoints[:] = 0
    losses = pose_losses(made, SIGMAS)
    assert losses["kpt_l1_loss"] == losses["kpt_oks_loss"] == 0


def test_layers_without_keypoints_and_pictures_without_objects_cost_nothing():
    made = matched()
    without = replace(made, predictions=made.predictions._replace(keypoints=None))
    none = replace(
        made, matching=replace(made.matching, **{name: part[:0] for name, part in vars(made.matching).items()})
    )
    for case in (without, none):
        assert not any(pose_losses(case, SIGMAS).values())


FILE = "pose_train_nano"
ROUNDING = 4e-6  # of scores
LOSSES = {
    "cls_loss": "loss_ce",
    "box_loss": "loss_bbox",
    "giou_loss": "loss_giou",
    "kpt_l1_loss": "loss_keypoints_l1",
    "kpt_vis_loss": "loss_keypoints_vis",
    "kpt_oks_loss": "loss_keypoints_oks",
}
LAYERS = {"last": "", "0": "_0", "encoder": "_enc"}


@pytest.fixture(scope="module")
def step():
    """Return the network, its outputs, the objects, and the class logits of all cells by group."""
    network = golden_network("pose_nano").train()
    read = outputs_of(network, *(f"transformer.enc_out_class_embed.{group}" for group in range(13)))
    outputs = network(golden_input(320, 320, arrays(FILE)["seeds"].tolist()))
    return network, outputs, recorded_targets(FILE), [logits for [logits] in read.values()]


@pytest.fixture(scope="module")
def criterion():
    return SetCriterion([detection_losses, recorded_pose_losses], POSE_WEIGHTS)


def clear_order(logits):
    """Return for each picture whether rounding cannot change which cells a group selects, and in which order."""
    scores = logits.amax(-1).sort(-1, descending=True).values[:, :301]
    return (scores[:, :-1] - scores[:, 1:]).amin(1) > ROUNDING


def test_outputs_of_thirteen_groups(step):
    _, outputs, _, logits = step
    clear = torch.stack([clear_order(part) for part in logits], 1)  # (pictures, groups)
    assert clear.sum() > clear.numel() / 2
    compared = clear.repeat_interleave(300, 1)[:, ::13]  # every 13th query is recorded
    for name, tolerance in (("boxes", 1e-4), ("logits", 5e-4)):
        found = getattr(outputs.last, name)[:, ::13].detach()
        recorded = torch.from_numpy(arrays(FILE)[f"pred_{name}"])
        assert found.shape == recorded.shape
        torch.testing.assert_close(found[compared], recorded[compared], atol=tolerance, rtol=0)


def test_matches_of_the_last_layer(step):
    _, outputs, targets, _ = step
    assert_matches(match(outputs.last, targets, outputs.groups, detection_cost), FILE, "match{}_")


def test_losses_of_every_layer(step, criterion):
    _, outputs, targets, _ = step
    assert float(object_count(targets, outputs.groups)) == arrays(FILE)["num_boxes"]
    found = criterion.by_layer(outputs, targets)
    assert set(found) == set(LAYERS)
    for layer, suffix in LAYERS.items():
        for name, recorded in LOSSES.items():
            value = float(arrays(FILE)[f"loss/{recorded}{suffix}"])
            assert float(found[layer][name].detach()) == pytest.approx(value, rel=1e-3), (layer, name)


def test_total_and_gradients(step, criterion):
    network, outputs, targets, _ = step
    losses = criterion(outputs, targets)
    total = losses.total.sum()
    assert float(total.detach()) == pytest.approx(float(arrays(FILE)["total"]), rel=1e-3)
    assert float(sum(losses.items.values())) == pytest.approx(float(total.detach()), rel=1e-6)
    total.backward()
    parameters = dict(network.named_parameters())
    recorded = {key.removeprefix("grad_norm/"): norm for key, norm in arrays(FILE).items() if "grad_norm" in key}
    assert len(recorded) == 13
    for name, norm in recorded.items():
        assert float(parameters[name].grad.norm()) == pytest.approx(float(norm), rel=5e-3), name


def small_case(objects):
    made = torch.Generator().manual_seed(0)
    targets = Targets(
        pictures=torch.zeros(objects, dtype=torch.int64),
        classes=torch.zeros(objects, dtype=torch.int64),
        boxes=torch.rand(objects, 4, generator=made),
        keypoints=torch.full((objects, 5, 3), 2.0),
    )
    return small_rfdetr().train(), torch.rand(2, 3, 64, 64, generator=made), targets


def test_a_batch_without_objects_pushes_scores_only():
    network, images, targets = small_case(0)
    losses = pose_criterion([0.05] * 5)(network(images), targets)
    losses.total.sum().backward()
    assert losses.items["cls_loss"] > 0
    assert not any(value for name, value in losses.items.items() if name != "cls_loss")
    assert network.class_embed.weight.grad.norm() > 0


def test_every_parameter_learns_from_a_batch_with_objects():
    network, images, targets = small_case(3)
    pose_criterion([0.05] * 5)(network(images), targets).total.sum().backward()
    idle = {name for name, part in network.named_parameters() if part.requires_grad and part.grad is None}
    assert not idle


def test_items_are_named_and_ordered_as_in_result_files():
    network, images, targets = small_case(2)
    criterion = pose_criterion([0.05] * 5)
    assert criterion.names == tuple(LOSSES)
    assert tuple(criterion(network(images), targets).items) == criterion.names
    assert detection_criterion().names == tuple(LOSSES)[:3]


def test_a_few_steps_lower_the_losses():
    torch.manual_seed(0)
    network, images, targets = small_case(2)
    set_initial_weights(network)
    criterion, optimizer = pose_criterion([0.05] * 5), torch.optim.AdamW(network.parameters(), 1e-3)
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        total = criterion(network(images), targets).total.sum()
        total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 0.1)
        optimizer.step()
        losses.append(float(total.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_bfloat16_arithmetic_gives_about_the_same_losses():
    network, images, targets = small_case(2)
    criterion = pose_criterion([0.05] * 5)
    whole = criterion(network(images), targets).items
    with torch.autocast("cpu", torch.bfloat16):
        half = criterion(network(images), targets).items
    for name, value in whole.items():
        assert float(half[name]) == pytest.approx(float(value), rel=0.2), name


def test_half_precision_outputs_are_scored_in_full():
    network, images, targets = small_case(2)
    outputs = network(images)
    half = Outputs(last=type(outputs.last)(*(part.bfloat16() for part in outputs.last)), groups=outputs.groups)
    losses = pose_criterion([0.05] * 5)(half, targets)
    assert losses.total.dtype == torch.float32
