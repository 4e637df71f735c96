"""Layouts as plain data."""

import json

import pytest

from posekit.errors import ModelDefinitionError
from posekit.models.rfdetr.architecture import (
    BASE,
    KEYPOINT_PREVIEW,
    NANO,
    KeypointSlots,
    Layout,
    from_definition,
    to_definition,
)

LAYOUTS = [
    Layout(architecture=NANO, class_rows=2, keypoints=17),
    Layout(architecture=BASE, class_rows=91),
    Layout(architecture=KEYPOINT_PREVIEW, class_rows=2, slots=KeypointSlots((0, 17))),
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_comes_back_through_text(layout):
    assert from_definition(json.loads(json.dumps(to_definition(layout))), "m.pt") == layout


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("class_rows", "2", "class_rows"),
        ("keypoints", -1, "keypoints"),
        ("slots", [1, "a"], "slots"),
        ("architecture", None, "architecture"),
        ("architecture", {**to_definition(LAYOUTS[0])["architecture"], "taps": []}, "taps"),
        ("architecture", {**to_definition(LAYOUTS[0])["architecture"], "width": 1.5}, "width"),
    ],
)
def test_damage_is_named(key, value, said):
    with pytest.raises(ModelDefinitionError, match=said):
        from_definition(to_definition(LAYOUTS[0]) | {key: value}, "m.pt")
