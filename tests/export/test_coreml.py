"""Core ML: what a package holds, and what it computes, by an evaluator of its operations."""

import platform

import numpy as np
import pytest
import torch

from posekit.config.settings import PredictSettings
from posekit.errors import SettingError
from posekit.export.export import size_of
from small_exports import pictures, small_model, write_small
from small_rfdetr import small_model as small_rfdetr_model

pytest.importorskip("coremltools")

from export.mil import evaluate

pytestmark = pytest.mark.filterwarnings("ignore")
SPEC = "Data/com.apple.CoreML/model.mlmodel"


@pytest.fixture(scope="module")
def pose(tmp_path_factory):
    return write_small(tmp_path_factory.mktemp("coreml"), small_model(), format="coreml")


def outputs(written, images):
    """Return what a package gives, in the order that it says."""
    found = [evaluate(written.path, picture[None]) for picture in images]
    assert all(tuple(one) == written.facts.outputs for one in found)
    return [np.concatenate([one[name] for one in found]) for name in written.facts.outputs]


def test_a_package_says_what_it_is_to_the_tools_of_apple(pose):
    from coremltools.models import MLModel

    model = MLModel(str(pose.path), skip_model_load=True)
    texts = dict(model.user_defined_metadata)
    assert {key: texts[key] for key in ("task", "layout", "unit")} == {
        "task": "pose",
        "layout": "dense",
        "unit": "pixels",
    }
    assert "posekit" in texts
    assert model.short_description == "pose by posekit: output0 (dense, pixels)"
    description = model.get_spec().description
    assert [(one.name, list(one.type.multiArrayType.shape)) for one in description.input] == [
        ("images", [1, 3, 96, 128])
    ]
    assert [(one.name, list(one.type.multiArrayType.shape)) for one in description.output] == [
        ("output0", [1, 56, 252])
    ]


def test_a_pose_network_computes_what_its_graph_does(pose):
    images = pictures(2)
    assert max(pose.differences(outputs(pose, images), images)) < 1e-3


def test_yolo26_ranks_in_the_file(tmp_path):
    written = write_small(tmp_path, small_model("yolo26n-pose", nc=3), format="coreml", max_det=20)
    images = pictures(1)
    found = outputs(written, images)
    assert (written.facts.layout, found[0].shape) == ("rows", (1, 20, 57))
    assert 0 < (found[0][0, :, 4] > 0).sum() <= 20
    assert max(written.differences(found, images)) < 1e-3


def test_suppression_masks_and_batches_are_in_the_file(tmp_path):
    written = write_small(tmp_path, small_model("yolo11n-multitask"), format="coreml", nms=True, max_det=20, batch=2)
    images = pictures(2)
    found = [evaluate(written.path, images)[name] for name in written.facts.outputs]
    assert [one.shape for one in found] == [(2, 20, 89), (2, 32, 24, 32)]
    assert (found[0][:, :, 4] > 0).any(1).all()
    assert max(written.differences(found, images)) < 1e-3


def test_16_bits_halve_the_file_and_leave_places_in_32(tmp_path, pose):
    half = write_small(tmp_path, small_model(), format="coreml", precision=16)
    images = pictures(2)
    exact, rounded = (outputs(one, images)[0] for one in (pose, half))
    assert size_of(half.path / "Data") < 0.75 * size_of(pose.path / "Data")
    assert np.abs(exact - rounded)[:, 4:5].max() < 0.02
    assert np.abs(exact - rounded).max() < 2


def test_8_bits_are_those_of_weights(tmp_path, pose):
    from coremltools.models import MLModel

    eight = write_small(tmp_path, small_model(), format="coreml", precision=8)
    spec = MLModel(str(eight.path), skip_model_load=True).get_spec()
    (function,) = spec.mlProgram.functions.values()
    (block,) = function.block_specializations.values()
    kinds = [operation.type for operation in block.operations]
    assert kinds.count("constexpr_affine_dequantize") > 5
    images = pictures(1)
    assert np.abs(outputs(eight, images)[0] - outputs(pose, images)[0])[:, 4:5].max() < 0.1


def test_rf_detr_computes_what_its_graph_does(tmp_path):
    written = write_small(tmp_path, small_rfdetr_model(), format="coreml", imgsz=64)
    images = pictures(1, (64, 64))
    assert written.facts.outputs == ("dets", "labels", "keypoints")
    assert max(written.differences(outputs(written, images), images)) < 1e-3


@pytest.mark.skipif(platform.system() == "Darwin", reason="Core ML runs here")
def test_other_systems_say_that_they_cannot_run_it(pose):
    with pytest.raises(SettingError, match="Core ML files run on macOS only"):
        pose.exported.ready(PredictSettings(device="cpu"), torch.device("cpu"))
