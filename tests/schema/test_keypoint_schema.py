import json

import pytest

from posekit.errors import SchemaError
from posekit.schema.schema import COCO_PERSON, KeypointSchema


def test_the_plain_form_restores_the_schema_also_through_json():
    schema = KeypointSchema(
        shape=(3, 2),
        names=("tip", "left_fin", "right_fin"),
        skeleton=((0, 1), (0, 2)),
        flip_idx=(0, 2, 1),
        flip_idx_ud=(0, 1, 2),
        oks_sigmas=(0.02, 0.05, 0.05),
        classes=(0, 4),
    )
    stored = json.loads(json.dumps(schema.to_dict()))
    assert stored["kpt_classes"] == [0, 4]
    assert stored["kpt_class_points"] is None
    assert KeypointSchema.from_dict(stored) == schema
    assert KeypointSchema.from_dict(COCO_PERSON.to_dict()) == COCO_PERSON


def test_records_of_earlier_releases_know_no_classes_and_still_load():
    stored = COCO_PERSON.to_dict()
    del stored["kpt_classes"]
    assert KeypointSchema.from_dict(stored).classes is None


def test_an_identity_map_on_sided_names_is_no_reason_not_to_load_a_checkpoint():
    schema = KeypointSchema(shape=(2, 3), names=("left_eye", "right_eye"), flip_idx=(0, 1))
    assert KeypointSchema.from_dict(schema.to_dict()) == schema


@pytest.mark.parametrize("classes", [(), (-1,), (0, 0), (1.0,), (True,), ("0",)])
def test_classes_are_different_whole_numbers_from_0(classes):
    with pytest.raises(SchemaError, match="kpt_classes"):
        KeypointSchema(shape=(2, 3), classes=classes)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"shape": (0, 3)}, r"kpt_shape \[0, 3\]"),
        ({"shape": (4, 4)}, r"kpt_shape \[4, 4\]"),
        ({"shape": (10**9, 3)}, "more than 10000 points"),
        ({"names": ("a",)}, "kpt_names has 1 entries, but kpt_shape says K = 4"),
        ({"skeleton": ((0, 4),)}, r"limb \[0, 4\].*0 to 3 \(K = 4\)"),
        ({"skeleton": ((0, 1, 2),)}, "not a pair"),
        ({"flip_idx": (0, 1, 2)}, "flip_idx has 3 entries.*K = 4"),
        ({"flip_idx": (0, 1, 2, 4)}, r"flip_idx\[3\] is 4.*K = 4"),
        ({"flip_idx": (0, 1, 2, -1)}, r"flip_idx\[3\] is -1"),
        ({"flip_idx": (1, 2, 3, 0)}, "flip_idx is no mirror map of K = 4 points: it takes 0 to 1, but 1 to 2"),
        ({"flip_idx_ud": (1, 2, 3, 0)}, "flip_idx_ud is no mirror map"),
        ({"oks_sigmas": (0.1,)}, "kpt_oks_sigmas has 1 entries.*K = 4"),
        ({"oks_sigmas": (0.1, 0.1, 0.1, 0)}, "kpt_oks_sigmas .* must be 4 finite numbers above 0"),
        ({"oks_sigmas": (0.1, 0.1, 0.1, float("nan"))}, "finite"),
        ({"oks_sigmas": (0.1, 0.1, 0.1, float("inf"))}, "finite"),
    ],
)
def test_contradictions_are_refused_with_the_key_of_the_yaml(parts, message):
    with pytest.raises(SchemaError, match=message):
        KeypointSchema(**{"shape": (4, 3)} | parts)


def test_points_without_names_are_numbered_and_count_as_unnamed():
    assert KeypointSchema(shape=(3, 3)).names == ("0", "1", "2")
    assert not KeypointSchema(shape=(3, 3)).is_named
    assert COCO_PERSON.is_named


def test_a_bare_shape_of_17_points_is_the_person_of_coco():
    assert KeypointSchema.for_shape((17, 3)) == COCO_PERSON
    assert KeypointSchema.for_shape((17, 2)).names == COCO_PERSON.names
    assert KeypointSchema.for_shape((12, 2)) == KeypointSchema(shape=(12, 2))
