"""The validation loop: what it takes, measures, leaves behind and says, on drawn people and a small network."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from posekit.config.settings import ValSettings
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_coco_dataset, write_yolo_dataset
from posekit.engine.scoring import truth_of
from posekit.engine.validation_run import find_remembered, open_validation
from posekit.engine.validator import Validator
from posekit.errors import DatasetError
from posekit.metrics.coco import coco_metrics_dict, coco_scores
from posekit.models.yolo.inference import YoloInference
from posekit.results.detected import Detected
from posekit.schema.schema import COCO_PERSON
from small_networks import small_network

SCENES = SceneSettings(size=(96, 128))


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A data set of drawn people in both forms."""
    folder = tmp_path_factory.mktemp("people")
    yolo = write_yolo_dataset(folder / "yolo", train=2, val=9, settings=SCENES)
    coco = write_coco_dataset(folder / "coco", train=2, val=9, settings=SCENES)
    return yolo, coco / "annotations" / "person_keypoints_val.json"


def ready(name="yolov8n-pose", schema=COCO_PERSON, **network):
    made = small_network(name, **network)
    made.names = {0: "person"}
    return YoloInference(made, schema, device=torch.device("cpu"))


@pytest.fixture(scope="module")
def model():
    return ready()


def validate(model, data, callbacks=None, **settings):
    chosen = {"imgsz": 128, "batch": 4, "plots": False, "conf": 0.01, "verbose": False, "device": "cpu"}
    settings = ValSettings(data=str(data), **(chosen | settings))
    validator = Validator(callbacks)
    validator.model = model
    return validator, validator.run(open_validation(settings, model))


def test_every_picture_and_object_counts_once(here, model, people):
    validator, metrics = validate(model, people[0])
    assert validator.seen == metrics.seen == 9
    labels = sum(len(path.read_text().splitlines()) for path in (people[0].parent / "labels" / "val").iterdir())
    assert metrics.nt_per_class.tolist() == [labels]


def test_label_files_and_coco_files_of_the_same_people_give_the_same_numbers(here, model, people):
    """Label files are rounded to six decimals, so numbers agree to rounding."""
    _, from_text = validate(model, people[0], rect=False)
    _, from_json = validate(model, people[1], rect=False)
    for key in from_text.keys:
        assert from_json.results_dict[key] == pytest.approx(from_text.results_dict[key], abs=1e-3)
    assert from_text.coco == {}
    assert set(from_json.coco) >= {"metrics/COCO-AP(B)", "metrics/COCO-AP(P)"}


@pytest.mark.parametrize("batch", [1, 2, 9])
def test_square_inputs_give_the_same_numbers_whatever_the_batch(here, model, people, batch):
    _, whole = validate(model, people[0], rect=False, batch=4)
    _, other = validate(model, people[0], rect=False, batch=batch)
    for key, value in whole.results_dict.items():
        assert other.results_dict[key] == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize("cache", ["ram", "disk"])
def test_kept_pictures_change_nothing(here, model, people, cache):
    _, plain = validate(model, people[0])
    for _ in range(2):
        _, kept = validate(model, people[0], cache=cache)
        assert kept.results_dict == plain.results_dict


def test_a_perfect_detector_scores_one(here, people):
    """Detections made from the labels themselves go through matching, COCO scoring and the way back to pixels."""
    model = Oracle(ready())
    _, metrics = validate(model, people[1])
    assert metrics.box.map == pytest.approx(0.995, abs=1e-6)
    assert metrics.pose.map50 == pytest.approx(0.995, abs=1e-6)
    assert metrics.coco["metrics/COCO-AP(B)"] == pytest.approx(1, abs=1e-6)
    assert metrics.coco["metrics/COCO-AP(P)"] == pytest.approx(1, abs=1e-6)
    assert all(row["oks"] == pytest.approx(1, abs=1e-4) for row in metrics.keypoints.rows() if row["labelled"])


def test_nothing_is_written_unless_asked_for(here, model, people):
    validator, metrics = validate(model, people[0])
    assert metrics.save_dir is validator.save_dir is None
    assert not Path("runs").exists()


def test_predictions_are_saved_in_original_pixels_and_score_what_was_said(here, model, people):
    validator, metrics = validate(model, people[1], save_json=True, save_txt=True, save_conf=True)
    folder = Path(validator.save_dir)
    rows = json.loads((folder / "predictions.json").read_text())
    assert {row["category_id"] for row in rows} == {1}
    again = coco_metrics_dict(coco_scores(people[1], rows))
    assert {key: again[key] for key in metrics.coco} == pytest.approx(metrics.coco, abs=1e-9)
    texts = {path.stem: path.read_text().splitlines() for path in (folder / "labels").iterdir()}
    assert sum(len(lines) for lines in texts.values()) == len(rows)
    for stem, lines in texts.items():
        scores = [float(line.split()[-1]) for line in lines]
        expected = [row["score"] for row in rows if Path(row["file_name"]).stem == stem]
        assert scores == pytest.approx(expected, abs=1e-4)


def test_label_files_get_coco_numbers_when_predictions_are_saved(here, model, people):
    _, metrics = validate(model, people[0], save_json=True)
    assert "metrics/COCO-AP(P)" in metrics.coco


def test_figures_are_drawn(here, model, people):
    validator, _ = validate(model, people[0], plots=True, visualize=True, batch=2)
    names = {path.name for path in Path(validator.save_dir).iterdir()}
    curves = {f"{part}{kind}_curve.png" for part in ("Box", "Pose") for kind in ("PR", "F1", "P", "R")}
    batches = {f"val_batch{number}_{kind}.jpg" for number in range(3) for kind in ("labels", "pred")}
    matrices = {"confusion_matrix.png", "confusion_matrix_normalized.png"}
    assert names == curves | batches | matrices | {"keypoints.png", "keypoints.csv", "visualizations"}
    assert len(list((Path(validator.save_dir) / "visualizations").iterdir())) == 9


def test_masks_are_measured_too(here, people):
    model = ready("yolov8n-seg", schema=None)
    _, coarse = validate(model, people[1])
    validator, fine = validate(model, people[1], save_json=True, save_txt=True)
    for metrics in (coarse, fine):
        assert set(metrics.parts) == {"box", "seg"}
        assert "metrics/COCO-AP(M)" in metrics.coco
    assert coarse.box.map == pytest.approx(fine.box.map, abs=1e-9)
    rows = json.loads((Path(validator.save_dir) / "predictions.json").read_text())
    assert all(row["segmentation"]["size"] == [96, 128] for row in rows)


def test_callbacks_see_every_batch(here, model, people):
    seen = []
    events = ("on_val_start", "on_val_batch_start", "on_val_batch_end", "on_val_end")
    callbacks = {event: [lambda validator, event=event: seen.append((event, validator.seen))] for event in events}
    validate(model, people[0], callbacks, batch=5)
    assert seen == [
        ("on_val_start", 0), ("on_val_batch_start", 0), ("on_val_batch_end", 5), ("on_val_batch_start", 5),
        ("on_val_batch_end", 9), ("on_val_end", 9),
    ]  # fmt: skip


def test_the_table_and_the_times_are_said(here, model, people, caplog):
    with caplog.at_level(logging.INFO, "posekit"):
        _, metrics = validate(model, people[1], verbose=True)
    text = caplog.text
    for part in ("Pose(P", "all          9", "COCO protocol: COCO-AP(B)", "Worst keypoints", "Speed: "):
        assert part in text
    assert set(metrics.speed) == {"preprocess", "inference", "loss", "postprocess"}
    assert metrics.speed["inference"] > 0


def test_a_model_of_other_keypoints_is_refused(here, people):
    model = ready(schema=None, kpt_shape=(5, 3))
    model.schema = COCO_PERSON.for_shape((5, 3))
    with pytest.raises(DatasetError, match=r"17 keypoints per object .* but the model predicts 5"):
        validate(model, people[0])


def test_a_model_of_fewer_classes_is_refused_unless_all_are_taken_for_one(here, model, people, tmp_path):
    content = yaml.safe_load(people[0].read_text()) | {"names": {0: "person", 1: "dog"}, "path": str(people[0].parent)}
    data = tmp_path / "two.yaml"
    data.write_text(yaml.safe_dump(content))
    with pytest.raises(DatasetError, match="2 classes, but the model knows only 1"):
        validate(model, data)
    _, metrics = validate(model, data, single_cls=True)
    assert metrics.seen == 9


class Oracle:
    """A model that finds exactly what is labelled."""

    def __init__(self, model):
        self._model = model
        self.task, self.names, self.schema = model.task, model.names, model.schema
        self.adapt, self.placing = model.adapt, model.placing

    def run(self, batch, settings):
        return batch

    def detect(self, outputs, batch, settings, masks):
        found = []
        for sample, letterbox in zip(batch.samples, batch.letterboxes, strict=True):
            truth = truth_of(sample, letterbox, mask_size=None, overlap=True)
            count = len(truth)
            keypoints = truth.keypoints.copy()
            keypoints[..., 2] = 1
            found.append(
                Detected(
                    boxes=torch.from_numpy(truth.boxes),
                    scores=torch.from_numpy(np.linspace(0.9, 0.8, count, dtype=np.float32)),
                    classes=torch.zeros(count, dtype=torch.int64),
                    keypoints=torch.from_numpy(keypoints),
                )
            )
        return found


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.WARNING, "posekit")
    return caplog


@pytest.mark.parametrize("data", [None, "", 5])
def test_a_model_that_remembers_nothing_says_nothing(data, said):
    assert find_remembered(data) is None
    assert not said.records


def test_a_file_that_is_here_is_taken_and_named(tmp_path, said):
    file = tmp_path / "mine.yaml"
    file.touch()
    assert find_remembered(str(file)) == str(file)
    assert f"taking {file}, which the model was trained on" in said.text


@pytest.mark.parametrize(
    "data", ["coco-pose.yaml", "coco-pose", "/elsewhere/coco-pose.yaml", r"C:\sets\coco-pose.yaml"]
)
def test_a_built_in_set_is_found_by_its_name_wherever_it_was(data, said):
    assert str(find_remembered(data)).startswith("coco-pose")


@pytest.mark.parametrize("data", ["mine.yaml", "/elsewhere/mine.yaml"])
def test_what_is_not_here_is_not_taken(data, said):
    assert find_remembered(data) is None
    assert f"trained on {data}, which is not here" in said.text
