"""Written data sets: what is read back is what was made."""

import contextlib
import io
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
import yaml

from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import VAL_OFFSET, mask_polygons, write_coco_dataset, write_yolo_dataset
from posekit.data.figures.scene import make_scene
from posekit.errors import OutputError, SettingError
from posekit.schema.schema import COCO_PERSON, KeypointSchema

SMALL = SceneSettings(size=(120, 160))
WRITERS = [write_yolo_dataset, write_coco_dataset]


# pycocotools' compiled decoder predates NumPy 2's copy keyword.
old_decoder = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def load_coco(path):
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def test_yolo_labels_read_back_as_made(tmp_path):
    write_yolo_dataset(tmp_path / "set", train=6, val=3, seed=5, settings=SMALL)
    for split, count, first in (("train", 6, 5), ("val", 3, 5 + VAL_OFFSET)):
        for number in range(count):
            sample = make_scene(first + number, SMALL)
            text = (tmp_path / f"set/labels/{split}/{number + 1:06d}.txt").read_text(encoding="utf-8")
            rows = np.array([line.split() for line in text.splitlines()], float).reshape(-1, 5 + 51)
            centre, extent = rows[:, 1:3] * (160, 120), rows[:, 3:5] * (160, 120)
            boxes = np.concatenate([centre - extent / 2, centre + extent / 2], 1)
            np.testing.assert_allclose(boxes, sample.boxes, atol=1e-3)
            points = rows[:, 5:].reshape(-1, 17, 3) * (160, 120, 1)
            np.testing.assert_allclose(points, sample.keypoints, atol=1e-3)
            assert not rows[:, 0].any()


def test_yolo_pictures_are_the_scenes(tmp_path):
    write_yolo_dataset(tmp_path / "set", train=2, val=1, settings=SMALL)
    picture = cv2.imread(str(tmp_path / "set/images/train/000002.jpg"))
    difference = np.abs(picture.astype(float) - make_scene(1, SMALL).image).mean()
    assert difference < 6
    assert sorted(p.name for p in (tmp_path / "set/images/val").iterdir()) == ["000001.jpg"]


def test_data_yaml_describes_the_schema_and_the_folders(tmp_path):
    path = write_yolo_dataset(tmp_path / "set", train=1, val=1, settings=SMALL)
    assert path == tmp_path / "set" / "data.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert content["names"] == {0: "person"}
    assert KeypointSchema.from_dict(content | {"flip_idx_ud": COCO_PERSON.flip_idx_ud}) == COCO_PERSON
    for split in ("train", "val"):
        assert (path.parent / content["path"] / content[split]).is_dir()


@old_decoder
def test_coco_file_loads_and_its_masks_are_the_scenes_masks(tmp_path):
    write_coco_dataset(tmp_path / "set", train=8, val=2, seed=3, settings=SMALL)
    coco = load_coco(tmp_path / "set/annotations/person_keypoints_train.json")
    assert coco.loadCats(1)[0]["keypoints"] == list(COCO_PERSON.names)
    for image_id in coco.getImgIds():
        sample = make_scene(3 + image_id - 1, SMALL)
        annotations = coco.loadAnns(coco.getAnnIds(image_id))
        assert len(annotations) == len(sample.boxes)
        assert (tmp_path / "set/images/train" / coco.loadImgs(image_id)[0]["file_name"]).is_file()
        for index, annotation in enumerate(annotations):
            x, y, width, height = annotation["bbox"]
            assert [x, y, x + width, y + height] == sample.boxes[index].tolist()
            assert annotation["area"] == sample.masks[index].sum()
            points = np.reshape(annotation["keypoints"], (17, 3))
            np.testing.assert_allclose(points, sample.keypoints[index], atol=0.006)
            assert annotation["num_keypoints"] == (points[:, 2] > 0).sum()
            assert np.array_equal(coco.annToMask(annotation).astype(bool), sample.masks[index])


def test_coco_skeleton_counts_from_one(tmp_path):
    write_coco_dataset(tmp_path / "set", train=0, val=1, settings=SMALL)
    content = json.loads((tmp_path / "set/annotations/person_keypoints_val.json").read_text(encoding="utf-8"))
    assert np.array_equal(np.array(content["categories"][0]["skeleton"]) - 1, COCO_PERSON.skeleton)


@old_decoder
def test_polygons_of_a_mask_with_holes_and_islands_fill_to_the_mask():
    from pycocotools import mask as coco_mask

    mask = np.zeros((40, 50), np.bool_)
    mask[5:30, 5:30] = True
    mask[10:20, 10:14] = False
    mask[22:25, 20:27] = False
    mask[35, 40] = True
    mask[0, :3] = True
    filled = coco_mask.decode(
        coco_mask.merge(coco_mask.frPyObjects([part.ravel().tolist() for part in mask_polygons(mask)], 40, 50))
    )
    assert np.array_equal(filled.astype(bool), mask)
    assert mask_polygons(np.zeros((4, 4), np.bool_)) == []


@pytest.mark.parametrize("write", WRITERS)
def test_a_folder_that_holds_something_is_refused_and_untouched(tmp_path, write):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="new or an empty folder"):
        write(tmp_path, train=1, val=1, settings=SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("write", WRITERS)
def test_an_empty_folder_is_filled_and_nothing_is_left_beside_it(tmp_path, write):
    (tmp_path / "set").mkdir()
    write(tmp_path / "set", train=1, val=1, settings=SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize("write", WRITERS)
def test_a_failed_write_leaves_nothing(tmp_path, write):
    with pytest.raises(SettingError, match="val=-1"):
        write(tmp_path / "set", train=1, val=-1, settings=SMALL)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", WRITERS)
def test_a_place_that_cannot_be_written_is_told(tmp_path, write):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file.people cannot be written \(Not a directory\)"):
        write(tmp_path / "file" / "people", train=1, val=0)


def test_a_full_disk_leaves_nothing(tmp_path):
    code = (
        "import resource, signal, sys\n"
        "from posekit.data.figures import write_yolo_dataset\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\n"
        "write_yolo_dataset(sys.argv[1], train=1, val=0)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "people"], capture_output=True, text=True)
    assert "people cannot be written (File too large)" in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_the_folder_that_one_is_in_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match="is the folder you are in"):
        write_yolo_dataset(".", train=1, val=0)
