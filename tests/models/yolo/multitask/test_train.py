"""Trainings on objects that lack outlines or keypoints, and the classes that people import."""

import json

import numpy as np
import pytest
import yaml

from posekit import YOLO
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_coco_dataset
from posekit.tasks import (
    DetectionPredictor,
    DetectionTrainer,
    DetectionValidator,
    MultitaskPredictor,
    MultitaskTrainer,
    MultitaskValidator,
)
from small_networks import small_definition

QUICK = {"imgsz": 64, "batch": 4, "workers": 0, "device": "cpu", "plots": False, "verbose": False}


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A data set in which 30 % of the objects lack keypoints, and another 30 % lack outlines."""
    folder = tmp_path_factory.mktemp("data") / "people"
    write_coco_dataset(folder, train=16, val=4, settings=SceneSettings(size=(64, 64)))
    for split in ("train", "val"):
        path = folder / "annotations" / f"person_keypoints_{split}.json"
        content = json.loads(path.read_text())
        for number, entry in enumerate(content["annotations"]):
            if number % 10 < 3:
                entry |= {"keypoints": [0] * 51, "num_keypoints": 0}
            elif number % 10 < 6:
                del entry["segmentation"]
        path.write_text(json.dumps(content))
    return str(folder)


@pytest.fixture
def definition(tmp_path):
    def write(name):
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(small_definition(name)))
        return str(path)

    return write


def test_the_classes_derive_from_those_of_detect():
    assert issubclass(MultitaskTrainer, DetectionTrainer)
    assert issubclass(MultitaskPredictor, DetectionPredictor)
    assert issubclass(MultitaskValidator, DetectionValidator)
    assert MultitaskTrainer(overrides={"task": "pose"}).args.task == "multitask"


@pytest.mark.parametrize("name", ["yolo11n-multitask", "yolo26n-multitask"])
def test_objects_that_lack_a_part_train_without_spikes(here, people, definition, name):
    model, course = YOLO(definition(name)), []
    model.add_callback("on_train_batch_end", lambda trainer: course.append(dict(trainer.tloss)))
    metrics = model.train(data=people, epochs=4, close_mosaic=2, **QUICK)
    assert len(course) == 16
    items = {term: np.array([float(values[term]) for values in course]) for term in course[0]}
    assert all(np.isfinite(values).all() for values in items.values())
    for term, values in items.items():
        assert values.max() < 1.7 * values[0], term
    assert items["seg_loss"].min() > 0 < items["pose_loss"].min()
    assert list(metrics.parts) == ["box", "seg", "pose"]
    assert model.task == "multitask"
    (result, *_) = model("figures", conf=1e-4, imgsz=64, verbose=False)
    assert result.keypoints.shape[1:] == (17, 3)


def test_the_trainer_writes_the_points_of_each_class_on_the_network(here, weights, tmp_path):
    labels = tmp_path / "set" / "labels"
    labels.mkdir(parents=True)
    (tmp_path / "set" / "data.yaml").write_text(
        "train: images\nval: images\nnames: [car, cat, fish]\nkpt_shape: [3, 3]\n"
        "kpt_names: {1: [nose, tail, ear], 2: [nose, tail]}\nkpt_oks_sigmas: [0.1, 0.1, 0.1]\n"
    )
    overrides = {"model": str(weights("yolo11n-multitask")), "data": str(tmp_path / "set" / "data.yaml")}
    trainer = MultitaskTrainer(overrides=overrides)
    trainer.set_model_attributes()
    assert trainer.model.kpt_names == {1: ["nose", "tail", "ear"], 2: ["nose", "tail"]}
    assert trainer.model.kpt_shape == [3, 3]
    assert isinstance(trainer.get_validator(), MultitaskValidator)
    assert trainer.loss_names == ("box_loss", "seg_loss", "cls_loss", "dfl_loss", "pose_loss", "kobj_loss")
