"""`PosePredictor` and its companions, made from settings as people make them."""

import pytest

from posekit import YOLO
from posekit.config.settings import DEFAULT_CFG, PredictSettings
from posekit.errors import SettingError, UnknownSettingError
from posekit.tasks import DetectionPredictor, PosePredictor, SegmentationPredictor

QUIET = {"verbose": False, "device": "cpu"}


@pytest.mark.parametrize("kind", [PosePredictor, DetectionPredictor, SegmentationPredictor])
def test_a_predictor_needs_no_arguments_and_reads_nothing(here, kind):
    assert kind().args == PredictSettings()
    assert kind(DEFAULT_CFG, None, None).args == PredictSettings()
    assert list(here.iterdir()) == []


def test_settings_come_from_settings_a_dictionary_or_a_file_and_overrides_count_more(tmp_path):
    path = tmp_path / "cfg.yaml"
    path.write_text("conf: 0.6\niou: 0.4\nepochs: 7\n")
    for cfg in (path, {"conf": 0.6, "iou": 0.4}, PredictSettings(conf=0.6, iou=0.4)):
        args = PosePredictor(cfg, {"conf": 0.5, "task": "detect", "mode": "val"}).args
        assert (args.conf, args.iou, args.max_det) == (0.5, 0.4, 300)


def test_a_wrong_setting_is_told_at_once():
    with pytest.raises(UnknownSettingError, match="did you mean conf"):
        PosePredictor(overrides={"confi": 0.3})


def test_it_finds_what_the_model_finds_and_remembers_its_input_size(weights, gallery):
    seen = []
    callbacks = {"on_predict_start": [lambda predictor: seen.append(predictor.args.imgsz)]}
    overrides = {"model": str(weights()), "source": str(gallery), "conf": 0.3, **QUIET}
    predictor = PosePredictor(overrides=overrides, _callbacks=callbacks)
    results = predictor()
    expected = YOLO(weights()).predict(gallery, conf=0.3, **QUIET)
    assert len(results) == 3
    for ours, theirs in zip(results, expected, strict=True):
        assert ours.path == theirs.path
        assert ours.keypoints.data.equal(theirs.keypoints.data)
    assert seen == [(128, 128)]
    [one] = predictor(gallery / "p1.png", stream=True)
    assert one.keypoints.data.equal(expected[1].keypoints.data)


def test_a_model_of_another_task_is_refused(weights, picture):
    with pytest.raises(SettingError, match="is a detect model: take one for pose"):
        PosePredictor(overrides={"model": weights("yolov8n"), **QUIET})(picture)


def test_subclasses_with_the_same_parameters_serve_yolo_too(weights, picture):
    class Mine(PosePredictor):
        """A predictor that keeps its callbacks."""

        def __init__(self, cfg=None, overrides=None, _callbacks=None):
            super().__init__(cfg, overrides, _callbacks)
            self.mine = True

    model, seen = YOLO(weights()), []
    model.add_callback("on_predict_end", lambda predictor: seen.append(predictor.mine))
    results = model.predict(picture, predictor=Mine, **QUIET)
    assert seen == [True]
    assert results[0].keypoints.data.equal(YOLO(weights()).predict(picture, **QUIET)[0].keypoints.data)
