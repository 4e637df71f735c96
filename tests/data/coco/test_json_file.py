"""Files that are no COCO ground truth are refused with a reason."""

import json

import pytest

from posekit.data.coco.fields import load_coco
from posekit.errors import DatasetError

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
