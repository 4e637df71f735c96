"""The network leaves PyTorch through torch.onnx, and what is decoded from it stays the same."""

import warnings
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import pytest
import torch

from golden.networks import golden_input
from golden.rfdetr_files import golden_network
from posekit.models.rfdetr.decode import find
from posekit.models.rfdetr.network import Predictions
from small_rfdetr import SMALLEST, small_rfdetr

NAMES = ("dets", "labels", "keypoints")
# Where two cells of the map or two detections score almost the same, rounding decides which comes first. In these
# pictures none of those compared here do: the next score is more than 2e-5 away.
SEEDS = (39, 41)
COMPARED = 100
SHALLOW = replace(SMALLEST, encoder_depth=4, taps=(1, 2, 3, 4))


class Graph(torch.nn.Module):
    """Tensors out, in the order of their names."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        last = self.network(images).last
        return last.boxes, last.logits, last.keypoints


@pytest.fixture(scope="module")
def images():
    """Two pictures of 384x384."""
    return golden_input(384, 384, SEEDS)


@pytest.fixture(scope="module")
def network():
    """The pose network of the smallest size."""
    return Graph(golden_network("pose_nano")).eval()


@pytest.fixture(scope="module")
def session(network, images):
    """The network, exported for two pictures at a time."""
    # Not one of pytest's folders, which stay: the weights are large.
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder, warnings.catch_warnings():
        path = Path(folder) / "network.onnx"
        warnings.simplefilter("ignore")  # the exporter uses what PyTorch itself deprecates
        torch.onnx.export(
            network,
            (torch.zeros_like(images),),
            path,
            input_names=["input"],
            output_names=NAMES,
            dynamo=True,
            verbose=False,
        )
        return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def theirs(session, images):
    """The outputs of the graph, by name."""
    return dict(zip(NAMES, map(torch.from_numpy, session.run(NAMES, {"input": images.numpy()})), strict=True))


@pytest.fixture(scope="module")
def ours(network, images):
    """The outputs of PyTorch, by name."""
    with torch.no_grad():
        return dict(zip(NAMES, network(images), strict=True))


def test_inputs_and_outputs_by_name(session):
    assert {given.name: given.shape for given in session.get_inputs()} == {"input": [2, 3, 384, 384]}
    shapes = {"dets": [2, 300, 4], "labels": [2, 300, 2], "keypoints": [2, 300, 17, 3]}
    assert {made.name: made.shape for made in session.get_outputs()} == shapes


@pytest.mark.parametrize("name", NAMES)
def test_numbers(ours, theirs, name):
    expected = ours[name]
    # Close to 0 a thousandth of the value is less than rounding.
    np.testing.assert_allclose(theirs[name], expected, rtol=1e-3, atol=5e-5)
    assert expected.std(1).min() > 0.01  # the queries differ
    assert (expected[0] - expected[1]).abs().mean() > 0.01  # and so do the pictures


@pytest.mark.parametrize("picture", [0, 1])
def test_detections(ours, theirs, picture):
    one, two = (find(predictions(each, picture), COMPARED) for each in (ours, theirs))
    assert len(one.scores) == COMPARED
    assert one.scores.min() > 0.5
    np.testing.assert_allclose(two.scores, one.scores, rtol=1e-3)
    assert two.classes.equal(one.classes)
    size = torch.tensor((1280.0, 720.0))  # pixels of the picture that was stretched
    assert ((two.boxes - one.boxes) * size.repeat(2)).abs().max() < 0.5
    assert ((two.keypoints - one.keypoints)[..., :2] * size).abs().max() < 0.5
    np.testing.assert_allclose(two.keypoints[..., 2], one.keypoints[..., 2], rtol=1e-3)


def predictions(outputs, picture):
    """Return what the outputs say of one picture."""
    return Predictions(*(outputs[name][picture] for name in ("labels", "dets", "keypoints")))


@pytest.mark.filterwarnings("ignore")  # as above
def test_one_file_serves_any_number_of_pictures(tmp_path):
    network, path = Graph(small_rfdetr(architecture=SHALLOW)).eval(), tmp_path / "network.onnx"
    torch.onnx.export(
        network,
        (torch.zeros(2, 3, 64, 64),),
        path,
        input_names=["input"],
        output_names=NAMES,
        dynamo=True,
        verbose=False,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
    )
    session = onnxruntime.InferenceSession(path)
    for count in (1, 2, 5):
        images = torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(count))
        for found, expected in zip(session.run(None, {"input": images.numpy()}), network(images), strict=True):
            np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-3, atol=1e-4)
