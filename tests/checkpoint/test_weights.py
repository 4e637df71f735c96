"""Names of weights become files: catalogue, folders, package."""

import logging
import re

import pytest

from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.checkpoint.weights import (
    FIGURES_POSE,
    catalogue,
    locate_weights,
    packaged_weights,
    published,
    similar_names,
)
from posekit.errors import DownloadError, WeightsNotFoundError
from posekit.files.download import sha256_of, write_record


def test_every_family_scale_and_task_is_listed():
    names = set(catalogue())
    assert len(names) == 46 + 6
    assert {"yolov8n-pose", "yolov8x-pose-p6", "yolo11m-seg", "yolo26x-pose", "yolo11s"} <= names
    assert {"yolo11x-pose-p6", "yolov8n-cls"}.isdisjoint(names)


def test_entries_say_where_the_file_is_and_under_which_licence():
    for name, entry in catalogue().items():
        if name.startswith("yolo"):
            assert entry.url.startswith("https://github.com/")
            assert entry.url.endswith(f"/{name}.pt")
            assert entry.license == "AGPL-3.0"
            assert entry.sha256 is None or re.fullmatch("[0-9a-f]{64}", entry.sha256)
        else:
            assert entry.url.startswith("https://storage.googleapis.com/rfdetr/")
            assert entry.url.endswith(entry.suffix)
            assert entry.license == "Apache-2.0"
            assert re.fullmatch("[0-9a-f]{32}", entry.md5)


@pytest.mark.parametrize("name", ["yolo11n-pose", "yolo11n-pose.pt"])
def test_names_are_found_with_and_without_suffix(name):
    assert published(name).filename == "yolo11n-pose.pt"


def test_rfdetr_files_end_in_pth():
    assert published("rf-detr-nano").filename == "rf-detr-nano.pth"
    assert published("rf-detr-nano.pth") == published("rf-detr-nano")
    assert similar_names("rf-detr-nanno.pth")[0] == "rf-detr-nano.pth"


@pytest.mark.parametrize(
    "name", ["yolo11q-pose.pt", "weights/yolo11n-pose.pt", "yolo11n-pose.onnx", "rf-detr-nano.pt", ""]
)
def test_other_names_are_not_published(name):
    assert published(name) is None


@pytest.mark.parametrize("typo", ["yolov11n-pose.pt", "yolo11n_pose", "Yolo11n-Pose.pt"])
def test_typos_are_recognised(typo):
    assert "yolo11n-pose.pt" in similar_names(typo)


def test_foreign_names_resemble_nothing():
    assert similar_names("my-network.pt") == []


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A current folder and a weights folder; every proxy is a dead end, so nothing can be fetched."""
    here, weights = tmp_path / "here", tmp_path / "weights"
    here.mkdir()
    weights.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    return here, weights


def test_the_current_folder_comes_first(folders):
    here, weights = folders
    (here / "mine.pt").touch()
    (weights / "mine.pt").touch()
    assert locate_weights("mine.pt", weights_dir=weights).resolve() == here / "mine.pt"


def test_the_weights_folder_comes_second(folders):
    _, weights = folders
    (weights / "mine.pt").touch()
    assert locate_weights("mine.pt", weights_dir=weights) == weights / "mine.pt"


def test_a_known_name_needs_no_suffix(folders):
    _, weights = folders
    (weights / "yolo11n-pose.pt").touch()
    assert locate_weights("yolo11n-pose", weights_dir=weights) == weights / "yolo11n-pose.pt"


def test_a_path_is_taken_as_it_is(folders):
    here, weights = folders
    path = here / "runs" / "best.pt"
    path.parent.mkdir()
    path.touch()
    assert locate_weights(path, weights_dir=weights) == path
    assert str(locate_weights("runs/best.pt", weights_dir=weights)) == "runs/best.pt"


def test_a_missing_path_is_never_downloaded(folders, caplog):
    _, weights = folders
    with pytest.raises(WeightsNotFoundError, match=r"runs/yolo11n-pose\.pt does not exist"):
        locate_weights("runs/yolo11n-pose.pt", weights_dir=weights)
    assert caplog.records == []


@pytest.mark.parametrize("name", [".", "runs", "runs/pose"])
def test_a_folder_is_told_from_a_missing_file(folders, name):
    here, weights = folders
    (here / "runs" / "pose").mkdir(parents=True)
    with pytest.raises(WeightsNotFoundError, match="is not a file"):
        locate_weights(name, weights_dir=weights)


def test_what_cannot_be_looked_up_is_told(folders):
    _, weights = folders
    with pytest.raises(WeightsNotFoundError, match=r"cannot be looked up \(File name too long\)"):
        locate_weights("x" * 5000, weights_dir=weights)


def test_a_typo_is_answered_with_similar_names_and_the_places_searched(folders):
    here, weights = folders
    with pytest.raises(WeightsNotFoundError) as caught:
        locate_weights("yolov11n-pose.pt", weights_dir=weights)
    message = str(caught.value)
    assert "Did you mean yolo11n-pose.pt" in message
    assert str(here) in message
    assert str(weights) in message
    assert "\n" not in message


def test_an_unknown_name_says_so(folders):
    _, weights = folders
    with pytest.raises(WeightsNotFoundError, match="not the name of published weights either"):
        locate_weights("my-network.pt", weights_dir=weights)


@pytest.mark.parametrize("name", ["yolo26n-multitask", "rfdetr-pose-nano"])
@pytest.mark.parametrize("suffix", ["", ".pt"])
def test_networks_that_nobody_publishes_are_to_be_trained(folders, name, suffix):
    _, weights = folders
    with pytest.raises(WeightsNotFoundError, match=rf"nobody publishes weights for .*: train model={name}\.yaml"):
        locate_weights(name + suffix, weights_dir=weights)


def test_the_detector_of_the_same_size_is_named_where_there_is_one(folders):
    _, weights = folders
    with pytest.raises(WeightsNotFoundError, match=r"pretrained=rf-detr-medium\.pth"):
        locate_weights("rfdetr-pose-medium", weights_dir=weights)
    with pytest.raises(WeightsNotFoundError) as caught:
        locate_weights("rfdetr-pose-tiny", weights_dir=weights)
    assert "rfdetr-pose-tiny.yaml" not in str(caught.value)


def test_offline_says_where_to_put_the_file_and_names_the_licence(folders, caplog):
    _, weights = folders
    with caplog.at_level(logging.INFO, "posekit"), pytest.raises(WeightsNotFoundError) as caught:
        locate_weights("yolo11n-pose", weights_dir=weights)
    message = str(caught.value)
    assert "could not be downloaded" in message
    assert published("yolo11n-pose").url in message
    assert str(weights) in message
    assert "\n" not in message
    assert "AGPL-3.0" in caplog.text
    assert list(weights.iterdir()) == []


def test_a_downloaded_file_that_has_changed_is_noticed(folders):
    _, weights = folders
    path = weights / "yolo11n-pose.pt"
    path.write_bytes(b"downloaded")
    write_record(path, sha256_of(path), source="http://x", verified=False)
    assert locate_weights("yolo11n-pose.pt", weights_dir=weights) == path
    path.write_bytes(b"swapped")
    with pytest.raises(DownloadError, match="is not the file that was downloaded"):
        locate_weights("yolo11n-pose.pt", weights_dir=weights)


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
