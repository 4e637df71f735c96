"""`Results` as a container: choosing, converting, replacing, explaining itself, and to supervision and back."""

import copy
import json
import pickle

import numpy as np
import pytest
import supervision as sv
import torch

from posekit.errors import PosekitError, SettingError, ShapeError
from posekit.results.output import label_rows
from posekit.results.parts import Boxes, Keypoints, Masks, as_numpy
from posekit.results.results import Results
from posekit.schema.schema import KeypointSchema

INDICES = {
    "int": (1, [1]),
    "negative int": (-1, [2]),
    "slice": (slice(0, 2), [0, 1]),
    "list": ([2, 0], [2, 0]),
    "list of bools": ([True, False, True], [0, 2]),
    "bool tensor": (torch.tensor([False, True, True]), [1, 2]),
    "int tensor": (torch.tensor([1, 1]), [1, 1]),
    "bool array": (np.array([True, False, False]), [0]),
    "int array": (np.array([2]), [2]),
    "nothing": (slice(0, 0), []),
}


@pytest.mark.parametrize("kind", ["torch", "numpy"])
@pytest.mark.parametrize(("index", "rows"), INDICES.values(), ids=INDICES.keys())
def test_indexing_chooses_the_same_rows_of_every_part(build, index, rows, kind):
    whole = build("multitask", kind)
    part = whole[index]
    assert len(part) == len(rows)
    for name in ("boxes", "masks", "keypoints"):
        expected = as_numpy(getattr(whole, name).data)[rows]
        np.testing.assert_array_equal(as_numpy(getattr(part, name).data), expected, strict=True)
    assert len(whole) == 3
    assert (part.path, part.names, part.speed) == (whole.path, whole.names, whole.speed)


def test_iteration_gives_one_result_per_detection(build):
    result = build("pose")
    assert [len(one) for one in result] == [1, 1, 1]
    assert [box.cls.item() for box in result.boxes] == [0, 2, 0]
    with pytest.raises(IndexError):
        result[3]


def test_conversion_goes_through_all_parts_and_leaves_the_original_alone(build):
    result = build("multitask")
    arrays = result.numpy()
    assert isinstance(arrays.boxes.xywhn, np.ndarray)
    assert isinstance(arrays.keypoints.xyn, np.ndarray)
    assert isinstance(arrays.masks.data, np.ndarray)
    assert isinstance(arrays.numpy().cpu().boxes.data, np.ndarray)
    back = arrays.to(torch.float64)
    assert back.boxes.data.dtype == torch.float64
    assert back.keypoints.data.dtype == torch.float64
    assert isinstance(result.boxes.data, torch.Tensor)
    assert isinstance(result.cpu().boxes.data, torch.Tensor)


def test_new_keeps_the_picture_and_drops_the_parts(build):
    result = build("pose")
    result.save_dir = "runs/pose/predict"
    empty = result.new()
    assert (empty.boxes, empty.masks, empty.keypoints, empty.probs, empty.obb) == (None,) * 5
    assert empty.orig_img is result.orig_img
    assert empty.save_dir == result.save_dir
    assert len(empty) == 0
    assert list(empty) == []


@pytest.mark.parametrize("convert", [torch.from_numpy, np.asarray])
def test_update_replaces_parts_in_place_and_clips_boxes(build, convert):
    result = build("pose")
    given = convert(np.array([[-5, -7, 999, 60, 4, 0.5, 1]], np.float32))
    result.update(boxes=given, keypoints=convert(np.ones((1, 17, 3), np.float32)))
    assert result.boxes.data.tolist() == [[0, 0, 200, 60, 4, 0.5, 1]]
    assert given[0, 0] == -5
    assert result.boxes.id.tolist() == [4]
    assert len(result) == 1
    assert result.keypoints.shape == (1, 17, 3)


def test_speed_names_its_three_stages(build):
    assert build("pose").speed == {"preprocess": None, "inference": None, "postprocess": None}


def test_tensor_pictures_keep_their_size_and_become_bgr_for_drawing():
    tensor = torch.zeros(3, 32, 64)
    tensor[0] = 1.0
    result = Results(tensor, "image0.jpg", {}, boxes=torch.zeros(0, 6))
    assert result.orig_shape == (32, 64)
    assert result.orig_img is tensor
    drawn = result.plot()
    assert drawn.shape == (32, 64, 3)
    assert drawn[5, 5].tolist() == [0, 0, 255]


def test_tracked_results_tell_ids(build):
    assert build("track").boxes.is_track
    assert build("track").boxes.id is not None
    assert not build("pose").boxes.is_track
    assert build("pose").boxes.id is None


def test_two_value_keypoints_have_no_confidence(build):
    keypoints = build("pose_xy_only").keypoints
    assert keypoints.conf is None
    assert not keypoints.has_visible


def test_unknown_attribute_names_the_near_one_and_lists_the_others(build):
    result = build("pose")
    with pytest.raises(AttributeError, match=r"'boxs'\. Did you mean 'boxes'\? It has: boxes, .*verbose") as caught:
        result.boxs  # noqa: B018
    assert isinstance(caught.value, PosekitError)
    assert not hasattr(result, "nonsense")


def test_results_survive_copying_and_pickling(build):
    result = build("track")
    for other in (copy.deepcopy(result), copy.copy(result), pickle.loads(pickle.dumps(result))):
        assert other.summary() == result.summary()


@pytest.mark.parametrize(
    ("part", "shape", "expected"),
    [
        ("boxes", (3, 5), "N, 6"),
        ("boxes", (1, 3, 6), "N, 6"),
        ("keypoints", (3, 17, 4), "N, K, 2"),
        ("keypoints", (3,), "N, K, 2"),
        ("masks", (3,), "N, h, w"),
    ],
)
def test_wrong_shapes_are_refused_with_the_right_one(part, shape, expected):
    with pytest.raises(ShapeError, match=expected):
        Results(np.zeros((4, 4, 3), np.uint8), "", {}, **{part: torch.zeros(shape)})


def test_pictures_of_a_wrong_shape_are_refused():
    with pytest.raises(ShapeError, match="orig_img"):
        Results(torch.zeros(1, 3, 8, 8), "", {})


def test_parts_of_other_tasks_are_refused(build):
    with pytest.raises(SettingError, match="probs"):
        Results(np.zeros((4, 4, 3), np.uint8), "", {}, probs=torch.zeros(3))
    with pytest.raises(SettingError, match="obb"):
        build("pose").update(obb=torch.zeros(3))


def test_representations_say_what_is_inside(build):
    assert repr(build("pose")) == (
        "Results('street.jpg', 3 detections, picture (120, 200), boxes (3, 6), keypoints (3, 17, 3))"
    )
    assert repr(build("pose").boxes).startswith("Boxes(shape=(3, 6), orig_shape=(120, 200), data=\ntensor(")


def test_results_without_parts_have_no_detections():
    result = Results(np.zeros((4, 4, 3), np.uint8), "a.jpg", {})
    assert result.verbose() == "(no detections), "
    assert result.summary() == []
    with pytest.raises(IndexError):
        result[0]


def test_schema_stays_with_every_copy(build):
    result = build("pose")
    result.schema = KeypointSchema.for_shape((17, 3))
    assert result[0].schema is result.schema
    assert result.numpy().schema is result.schema


FORMS = ["detect", "pose", "pose_xy_only", "segment", "track", "multitask", "empty"]
NAMES = {0: "cat", 1: "dog", 2: "bird", 3: "unused"}


@pytest.mark.parametrize("kind", ["torch", "numpy"])
@pytest.mark.parametrize("form", FORMS)
def test_its_own_detections_constructor_reads_every_form(build, form, kind):
    result = build(form, kind)
    detections = sv.Detections.from_ultralytics(result)
    assert len(detections) == len(result)
    np.testing.assert_array_equal(detections.xyxy, np.asarray(result.boxes.xyxy))
    np.testing.assert_array_equal(detections.class_id, np.asarray(result.boxes.cls))
    assert detections.data["class_name"].tolist() == [NAMES[int(number)] for number in result.boxes.cls]
    assert (detections.tracker_id is not None) == (form == "track")
    assert (detections.mask is not None) == (form in ("segment", "multitask"))


@pytest.mark.parametrize("kind", ["torch", "numpy"])
@pytest.mark.parametrize("form", ["pose", "pose_xy_only", "track", "multitask", "empty"])
def test_its_own_keypoints_constructor_reads_every_form(build, form, kind):
    result = build(form, kind)
    keypoints = sv.KeyPoints.from_ultralytics(result)
    if form == "empty":
        assert keypoints.is_empty()
        return
    np.testing.assert_array_equal(keypoints.xy, np.asarray(result.keypoints.xy))
    assert (keypoints.keypoint_confidence is None) == (form == "pose_xy_only")
    np.testing.assert_array_equal(keypoints.detection_confidence, np.asarray(result.boxes.conf))


def test_letterboxed_masks_arrive_at_the_size_of_the_picture(arrays):
    boxes = torch.tensor([[31, 22, 153, 82, 0.9, 0]])
    masks = torch.from_numpy(arrays["small_mask"])
    detections = Results(arrays["image"], "a.jpg", NAMES, boxes=boxes, masks=masks).to_supervision()
    assert detections.mask.shape == (1, 120, 200)
    assert detections.mask[0, 50, 100]
    assert not detections.mask[0, 10, 100]


@pytest.mark.parametrize("form", ["pose", "track", "multitask"])
def test_detections_carry_keypoints_that_filtering_keeps(build, form):
    result = build(form)
    detections = result.to_supervision(conf=0.5)
    points, confidence = detections.data["keypoints"], detections.data["keypoints_confidence"]
    assert points.shape == (3, 17, 3)
    np.testing.assert_array_equal(points[..., :2], result.keypoints.xy)
    np.testing.assert_array_equal(confidence, result.keypoints.conf)
    np.testing.assert_array_equal(points[..., 2], np.where(confidence >= 0.5, 2, 0))
    birds = detections[detections.class_id == 2]
    np.testing.assert_array_equal(birds.data["keypoints"], points[1:2])


def test_two_value_keypoints_travel_without_confidence(build):
    detections = build("pose_xy_only").to_supervision()
    assert detections.data["keypoints"].shape == (3, 5, 3)
    assert (detections.data["keypoints"][..., 2] == 2).all()
    assert "keypoints_confidence" not in detections.data


@pytest.mark.parametrize("form", ["detect", "segment"])
def test_results_without_keypoints_give_plain_detections(build, form):
    assert list(build(form).to_supervision().data) == ["class_name"]
    assert build(form).to_supervision_keypoints().is_empty()


def test_empty_results_give_empty_containers(build):
    assert len(build("empty").to_supervision()) == 0
    assert build("empty").to_supervision_keypoints().is_empty()


def test_keypoints_are_visible_from_the_threshold_on(build):
    result = build("pose")
    for conf in (0.25, 0.7):
        keypoints = result.to_supervision_keypoints(conf=conf)
        np.testing.assert_array_equal(keypoints.visible, np.asarray(result.keypoints.conf) >= conf)
    assert build("pose_xy_only").to_supervision_keypoints().visible.all()


@pytest.mark.parametrize("form", ["detect", "pose", "segment", "track", "multitask", "empty"])
def test_detections_return_as_the_same_results(build, form):
    result = build(form)
    back = Results.from_supervision(result.to_supervision(), result.orig_img, NAMES, path="street.jpg")
    assert back.summary() == result.summary()
    assert len(back) == len(result)


def test_unconfirmed_tracks_return_without_ids(build):
    detections = build("track").to_supervision()
    detections.tracker_id = np.array([1, -1, 2])
    assert not Results.from_supervision(detections, build("track").orig_img, NAMES).boxes.is_track


def test_keypoints_return_with_boxes_around_their_visible_points():
    xy = np.array([[[10, 20], [30, 60], [0, 0]], [[0, 0], [0, 0], [0, 0]]], np.float32)
    keypoints = sv.KeyPoints(xy=xy, class_id=np.array([2, 0]), keypoint_confidence=np.full((2, 3), 0.5, np.float32))
    result = Results.from_supervision(keypoints, np.zeros((80, 80, 3), np.uint8), NAMES)
    assert result.boxes.data.tolist() == [[10, 20, 30, 60, 0.5, 2], [0, 0, 0, 0, 0.5, 0]]
    np.testing.assert_array_equal(result.keypoints.xy, xy)
    assert result.keypoints.conf.shape == (2, 3)


def test_bare_keypoints_return_with_full_confidence_and_class_zero():
    keypoints = sv.KeyPoints(xy=np.array([[[1, 2], [3, 4]]], np.float32))
    result = Results.from_supervision(keypoints, np.zeros((8, 8, 3), np.uint8), NAMES)
    assert result.boxes.data.tolist() == [[1, 2, 3, 4, 1, 0]]
    assert not result.keypoints.has_visible


ALL_FORMS = ["detect", "pose", "pose_xy_only", "segment", "track", "multitask", "empty"]


@pytest.mark.parametrize("kind", ["torch", "numpy"])
@pytest.mark.parametrize("form", ALL_FORMS)
def test_parts_have_the_recorded_values(build, arrays, form, kind):
    result = build(form, kind)
    checked = 0
    for key, expected in arrays.items():
        place, _, attribute = key.partition("/")
        if place != form:
            continue
        part, name, *number = attribute.replace("/", ".").split(".")
        value = getattr(getattr(result, part), name)
        value = as_numpy(value[int(number[0])] if number else value)
        assert value.dtype == expected.dtype
        np.testing.assert_allclose(value, expected, rtol=1e-5, strict=True, err_msg=key)
        checked += 1
    assert checked >= 6


@pytest.mark.parametrize("kind", ["torch", "numpy"])
@pytest.mark.parametrize("form", ALL_FORMS)
def test_summaries_are_the_recorded_ones(build, recorded, form, kind):
    result, expected = build(form, kind), recorded[form]
    assert len(result) == expected["len"]
    assert result.verbose() == expected["verbose"]
    assert result.summary() == expected["summary"]
    assert result.summary(normalize=True, decimals=3) == expected["summary_normalized"]
    assert [list(row) for row in result.summary()] == [list(row) for row in expected["summary"]]


@pytest.mark.parametrize("form", ALL_FORMS[:-1])
def test_json_and_csv_are_the_recorded_texts(build, recorded, form):
    result = build(form)
    assert result.to_json() == recorded[form]["to_json"]
    assert result.to_csv() == recorded[form]["to_csv"]
    assert json.loads(result.to_json()) == recorded[form]["summary"]


@pytest.mark.parametrize("save_conf", [False, True])
@pytest.mark.parametrize("form", ALL_FORMS)
def test_label_rows_are_the_recorded_ones(build, recorded, form, save_conf, tmp_path):
    path = tmp_path / "labels" / "street.txt"
    assert build(form).save_txt(path, save_conf=save_conf) == str(path)
    expected = recorded[form][f"save_txt conf={save_conf}"]
    if expected is None:
        assert not path.exists()
    else:
        assert path.read_text().splitlines() == expected


def test_small_letterboxed_mask_has_the_recorded_outline(arrays):
    masks = Masks(torch.from_numpy(arrays["small_mask"]), (120, 200))
    np.testing.assert_allclose(masks.xy[0], arrays["small_mask/xy"], rtol=1e-5)
    np.testing.assert_allclose(masks.xyn[0], arrays["small_mask/xyn"], rtol=1e-5)


@pytest.mark.parametrize(("image", "stem"), [(0, "000000000139"), (1, "street_07")])
def test_label_rows_of_scaled_predictions_are_the_recorded_ones(golden_val, image, stem):
    with np.load(golden_val / "pipeline.npz") as file:
        scaled, points = file[f"{image}/scaled_boxes"], file[f"{image}/scaled_kpts"]
        boxes = np.column_stack([scaled, file[f"{image}/conf"], file[f"{image}/cls"]]).astype(np.float32)
        height, width = file[f"{image}/ori_shape"].tolist()
    result = Results(np.zeros((height, width, 3), np.uint8), stem, {}, boxes=boxes, keypoints=points)
    labels = json.loads((golden_val / "labels.json").read_text())
    assert_rows(result, labels[f"{stem} save_conf=False"], save_conf=False)
    assert_rows(result, labels[f"{stem} save_conf=True"], save_conf=True)
    result.keypoints = None
    assert_rows(result, labels[f"{stem} boxes only save_conf=True"], save_conf=True)


def test_detections_with_an_empty_mask_have_no_label_row(golden_val):
    with np.load(golden_val / "predictions_segment_masks.npz") as file:
        masks = file["masks"]
    boxes = np.array(
        [[0, 0, 1, 1, 0.9, 0], [0, 0, 1, 1, 0.8, 1], [0, 0, 1, 1, 0.7, 2], [0, 0, 1, 1, 0.6, 0]], np.float32
    )
    result = Results(np.zeros((64, 96, 3), np.uint8), "42.png", {}, boxes=boxes, masks=masks)
    labels = json.loads((golden_val / "labels.json").read_text())
    assert_rows(result, labels["segment save_conf=True (third object has an empty mask)"], save_conf=True)


def assert_rows(result, expected, *, save_conf):
    assert label_rows(result, save_conf=save_conf) == expected


def test_parts_accept_a_single_detection_without_leading_axis():
    assert Boxes(torch.rand(6), (4, 4)).shape == (1, 6)
    assert Keypoints(torch.rand(17, 3), (4, 4)).shape == (1, 17, 3)
    assert Masks(torch.zeros(4, 4, dtype=torch.uint8), (4, 4)).shape == (1, 4, 4)
