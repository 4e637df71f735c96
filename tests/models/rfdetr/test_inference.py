"""What the engine gets from a network."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from golden.fill import image
from posekit.config.settings import PredictSettings
from posekit.errors import SettingError, SourceValueError
from posekit.results.detected import results_of
from posekit.sample import Sample
from small_rfdetr import small_model, small_preview_model

SETTINGS = PredictSettings(conf=0.3, device="cpu")


def ready(model):
    return model.ready(SETTINGS, torch.device("cpu"))


def predict(inference, samples, settings=SETTINGS):
    settings = inference.adapt(settings)
    batch = inference.placing.prepare(samples, settings.imgsz, rect=True)
    found = inference.detect(inference.run(batch, settings), batch, settings, "input")
    placed = zip(found, samples, batch.letterboxes, strict=True)
    return [results_of(one.to_original(box), sample, inference.names, inference.schema) for one, sample, box in placed]


@pytest.mark.parametrize("make", [small_model, small_preview_model])
def test_results_lie_in_their_pictures(make):
    inference = ready(make())
    samples = [Sample(image=image(48, 100, 0)), Sample(image=image(120, 80, 1))]
    for sample, result in zip(samples, predict(inference, samples), strict=True):
        height, width = sample.size
        corner = torch.tensor([width, height])
        assert len(result.boxes)
        assert (result.boxes.conf > 0.3).all()
        assert (result.boxes.conf.diff() <= 0).all()
        assert set(result.boxes.cls.tolist()) == set(inference.names)
        assert ((result.boxes.xyxy >= 0) & (result.boxes.xyxy <= corner.repeat(2))).all()
        assert ((result.keypoints.xy >= 0) & (result.keypoints.xy <= corner)).all()


def test_the_same_picture_in_other_company_gives_the_same_result():
    inference = ready(small_model())
    samples = [Sample(image=image(64, 64, seed)) for seed in (0, 1)]
    together, alone = predict(inference, samples), predict(inference, samples[1:])
    torch.testing.assert_close(together[1].boxes.data, alone[0].boxes.data, atol=1e-3, rtol=1e-4)


def test_a_detector_has_no_keypoints():
    model = small_model(keypoints=0)
    inference = ready(model)
    assert inference.task == "detect"
    assert predict(inference, [Sample(image=image(64, 64, 0))])[0].keypoints is None


def test_scores_classes_and_numbers_are_limited():
    inference = ready(small_model(names={0: "a", 1: "b", 2: "c"}))
    samples = [Sample(image=image(64, 64, 0))]
    everything = predict(inference, samples, replace(SETTINGS, conf=0.0))[0].boxes
    assert len(everything) > 3
    assert set(everything.cls.tolist()) == {0, 1, 2}
    assert set(predict(inference, samples, replace(SETTINGS, classes=(1,)))[0].boxes.cls.tolist()) == {1}
    for only in (0, 1, 2):  # the limit counts what is asked for
        best = predict(inference, samples, replace(SETTINGS, conf=0.0, max_det=1, classes=(only,)))[0].boxes
        assert best.conf.tolist() == [everything.conf[everything.cls == only].max()]
    strict = float(everything.conf.median())
    assert (predict(inference, samples, replace(SETTINGS, conf=strict))[0].boxes.conf > strict).all()


def test_input_sizes_are_rounded_up_to_whole_windows(caplog):
    inference = ready(small_model())
    assert inference.adapt(SETTINGS).imgsz == (64, 64)
    assert inference.adapt(replace(SETTINGS, imgsz=(33, 96))).imgsz == (64, 96)
    assert "rounded up" in caplog.text


def test_ready_tensors_go_in_as_they_are():
    inference = ready(small_model())
    picture = image(64, 64, 0)
    tensor = torch.from_numpy(np.ascontiguousarray(picture[..., ::-1])).permute(2, 0, 1).float() / 255
    by_tensor = predict(inference, [Sample(image=picture, tensor=tensor)])[0]
    by_picture = predict(inference, [Sample(image=picture)])[0]
    torch.testing.assert_close(by_tensor.boxes.data, by_picture.boxes.data, atol=1e-3, rtol=1e-4)
    odd = Sample(image=image(40, 64, 0), tensor=torch.rand(3, 40, 64))
    with pytest.raises(SourceValueError, match="multiples of 32"):
        predict(inference, [odd])


def test_maps_and_their_means():
    inference = ready(small_model())
    batch = inference.placing.prepare([Sample(image=image(64, 64, 0))], (64, 64), rect=True)
    maps = inference.feature_maps(batch)
    assert list(maps) == ["0_block3", "1_block6", "2_block9", "3_block12", "4_memory"]
    assert {tuple(part.shape) for part in maps.values()} == {(1, 64, 4, 4)}
    [vector] = inference.embed(batch, [0, 4])
    torch.testing.assert_close(vector, torch.cat([maps[name].mean((0, 2, 3)) for name in ("0_block3", "4_memory")]))
    with pytest.raises(SettingError, match="0 to 4"):
        inference.embed(batch, [5])
