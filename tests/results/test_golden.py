"""Every recorded number and text of every form of result."""

import json

import numpy as np
import pytest
import torch

from posekit.results.output import label_rows
from posekit.results.parts import Boxes, Keypoints, Masks, as_numpy
from posekit.results.results import Results

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
