"""Annotations written as COCO JSON are what COCO's own tools expect."""

import contextlib
import io
import json

import numpy as np
import pytest

from data.convert.sets import NAMES, SCHEMA
from posekit.data.annotation import AnnotationSet, ObjectAnnotation, PictureAnnotation
from posekit.data.coco.write import write_coco
from posekit.errors import OutputError

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
