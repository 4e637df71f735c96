"""Trainer, predictor and validator of every task, as people import and call them."""

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from posekit import YOLO
from posekit.config.commands import TASKS
from posekit.config.settings import DEFAULT_CFG, PredictSettings, ValSettings
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_coco_dataset, write_yolo_dataset
from posekit.errors import PosekitError, SettingError, UnknownAttributeError, UnknownChoiceError, UnknownSettingError
from posekit.tasks import (
    TRAINERS,
    DetectionPredictor,
    DetectionTrainer,
    DetectionValidator,
    MultitaskPredictor,
    MultitaskTrainer,
    MultitaskValidator,
    PosePredictor,
    PoseTrainer,
    PoseValidator,
    SegmentationPredictor,
    SegmentationTrainer,
    SegmentationValidator,
)
from small_networks import small_definition

QUICK = {"epochs": 1, "imgsz": 64, "batch": 4, "workers": 0, "device": "cpu", "plots": False, "verbose": False}
MEASURED = {"imgsz": 64, "plots": False, "verbose": False, "device": "cpu", "workers": 0}
QUIET = {"verbose": False, "device": "cpu"}
CLASSES = {
    "detect": (DetectionTrainer, DetectionPredictor, DetectionValidator),
    "segment": (SegmentationTrainer, SegmentationPredictor, SegmentationValidator),
    "pose": (PoseTrainer, PosePredictor, PoseValidator),
    "multitask": (MultitaskTrainer, MultitaskPredictor, MultitaskValidator),
}
NETWORKS = {"detect": "yolov8n", "segment": "yolo11n-seg", "pose": "yolov8n-pose", "multitask": "yolo26n-multitask"}


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "people"
    return str(write_yolo_dataset(folder, train=4, val=3, settings=SceneSettings(size=(64, 64))))


@pytest.fixture(scope="module")
def outlined(tmp_path_factory):
    """People with keypoints and outlines."""
    folder = tmp_path_factory.mktemp("data") / "outlined"
    write_coco_dataset(folder, train=2, val=2, settings=SceneSettings(size=(64, 64)))
    return str(folder)


@pytest.mark.parametrize("task", TASKS)
def test_the_classes_of_every_task_serve_its_networks(weights, picture, outlined, here, task):
    trainer, predictor, validator = CLASSES[task]
    model = str(weights(NETWORKS[task]))
    assert [kind.task for kind in CLASSES[task]] == [task] * 3
    (found,) = predictor(overrides={"model": model, **QUIET})(picture)
    (expected,) = YOLO(model).predict(picture, **QUIET)
    assert len(found) > 0
    assert torch.equal(found.boxes.data, expected.boxes.data)
    metrics = validator(args={"model": model, "data": outlined, **MEASURED})()
    assert metrics.results_dict == YOLO(model).val(data=outlined, **MEASURED).results_dict
    made = trainer(overrides={"model": model, "data": outlined, **QUICK})
    assert type(made.get_validator()) is validator
    assert (made.args.task, TRAINERS[task]) == (task, trainer)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("part", ["", ".train", ".predict", ".val"])
def test_import_paths_are_kept(task, part):
    module = import_module(f"posekit.models.yolo.{task}{part}")
    for kind in CLASSES[task]:
        assert getattr(module, kind.__name__) is kind
    with pytest.raises(AttributeError, match="has no attribute 'Trainer'; it has"):
        _ = module.Trainer


@pytest.fixture
def overrides(weights, people):
    return {"model": str(weights()), "data": people, **QUICK}


def changed_copy(people, path, **changes):
    content = {**yaml.safe_load(Path(people).read_text()), **changes}
    path.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
    return str(path)


def test_a_trainer_needs_no_arguments_and_reads_nothing(here):
    trainer = PoseTrainer()
    assert trainer.args.task == "pose"
    assert trainer.args.epochs == DEFAULT_CFG.epochs == 100
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("task", ["detect", "segment", None])
def test_the_task_is_the_trainers_own_whatever_the_overrides_say(task):
    trainer = PoseTrainer(DEFAULT_CFG, {"task": task, "mode": "train", "epochs": 3}, None)
    assert (trainer.args.task, trainer.args.epochs) == ("pose", 3)


def test_settings_of_a_trainer_come_from_a_dictionary_or_a_file_and_overrides_count_more(tmp_path):
    (tmp_path / "cfg.yaml").write_text("epochs: 7\nlr0: 0.5\nmodel: mine.pt\n")
    for cfg in (tmp_path / "cfg.yaml", {"epochs": 7, "lr0": 0.5, "model": "mine.pt"}):
        trainer = PoseTrainer(cfg, {"lr0": 0.1})
        assert (trainer.args.epochs, trainer.args.lr0, trainer.args.model) == (7, 0.1, "mine.pt")


def test_a_trainer_tells_a_wrong_setting_at_once():
    with pytest.raises(UnknownSettingError, match="did you mean epochs"):
        PoseTrainer(overrides={"epoch": 3})


def test_the_data_set_is_a_dictionary(overrides):
    data = PoseTrainer(overrides=overrides).get_dataset()
    assert data["kpt_shape"] == [17, 3]
    assert (data["nc"], data["names"], data["channels"]) == (1, {0: "person"}, 3)
    assert data["train"].endswith("train")
    assert data["val"].endswith("val")
    assert PoseTrainer(overrides=overrides).data == data


def test_a_data_set_without_keypoints_is_a_key_error_with_its_path(overrides, people, tmp_path):
    data = changed_copy(people, tmp_path / "plain.yaml", kpt_shape=None)
    trainer = PoseTrainer(overrides=overrides | {"data": data})
    for call in (trainer.get_dataset, trainer.train, lambda: YOLO(overrides["model"]).train(data=data, **QUICK)):
        with pytest.raises(KeyError, match="No `kpt_shape` in the ") as caught:
            call()
        assert data in str(caught.value)


def test_a_network_is_for_the_data_set_and_takes_the_weights_that_fit(overrides, people, tmp_path, weights):
    data = changed_copy(people, tmp_path / "two.yaml", names={0: "person", 1: "dog"})
    trainer = PoseTrainer(overrides=overrides | {"data": data})
    first = "model.0.conv.weight"
    source = YOLO(weights()).model.get_parameter(first)
    for given in (weights(), str(weights()), YOLO(weights()).model):
        network = trainer.get_model(cfg=overrides["model"], weights=given, verbose=False)
        assert (network.definition.nc, network.definition.kpt_shape) == (2, (17, 3))
        assert network.names == {0: "person", 1: "dog"}
        assert network.get_parameter(first).equal(source)
    assert not trainer.get_model().get_parameter(first).equal(source)


def test_a_trainer_refuses_a_model_of_another_task(overrides, weights):
    with pytest.raises(SettingError, match="PoseTrainer trains pose models, this is a detect model"):
        PoseTrainer(overrides=overrides | {"model": weights("yolov8n")}).train()


@pytest.mark.parametrize(
    ("name", "losses"),
    [
        ("yolov8n-pose", "box_loss pose_loss kobj_loss cls_loss dfl_loss"),
        ("yolo26n-pose", "box_loss pose_loss kobj_loss cls_loss l1_loss rle_loss"),
    ],
)
def test_the_validator_comes_with_the_names_of_the_losses(overrides, weights, name, losses):
    trainer = PoseTrainer(overrides=overrides | {"model": weights(name)})
    trainer.get_validator()
    assert trainer.loss_names == tuple(losses.split())


def test_the_network_bears_the_shape_and_names_of_its_keypoints(overrides, people, tmp_path):
    trainer = PoseTrainer(overrides=overrides)
    trainer.set_model_attributes()
    assert list(trainer.model.kpt_shape) == [17, 3]
    assert trainer.model.kpt_names[0][:2] == ["nose", "left_eye"]
    data = changed_copy(
        people, tmp_path / "nameless.yaml", names={0: "a", 1: "b"}, kpt_shape=[4, 3], kpt_names=None, skeleton=None,
        flip_idx=None, kpt_oks_sigmas=None,
    )  # fmt: skip
    trainer = PoseTrainer(overrides=overrides | {"data": data})
    trainer.set_model_attributes()
    assert trainer.model.nc == 2
    assert trainer.model.kpt_names == {0: ["0", "1", "2", "3"], 1: ["0", "1", "2", "3"]}


def test_what_only_a_running_training_has_is_told_so():
    with pytest.raises(UnknownAttributeError, match="'save_dir' before training has begun"):
        _ = PoseTrainer().save_dir
    with pytest.raises(UnknownChoiceError, match="on_train_end"):
        PoseTrainer().add_callback("on_train_ende", print)
    with pytest.raises(PosekitError):
        PoseTrainer(overrides={"model": "missing-pose.yaml"}).train()


def test_training_writes_weights_and_calls_callbacks(overrides, here):
    seen = []
    trainer = PoseTrainer(
        overrides=overrides, _callbacks={"on_train_start": [lambda loop: seen.append(loop.args.task)]}
    )
    trainer.add_callback("on_train_end", lambda loop: seen.append(loop.epoch))
    metrics = trainer.train()
    assert seen[0] == "pose"
    assert len(seen) == 2
    assert trainer.save_dir.samefile(here / "runs/pose/train")
    assert trainer.best.is_file()
    assert "metrics/mAP50-95(P)" in metrics.results_dict
    assert trainer.loss_names == ("box_loss", "pose_loss", "kobj_loss", "cls_loss", "dfl_loss")
    assert yaml.safe_load((trainer.save_dir / "args.yaml").read_text())["model"] == overrides["model"]
    with trainer.batches.epoch(0, joined=False) as batches:
        trainer.plot_training_samples(next(iter(batches)), 0)
    assert (trainer.save_dir / "train_batch0.jpg").is_file()


@pytest.mark.parametrize("kind", [PosePredictor, DetectionPredictor, SegmentationPredictor])
def test_a_predictor_needs_no_arguments_and_reads_nothing(here, kind):
    assert kind().args == PredictSettings()
    assert kind(DEFAULT_CFG, None, None).args == PredictSettings()
    assert list(here.iterdir()) == []


def test_settings_of_a_predictor_come_from_settings_a_dictionary_or_a_file_and_overrides_count_more(tmp_path):
    path = tmp_path / "cfg.yaml"
    path.write_text("conf: 0.6\niou: 0.4\nepochs: 7\n")
    for cfg in (path, {"conf": 0.6, "iou": 0.4}, PredictSettings(conf=0.6, iou=0.4)):
        args = PosePredictor(cfg, {"conf": 0.5, "task": "detect", "mode": "val"}).args
        assert (args.conf, args.iou, args.max_det) == (0.5, 0.4, 300)


def test_a_predictor_tells_a_wrong_setting_at_once():
    with pytest.raises(UnknownSettingError, match="did you mean conf"):
        PosePredictor(overrides={"confi": 0.3})


def test_a_predictor_finds_what_the_model_finds_and_remembers_its_input_size(weights, gallery):
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


def test_a_predictor_refuses_a_model_of_another_task(weights, picture):
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


@pytest.mark.parametrize("kind", [PoseValidator, DetectionValidator, SegmentationValidator])
def test_a_validator_needs_no_arguments_and_reads_nothing(here, kind):
    assert kind().args == ValSettings()
    assert kind(args=DEFAULT_CFG).args == ValSettings()
    assert list(here.iterdir()) == []


def test_a_validator_tells_of_a_wrong_setting_and_a_data_loader_are_told_at_once():
    with pytest.raises(UnknownSettingError, match="did you mean data"):
        PoseValidator(args={"dat": "people.yaml"})
    with pytest.raises(SettingError, match="dataloader: posekit reads the pictures itself"):
        PoseValidator([1, 2])


def test_a_validator_measures_what_the_model_measures(weights, people, here):
    seen = []
    callbacks = {"on_val_end": [lambda validator: seen.append(validator.args.conf)]}
    args = {"model": str(weights()), "data": people, "conf": 0.002, **MEASURED}
    validator = PoseValidator(args=args, _callbacks=callbacks)
    metrics = validator()
    expected = YOLO(weights()).val(data=people, conf=0.002, **MEASURED)
    assert metrics.results_dict == expected.results_dict
    assert metrics is validator.metrics
    assert seen == [0.002]
    assert not (here / "runs").exists()


def test_a_validator_writes_where_it_is_told_to(weights, people, here):
    args = {"model": str(weights()), "data": people, **MEASURED, "save_txt": True}
    PoseValidator(save_dir=here / "mine", args=args)()
    assert (here / "mine" / "labels").is_dir()
    assert [path.name for path in here.iterdir()] == ["mine"]


def test_a_data_set_that_the_model_remembers_is_taken(weights, people, here, caplog):
    model = YOLO(weights())
    model.loaded.settings["data"] = people
    model.save("trained.pt")
    metrics = PoseValidator(args={"model": "trained.pt", **MEASURED})()
    assert f"no data given: taking {people}" in caplog.text
    assert metrics.results_dict == YOLO(weights()).val(data=people, **MEASURED).results_dict


def test_a_validator_refuses_a_model_of_another_task(weights, people):
    with pytest.raises(SettingError, match="is a detect model: take one for pose"):
        PoseValidator(args={"model": weights("yolov8n"), "data": people, **MEASURED})()


@pytest.fixture(scope="module")
def partial_people(tmp_path_factory):
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


@pytest.mark.parametrize("name", ["yolo11n-multitask", "yolo26n-multitask"])
def test_objects_that_lack_a_part_train_without_spikes(here, partial_people, definition, name):
    model, course = YOLO(definition(name)), []
    model.add_callback("on_train_batch_end", lambda trainer: course.append(dict(trainer.tloss)))
    metrics = model.train(data=partial_people, close_mosaic=2, **{**QUICK, "epochs": 4})
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
    trainer.get_validator()
    assert trainer.loss_names == ("box_loss", "seg_loss", "cls_loss", "dfl_loss", "pose_loss", "kobj_loss")
