"""Losses of the pose head."""

from dataclasses import replace

import pytest
import torch

from golden.rfdetr_files import SIGMAS, arrays, recorded_targets, tensors
from posekit.models.rfdetr.losses import Matched, PoseLosses, detection_cost, match
from posekit.models.rfdetr.network import Predictions

NAMES = ("l1", "vis", "oks")


def matched(keypoints="", points="pred_keypoints"):
    """Return the recorded predictions and objects; keypoints from keys with a prefix of their own."""
    predictions = Predictions(*tensors("losses", "pred_logits", "pred_boxes", points))
    targets = recorded_targets("losses", keypoints=keypoints)
    pairs = match(predictions, targets, 3, detection_cost)
    return Matched(predictions=predictions, targets=targets, pairs=pairs, object_count=torch.tensor(18.0))


@pytest.mark.parametrize(
    ("case", "keypoints", "points"),
    [("pose", "", "pred_keypoints"), ("k5", "k5/", "k5/pred_keypoints"), ("k21", "k21/", "k21/pred_keypoints")],
)
def test_recorded_values(case, keypoints, points):
    made = matched(keypoints, points)
    sigmas = (*SIGMAS, *[0.05] * 4)[: made.keypoints.shape[1]]
    losses = PoseLosses(sigmas=sigmas, skip_unlabelled=False)(made)
    for name in NAMES:
        recorded = float(arrays("losses")[f"{case}/loss_keypoints_{name}"])
        assert float(losses[f"kpt_{name}_loss"]) == pytest.approx(recorded, rel=1e-5)


def test_exact_keypoints_cost_nothing_but_their_visibility():
    made = matched()
    true = made.true_keypoints
    made.predictions.keypoints[made.pairs.pictures, made.pairs.queries] = true
    losses = PoseLosses(sigmas=SIGMAS)(replace(made))
    assert losses["kpt_l1_loss"] == 0
    assert float(losses["kpt_oks_loss"]) == pytest.approx(0, abs=1e-6)


def test_persons_without_labels_do_not_weaken_the_others():
    made = matched()
    made.targets.keypoints[0, :, 2] = 0  # one more person without labels
    labelled = (made.true_keypoints[..., 2] > 0).any(1)
    pairs = replace(made.pairs, **{name: part[labelled] for name, part in vars(made.pairs).items()})
    alone = PoseLosses(sigmas=SIGMAS)(replace(made, pairs=pairs))["kpt_oks_loss"]
    torch.testing.assert_close(PoseLosses(sigmas=SIGMAS)(made)["kpt_oks_loss"], alone)
    assert PoseLosses(sigmas=SIGMAS, skip_unlabelled=False)(made)["kpt_oks_loss"] > alone


def test_no_labels_at_all_cost_nothing():
    made = matched()
    made.targets.keypoints[:] = 0
    losses = PoseLosses(sigmas=SIGMAS)(made)
    assert losses["kpt_l1_loss"] == losses["kpt_oks_loss"] == 0


def test_layers_without_keypoints_and_pictures_without_objects_cost_nothing():
    made = matched()
    without = replace(made, predictions=made.predictions._replace(keypoints=None))
    none = replace(made, pairs=replace(made.pairs, **{name: part[:0] for name, part in vars(made.pairs).items()}))
    for case in (without, none):
        assert not any(PoseLosses(sigmas=SIGMAS)(case).values())
