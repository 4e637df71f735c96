"""A network is measured by the engine like any other."""

import numpy as np
import pytest
import torch

from golden.fill import image
from posekit.config.settings import ValSettings
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset
from posekit.engine.validation_run import open_validation
from posekit.engine.validator import Validator
from posekit.ops.boxes import boxes_to_original
from posekit.sample import Sample
from small_rfdetr import small_model


@pytest.fixture(scope="module")
def model():
    return small_model().ready(ValSettings(), torch.device("cpu"))


def test_the_validator_measures_it(model, here, tmp_path):
    data = write_yolo_dataset(tmp_path / "people", train=1, val=5, settings=SceneSettings(size=(96, 128)))
    settings = ValSettings(data=str(data), batch=2, plots=False, verbose=False, device="cpu", conf=0.01)
    validator = Validator()
    validator.model = model
    metrics = validator.run(open_validation(settings, model))
    assert validator.seen == metrics.seen == 5
    assert 0 <= metrics.pose.map <= 1


def test_every_picture_is_placed_whole_and_found_again(model):
    settings = model.adapt(ValSettings(imgsz=64))
    samples = [Sample(image=image(48, 100, 0)), Sample(image=image(120, 80, 1))]
    [plan] = model.placing.plan([sample.size for sample in samples], settings.imgsz, 2, rect=True)
    assert [model.placing.load_size(sample.size, 64) for sample in samples] == [(48, 100), (120, 80)]
    batch = model.placing.place(samples, plan.shape)
    assert batch.images.shape == (2, 3, 64, 64)
    for box, sample in zip(batch.letterboxes, samples, strict=True):
        height, width = sample.size
        whole = boxes_to_original(torch.tensor([0.0, 0.0, 64.0, 64.0]), box)
        np.testing.assert_allclose(whole, [0, 0, width, height], rtol=1e-6)


def test_settings_it_cannot_follow(model, caplog):
    adapted = model.adapt(ValSettings(imgsz=70, augment=True))
    assert (adapted.imgsz, adapted.augment, adapted.rect) == (96, False, False)
    assert "rounded up to 96" in caplog.text
    assert "augment" in caplog.text
