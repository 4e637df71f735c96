"""Whole predictions, from a picture to its results, equal the recorded ones."""

import json

import numpy as np
import pytest
import torch

from golden.fill import image
from golden.networks import FOLDER, golden_network
from posekit.config.settings import PredictSettings
from posekit.engine.predictor import Predictor, open_run
from posekit.models.yolo.inference import YoloInference
from posekit.sample import Sample
from posekit.schema.schema import KeypointSchema

CASES = json.loads((FOLDER / "results.json").read_text())
PIXELS, SCORE = 2e-2, 1e-4


def recorded_network(name):
    """Return the network of the recordings: golden weights, with biases that leave a handful of detections."""
    network = golden_network(name)
    nc, reg_max = network.head.spec.nc, network.head.spec.reg_max
    for key, tensor in network.state_dict().items():
        parts = key.split(".")
        if parts[-2:] != ["2", "bias"] or len(parts) != 6:
            continue
        if parts[2].endswith("cv2"):
            shift = torch.full((4,), 6.0) if reg_max == 1 else (-0.5 * torch.arange(16.0)).repeat(4)
            tensor += shift
        elif parts[2].endswith("cv3"):
            tensor -= 7 if nc > 1 else 2
    return network


def predict(case):
    network = recorded_network(case["model"])
    kpt_shape = network.head.spec.kpt_shape
    schema = KeypointSchema.for_shape(kpt_shape) if kpt_shape else None
    one2one = case.get("nms") is False
    model = YoloInference(network, schema, device=torch.device("cpu"), one2one=one2one)
    settings = PredictSettings(
        imgsz=case["imgsz"] if isinstance(case["imgsz"], int) else tuple(case["imgsz"]),
        rect=case["rect"],
        conf=case["conf"],
        iou=case.get("iou", 0.7),
        retina_masks=case.get("retina_masks", False),
        nms=not one2one,
    )
    height, width = case["image"]["size"]
    picture = np.ascontiguousarray(image(height, width, case["image"]["seed"])[..., ::-1])
    batch = model.placing.prepare([Sample(image=picture)], model.adapt(settings).imgsz, rect=case["rect"])
    assert list(batch.images.shape[2:]) == case["network_hw"]
    predictor = Predictor()
    predictor.model = model
    (result,) = predictor.stream(open_run(settings, picture))
    return result


def matching_order(found, recorded):
    """Pair rows by class and box, for two scores may be equal up to rounding."""
    distance = np.abs(found[:, None, :4] - recorded[None, :, :4]).max(2) + 1e4 * (
        found[:, None, 5] != recorded[None, :, 5]
    )
    order = distance.argmin(0)
    assert sorted(order) == list(range(len(recorded)))
    return order


def assert_rows_alike(rows, expected, pixels, score):
    for row, record in zip(rows, expected, strict=True):
        assert row.keys() == record.keys()
        assert (row["name"], row["class"]) == (record["name"], record["class"])
        assert row["confidence"] == pytest.approx(record["confidence"], abs=score)
        assert row["box"] == pytest.approx(record["box"], abs=pixels)
        for axis, values in record.get("keypoints", {}).items():
            assert row["keypoints"][axis] == pytest.approx(values, abs=score if axis == "visible" else pixels)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_recorded_case(number):
    case = CASES[number]
    result = predict(case).numpy()
    with np.load(FOLDER / "results.npz") as file:
        recorded = file[f"case_{number}_boxes"]
        assert len(result) == case["count"]
        result = result[matching_order(result.boxes.data, recorded)]
        np.testing.assert_allclose(result.boxes.data[:, :4], recorded[:, :4], atol=PIXELS)
        np.testing.assert_allclose(result.boxes.data[:, 4], recorded[:, 4], atol=SCORE)
        np.testing.assert_array_equal(result.boxes.cls, recorded[:, 5])
        for form in ("xywh", "xyxyn", "xywhn"):
            np.testing.assert_allclose(getattr(result.boxes, form), file[f"case_{number}_{form}"], atol=PIXELS)
        if f"case_{number}_keypoints" in file:
            points = file[f"case_{number}_keypoints"]
            np.testing.assert_allclose(result.keypoints.data[..., :2], points[..., :2], atol=PIXELS)
            np.testing.assert_allclose(result.keypoints.data[..., 2:], points[..., 2:], atol=SCORE)
            np.testing.assert_allclose(result.keypoints.xyn, file[f"case_{number}_keypoints_xyn"], atol=PIXELS)
        if f"case_{number}_masks" in file:
            masks = file[f"case_{number}_masks"]
            assert result.masks.data.shape == masks.shape
            assert (result.masks.data != masks).mean() < 1e-3
    assert_rows_alike(result.summary(), case["summary"], PIXELS, SCORE)
    assert_rows_alike(result.summary(normalize=True, decimals=3), case["summary_normalized"], 2e-3, 2e-3)
