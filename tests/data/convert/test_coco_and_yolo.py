"""COCO JSON and label files, both ways: the recorded texts, nothing changed but roundings, and nothing half done."""

import contextlib
import io
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.data.annotation import AnnotationSet, ObjectAnnotation, PictureAnnotation
from posekit.data.coco.read import read_coco
from posekit.data.coco.split import read_coco_split
from posekit.data.coco.write import write_coco
from posekit.data.convert.convert import convert_labels
from posekit.data.yolo.write import write_yolo
from posekit.errors import DatasetError, DatasetNotFoundError, OutputError, UnknownChoiceError
from posekit.schema.schema import KeypointSchema


def to_yolo(source, out, task="pose", **options):
    return convert_labels(source, out, task=task, **options).written


def to_coco(source, out, task="pose"):
    return convert_labels(source, out, task=task, to="coco", pictures="none").written


GOLDEN = Path(__file__).parents[2] / "golden" / "train" / "data_coco.npz"
MODES = {
    "box91": ("detect", "coco80"),
    "box_raw": ("detect", "id"),
    "segments": ("segment", "coco80"),
    "keypoints": ("pose", "coco80"),
}


def label_texts(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.txt"))
    }


@pytest.mark.parametrize("mode", MODES)
def test_label_files_are_the_recorded_texts(mode, tmp_path):
    with np.load(GOLDEN) as golden:
        source = tmp_path / "instances_val.json"
        source.write_text(str(golden["coco/json"]), encoding="utf-8")
        start = f"coco/{mode}/"
        wanted = {key.removeprefix(start): str(golden[key]) for key in golden.files if key.startswith(start)}
    task, numbers = MODES[mode]
    to_yolo(source, tmp_path / "out", task=task, class_numbers=numbers, pictures="none")
    assert label_texts(tmp_path / "out" / "labels" / "val") == wanted


def coco_set(folder, name="person_keypoints_val2017.json", pictures=("a.png",), **changes):
    """Write a COCO set of one object per picture."""
    images = []
    for number, picture in enumerate(pictures, 1):
        path = folder / "images" / picture
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((24, 32, 3), number, np.uint8))
        images.append({"id": number, "file_name": picture, "width": 32, "height": 24})
    annotations = [
        {"id": i, "image_id": i, "category_id": 1, "bbox": [2, 3, 20, 15], "keypoints": [4, 6, 2, 8, 12, 1]}
        for i in range(1, len(images) + 1)
    ]
    categories = [{"id": 1, "name": "hand", "keypoints": ["left", "right"], "skeleton": [[1, 2]]}]
    data = {"images": images, "annotations": annotations, "categories": categories} | changes
    path = folder / "annotations" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


ROW = "0 0.375 0.4375 0.625 0.625 0.125 0.25 2 0.25 0.5 1\n"


def test_a_data_set_with_pictures_labels_and_yaml_appears(tmp_path):
    written = to_yolo(coco_set(tmp_path / "coco"), tmp_path / "out")
    assert written.path == tmp_path / "out" / "data.yaml"
    assert (written.pictures, written.objects, written.left_out, written.problems) == (1, 1, 0, ())
    assert label_texts(tmp_path / "out") == {"labels/val/a.txt": ROW}
    assert yaml.safe_load(written.path.read_text(encoding="utf-8")) == {
        "path": ".",
        "train": "images/val",
        "val": "images/val",
        "names": {0: "hand"},
        "kpt_shape": [2, 3],
        "kpt_names": ["left", "right"],
        "skeleton": [[0, 1]],
        "flip_idx": [1, 0],
        "flip_idx_ud": [1, 0],
    }


def test_a_split_that_stands_in_for_another_is_told(tmp_path):
    written = to_yolo(coco_set(tmp_path / "coco"), tmp_path / "out")
    assert written.path.read_text(encoding="utf-8").startswith("# There was no split train: val stands in.")
    coco_set(tmp_path / "coco", "person_keypoints_train2017.json")
    written = to_yolo(tmp_path / "coco", tmp_path / "both")
    assert "#" not in written.path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("how", "same"), [("link", True), ("copy", False)])
def test_pictures_are_linked_or_copied(how, same, tmp_path):
    to_yolo(coco_set(tmp_path / "coco"), tmp_path / "out", pictures=how)
    source, target = tmp_path / "coco" / "images" / "a.png", tmp_path / "out" / "images" / "val" / "a.png"
    assert source.samefile(target) == same
    assert source.read_bytes() == target.read_bytes()


def test_a_symbolic_link_is_followed(tmp_path):
    path = coco_set(tmp_path / "coco")
    link = tmp_path / "coco" / "images" / "a.png"
    link.rename(tmp_path / "real.png")
    link.symlink_to(tmp_path / "real.png")
    to_yolo(path, tmp_path / "out")
    target = tmp_path / "out" / "images" / "val" / "a.png"
    assert not target.is_symlink()
    assert target.samefile(tmp_path / "real.png")


def test_without_pictures_none_need_exist(tmp_path):
    path = coco_set(tmp_path / "coco")
    (tmp_path / "coco" / "images" / "a.png").unlink()
    written = to_yolo(path, tmp_path / "out", pictures="none")
    assert written.objects == 1
    assert not (tmp_path / "out" / "images").exists()


def test_a_picture_that_is_missing_is_left_out_and_counted(tmp_path):
    path = coco_set(tmp_path / "coco", pictures=("a.png", "b.png"))
    (tmp_path / "coco" / "images" / "a.png").unlink()
    written = to_yolo(path, tmp_path / "out")
    assert (written.pictures, written.objects, written.left_out) == (1, 1, 1)
    assert written.problems[0].place == "a.png"


def test_names_that_would_leave_the_folder_or_clash_are_changed_and_told(tmp_path):
    names = ("sub/a.png", "sub/a.jpg", "../images/b.png", "images/c.png")
    path = coco_set(tmp_path / "coco", pictures=names)
    written = to_yolo(path, tmp_path / "out")
    assert list(label_texts(tmp_path / "out" / "labels" / "val")) == ["b.txt", "c.txt", "sub/a-2.txt", "sub/a.txt"]
    assert (tmp_path / "out" / "images" / "val" / "sub" / "a-2.jpg").is_file()
    assert [(problem.code, problem.place) for problem in written.problems] == [("renamed_picture", "sub/a.jpg")]


def test_pictures_that_yolo_folders_do_not_know_are_left_out_and_counted(tmp_path):
    path = coco_set(tmp_path / "coco", pictures=("a.png", "b.png"))
    data = json.loads(path.read_text(encoding="utf-8"))
    data["images"][1]["file_name"] = "b.xyz"
    (tmp_path / "coco" / "images" / "b.png").rename(tmp_path / "coco" / "images" / "b.xyz")
    path.write_text(json.dumps(data), encoding="utf-8")
    written = to_yolo(path, tmp_path / "out")
    assert (written.pictures, written.left_out) == (1, 1)
    assert [problem.code for problem in written.problems] == ["unknown_suffix"]


def test_multitask_rows_have_no_box_beside_an_outline(tmp_path):
    path = coco_set(tmp_path / "coco")
    data = json.loads(path.read_text(encoding="utf-8"))
    first = data["annotations"][0]
    data["categories"].append({"id": 2, "name": "stone"})
    outline = {"segmentation": [[8, 6, 16, 6, 16, 12]]}
    data["annotations"] += [first | outline, first | outline | {"category_id": 2, "keypoints": []}]
    path.write_text(json.dumps(data), encoding="utf-8")
    written = to_yolo(path, tmp_path / "out", task="multitask")
    assert label_texts(tmp_path / "out")["labels/val/a.txt"].splitlines() == [
        ROW.strip(),
        "0 0.125 0.25 2 0.25 0.5 1 0.25 0.25 0.5 0.25 0.5 0.5",
        "1 0.25 0.25 0.5 0.25 0.5 0.5",
    ]
    keys = yaml.safe_load(written.path.read_text(encoding="utf-8"))
    assert keys["layout"] == "keypoints_polygon"
    assert keys["kpt_names"] == {0: ["left", "right"]}


def test_nothing_appears_when_the_conversion_fails(tmp_path):
    path = coco_set(tmp_path / "coco", annotations=[], images=[])
    with pytest.raises(DatasetError, match="no picture to write"):
        to_yolo(path, tmp_path / "out")
    with pytest.raises(UnknownChoiceError, match="link, copy, none"):
        to_yolo(coco_set(tmp_path / "coco"), tmp_path / "out", pictures="move")
    with pytest.raises(UnknownChoiceError, match="rank, coco80, id"):
        to_yolo(coco_set(tmp_path / "coco"), tmp_path / "out", class_numbers="91")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    path = coco_set(tmp_path / "coco")
    with pytest.raises(OutputError, match="already holds something"):
        to_yolo(path, tmp_path / "coco")


def test_the_coco_files_of_a_folder_are_found(tmp_path):
    for split in ("train", "valid"):
        coco_set(tmp_path / "set" / split).rename(tmp_path / "set" / split / "_annotations.coco.json")
    written = to_yolo(tmp_path / "set", tmp_path / "out")
    assert written.pictures == 2
    assert sorted(path.name for path in (tmp_path / "out" / "images").iterdir()) == ["train", "val"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetNotFoundError, match="holds no JSON"):
        to_yolo(tmp_path / "empty", tmp_path / "out2", form="coco")
    with pytest.raises(DatasetNotFoundError, match="no such file or folder"):
        to_yolo(tmp_path / "nowhere", tmp_path / "out2")


def test_two_files_of_one_split_are_refused(tmp_path):
    coco_set(tmp_path / "set")
    coco_set(tmp_path / "set", "instances_val2017.json")
    with pytest.raises(DatasetError, match="two files would become the split val"):
        to_yolo(tmp_path / "set", tmp_path / "out")


SCHEMA = KeypointSchema(
    shape=(3, 3), names=("beak", "left wing", "right wing"), skeleton=((0, 1), (0, 2)), flip_idx=(0, 2, 1),
    flip_idx_ud=(0, 2, 1),
)  # fmt: skip
NAMES = {0: "bird", 1: "fish: it's", 2: "dog"}


@st.composite
def objects(draw, size):
    """An object whose keypoints and outline lie in a picture of (h, w)."""
    height, width = size

    def place(limit):
        return draw(st.integers(0, limit * 4)) / 4

    def corners():
        (x1, x2), (y1, y2) = (sorted((place(side - 1), place(side - 1))) for side in (width, height))
        return x1, y1, x2 + 1, y2 + 1

    keypoints = np.array([(place(width), place(height), draw(st.sampled_from((1, 2)))) for _ in range(3)], np.float64)
    for index in draw(st.sets(st.integers(0, 2), max_size=2)):
        keypoints[index] = 0
    parts = []
    for _ in range(draw(st.integers(0, 2))):
        x1, y1, x2, y2 = corners()
        parts.append(np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)]))
    label = draw(st.sampled_from(sorted(NAMES)))
    return ObjectAnnotation(label=label, box=corners(), keypoints=keypoints, parts=tuple(parts))


@st.composite
def annotation_sets(draw):
    """One to three pictures, named a.png and so on, with up to four objects each."""
    pictures = []
    for number in range(draw(st.integers(1, 3))):
        size = draw(st.tuples(st.integers(10, 90), st.integers(10, 90)))
        found = tuple(draw(st.lists(objects(size), max_size=4, unique_by=lambda found: (found.label, found.box))))
        name = f"{'abc'[number]}.png"
        pictures.append(PictureAnnotation(file_name=name, path=None, size=size, objects=found, image_id=number * 7))
    return AnnotationSet(names=NAMES, schema=SCHEMA, pictures=tuple(pictures))


# Label files have six significant digits, JSON files thousandths of a pixel.
PIXELS = 2e-3


def with_pictures(annotations, folder):
    """Return the annotations with a picture file each."""
    pictures = []
    for picture in annotations.pictures:
        path = folder / picture.file_name
        cv2.imwrite(str(path), np.zeros((*picture.size, 3), np.uint8))
        pictures.append(replace(picture, path=path))
    return replace(annotations, pictures=tuple(pictures))


def assert_same_objects(first, second, parts):
    assert [picture.size for picture in first.pictures] == [picture.size for picture in second.pictures]
    for picture, other in zip(first.pictures, second.pictures, strict=True):
        assert Path(picture.file_name).name == Path(other.file_name).name
        for mine, theirs in zip(picture.objects, other.objects, strict=True):
            assert mine.label == theirs.label
            assert np.allclose(mine.box, theirs.box, atol=PIXELS)
            assert np.allclose(mine.keypoints[:, :2], theirs.keypoints[:, :2], atol=PIXELS)
            assert np.array_equal(mine.keypoints[:, 2], theirs.keypoints[:, 2])
            for part, other_part in zip(mine.parts if parts else (), theirs.parts, strict=True):
                assert np.allclose(part, other_part, atol=PIXELS)


@given(annotation_sets())
@settings(max_examples=40)
def test_coco_json_gives_back_what_was_written(annotations):
    with tempfile.TemporaryDirectory() as folder:
        write_coco(annotations, Path(folder) / "x.json")
        back = read_coco(Path(folder) / "x.json", task="multitask", find_pictures=False)
    assert (back.names, back.schema) == (annotations.names, annotations.schema)
    assert [picture.image_id for picture in back.pictures] == [picture.image_id for picture in annotations.pictures]
    assert_same_objects(annotations, back, parts=True)
    assert back.problems == ()


@given(annotation_sets())
@settings(max_examples=30)
def test_coco_to_yolo_to_coco_keeps_everything(annotations):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        annotations = with_pictures(annotations, folder)
        write_coco(annotations, folder / "val.json")
        forth = to_yolo(folder / "val.json", folder / "yolo")
        back = to_coco(forth.path, folder / "coco")
        again = read_coco(back.path / "val.json", image_dirs=[folder / "yolo"])
        direct = read_coco_split([folder / "val.json"])
    assert forth.left_out == back.left_out == 0
    assert (again.names, again.schema) == (annotations.names, annotations.schema)
    assert_same_objects(annotations, again, parts=False)
    assert all(picture.path is not None for picture in again.pictures)
    assert [len(labels) for labels in direct.pictures] == [len(picture.objects) for picture in again.pictures]


@given(annotation_sets())
@settings(max_examples=30)
def test_yolo_to_coco_to_yolo_keeps_the_label_files(annotations):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written = write_yolo({"val": with_pictures(annotations, folder)}, folder / "1", task="pose")
        json_file = to_coco(written.path, folder / "json").path / "val.json"
        to_yolo(json_file, folder / "2", images=folder / "1")
        places = folder / "1/labels/val", folder / "2/labels/val/val"
        first, second = ({path.name: path.read_text(encoding="utf-8") for path in place.glob("*")} for place in places)
    assert first.keys() == second.keys()
    for key, text in first.items():
        rows, again = (np.loadtxt(content.splitlines(), ndmin=2) for content in (text, second[key]))
        assert np.allclose(rows, again, atol=1e-4)  # a thousandth of a pixel of a picture of ten


@given(annotation_sets())
@settings(max_examples=20)
def test_multitask_label_files_keep_keypoints_and_outlines(annotations):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        annotations = with_pictures(annotations, folder)
        written = write_yolo({"val": annotations}, folder / "yolo", task="multitask")
        back = to_coco(written.path, folder / "json", task="multitask")
        again = read_coco(back.path / "val.json", task="multitask", find_pictures=False)
    for picture, other in zip(annotations.pictures, again.pictures, strict=True):
        for mine, theirs in zip(picture.objects, other.objects, strict=True):
            assert mine.label == theirs.label
            assert np.allclose(mine.keypoints, theirs.keypoints, atol=PIXELS)
            assert len(theirs.parts) == min(len(mine.parts), 1)
            corners = np.concatenate(mine.parts) if mine.parts else np.reshape(mine.box, (2, 2))
            assert np.allclose(theirs.box, (*corners.min(0), *corners.max(0)), atol=PIXELS)


@pytest.fixture
def yolo_set(tmp_path):
    folder = tmp_path / "set"
    for split, label in (("train", "0 0.5 0.5 0.25 0.5 0.5 0.5 2\n"), ("val", "0 0.5 0.5 2 3\n")):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        cv2.imwrite(str(folder / "images" / split / "a.png"), np.zeros((20, 40, 3), np.uint8))
        (folder / "labels" / split / "a.txt").write_text(label, encoding="utf-8")
    text = "train: images/train\nval: images/val\nnames: [cat]\nkpt_shape: [1, 3]\nkpt_names: [nose]\n"
    (folder / "data.yaml").write_text(text, encoding="utf-8")
    return folder


def test_every_split_becomes_a_file_with_names_from_the_root(yolo_set, tmp_path):
    (yolo_set / "labels" / "val" / "a.txt").unlink()
    written = to_coco(yolo_set / "data.yaml", tmp_path / "out")
    assert written.path == tmp_path / "out"
    assert sorted(path.name for path in written.path.iterdir()) == ["train.json", "val.json"]
    content = json.loads((written.path / "train.json").read_text(encoding="utf-8"))
    assert content == {
        "images": [{"id": 1, "file_name": "images/train/a.png", "height": 20, "width": 40}],
        "annotations": [
            {
                "id": 1, "image_id": 1, "category_id": 1, "bbox": [15.0, 5.0, 10.0, 10.0], "area": 100.0, "iscrowd": 0,
                "segmentation": [], "keypoints": [20.0, 10.0, 2], "num_keypoints": 1,
            }
        ],
        "categories": [{"id": 1, "name": "cat", "supercategory": "cat", "keypoints": ["nose"], "skeleton": []}],
    }  # fmt: skip


def test_what_label_files_lose_is_in_the_answer(yolo_set, tmp_path):
    (yolo_set / "images" / "val" / "b.png").write_bytes((yolo_set / "images" / "val" / "a.png").read_bytes())
    answer = to_coco(yolo_set / "data.yaml", tmp_path / "out")
    assert (answer.pictures, answer.objects, answer.left_out) == (2, 1, 1)


def test_a_full_folder_is_refused(yolo_set):
    (yolo_set / "labels" / "val" / "a.txt").unlink()
    with pytest.raises(OutputError, match="already holds something"):
        to_coco(yolo_set / "data.yaml", yolo_set)


KEYPOINTS = np.array([(1, 2, 2), (30.12345, 20, 1), (0, 0, 0)], np.float64)
PART = np.array([(1, 2), (11, 2), (11, 8), (1, 8)], np.float64)


def one_picture(*objects, image_id=None):
    picture = PictureAnnotation(file_name="a.png", path=None, size=(40, 60), objects=objects, image_id=image_id)
    return AnnotationSet(names=NAMES, schema=SCHEMA, pictures=(picture,))


def content_of(annotations, tmp_path):
    return json.loads(write_coco(annotations, tmp_path / "x.json").path.read_text(encoding="utf-8"))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_reads_the_file(tmp_path):
    from pycocotools.coco import COCO

    found = ObjectAnnotation(label=1, box=(1, 2, 11, 8), keypoints=KEYPOINTS, parts=(PART,))
    write_coco(one_picture(found), tmp_path / "x.json")
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(tmp_path / "x.json"))
    (entry,) = coco.loadAnns(coco.getAnnIds(catIds=[2]))
    assert coco.annToMask(entry).sum() == entry["area"] == 60
    assert entry["num_keypoints"] == 2
    assert coco.loadCats(2)[0]["name"] == NAMES[1]
    assert coco.loadCats(1)[0]["skeleton"] == [[1, 2], [1, 3]]


def test_the_area_is_the_stated_one_else_that_of_the_outline_else_that_of_the_box(tmp_path):
    objects = [
        ObjectAnnotation(label=0, box=(0, 0, 10, 10), parts=(PART,), area=7.5),
        ObjectAnnotation(label=0, box=(0, 0, 10, 10), parts=(PART, PART[::-1] + 20)),
        ObjectAnnotation(label=0, box=(0, 0, 10, 10)),
    ]
    content = content_of(one_picture(*objects), tmp_path)
    assert [entry["area"] for entry in content["annotations"]] == [7.5, 120, 100]


def test_keypoints_are_rounded_and_visibilities_whole(tmp_path):
    found = ObjectAnnotation(label=0, box=(0, 0, 10, 10), keypoints=KEYPOINTS, crowd=True)
    (entry,) = content_of(one_picture(found), tmp_path)["annotations"]
    assert entry["keypoints"] == [1, 2, 2, 30.123, 20, 1, 0, 0, 0]
    assert entry["iscrowd"] == 1


def test_an_object_without_keypoints_has_unlabelled_ones(tmp_path):
    (entry,) = content_of(one_picture(ObjectAnnotation(label=0, box=(0, 0, 10, 10))), tmp_path)["annotations"]
    assert entry["keypoints"] == [0] * 9
    assert entry["num_keypoints"] == 0


def test_a_missing_box_is_derived_and_without_any_extent_the_object_is_counted(tmp_path):
    written = write_coco(
        one_picture(ObjectAnnotation(label=0, parts=(PART,)), ObjectAnnotation(label=0)), tmp_path / "x.json"
    )
    assert (written.objects, written.left_out) == (1, 1)
    assert json.loads(written.path.read_text(encoding="utf-8"))["annotations"][0]["bbox"] == [1, 2, 10, 6]


@pytest.mark.parametrize(
    ("ids", "kept"), [((7, 3), [7, 3]), ((7, 7), [1, 2]), (("a", "b"), [1, 2]), ((None, 5), [1, 2])]
)
def test_picture_ids_are_kept_when_they_are_different_numbers(ids, kept, tmp_path):
    pictures = tuple(one_picture(image_id=number).pictures[0] for number in ids)
    content = content_of(AnnotationSet(names=NAMES, schema=None, pictures=pictures), tmp_path)
    assert [image["id"] for image in content["images"]] == kept


def test_an_existing_file_is_left_alone(tmp_path):
    (tmp_path / "x.json").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="exists already"):
        write_coco(one_picture(), tmp_path / "x.json")
    assert (tmp_path / "x.json").read_text(encoding="utf-8") == "mine"


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        write_coco(one_picture(), tmp_path / "file" / "x.json")
