"""COCO files as a split: labels, counts, and pictures that do not fit."""

import numpy as np
import pytest
from PIL import Image

from data.coco.files import BIRD, POINTS, content, entry, picture, write
from posekit.data.coco.split import read_coco_split
from posekit.errors import DatasetError, DatasetNotFoundError


@pytest.fixture
def read(tmp_path):
    picture(tmp_path / "a.png")

    def read(*annotations, task="pose", **changes):
        return read_coco_split([write(tmp_path / "x.json", content(*annotations, **changes))], task=task)

    return read


def test_labels_are_fractions_of_the_picture(read, tmp_path):
    split = read(entry())
    (labels,) = split.pictures
    assert labels.path == str(tmp_path / "a.png")
    assert labels.size == (24, 32)
    assert labels.classes.tolist() == [0]
    assert labels.boxes.tolist() == [[12 / 32, 10.5 / 24, 20 / 32, 15 / 24]]
    assert labels.boxes.dtype == labels.keypoints.dtype == np.float32
    assert np.allclose(labels.keypoints, [[[4 / 32, 5 / 24, 2], [20 / 32, 8 / 24, 1], [0, 0, 0]]])
    assert labels.polygons is None
    assert split.truth == tmp_path / "x.json"
    assert (split.name, split.names, split.schema.shape) == ("val", {0: "bird"}, (3, 3))


def test_objects_without_labelled_keypoints_and_crowds_are_no_pose_labels_but_counted(read):
    unlabelled = entry(2, keypoints=[0] * 9)
    split = read(entry(), unlabelled, entry(3, keypoints=...), entry(4, iscrowd=1))
    assert split.report.objects == 1
    assert split.report.dropped == 3
    assert {problem.code: problem.objects for problem in split.report.problems} == {
        "no_labelled_keypoint": 2,
        "crowd": 1,
    }


@pytest.mark.parametrize(("task", "count"), [("detect", 3), ("segment", 3), ("multitask", 3), ("pose", 1)])
def test_other_tasks_keep_objects_without_labelled_keypoints(read, task, count):
    others = entry(2, bbox=[1, 1, 9, 9], keypoints=[0] * 9), entry(3, bbox=[1, 1, 2, 2], keypoints=...)
    split = read(entry(), *others, task=task)
    labels = split.pictures[0]
    assert len(labels) == count
    assert (labels.keypoints is None) == (task in ("detect", "segment"))
    assert (labels.polygons is None) == (task in ("detect", "pose"))
    assert labels.keypoints is None or labels.keypoints.shape == (count, 3, 3)


def test_box_and_outline_are_those_that_label_files_would_give(read):
    parts = [[4, 4, 8, 4, 8, 8, 4, 8], [16, 4, 20, 4, 20, 12, 16, 12]]
    labels = read(entry(segmentation=parts), entry(2), task="segment").pictures[0]
    outline, rectangle = labels.polygons
    assert len(outline) == 5 + 5  # both parts, each closed at the bridge
    assert labels.boxes[0].tolist() == pytest.approx([12 / 32, 8 / 24, 16 / 32, 8 / 24])
    assert np.allclose(rectangle * (32, 24), [[2, 3], [22, 3], [22, 18], [2, 18]])


def test_multitask_objects_may_lack_an_outline(read):
    labels = read(entry(), entry(2, segmentation=[[1, 1, 5, 1, 5, 5]]), task="multitask").pictures[0]
    assert [len(polygon) for polygon in labels.polygons] == [0, 3]


def test_repetitions_are_dropped_and_named(read):
    split = read(entry(), entry(2), entry(3, bbox=[1, 3, 20, 15]))
    assert [len(labels) for labels in split.pictures] == [2]
    (problem,) = split.report.problems
    assert (problem.code, problem.objects, problem.place) == ("duplicate_object", 1, "object 2 of a.png")


def test_what_reaches_outside_is_cut_at_the_edge(read):
    split = read(entry(bbox=[-10, -5, 20, 100], keypoints=[-9, 5, 2, 20, 8, 1, 31, 99, 2]))
    labels = split.pictures[0]
    assert labels.boxes.tolist() == [[5 / 32, 0.5, 10 / 32, 1]]
    assert labels.keypoints[0, [0, 2]].tolist() == [[0, 0, 0], [0, 0, 0]]
    assert labels.keypoints[0, 1, 2] == 1
    assert {problem.code for problem in split.report.problems} == {"cut_at_edge", "keypoint_outside"}


def test_a_hundredth_outside_is_left_as_it_is(read):
    split = read(entry(bbox=[-0.2, 0, 32.2, 24.1], keypoints=[32.3, 24.2, 2, *POINTS[3:]]))
    assert split.pictures[0].keypoints[0, 0].tolist() == pytest.approx([32.3 / 32, 24.2 / 24, 2])
    assert split.report.problems == ()


def test_an_object_wholly_outside_is_left_out_and_named(read):
    split = read(entry(), entry(2, bbox=[40, 0, 5, 5]), task="detect")
    assert split.report.objects == 1
    assert ("box_outside", 1) in [(problem.code, problem.objects) for problem in split.report.problems]


def test_an_object_whose_keypoints_are_all_outside_is_no_pose_label(read):
    split = read(entry(), entry(2, keypoints=[99, 5, 2, 0, 0, 0, 0, 0, 0]))
    assert split.report.objects == 1
    assert split.report.dropped == 1


def test_pictures_without_objects_are_background(read, tmp_path):
    picture(tmp_path / "b.png")
    images = [{"id": i, "file_name": f"{name}.png", "width": 32, "height": 24} for i, name in enumerate("ab", 1)]
    split = read(entry(keypoints=[0] * 9), images=images)
    assert [len(labels) for labels in split.pictures] == [0, 0]
    assert split.pictures[0].keypoints.shape == (0, 3, 3)
    assert (split.report.found, split.report.empty, split.report.corrupt) == (2, 1, 0)


def images_of(*names, height=24, width=32):
    return [{"id": i, "file_name": name, "height": height, "width": width} for i, name in enumerate(names, 1)]


def test_pictures_that_cannot_be_used_are_left_out_with_their_objects(read, tmp_path):
    (tmp_path / "b.png").write_bytes(b"no picture")
    picture(tmp_path / "c.png", 30, 40)
    images = images_of("a.png", "b.png", "c.png", "d.png")
    split = read(*(entry(i, image_id=image) for i, image in enumerate((1, 2, 3, 3, 4))), images=images)
    assert [labels.path for labels in split.pictures] == [str(tmp_path / "a.png")]
    found = {problem.place: (problem.code, problem.objects, problem.picture) for problem in split.report.problems}
    assert found == {
        "b.png": ("unreadable_picture", 1, True),
        "c.png": ("size_mismatch", 2, True),
        "d.png": ("picture_not_found", 1, True),
    }
    assert (split.report.corrupt, split.report.objects, split.report.dropped) == (3, 1, 4)


def test_a_picture_turned_by_exif_is_explained(read, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (32, 24)).save(tmp_path / "b.jpg", exif=exif)
    split = read(entry(), entry(2, image_id=2), images=images_of("a.png", "b.jpg"))
    (problem,) = split.report.problems
    assert problem.code == "size_mismatch"
    assert "EXIF" in problem.message
    assert "24 x 32 pixels" in problem.message
    turned = read(entry(), images=images_of("b.jpg", height=32, width=24))
    assert turned.pictures[0].size == (32, 24)


def test_when_no_picture_is_found_the_folders_are_named(tmp_path):
    path = write(tmp_path / "set" / "x.json", content(entry()))
    with pytest.raises(DatasetNotFoundError, match=r"none of its 1 pictures.*a\.png.*set") as caught:
        read_coco_split([path], image_dirs=[tmp_path / "elsewhere"])
    assert str(tmp_path / "elsewhere") in str(caught.value)


def test_several_files_make_one_split(tmp_path):
    paths = []
    for name in "ab":
        picture(tmp_path / f"{name}.png")
        paths.append(write(tmp_path / f"{name}.json", content(entry(), images=images_of(f"{name}.png"))))
    split = read_coco_split(paths, split_name="train")
    assert [labels.path for labels in split.pictures] == [str(tmp_path / f"{name}.png") for name in "ab"]
    assert (split.name, split.truth, split.report.objects) == ("train", None, 2)


@pytest.mark.parametrize(
    ("categories", "difference"),
    [([BIRD | {"name": "fish"}], "other classes"), ([BIRD | {"keypoints": ["a", "b", "c"]}], "other keypoints")],
)
def test_files_that_contradict_each_other_are_refused(categories, difference, tmp_path):
    picture(tmp_path / "a.png")
    first = write(tmp_path / "1.json", content(entry()))
    second = write(tmp_path / "2.json", content(entry(), categories=categories))
    with pytest.raises(DatasetError, match=rf"2\.json: has {difference} than .*1\.json"):
        read_coco_split([first, second])


def test_one_class_for_all(tmp_path):
    picture(tmp_path / "a.png")
    categories = [BIRD, {"id": 2, "name": "fish"}]
    path = write(tmp_path / "x.json", content(entry(), entry(2, category_id=2), categories=categories))
    split = read_coco_split([path], task="detect", single_cls=True)
    assert split.names == {0: "item"}
    assert split.pictures[0].classes.tolist() == [0, 0]


def test_keypoint_tasks_need_keypoints(read):
    with pytest.raises(DatasetError, match="no category has keypoints, which the task pose needs"):
        read(entry(keypoints=...), categories=[{"id": 1, "name": "box"}])


def test_a_split_needs_a_file():
    with pytest.raises(DatasetError, match="names no COCO JSON"):
        read_coco_split([])
