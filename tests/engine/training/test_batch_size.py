import pytest
import torch

from posekit import YOLO
from posekit.config.settings import TrainSettings
from posekit.engine.batch_size import halved_batch, starting_batch, take_trial_step
from posekit.engine.training_run import open_training


@pytest.mark.parametrize(
    ("batch", "halvings", "next_batch"), [(16, 0, 8), (7, 1, 3), (2, 2, 1), (16, 3, None), (1, 0, None)]
)
def test_a_batch_is_halved_three_times_at_most(batch, halvings, next_batch):
    assert halved_batch(batch, halvings) == next_batch


def opened(model, data, task, **settings):
    loaded = YOLO(model).loaded
    return open_training(
        TrainSettings(data=str(data), imgsz=64, verbose=False, **settings),
        task,
        lambda names, schema: loaded.trainable(names=names, schema=schema, pretrained=None, settings=TrainSettings()),
    )


@pytest.mark.parametrize(("batch", "pictures"), [(4, 4), (100, 10), (-1, 10), (0.5, 10)])
def test_no_batch_has_more_pictures_than_there_are(here, definition, people, batch, pictures):
    assert starting_batch(opened(definition(), people, "pose", batch=batch), torch.device("cpu")) == pictures


@pytest.mark.parametrize(
    ("network", "settings"),
    [
        ("yolo26n-pose", {}),
        ("yolov8n-seg", {"multi_scale": 0.5}),
        ("yolo26n-seg", {"overlap_mask": False}),
    ],
)
def test_a_trial_step_goes_through_network_losses_and_optimiser(here, definition, people, outlines, network, settings):
    data, task = (people, "pose") if network.endswith("pose") else (outlines, "segment")
    run = opened(definition(network), data, task, **settings)
    before = run.model.network.get_parameter("model.0.conv.weight").detach().clone()
    take_trial_step(run, torch.device("cpu"), 2)
    after = run.model.network.get_parameter("model.0.conv.weight")
    assert torch.isfinite(after).all()
    assert before.shape == after.shape
