import pytest
import torch

from posekit.models.yolo.losses.criterion import class_weights


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
