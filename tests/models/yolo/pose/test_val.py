"""`PoseValidator` and its companions, made from settings as people make them."""

import pytest

from posekit import YOLO
from posekit.config.settings import DEFAULT_CFG, ValSettings
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset
from posekit.errors import SettingError, UnknownSettingError
from posekit.tasks import DetectionValidator, PoseValidator, SegmentationValidator

QUIET = {"imgsz": 64, "plots": False, "verbose": False, "device": "cpu", "workers": 0}


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "people"
    return str(write_yolo_dataset(folder, train=1, val=3, settings=SceneSettings(size=(64, 64))))


@pytest.mark.parametrize("kind", [PoseValidator, DetectionValidator, SegmentationValidator])
def test_a_validator_needs_no_arguments_and_reads_nothing(here, kind):
    assert kind().args == ValSettings()
    assert kind(args=DEFAULT_CFG).args == ValSettings()
    assert list(here.iterdir()) == []


def test_a_wrong_setting_and_a_data_loader_are_told_at_once():
    with pytest.raises(UnknownSettingError, match="did you mean data"):
        PoseValidator(args={"dat": "people.yaml"})
    with pytest.raises(SettingError, match="dataloader: posekit reads the pictures itself"):
        PoseValidator([1, 2])


def test_it_measures_what_the_model_measures(weights, people, here):
    seen = []
    callbacks = {"on_val_end": [lambda validator: seen.append(validator.args.conf)]}
    args = {"model": str(weights()), "data": people, "conf": 0.002, **QUIET}
    validator = PoseValidator(args=args, _callbacks=callbacks)
    metrics = validator()
    expected = YOLO(weights()).val(data=people, conf=0.002, **QUIET)
    assert metrics.results_dict == expected.results_dict
    assert metrics is validator.metrics
    assert seen == [0.002]
    assert not (here / "runs").exists()


def test_it_writes_where_it_is_told_to(weights, people, here):
    args = {"model": str(weights()), "data": people, **QUIET, "save_txt": True}
    PoseValidator(save_dir=here / "mine", args=args)()
    assert (here / "mine" / "labels").is_dir()
    assert [path.name for path in here.iterdir()] == ["mine"]


def test_a_data_set_that_the_model_remembers_is_taken(weights, people, here, caplog):
    model = YOLO(weights())
    model.loaded.settings["data"] = people
    model.save("trained.pt")
    metrics = PoseValidator(args={"model": "trained.pt", **QUIET})()
    assert f"no data given: taking {people}" in caplog.text
    assert metrics.results_dict == YOLO(weights()).val(data=people, **QUIET).results_dict


def test_a_model_of_another_task_is_refused(weights, people):
    with pytest.raises(SettingError, match="is a detect model: take one for pose"):
        PoseValidator(args={"model": weights("yolov8n"), "data": people, **QUIET})()
