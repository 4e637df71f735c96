import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import posekit
from posekit.data.dataset import read_description
from posekit.data.description import KNOWN_KEYS, is_url, read_downloads
from posekit.data.find_dataset import builtin_keys, builtin_names
from posekit.schema.schema import COCO_PERSON

COCO_FLIP = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
HAND_FLIP = (0, 1, 2, 4, 3, 10, 11, 12, 13, 14, 5, 6, 7, 8, 9, 15, 16, 17, 18, 19, 20)
POSE_SETS = {
    "coco-pose": ((17, 3), COCO_FLIP, 1),
    "coco8-pose": ((17, 3), COCO_FLIP, 1),
    "coco8-multitask": ((17, 3), COCO_FLIP, 80),
    "hand-keypoints": ((21, 3), HAND_FLIP, 1),
    "tiger-pose": ((12, 2), tuple(range(12)), 1),
}
BOX_SETS = ("coco", "coco8", "coco8-seg", "coco128-seg")


def test_all_sets_are_there():
    assert set(builtin_names()) == {*POSE_SETS, *BOX_SETS, "dog-pose", "figures"}


@pytest.mark.parametrize("name", POSE_SETS)
def test_pose_sets_hold_the_published_facts(here, name):
    shape, flip, classes = POSE_SETS[name]
    description = read_description(name, task="pose")
    assert description.schema.shape == shape
    assert description.schema.flip_idx == flip
    assert len(description.names) == classes
    assert description.root == here / "datasets" / name


@pytest.mark.parametrize("name", ["coco-pose", "coco8-pose", "coco8-multitask"])
def test_people_of_coco_are_cocos(here, name):
    schema = read_description(name, task="pose").schema
    assert schema.names == COCO_PERSON.names
    assert schema.skeleton == COCO_PERSON.skeleton
    assert schema.oks_sigmas == COCO_PERSON.oks_sigmas


def test_only_people_have_keypoints_in_the_multitask_set(here):
    assert read_description("coco8-multitask", task="multitask").schema.classes == (0,)


@pytest.mark.parametrize("name", BOX_SETS)
def test_box_sets_have_the_classes_of_coco(here, name):
    names = read_description(name, task="segment").names
    assert len(set(names.values())) == 80
    assert (names[0], names[11], names[40], names[79]) == ("person", "stop sign", "wine glass", "toothbrush")


def test_dogs_get_their_mirror_map_from_the_names(here, caplog):
    schema = read_description("dog-pose", task="pose").schema
    assert "flip_idx" not in builtin_keys("dog-pose")
    assert schema.shape == (24, 3)
    assert schema.flip_idx[:3] == (6, 7, 8)
    assert schema.names[schema.flip_idx[20]] == "right_eye"
    assert caplog.messages == []


def test_hands_have_the_sigmas_of_coco_wholebody(here):
    schema = read_description("hand-keypoints", task="pose").schema
    assert schema.oks_sigmas[:3] == (0.029, 0.022, 0.035)
    assert schema.oks_sigmas[-1] == 0.031


@pytest.mark.parametrize("name", sorted({*POSE_SETS, *BOX_SETS, "dog-pose", "figures"}))
def test_their_keys_are_known_and_their_addresses_are_addresses(name):
    keys = builtin_keys(f"{name}.yaml")
    assert set(keys) <= set(KNOWN_KEYS)
    downloads = read_downloads(keys, name)
    assert all(is_url(entry) for entry in downloads)
    assert downloads or {"figures", "missing"} & set(keys)


def test_a_name_that_is_none():
    assert builtin_keys("coco9-pose") is None


def test_the_yamls_are_package_files():
    folder = Path(posekit.__file__).parent / "data" / "builtin"
    assert sorted(path.stem for path in folder.iterdir()) == builtin_names()


def test_they_are_read_from_a_zipped_package_too(tmp_path):
    """The package may lie where there are no files, only resources."""
    source = Path(posekit.__file__).parent
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        for path in source.rglob("*"):
            if path.suffix in (".py", ".yaml"):
                archive.write(path, path.relative_to(source.parent))
    code = "from posekit.data.find_dataset import builtin_keys; print(builtin_keys('coco8-pose')['path'])"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(tmp_path / "app.zip")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "coco8-pose"


def test_every_set_is_in_the_documentation():
    page = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")
    assert [name for name in builtin_names() if f"`{name}`" not in page] == []
