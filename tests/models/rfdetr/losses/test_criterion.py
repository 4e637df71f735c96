"""One step of training gives the recorded losses and gradients."""

import pytest
import torch

from golden.networks import golden_input
from golden.rfdetr_files import SIGMAS, arrays, assert_matches, golden_network, outputs_of, recorded_targets
from posekit.models.rfdetr.losses import (
    POSE_WEIGHTS,
    DetectionLosses,
    PoseLosses,
    SetCriterion,
    detection_cost,
    detection_criterion,
    match,
    object_count,
    pose_criterion,
)
from posekit.models.rfdetr.network import Outputs, set_initial_weights
from posekit.sample import Targets
from small_rfdetr import small_rfdetr

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
    # As recorded: persons without labels count in the mean of OKS.
    return SetCriterion([DetectionLosses(), PoseLosses(sigmas=SIGMAS, skip_unlabelled=False)], POSE_WEIGHTS)


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
