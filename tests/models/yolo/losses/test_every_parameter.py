"""Every parameter gets a gradient from every batch: processes that train together wait for each."""

import pytest
import torch

from posekit.config.commands import TASKS_WITH_KEYPOINTS, TASKS_WITH_OUTLINES
from posekit.config.settings import TrainSettings
from posekit.models.yolo.training import YoloTraining
from posekit.sample import Targets
from posekit.schema.schema import KeypointSchema
from small_networks import small_network

POINTS = 17
SIDE, RATIO = 64, 4


def targets_of(count, task):
    """Return as many objects on the first of two pictures, none of their keypoints labelled, no mask known."""
    masks = task in TASKS_WITH_OUTLINES
    return Targets(
        pictures=torch.zeros(count, dtype=torch.int64),
        classes=torch.zeros(count, dtype=torch.int64),
        boxes=torch.full((count, 4), 0.5),
        keypoints=torch.zeros(count, POINTS, 3) if task in TASKS_WITH_KEYPOINTS else None,
        masks=torch.zeros((2, SIDE // RATIO, SIDE // RATIO), dtype=torch.uint8) if masks else None,
        overlap=True,
        semantic=torch.zeros((2, SIDE // RATIO, SIDE // RATIO)) if masks else None,
        outlined=torch.zeros(count, dtype=torch.bool) if masks else None,
    )


@pytest.mark.parametrize("objects", [0, 1])
@pytest.mark.parametrize("suffix", ["", "-seg", "-pose", "-multitask"])
@pytest.mark.parametrize("family", ["yolov8n", "yolo11n", "yolo26n"])
@pytest.mark.parametrize("skip", [False, True])
def test_every_parameter_gets_a_gradient(family, suffix, objects, skip):
    network = small_network(family + suffix)
    schema = KeypointSchema.for_shape((POINTS, 3)) if suffix in ("-pose", "-multitask") else None
    model = YoloTraining(network, schema, None)
    model.freeze(None)
    model.train()
    settings = TrainSettings(skip_unlabelled=skip)
    criterion = model.criterion(settings, (0.05,) * POINTS if schema else None, torch.ones(1))
    losses = criterion(network(torch.rand(2, 3, SIDE, SIDE)), targets_of(objects, model.task))
    losses.total.sum().backward()
    trained = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert [name for name, parameter in trained.items() if parameter.grad is None] == []
