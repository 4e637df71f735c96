import re

import pytest

from posekit.checkpoint.weights import catalogue, published, similar_names


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
