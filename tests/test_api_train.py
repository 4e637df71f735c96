"""`YOLO.train`: from weights or a definition to the best weights, with the numbers of these."""

import pytest
import torch
import yaml

from posekit import YOLO
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset
from posekit.errors import UnknownSettingError
from posekit.tasks import PosePredictor, PoseTrainer, PoseValidator
from small_networks import small_definition

QUICK = {"epochs": 1, "imgsz": 64, "batch": 4, "workers": 0, "device": "cpu", "plots": False, "verbose": False}
FIRST = "model.0.conv.weight"


class StoppedError(Exception):
    """Raised by a callback, to end a training early."""


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "people"
    return str(write_yolo_dataset(folder, train=4, val=2, settings=SceneSettings(size=(64, 64))))


@pytest.fixture
def definition(tmp_path):
    path = tmp_path / "yolov8n-pose.yaml"
    path.write_text(yaml.safe_dump(small_definition()))
    return path


def first_weights(model):
    return model.model.get_parameter(FIRST).detach().clone()


def starting_weights(model, data, **settings):
    """Return the first weights that a training begins with; it is stopped then."""

    def stop(loop):
        raise StoppedError

    model.add_callback("on_train_start", stop)
    with pytest.raises(StoppedError):
        model.train(data=data, **QUICK | settings)
    model.reset_callbacks()
    return model.trainer.model.get_parameter(FIRST).detach().clone()


def test_afterwards_the_model_holds_the_best_weights_and_remembers_its_data(weights, people, here, caplog):
    model = YOLO(weights())
    before = first_weights(model)
    metrics = model.train(data=people, **QUICK)
    assert metrics is model.metrics
    assert metrics.pose.map >= 0
    assert model.ckpt_path == str(model.trainer.best)
    assert not torch.equal(first_weights(model), before)
    assert (model.overrides["imgsz"], model.overrides["data"]) == (64, people)
    assert "trained on" not in caplog.text
    again = YOLO(here / "runs/pose/train/weights/best.pt")
    assert torch.equal(first_weights(again), first_weights(model))
    assert again.names == {0: "person"}
    assert again.loaded.schema.names[0] == "nose"


def test_training_again_takes_the_remembered_data_and_says_so(weights, people, here, caplog):
    model = YOLO(weights())
    model.overrides["data"] = people
    model.train(**QUICK)
    assert f"no data given: taking {people}" in caplog.text


def test_training_starts_from_the_weights_of_the_model(weights, people, here):
    model = YOLO(weights())
    assert torch.equal(starting_weights(model, people), first_weights(model))


def test_training_starts_from_fresh_weights_when_asked_to_or_without_any(weights, definition, people, here):
    model = YOLO(weights())
    assert not torch.equal(starting_weights(model, people, pretrained=False), first_weights(model))
    assert not torch.equal(starting_weights(YOLO(definition), people), first_weights(model))


def test_weights_that_were_loaded_into_a_definition_are_the_start(weights, definition, people, here):
    model = YOLO(definition).load(weights())
    assert torch.equal(starting_weights(model, people), first_weights(YOLO(weights())))
    assert not torch.equal(starting_weights(model.reset_weights(), people), first_weights(YOLO(weights())))


def test_a_definition_takes_the_weights_of_a_file_named_pretrained(weights, definition, people, here):
    start = starting_weights(YOLO(definition), people, pretrained=str(weights()))
    assert torch.equal(start, first_weights(YOLO(weights())))


def test_classes_that_people_import_are_accepted(weights, people, here):
    class Mine(PoseTrainer):
        """A trainer whose networks are marked."""

        def get_model(self, cfg=None, weights=None, verbose=True):
            network = super().get_model(cfg, weights, verbose)
            with torch.no_grad():
                network.get_parameter(FIRST).fill_(0.5)
            return network

    model = YOLO(weights())
    model.train(trainer=Mine, data=people, lr0=0.0, optimizer="SGD", weight_decay=0.0, **QUICK)
    assert isinstance(model.trainer, Mine)
    assert (first_weights(model) == 0.5).all()
    assert model.val(validator=PoseValidator, data=people, plots=False, verbose=False).box is not None
    assert len(model.predict("figures:1", predictor=PosePredictor, imgsz=64, verbose=False)) == 1
    assert isinstance(model.predictor, PosePredictor)


def test_a_wrong_setting_is_told_before_anything_is_written(weights, here):
    with pytest.raises(UnknownSettingError, match="did you mean epochs"):
        YOLO(weights()).train(data="people.yaml", epoch=3)
    assert list(here.iterdir()) == []


def test_an_interrupted_training_goes_on_from_its_last_file(weights, people, here, caplog):
    def stop(loop):
        if loop.epoch == 1:
            raise StoppedError

    model = YOLO(weights())
    model.add_callback("on_train_epoch_start", stop)
    with pytest.raises(StoppedError):
        model.train(data=people, **QUICK | {"epochs": 2})
    last = model.trainer.last
    again = YOLO(last)
    epochs = []
    again.add_callback("on_train_epoch_start", lambda loop: epochs.append(loop.epoch))
    again.train(resume=True)
    assert epochs == [1]
    assert "stay as they were" not in caplog.text
    assert again.trainer.save_dir.samefile(here / "runs/pose/train")
    rows = (here / "runs/pose/train/results.csv").read_text().splitlines()
    assert [row.split(",")[0].strip() for row in rows] == ["epoch", "1", "2"]
