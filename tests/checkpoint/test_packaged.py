import pytest

from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.checkpoint.weights import FIGURES_POSE, packaged_weights


@pytest.mark.parametrize("name", [FIGURES_POSE, "figures-pose"])
def test_the_network_of_the_package_is_found_by_its_name(name):
    assert packaged_weights(name).is_file()


@pytest.mark.parametrize("name", ["yolo11n-pose.pt", "weights/figures-pose.pt", "figures-pose.safetensors"])
def test_other_names_are_not_of_the_package(name):
    assert packaged_weights(name) is None


def test_the_file_says_what_it_is_and_is_ours_to_give():
    checkpoint = read_checkpoint(packaged_weights(FIGURES_POSE))
    assert (checkpoint.task, checkpoint.license, checkpoint.names) == ("pose", "Apache-2.0", {0: "person"})
    assert checkpoint.schema.shape == (17, 3)
    assert checkpoint.settings == {"imgsz": 160, "data": "figures", "task": "pose"}


def test_the_card_gives_the_scores_that_the_file_holds():
    path = packaged_weights(FIGURES_POSE)
    metrics, card = read_checkpoint(path).metrics, path.with_suffix(".md").read_text(encoding="utf-8")
    for key in ("mAP50-95(B)", "mAP50(B)", "mAP50-95(P)", "mAP50(P)"):
        assert f"{metrics[f'metrics/{key}']:.3f}" in card


def test_a_file_of_that_name_in_the_current_folder_comes_first(tmp_path, monkeypatch):
    from posekit.checkpoint.weights import locate_weights

    monkeypatch.chdir(tmp_path)
    assert locate_weights(FIGURES_POSE, weights_dir=tmp_path / "none") == packaged_weights(FIGURES_POSE)
    (tmp_path / FIGURES_POSE).touch()
    assert locate_weights(FIGURES_POSE, weights_dir=tmp_path / "none").resolve() == (tmp_path / FIGURES_POSE).resolve()
