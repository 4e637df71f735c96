"""`PoseTrainer` and its companions, as people import and call them."""

from pathlib import Path

import pytest
import yaml

from posekit import YOLO
from posekit.config.settings import DEFAULT_CFG
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset
from posekit.errors import PosekitError, SettingError, UnknownAttributeError, UnknownChoiceError, UnknownSettingError
from posekit.tasks import (
    DetectionPredictor,
    DetectionTrainer,
    DetectionValidator,
    PosePredictor,
    PoseTrainer,
    PoseValidator,
    SegmentationPredictor,
    SegmentationTrainer,
    SegmentationValidator,
)

QUICK = {"epochs": 1, "imgsz": 64, "batch": 4, "workers": 0, "device": "cpu", "plots": False, "verbose": False}


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "people"
    return str(write_yolo_dataset(folder, train=4, val=2, settings=SceneSettings(size=(64, 64))))


@pytest.fixture
def overrides(weights, people):
    return {"model": str(weights()), "data": people, **QUICK}


def changed_copy(people, path, **changes):
    content = {**yaml.safe_load(Path(people).read_text()), **changes}
    path.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
    return str(path)


def test_the_classes_are_also_in_files_of_their_own():
    from posekit.tasks import PosePredictor as Predictor
    from posekit.tasks import PoseTrainer as Trainer
    from posekit.tasks import PoseValidator as Validator

    assert (Trainer, Predictor, Validator) == (PoseTrainer, PosePredictor, PoseValidator)


@pytest.mark.parametrize(
    ("derived", "base"),
    [
        (PoseTrainer, DetectionTrainer),
        (PosePredictor, DetectionPredictor),
        (PoseValidator, DetectionValidator),
        (SegmentationTrainer, DetectionTrainer),
        (SegmentationPredictor, DetectionPredictor),
        (SegmentationValidator, DetectionValidator),
    ],
)
def test_the_classes_of_a_task_derive_from_those_of_detect(derived, base):
    assert issubclass(derived, base)


def test_a_trainer_needs_no_arguments_and_reads_nothing(here):
    trainer = PoseTrainer()
    assert trainer.args.task == "pose"
    assert trainer.args.epochs == DEFAULT_CFG.epochs == 100
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("task", ["detect", "segment", None])
def test_the_task_is_the_trainers_own_whatever_the_overrides_say(task):
    trainer = PoseTrainer(DEFAULT_CFG, {"task": task, "mode": "train", "epochs": 3}, None)
    assert (trainer.args.task, trainer.args.epochs) == ("pose", 3)


def test_settings_come_from_a_dictionary_or_a_file_and_overrides_count_more(tmp_path):
    (tmp_path / "cfg.yaml").write_text("epochs: 7\nlr0: 0.5\nmodel: mine.pt\n")
    for cfg in (tmp_path / "cfg.yaml", {"epochs": 7, "lr0": 0.5, "model": "mine.pt"}):
        trainer = PoseTrainer(cfg, {"lr0": 0.1})
        assert (trainer.args.epochs, trainer.args.lr0, trainer.args.model) == (7, 0.1, "mine.pt")


def test_a_wrong_setting_is_told_at_once():
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


def test_a_model_of_another_task_is_refused(overrides, weights):
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
    assert isinstance(trainer.get_validator(), PoseValidator)
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
