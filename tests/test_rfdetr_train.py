"""RF-DETR networks learn through the same doors as YOLO networks: commands, `YOLO`, and their own classes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import supervision as sv
import torch
import yaml

from posekit import YOLO
from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_coco_dataset, write_yolo_dataset
from posekit.engine.results_csv import read_results
from posekit.errors import SettingError
from posekit.models.rfdetr.model import RFDETRModel
from posekit.models.rfdetr.training import SETTINGS
from posekit.rfdetr import RFDETR
from posekit.tasks import PoseTrainer
from small_networks import SMALL, different, environment
from small_rfdetr import small_definition, small_model

SCENES = SceneSettings(size=(64, 64), people=(1, 2))
ONE = SceneSettings(size=(96, 96), people=(1, 1), body_height=(0.85, 1.0), clutter=(0, 1))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with the same scenes in three layouts: label files, COCO JSON, and one JSON beside each folder."""
    folder = tmp_path_factory.mktemp("data")
    write_yolo_dataset(folder / "labels", train=10, val=4, settings=SCENES)
    coco = write_coco_dataset(folder / "coco", train=10, val=4, settings=SCENES)
    for split, place in (("train", "train"), ("val", "valid")):
        shutil.copytree(coco / "images" / split, folder / "beside" / place)
        source = coco / "annotations" / f"person_keypoints_{split}.json"
        shutil.copy(source, folder / "beside" / place / "_annotations.coco.json")
    return folder


@pytest.fixture
def definition(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(small_definition()))
    return path


def command(*words, folder):
    return subprocess.run(
        [sys.executable, "-m", "posekit", *map(str, words)],
        cwd=folder, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_commands(definition, data, here):
    labels = data / "labels" / "data.yaml"
    small = ["batch=4", "device=cpu", "workers=0"]
    done = command("pose", "train", f"model={definition}", f"data={labels}", "epochs=2", *small, folder=here)
    assert done.returncode == 0, done.stderr
    folder = here / "runs/pose/train"
    rows = read_results(folder / "results.csv")
    assert [row["epoch"] for row in rows] == [1, 2]
    assert {"train/kpt_oks_loss", "val/giou_loss", "metrics/mAP50-95(P)"} <= rows[0].keys()
    settings = yaml.safe_load((folder / "args.yaml").read_text())
    assert {key: settings[key] for key in SETTINGS} == SETTINGS
    assert (settings["imgsz"], settings["multi_scale"]) == (64, 0.0)
    assert {"results.png", "train_batch0.jpg", "val_batch0_pred.jpg"} <= {path.name for path in folder.iterdir()}
    best = folder / "weights/best.pt"
    done = command("pose", "val", f"model={best}", f"data={labels}", "device=cpu", folder=here)
    assert done.returncode == 0, done.stderr
    assert "Pose(P" in done.stderr + done.stdout
    pictures = data / "labels/images/val"
    done = command(
        "predict", f"model={best}", f"source={pictures}", "conf=0.0", "device=cpu", "save_txt=true", folder=here
    )
    assert done.returncode == 0, done.stderr
    assert len(list((here / "runs/pose/predict/labels").glob("*.txt"))) == 4


def test_an_interrupted_run_goes_on_bit_for_bit(definition, data, here):
    settings = SMALL | {"data": str(data / "labels/data.yaml"), "fliplr": 0.5}
    torch.manual_seed(0)
    YOLO(definition).train(**settings, name="whole")

    class Interrupted(Exception):
        pass

    def interrupt(trainer):
        if trainer.epoch == 1:
            raise Interrupted

    model = YOLO(definition)
    model.add_callback("on_train_epoch_start", interrupt)
    with pytest.raises(Interrupted):
        model.train(**settings, name="parts")
    model = YOLO("runs/pose/parts/weights/last.pt")
    model.train(resume=True)
    whole, parts = (read_checkpoint(f"runs/pose/{name}/weights/last.pt").state for name in ("whole", "parts"))
    assert different(whole, parts) == []
    assert {"imgsz", "data"} <= model.loaded.settings.keys() <= {"imgsz", "data", "task", "single_cls"}


def test_all_layouts_of_the_same_scenes_give_the_same_losses(definition, data, here):
    places = {"labels": data / "labels/data.yaml", "coco": data / "coco", "beside": data / "beside"}
    losses = {}
    for name, place in places.items():
        YOLO(definition).train(data=str(place), **(SMALL | {"epochs": 1, "name": name, "random_crop": 0.5}))
        (row,) = read_results(f"runs/pose/{name}/results.csv")
        losses[name] = {key: value for key, value in row.items() if key.startswith(("train/", "val/"))}
    assert losses["coco"] == losses["beside"]
    assert losses["labels"] == pytest.approx(losses["coco"], rel=2e-3)  # label files round to six digits of the side


def test_two_processes_train_together(definition, data, here):
    metrics = YOLO(definition).train(data=str(data / "labels/data.yaml"), **(SMALL | {"device": "cpu,cpu"}))
    assert metrics.seen == 4
    assert [row["epoch"] for row in read_results("runs/pose/train/results.csv")] == [1, 2]


def test_two_pictures_are_learned_by_heart(tmp_path, here):
    definition = tmp_path / "small.yaml"
    definition.write_text(yaml.safe_dump(small_definition(resolution=96, position_grid=6)))
    description = write_yolo_dataset(tmp_path / "two", train=2, val=1, settings=ONE)
    content = yaml.safe_load(description.read_text()) | {"val": "images/train"}
    description.write_text(yaml.safe_dump(content))
    settings = {"batch": 2, "nbs": 2, "lr0": 0.002, "multi_scale": 0.0, "random_crop": 0.0, "fliplr": 0.0}
    metrics = YOLO(definition).train(
        data=str(description), **(SMALL | settings | {"imgsz": 96, "epochs": 200, "val": False, "save": False})
    )
    assert metrics.pose.map > 0.95
    rows = read_results("runs/pose/train/results.csv")
    assert rows[-1]["train/kpt_oks_loss"] < 0.3 * rows[0]["train/kpt_oks_loss"]


def test_detection_weights_start_a_pose_network(definition, data, here, tmp_path):
    detector = small_model(keypoints=0)
    RFDETR(detector, device="cpu").save(tmp_path / "detector.pt")
    still = {"lr0": 0.0, "weight_decay": 0.0, "pretrained": str(tmp_path / "detector.pt")}
    definition.write_text(yaml.safe_dump(small_definition(encoder_depth=12, taps=[3, 6, 9, 12])))
    model = YOLO(definition)
    model.train(data=str(data / "labels/data.yaml"), **(SMALL | still | {"epochs": 1}))
    name = "transformer.decoder.layers.0.linear1.weight"
    trained = model.model.get_parameter(name)
    assert torch.equal(trained, detector.network.get_parameter(name).half().float())


def test_their_own_class_trains_and_measures(data, here):
    model = RFDETR(small_model(keypoints=17), device="cpu")
    before = model.model
    metrics = model.train(
        dataset_dir=str(data / "beside"), epochs=1, batch_size=2, grad_accum_steps=3, lr=1e-3, num_workers=0,
        output_dir="mine", device="cpu", plots=False, verbose=False,
    )  # fmt: skip
    settings = yaml.safe_load(Path("mine/args.yaml").read_text())
    assert [settings[key] for key in ("batch", "nbs", "lr0", "workers")] == [2, 6, 1e-3, 0]
    assert isinstance(model.model, RFDETRModel)
    assert model.model is not before
    again = model.val(data=str(data / "beside"), plots=False, verbose=False)
    assert again.results_dict == pytest.approx(metrics.results_dict, abs=1e-6)
    picture = next((data / "beside/valid").glob("*.jpg"))
    assert isinstance(model.predict(str(picture), threshold=0.0), sv.Detections)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lr": 0.1, "lr0": 0.1}, "lr and lr0 are two names"),
        ({"grad_accum_steps": 0}, "grad_accum_steps=0 must be"),
    ],
)
def test_wrong_arguments_are_told(arguments, message, here):
    with pytest.raises(SettingError, match=message):
        RFDETR(small_model(), device="cpu").train(dataset_dir="nowhere", **arguments)


def test_other_keypoints_than_those_of_the_file_are_learned_anew(definition, tmp_path, here, data):
    content = json.loads((data / "coco/annotations/person_keypoints_train.json").read_text())
    for category in content["categories"]:
        category["keypoints"], category["skeleton"] = category["keypoints"][:5], []
    for annotation in content["annotations"]:
        annotation["keypoints"] = annotation["keypoints"][:15]
    folder = tmp_path / "five"
    shutil.copytree(data / "coco/images/train", folder / "train")
    (folder / "train/_annotations.coco.json").write_text(json.dumps(content))
    shutil.copytree(folder / "train", folder / "valid")
    model = YOLO(definition)
    model.train(data=str(folder), **(SMALL | {"epochs": 1}))
    assert model.loaded.layout.keypoints == 5
    assert model.loaded.schema.names == tuple(content["categories"][0]["keypoints"])


def test_the_trainer_class_that_people_import_takes_them(definition, data, here):
    trainer = PoseTrainer(overrides=SMALL | {"model": str(definition), "data": str(data / "coco"), "epochs": 1})
    metrics = trainer.train()
    assert trainer.args.optimizer == "AdamW"
    assert metrics.seen == 4


def test_detectors_learn_boxes_alone(definition, data, here):
    definition.write_text(yaml.safe_dump(small_definition(size="rf-detr-nano")))
    metrics = YOLO(definition).train(data=str(data / "coco"), **(SMALL | {"epochs": 1}))
    assert metrics.seen == 4
    (row,) = read_results("runs/detect/train/results.csv")
    assert [key for key in row if key.startswith("train/")] == ["train/cls_loss", "train/box_loss", "train/giou_loss"]
