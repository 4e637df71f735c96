"""COCO files as splits: which file is which split, where its pictures lie, and its labels."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.coco.coco_files import BIRD, POINTS, content, entry, picture, write
from posekit.data.coco.split import coco_file_keys, coco_folder_keys, find_truth, read_coco_split, split_of
from posekit.data.find_pictures import PictureSearch
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


def test_keypoint_tasks_need_keypoints(read):
    with pytest.raises(DatasetError, match="no category has keypoints, which the task pose needs"):
        read(entry(keypoints=...), categories=[{"id": 1, "name": "box"}])


def test_a_split_needs_a_file():
    with pytest.raises(DatasetError, match="names no COCO JSON"):
        read_coco_split([])


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("person_keypoints_train2017.json", "train"),
        ("instances_val2017.json", "val"),
        ("my_valid.json", "val"),
        ("coco-test-dev.json", "test"),
        ("valid/_annotations.coco.json", "val"),
        ("instances_default.json", "default"),
        ("latest.json", "latest"),
    ],
)
def test_the_split_is_told_by_the_name(name, split):
    assert split_of(Path("x") / name) == split


@pytest.fixture
def make_files(tmp_path):
    """Return a function that makes empty files below a folder, and returns the folder."""

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return make


def splits(folder, task="pose"):
    keys = coco_folder_keys(folder, task)
    assert keys.pop("path") == str(folder)
    return keys


def test_a_file_in_each_split_folder(make_files):
    made = make_files("train/_annotations.coco.json", "valid/_annotations.coco.json", "test/_annotations.coco.json")
    assert splits(made) == {split: f"{name}/_annotations.coco.json" for split, name in
                            (("train", "train"), ("val", "valid"), ("test", "test"))}  # fmt: skip


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_words_for_the_validation_folder(make_files, name):
    assert splits(make_files(f"{name}/_annotations.coco.json")) == {"val": f"{name}/_annotations.coco.json"}


FILES_OF_COCO = [
    f"annotations/{kind}_{split}2017.json"
    for kind in ("person_keypoints", "instances", "captions")
    for split in ("train", "val")
]


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        ("pose", "person_keypoints"),
        ("multitask", "person_keypoints"),
        ("segment", "instances"),
        ("detect", "instances"),
    ],
)
def test_the_folder_of_coco_by_task(make_files, task, kind):
    made = make_files(*FILES_OF_COCO, "annotations/image_info_test2017.json", "images/a.jpg")
    assert splits(made, task) == {split: f"annotations/{kind}_{split}2017.json" for split in ("train", "val")}


@pytest.mark.parametrize(
    "name", ["ap10k-val-split1.json", "val.json", "Valid_set.json", "person_keypoints_minival.json"]
)
def test_names_of_files_tell_the_split(make_files, name):
    assert splits(make_files(f"annotations/{name}")) == {"val": f"annotations/{name}"}


@pytest.mark.parametrize("name", ["all.json", "training_is_fun.json", "trainval.json", "interval.json"])
def test_one_file_without_a_split_in_its_name_serves_for_both(make_files, name):
    assert splits(make_files(f"annotations/{name}")) == dict.fromkeys(("train", "val"), f"annotations/{name}")


def test_files_in_the_folder_itself(make_files):
    assert splits(make_files("labels_train.json", "labels_test.json")) == {
        "train": "labels_train.json",
        "test": "labels_test.json",
    }


def test_several_files_for_a_split_are_not_guessed_among(make_files):
    made = make_files("annotations/a_val.json", "annotations/b_val.json")
    with pytest.raises(DatasetError, match=r"could be the split val \(a_val.json, b_val.json\): name one .* data=FILE"):
        coco_folder_keys(made, "pose")


def test_a_folder_without_json_is_none(make_files):
    assert coco_folder_keys(make_files("images/a.jpg", "labels/a.txt"), "pose") is None


def test_a_file_serves_as_train_and_val(make_files):
    path = make_files("set/people.json") / "set" / "people.json"
    assert coco_file_keys(path) == {"path": str(path.parent), "train": "people.json", "val": "people.json"}


PICTURES = ["1.jpg", "2.jpg"]


@pytest.fixture
def data_root(tmp_path):
    """A data set with a picture folder for each split."""
    for folder in ("images/train2017", "images/val2017", "annotations"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def write_truth(path, names=PICTURES, keypoints=True):
    annotation = {"id": 1, "image_id": 0, "bbox": [1, 2, 3, 4]} | ({"keypoints": [1, 2, 2]} if keypoints else {})
    images = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    path.write_text(json.dumps({"images": images, "annotations": [annotation]}))
    return path


def find(data_root, split="val", task="pose", folder="images/val2017", pictures=PICTURES):
    names = [str(data_root / folder / name) for name in pictures]
    return find_truth(names, root=data_root, places=[data_root / folder], split=split, task=task)


@pytest.mark.parametrize(
    "place",
    [
        "annotations/person_keypoints_val2017.json", "person_keypoints.json", "instances_val.json", "annotations.json",
        "images/val2017/_annotations.coco.json", "images/annotations/keypoints.json",
    ],
)  # fmt: skip
def test_the_usual_places_and_names_are_looked_at(data_root, place):
    (data_root / place).parent.mkdir(parents=True, exist_ok=True)
    truth = write_truth(data_root / place)
    assert find(data_root) == truth


def test_a_folder_beside_the_pictures_counts_below_and_outside_the_root(data_root):
    truth = write_truth(data_root / "images" / "keypoints.json")
    pictures, places = [str(data_root / "1.jpg")], [data_root / "images/val2017"]
    found = find_truth(pictures, root=data_root / "annotations", places=places, split="val", task="pose")
    assert found == truth


@pytest.mark.parametrize(
    "name", ["person_keypoints_train2017.json", "instances_test.json", "captions.json", "val.json"]
)
def test_files_of_another_split_or_kind_are_passed_over(data_root, name):
    write_truth(data_root / "annotations" / name)
    assert find(data_root) is None


def test_a_file_must_name_all_pictures(data_root):
    write_truth(data_root / "keypoints.json", PICTURES[:1])
    assert find(data_root) is None
    truth = write_truth(data_root / "annotations" / "keypoints.json", ["val2017/2.jpg", "http://x/1.jpg", "3.jpg"])
    assert find(data_root) == truth
    assert find(data_root, pictures=[*PICTURES, "4.jpg"]) is None


def test_tasks_with_keypoints_need_them_in_the_file(data_root):
    truth = write_truth(data_root / "annotations" / "instances_val2017.json", keypoints=False)
    assert find(data_root) is None
    assert find(data_root, task="detect") == truth


def test_the_kind_that_fits_the_task_comes_first(data_root):
    instances = write_truth(data_root / "annotations" / "instances_val2017.json")
    keypoints = write_truth(data_root / "annotations" / "person_keypoints_val2017.json")
    assert find(data_root, task="pose") == keypoints
    assert find(data_root, task="segment") == instances


def test_the_file_named_like_the_folder_comes_first(data_root):
    write_truth(data_root / "keypoints.json")
    write_truth(data_root / "annotations" / "keypoints_val.json")
    truth = write_truth(data_root / "annotations" / "keypoints_val2017.json")
    assert find(data_root) == truth


def test_the_validation_split_has_other_names(data_root):
    truth = write_truth(data_root / "annotations" / "person_keypoints_minival2014.json")
    assert find(data_root) == truth
    assert find(data_root, split="train", folder="images/train2017") is None


def test_names_may_be_written_with_escapes(data_root):
    truth = write_truth(data_root / "keypoints.json", ['sub/é "1".jpg', "2.jpg"])
    assert find(data_root, pictures=['é "1".jpg', "2.jpg"]) == truth


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"annotations": [], "keypoints": 1, "file_name": "\\ud8"}', b"\xff" * 50]
)
def test_damaged_files_are_passed_over(data_root, content):
    (data_root / "keypoints.json").write_bytes(content)
    assert find(data_root) is None


PLACES = {
    "beside the file": ("set/x.json", "set/a.png", "a.png"),
    "in the folder above": ("set/annotations/x.json", "set/a.png", "a.png"),
    "in images": ("set/x.json", "set/images/a.png", "a.png"),
    "in images above": ("set/annotations/x.json", "set/images/a.png", "a.png"),
    "in the folder of the split": ("set/annotations/person_keypoints_val2017.json", "set/val2017/a.png", "a.png"),
    "in images of the split": ("set/annotations/instances_val2017.json", "set/images/val2017/a.png", "a.png"),
    "split without year": ("set/annotations/person_keypoints_val2017.json", "set/images/val/a.png", "a.png"),
    "split at the end of the name": ("set/annotations/hands_train.json", "set/train/a.png", "a.png"),
    "with folders": ("set/x.json", "set/images/b/c/a.png", "b/c/a.png"),
    "with more folders than there are": ("set/x.json", "set/b/a.png", "Whole/images/b/a.png"),
    "only the name": ("set/x.json", "set/a.png", "C:/data/images/a.png"),
    "one folder up": ("set/labels/x.json", "set/pictures/a.png", "../pictures/a.png"),
}


@pytest.mark.parametrize("place", PLACES)
def test_pictures_are_found(place, tmp_path):
    json_name, picture_name, named = PLACES[place]
    path = picture(tmp_path / picture_name)
    found = PictureSearch(tmp_path / json_name).find(named)
    assert found is not None
    assert found.samefile(path)
    assert found.is_absolute()


def test_folders_that_are_named_go_first(tmp_path):
    picture(tmp_path / "set" / "a.png")
    mine = picture(tmp_path / "mine" / "a.png")
    assert PictureSearch(tmp_path / "set" / "x.json", [tmp_path / "mine"]).find("a.png") == mine


def test_the_full_name_goes_before_a_shorter_one(tmp_path):
    for name in ("a.png", "e.png", "c/a.png"):
        picture(tmp_path / name)
    inner = picture(tmp_path / "images" / "b" / "a.png")
    search = PictureSearch(tmp_path / "x.json")
    assert search.find("c/e.png") == tmp_path / "e.png"
    assert search.find("c/a.png") == tmp_path / "c" / "a.png"
    assert search.find("b/a.png") == inner


def test_pictures_of_the_same_name_in_different_folders_are_told_apart(tmp_path):
    paths = [picture(tmp_path / folder / "a.png") for folder in "bcd"]
    search = PictureSearch(tmp_path / "x.json")
    assert [search.find(f"Set/{folder}/a.png") for folder in "bcd"] == paths


@pytest.mark.parametrize("name", ["b.png", "\0", "\ud800.png", "x" * 5000, "a.png/b.png", "/", "..", "."])
def test_what_is_not_there_is_not_found(name, tmp_path):
    picture(tmp_path / "a.png")
    assert PictureSearch(tmp_path / "x.json").find(name) is None
