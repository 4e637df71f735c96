import logging

import pytest
import yaml

from posekit.data.dataset import read_description, require_split
from posekit.errors import DatasetError, DatasetTypeError
from posekit.schema.schema import COCO_PERSON

SMALL = {"train": 2, "val": 1, "imgsz": 64, "seed": 5}


@pytest.fixture
def read(here, tmp_path):
    """Return a function that reads a YAML with the given figures."""

    def describe(figures, task="pose", **more):
        (here / "f.yaml").write_text(yaml.safe_dump({"figures": figures} | more))
        return read_description("f.yaml", task=task, datasets_dir=tmp_path / "sets")

    return describe


def test_scenes_are_drawn_once(read, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    folder = tmp_path / "sets" / "figures-train2-val1-imgsz64-seed5"
    for _ in range(2):
        description = read(SMALL)
    assert description.source == "f.yaml"
    assert description.names == {0: "person"}
    assert description.schema == COCO_PERSON or description.schema.names == COCO_PERSON.names
    assert require_split(description, "train") == (folder / "images" / "train",)
    assert [len(list((folder / "images" / split).iterdir())) for split in ("train", "val")] == [2, 1]
    assert caplog.messages == [f"drawing 3 scenes into {folder}"]


def test_other_settings_are_another_set(read, tmp_path):
    read(SMALL)
    read(SMALL | {"seed": 6})
    assert len(list((tmp_path / "sets").iterdir())) == 2


@pytest.mark.parametrize("task", ["segment", "multitask"])
def test_tasks_with_outlines_get_outlines(read, task):
    description = read(SMALL, task)
    (path,) = require_split(description, "val")
    assert path.name == "person_keypoints_val.json"
    assert description.names == {0: "person"}
    assert description.schema.flip_idx == COCO_PERSON.flip_idx
    assert description.schema.oks_sigmas == COCO_PERSON.oks_sigmas


@pytest.mark.parametrize(
    ("figures", "error", "message"),
    [
        (7, DatasetTypeError, "f.yaml: `figures` is 7, expected numbers such as"),
        ({"trian": 5}, DatasetError, "f.yaml: `figures` has no 'trian': did you mean train?"),
        ({5: 5}, DatasetError, "f.yaml: `figures` has no 5, expected train, val, imgsz, seed"),
        ({"train": "5"}, DatasetTypeError, "f.yaml: `figures.train` is '5', expected a whole number"),
        ({"train": 0}, DatasetError, "`figures.train` is 0, expected 1 to 100000"),
        ({"imgsz": 10**30}, DatasetError, "`figures.imgsz` is a huge whole number, expected 64 to 4096"),
    ],
)
def test_wrong_values_are_told(read, figures, error, message):
    with pytest.raises(error) as caught:
        read(figures)
    assert message in str(caught.value)


def test_figures_beside_another_set_are_refused(read):
    with pytest.raises(DatasetError, match="`train` and `figures` exclude each other"):
        read(SMALL, train="images")
