"""One split of a data set, whatever form its labels have."""

import json
import logging

import cv2
import numpy as np
import pytest

from posekit.data.description import DatasetDescription
from posekit.data.labels import Labels, PictureLabels, Split
from posekit.data.open_split import SHOWN_PROBLEMS, number_like, open_split, settle_polygons, without_padding
from posekit.errors import DatasetError, DatasetKeyError, DatasetNotFoundError
from posekit.schema.schema import KeypointSchema

ROW = "0 .5 .5 .4 .4 .4 .4 2 .6 .6 1"
SCHEMA = KeypointSchema(shape=(2, 3))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEKIT_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def make(tmp_path):
    """Make a data set of pictures of 40x50 with the label files given, None for a picture without."""

    def make_set(*texts, split="val", **changes):
        for folder in ("images", "labels"):
            (tmp_path / folder / split).mkdir(parents=True)
        for number, text in enumerate(texts):
            cv2.imwrite(str(tmp_path / "images" / split / f"{number}.png"), np.zeros((40, 50, 3), np.uint8))
            if text is not None:
                (tmp_path / "labels" / split / f"{number}.txt").write_text(text)
        values = {
            "source": "d.yaml", "root": tmp_path, "splits": {split: (tmp_path / "images" / split,)},
            "names": {0: "dog"}, "schema": SCHEMA,
        }  # fmt: skip
        return DatasetDescription(**(values | changes))

    return make_set


def write_coco(path, count=1, classes=("dog",), points=2):
    """Write a COCO file with one object on each picture."""
    categories = [
        {"id": number, "name": name, "keypoints": [f"p{i}" for i in range(points)]}
        for number, name in enumerate(classes, start=1)
    ]
    images = [{"id": number, "file_name": f"{number}.png", "width": 50, "height": 40} for number in range(count)]
    annotations = [
        {"id": 1 + n, "image_id": n, "category_id": 1, "bbox": [10, 10, 20, 20], "area": 400, "iscrowd": 0,
         "keypoints": [20, 20, 2] * points, "num_keypoints": points}
        for n in range(count)
    ]  # fmt: skip
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


def test_a_split_of_label_files_is_read(make):
    split = open_split(make(ROW, None, ""), "val", task="pose")
    assert [len(labels) for labels in split.pictures] == [1, 0, 0]
    assert (split.name, split.names, split.schema, split.truth) == ("val", {0: "dog"}, SCHEMA, None)
    assert (split.report.found, split.report.missing, split.report.empty) == (2, 1, 1)


def test_the_first_problems_are_said_and_the_summary_counts_all(make, caplog):
    texts = [ROW, None, *["0 x"] * (SHOWN_PROBLEMS + 3)]
    with caplog.at_level(logging.INFO, logger="posekit"):
        split = open_split(make(*texts), "val", task="pose")
    assert f"val: 1 pictures with 1 objects, 1 backgrounds, {SHOWN_PROBLEMS + 3} corrupt" in split.summary
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == SHOWN_PROBLEMS + 1
    told = "0.txt:1:3: 'x' is no number; expected one such as 0.25; the picture is left out with its 1 object"
    assert warnings[0].endswith(told)
    assert warnings[-1] == "val: and 3 more problems"
    assert len(split.report.problems) == SHOWN_PROBLEMS + 3


def test_the_second_time_says_and_gives_the_same(make, caplog):
    description = make(ROW, "0 x", None)
    told, reports = [], []
    for _ in range(2):
        caplog.clear()
        reports.append(open_split(description, "val", task="pose").report)
        told.append([record.getMessage() for record in caplog.records])
    assert reports[0] == reports[1]
    assert told[0] == told[1] != []


def test_no_label_at_all_is_told_with_the_place_where_one_was_expected(make, caplog, tmp_path):
    split = open_split(make(None, None), "val", task="pose")
    assert split.report.found == 0
    assert f"expected label files such as {tmp_path / 'labels' / 'val' / '0.txt'}" in caplog.text


def test_no_usable_picture_is_an_error_that_names_the_first_reason(make):
    with pytest.raises(
        DatasetError, match=r"d\.yaml: no picture of its split 'val' .* because: .*0\.txt:1:3: 'x' is no"
    ):
        open_split(make("0 x", "0 y"), "val", task="pose")


def test_what_a_description_lacks_is_told(make, tmp_path):
    with pytest.raises(DatasetKeyError, match=r"d\.yaml: has no split 'train'; it has val"):
        open_split(make(ROW), "train", task="pose")
    with pytest.raises(DatasetKeyError, match="the task pose needs the key kpt_shape"):
        open_split(make(ROW, split="test", schema=None), "test", task="pose")
    with pytest.raises(DatasetNotFoundError, match="no such file or folder"):
        open_split(make(ROW, split="train", splits={"train": (tmp_path / "x",)}), "train", task="pose")
    mixed = {"val": (tmp_path / "images", tmp_path / "x.json")}
    with pytest.raises(DatasetError, match="either COCO JSON files or folders"):
        open_split(make(ROW, split="minival", splits=mixed), "val", task="pose")


def test_a_single_class_takes_all(make, tmp_path):
    description = make(ROW.replace("0", "1", 1), ROW, ROW.replace("0", "7", 1), names={0: "dog", 1: "cat"})
    path = write_coco(tmp_path / "keypoints.json", count=3, classes=("cat", "dog"))
    places = {"splits": {"val": (path,)}, "images": {"val": (tmp_path / "images" / "val",)}}
    for described in (description, DatasetDescription(**(vars(description) | places))):
        split = open_split(described, "val", task="pose", single_cls=True)
        assert split.names == {0: "item"}
        assert split.pictures.classes.tolist() == [0, 0, 0]


def test_a_fraction_takes_the_first_pictures(make):
    description = make(*[ROW] * 5)
    for fraction, count in ((0.5, 2), (3, 3), (1.0, 5)):
        split = open_split(description, "val", task="pose", fraction=fraction)
        assert len(split.pictures) == split.report.found == count


def test_the_classes_that_have_keypoints_come_from_the_schema(make):
    schema = KeypointSchema(shape=(2, 3), classes=(0,))
    outline = ".1 .1 .4 .1 .4 .5 .1 .6"
    description = make(f"0 .4 .4 2 .3 .3 1 {outline}\n1 {outline}", names={0: "dog", 1: "cup"}, schema=schema)
    (labels,) = open_split(description, "val", task="multitask").pictures
    np.testing.assert_array_equal(labels.keypoints[:, :, 2], [[2, 1], [0, 0]])
    assert [len(polygon) for polygon in labels.polygons] == [4, 4]


def test_segmentation_of_boxes_is_refused(make):
    with pytest.raises(DatasetError, match="0 of its 1 objects have an outline"):
        open_split(make("0 .5 .5 .4 .4", schema=None), "val", task="segment")


def test_truth_is_the_file_that_was_named_or_the_one_that_is_found(make, tmp_path):
    description = make(ROW, ROW)
    found = write_coco(tmp_path / "keypoints_val.json", count=2)
    assert open_split(description, "val", task="pose").truth == found
    named = tmp_path / "other.json"
    description = DatasetDescription(**(vars(description) | {"annotations": {"val": named}}))
    assert open_split(description, "val", task="pose").truth == named


def test_a_split_of_coco_json_is_read_without_label_files(make, tmp_path):
    path = write_coco(tmp_path / "keypoints.json", count=2)
    description = make(None, None, splits={"val": (path,)}, images={"val": (tmp_path / "images" / "val",)})
    split = open_split(description, "val", task="pose")
    assert [len(labels) for labels in split.pictures] == [1, 1]
    assert (split.truth, split.names, split.schema) == (path, {0: "dog"}, SCHEMA)
    assert len(open_split(description, "val", task="pose", fraction=0.5).pictures) == 1


def test_classes_of_coco_json_take_the_numbers_of_the_description(make, tmp_path):
    path = write_coco(tmp_path / "keypoints.json", classes=("dog", "cat"))
    changes = {"splits": {"val": (path,)}, "images": {"val": (tmp_path / "images" / "val",)}}
    description = make(None, names={0: "cat", 1: "dog"}, **changes)
    (labels,) = open_split(description, "val", task="pose").pictures
    np.testing.assert_array_equal(labels.classes, [1])


def test_coco_json_with_another_number_of_keypoints_is_refused(make, tmp_path):
    path = write_coco(tmp_path / "keypoints.json", points=3)
    description = make(None, splits={"val": (path,)}, images={"val": (tmp_path / "images" / "val",)})
    with pytest.raises(DatasetError, match="kpt_shape says 2 keypoints, but the annotations of its split 'val' have 3"):
        open_split(description, "val", task="pose")


def test_the_summary_names_the_coco_truth(make):
    description = make(ROW)
    truth = description.root / "keypoints.json"
    truth.write_text('{"images": [{"id": 1, "file_name": "0.png"}], "annotations": [{"keypoints": []}]}')
    names = [path.name for path in (description.root / "images/val").iterdir()]
    truth.write_text(truth.read_text().replace("0.png", names[0]))
    split = open_split(description, "val", task="pose")
    assert split.truth == truth
    assert split.summary.endswith(f"COCO truth in {truth}")
    assert split.source == str(description.root / "images/val")


def test_pictures_named_twice_count_once_in_scores_and_twice_in_training(make, tmp_path, caplog):
    caplog.set_level(logging.WARNING, "posekit")
    folder = tmp_path / "images" / "val"
    description = make(ROW, ROW, splits={"val": (folder, folder), "train": (folder, folder)})
    assert len(open_split(description, "val", task="pose").pictures) == 2
    assert "val: names 2 pictures again; each counts once" in caplog.text
    assert len(open_split(description, "train", task="pose").pictures) == 4


def test_the_summary_counts_the_objects_of_the_part_that_was_taken(make, tmp_path):
    file = write_coco(tmp_path / "t.json", count=4)
    description = make("", splits={"val": (file,)}, schema=None)
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((40, 50, 3), np.uint8))
    opened = open_split(description, "val", task="pose", fraction=3)
    assert opened.summary.startswith("val: 3 pictures with 3 objects, ")


OUTLINE = np.float32([[0.1, 0.1], [0.4, 0.1], [0.4, 0.5]])
NONE = np.zeros((0, 2), np.float32)


def labels(name, polygons, count=None):
    objects = len(polygons or ()) if count is None else count
    return PictureLabels(
        path=name,
        size=(20, 20),
        classes=np.zeros(objects, np.int64),
        boxes=np.full((objects, 4), 0.5, np.float32),
        polygons=polygons,
    )


def settle(pictures, task):
    """Return how many polygons each picture has."""
    settled = settle_polygons(Labels.join(pictures, polygons=task == "segment"), task=task, source="d.yaml")
    return [None if one.polygons is None else len(one.polygons) for one in settled]


@pytest.mark.parametrize("task", ["segment", "detect"])
def test_outlines_of_all_objects_stay_and_backgrounds_have_no_entry(task):
    assert settle([labels("a", (OUTLINE, OUTLINE)), labels("b", None)], task) == [2, 0]


def test_detection_drops_all_outlines_when_one_is_missing_and_says_so(caplog):
    mixed = [labels("a", (OUTLINE, OUTLINE)), labels("b", None, count=1), labels("c", (OUTLINE, NONE))]
    assert settle(mixed, "detect") == [None, None, None]
    assert "d.yaml: 3 of its 5 objects have an outline (one of b has none); no outline is used" in caplog.text


def test_segmentation_needs_an_outline_for_each_object():
    with pytest.raises(DatasetError, match=r"d\.yaml: 1 of its 2 objects have an outline \(one of c has none\)"):
        settle([labels("a", ()), labels("c", (OUTLINE, NONE))], "segment")


def test_multitask_objects_may_lack_an_outline():
    assert settle([labels("c", (OUTLINE, NONE))], "multitask") == [2]


def test_boxes_alone_stay_as_they_are(caplog):
    assert settle([labels("a", None, count=3)], "detect") == [None]
    assert not caplog.records


DOG_CAT = {0: "dog", 1: "cat"}


def split(names):
    picture = PictureLabels(
        path="a.png", size=(20, 20), classes=np.array([0, 1, 1]), boxes=np.full((3, 4), 0.5, np.float32)
    )
    return Split(name="val", pictures=Labels.join([picture]), names=names, schema=None)


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (DOG_CAT, [0, 1, 1]),
        ({0: "cat", 1: "dog"}, [1, 0, 0]),
        ({0: "bird", 1: "cat", 2: "dog"}, [2, 1, 1]),
    ],
)
def test_classes_are_matched_by_name(names, classes):
    matched = number_like(split(DOG_CAT), names, "d.yaml")
    np.testing.assert_array_equal(matched.pictures[0].classes, classes)
    assert matched.names == names


def test_names_made_up_for_a_number_of_classes_give_way():
    assert number_like(split(DOG_CAT), {0: "class_0", 1: "class_1"}, "d.yaml").names == DOG_CAT


@pytest.mark.parametrize("names", [{0: "dog"}, {0: "dog", 1: "horse"}, {0: "class_0"}, {0: "dog", 1: "cat", 2: "cat"}])
def test_a_class_without_its_like_is_refused(names):
    with pytest.raises(DatasetError, match=r"d\.yaml: names .*, but the annotations of its split val have the classes"):
        number_like(split(DOG_CAT), names, "d.yaml")


PADDED = KeypointSchema(shape=(3, 3), classes=(0, 2), class_points=(3, 2))


def padded_labels():
    picture = PictureLabels(
        path="a.jpg",
        size=(10, 10),
        classes=np.array([0, 1, 2]),
        boxes=np.full((3, 4), 0.5, np.float32),
        keypoints=np.full((3, 3, 3), 0.5, np.float32) * np.array((1, 1, 4), np.float32),
    )
    return Labels.join([picture])


def test_points_that_a_class_does_not_have_become_unlabelled_and_are_counted(caplog):
    with caplog.at_level(logging.WARNING, "posekit"):
        (cleared,) = without_padding(padded_labels(), PADDED, "data.yaml")
    assert cleared.keypoints[..., 2].tolist() == [[2, 2, 2], [0, 0, 0], [2, 2, 0]]
    assert not cleared.keypoints[cleared.keypoints[..., 2] == 0].any()
    assert caplog.messages == ["data.yaml: 4 labels of keypoints that their classes do not have are left out"]


def test_without_padding_nothing_changes():
    one = padded_labels()
    for schema in (None, KeypointSchema(shape=(3, 3), classes=(0,))):
        assert without_padding(one, schema, "data.yaml") is one
