"""The network leaves PyTorch through torch.onnx, and what is decoded from it stays the same."""

import warnings

import numpy as np
import onnxruntime
import pytest
import torch
from torch.utils._pytree import tree_flatten, tree_unflatten

from golden.fill import image
from posekit.config.settings import PredictSettings
from posekit.models.yolo.inference import YoloInference
from posekit.sample import Sample
from posekit.schema.schema import COCO_PERSON
from small_networks import small_network


def exported(network, images, path):
    """Return a function that runs a network from an ONNX file, on inputs of the same shape."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter uses what PyTorch itself deprecates
        torch.onnx.export(network, (torch.zeros_like(images),), path, dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    _, form = tree_flatten(network(images))
    (name,) = (given.name for given in session.get_inputs())
    return lambda pixels: tree_unflatten(map(torch.from_numpy, session.run(None, {name: pixels.numpy()})), form)


@pytest.mark.parametrize(("name", "one2one"), [("yolo11n-multitask", False), ("yolo26n-multitask", True)])
def test_masks_and_keypoints_are_those_of_pytorch(name, one2one, tmp_path):
    inference = YoloInference(small_network(name), COCO_PERSON, device=torch.device("cpu"), one2one=one2one)
    settings = inference.adapt(PredictSettings(imgsz=128, conf=0.05, iou=0.9))
    batch = inference.placing.prepare([Sample(image=image(96, 128, 0))], settings.imgsz, rect=True)
    images = batch.images.float() / 255
    outputs = exported(inference.network, images, tmp_path / "network.onnx")(images.contiguous())
    (theirs,) = inference.detect(outputs, batch, settings, "input")
    (ours,) = inference.detect(inference.run(batch, settings), batch, settings, "input")
    assert len(ours) == len(theirs) > 5
    np.testing.assert_allclose(theirs.keypoints[..., :2], ours.keypoints[..., :2], atol=0.5)
    np.testing.assert_allclose(theirs.boxes, ours.boxes, atol=0.5)
    one, two = (each.masks.bool() for each in (theirs, ours))
    union = (one | two).sum((1, 2))
    seen = union > 0  # the mask of a detection may be empty, for both
    assert seen.sum() > 5
    assert ((one & two).sum((1, 2))[seen] / union[seen]).min() >= 0.99
    assert two.float().mean() > 0.01
