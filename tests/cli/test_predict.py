import os

import pytest

SMALL = ("source=figures:2", "imgsz=64")


@pytest.fixture
def default_model(folder):
    """Untrained weights under the name that a pose command takes by default."""
    from posekit.api import YOLO

    path = folder / "yolo26n-pose.pt"
    YOLO("yolo26n-pose.yaml").save(path)
    return path


def test_drawn_pictures_are_saved_and_the_last_line_says_where(posekit_command, folder):
    done = posekit_command("pose", "predict", "model=yolov8n-pose.yaml", *SMALL)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("image 1/2 ")
    assert lines[-1].replace("\\", "/") == "Results saved to runs/pose/predict"
    assert len(list((folder / "runs" / "pose" / "predict").glob("*.jpg"))) == 2


def test_save_false_writes_nothing_and_verbose_false_says_nothing(posekit_command, folder):
    done = posekit_command("predict", "model=yolov8n-pose.yaml", "save=False", "verbose=False", *SMALL)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(folder.iterdir()) == []


def test_without_mode_and_model_the_defaults_are_named_in_warnings(posekit_command, folder):
    done = posekit_command("source=figures:2")
    assert done.returncode == 0
    warnings = done.stderr.splitlines()
    assert warnings[0].startswith("WARNING no mode given: taking predict")
    assert warnings[1].startswith("WARNING no model given: taking figures-pose.pt, which comes with posekit")
    assert "name a real one with model=FILE" in warnings[1]
    assert len(warnings) == 2


def test_without_a_model_drawn_people_are_found_offline(posekit_command, folder):
    done = posekit_command("predict", "source=figures:3", "save_txt=True")
    assert done.returncode == 0
    rows = [path.read_text().splitlines() for path in (folder / "runs" / "pose" / "predict" / "labels").glob("*.txt")]
    assert len(rows) == 3
    assert all(len(row.split()) == 1 + 4 + 17 * 3 for found in rows for row in found)


@pytest.mark.parametrize("task", ["detect", "segment"])
def test_without_a_model_other_tasks_take_their_published_one(posekit_command, folder, task):
    (folder / "other").mkdir()
    done = posekit_command(task, "predict", "source=other")
    assert f"no model given: taking yolo26n{'' if task == 'detect' else '-seg'}.pt" in done.stderr


def test_a_task_that_differs_from_the_models_is_one_warning(posekit_command, default_model):
    done = posekit_command("detect", "predict", f"model={default_model}", *SMALL)
    assert done.returncode == 0
    (warning,) = done.stderr.splitlines()
    assert warning.startswith("WARNING task=detect")


def test_settings_of_a_cfg_file_count(posekit_command, folder):
    lines = ("mode: predict", "model: yolov8n-pose.yaml", "source: figures:1", "imgsz: 64", "name: mine")
    (folder / "my.yaml").write_text("\n".join(lines))
    done = posekit_command("cfg=my.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "runs" / "pose" / "mine").is_dir()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["model=missing/weights.pt"], "missing/weights.pt"),
        (["model=yolov8n-pose.yaml", "source=missing.jpg"], "missing.jpg"),
        (["model=yolov9z-pose.yaml"], "yolov9z-pose.yaml"),
    ],
)
def test_a_missing_file_is_one_line_with_its_name(posekit_command, words, text):
    done = posekit_command("predict", *words)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("ERROR ")
    assert text in line.replace("\\", "/")


def test_names_that_the_terminal_cannot_show_do_no_harm(posekit_command, folder):
    import cv2
    import numpy as np

    picture = cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))[1].tobytes()
    for name in (b"\xe6\x97\xa5.jpg", b"bad\xff.jpg", b"color\x1b[31m.jpg"):
        (folder / os.fsdecode(name)).write_bytes(picture)
    done = posekit_command("predict", "model=yolov8n-pose.yaml", "source=.", "imgsz=64", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(": ")[0].rpartition("/")[2] for line in done.stdout.splitlines()[:3]] == [
        "bad\\udcff.jpg", "color\\x1b[31m.jpg", "\\u65e5.jpg",
    ]  # fmt: skip
