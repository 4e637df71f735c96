"""``posekit val``: the table, what is written, one line for a mistake."""

import pytest
import yaml

from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset


@pytest.fixture
def people(tmp_path):
    return write_yolo_dataset(tmp_path / "people", train=1, val=4, settings=SceneSettings(size=(96, 128)))


def test_it_prints_the_table(weights, people, posekit_command):
    done = posekit_command(
        "val", "pose", f"model={weights()}", f"data={people}", "device=cpu", "batch=1", "plots=False"
    )
    assert done.returncode == 0, done.stderr
    assert "Pose(P" in done.stdout
    assert "all          4" in done.stdout


def test_figures_are_drawn_unless_told_otherwise(weights, people, folder, posekit_command):
    done = posekit_command("pose", "val", f"model={weights()}", f"data={people}")
    assert "Results saved to runs/pose/val" in done.stdout
    assert (folder / "runs/pose/val/PosePR_curve.png").is_file()


def test_without_data_the_one_remembered_by_the_model_is_taken(people, weights, tmp_path, posekit_command):
    from posekit import YOLO

    model = YOLO(weights())
    model.loaded.settings["data"] = str(people)
    model.save(tmp_path / "trained.pt")
    done = posekit_command("pose", "val", f"model={tmp_path / 'trained.pt'}", "plots=False")
    assert "all          4" in done.stdout


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"kpt_shape": None}, "No `kpt_shape` in the "),
        ({"download": "bash get.sh", "val": "elsewhere"}, "bash get.sh"),
    ],
)
def test_a_wrong_data_set_is_one_line_of_what_is_wrong(change, text, weights, people, folder, posekit_command):
    content = {key: value for key, value in (yaml.safe_load(people.read_text()) | change).items() if value is not None}
    people.write_text(yaml.safe_dump(content))
    done = posekit_command("pose", "val", f"model={weights()}", f"data={people}")
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if not line.startswith("WARNING")]
    assert len(errors) == 1
    assert text in errors[0]
    assert not (folder / "runs").exists()


def test_a_typo_is_told_before_anything_is_loaded(posekit_command):
    done = posekit_command("pose", "val", "model=missing.pt", "splt=test")
    assert done.returncode == 2
    assert "split" in done.stderr
