"""Files that are no COCO ground truth are refused with a reason."""

import codecs
import json

import pytest

from data.coco.files import content, entry
from posekit.data.coco.json_file import load_coco
from posekit.errors import DatasetError, DatasetNotFoundError

OTHER_FORMS = {
    "list of detections": ([{"bbox": [1, 2, 3, 4], "category_id": 1, "image_id": 7, "score": 0.9}], "not ground truth"),
    "mpii": ([{"joints": [[1, 2]], "joints_vis": [1], "image": "a.jpg", "center": [1, 2], "scale": 3}], "MPII"),
    "stanfordextra": ([{"img_path": "a.jpg", "joints": [[1, 2, 1]], "seg": {}, "img_bbox": []}], "StanfordExtra"),
    "label studio": ([{"id": 1, "data": {"img": "a.jpg"}, "annotations": []}], "Label Studio"),
    "other list": ([{"name": "a"}], "bare list of dictionaries with the keys name"),
    "list of numbers": ([1, 2], "list of int"),
    "empty list": ([], "empty list"),
    "text": ("a", "single str"),
    "labelme": ({"shapes": [], "imagePath": "a.jpg"}, "LabelMe"),
    "via": ({"_via_img_metadata": {}}, "VGG Image Annotator"),
    "geojson": ({"type": "FeatureCollection", "features": []}, "GeoJSON"),
    "no annotations": ({"images": [], "info": {}}, "has no annotations"),
    "no images": ({"annotations": []}, "no images that they belong to"),
    "images no list": ({"images": {}, "annotations": []}, "its images are a dict"),
    "categories no list": ({"images": [], "annotations": [], "categories": {}}, "categories must be a list"),
    "other dictionary": ({"a": 1, "b" * 99: 2}, "keys a, bbb"),
    "empty dictionary": ({}, r"keys \(none\)"),
}


@pytest.mark.parametrize("form", OTHER_FORMS)
def test_other_forms_are_named(form, tmp_path):
    data, reason = OTHER_FORMS[form]
    path = tmp_path / "x.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(DatasetError, match=reason) as caught:
        load_coco(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damage_is_told_with_line_and_column(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"images": [],\n "annotations": [}', encoding="utf-8")
    with pytest.raises(DatasetError, match=r"x\.json:2:18: is no valid JSON"):
        load_coco(path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is no valid JSON"),
        (b'{"a": "\xff\xfe\xfd"}', "is no text"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "number that is too long"),
        (b"\x89PNG\r\n\x1a\n", "is no text"),
    ],
)
def test_bytes_that_are_no_json_are_refused(data, reason, tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=reason):
        load_coco(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_every_encoding_of_json_is_read(encoding, tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(codecs.encode(json.dumps(content(entry())), encoding))
    assert load_coco(path) == content(entry())


def test_missing_files_and_folders_are_told(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="no such annotation file"):
        load_coco(tmp_path / "x.json")
    with pytest.raises(DatasetError, match="is a folder"):
        load_coco(tmp_path)
