"""What the engine gets from a network, to predict and to be measured, and the same from ONNX."""

import warnings
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import pytest
import torch

from golden.fill import image
from golden.networks import golden_input
from golden.rfdetr_files import golden_network
from posekit.config.settings import PredictSettings, ValSettings
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset
from posekit.engine.validation_run import open_validation
from posekit.engine.validator import Validator
from posekit.errors import SettingError, SourceValueError
from posekit.models.rfdetr.decode import find
from posekit.models.rfdetr.network import Predictions
from posekit.ops.boxes import boxes_to_original
from posekit.results.detected import results_of
from posekit.sample import Sample
from small_rfdetr import SMALLEST, small_model, small_preview_model, small_rfdetr

SETTINGS = PredictSettings(conf=0.3, device="cpu")


def ready(model):
    return model.ready(SETTINGS, torch.device("cpu"))


def predict(inference, samples, settings=SETTINGS):
    settings = inference.adapt(settings)
    batch = inference.placing.prepare(samples, settings.imgsz, rect=True)
    found = inference.detect(inference.run(batch, settings), batch, settings, "input")
    placed = zip(found, samples, batch.letterboxes, strict=True)
    return [results_of(one.to_original(box), sample, inference.names, inference.schema) for one, sample, box in placed]


@pytest.mark.parametrize("make", [small_model, small_preview_model])
def test_results_lie_in_their_pictures(make):
    inference = ready(make())
    samples = [Sample(image=image(48, 100, 0)), Sample(image=image(120, 80, 1))]
    for sample, result in zip(samples, predict(inference, samples), strict=True):
        height, width = sample.size
        corner = torch.tensor([width, height])
        assert len(result.boxes)
        assert (result.boxes.conf > 0.3).all()
        assert (result.boxes.conf.diff() <= 0).all()
        assert set(result.boxes.cls.tolist()) == set(inference.names)
        assert ((result.boxes.xyxy >= 0) & (result.boxes.xyxy <= corner.repeat(2))).all()
        assert ((result.keypoints.xy >= 0) & (result.keypoints.xy <= corner)).all()


def test_the_same_picture_in_other_company_gives_the_same_result():
    inference = ready(small_model())
    samples = [Sample(image=image(64, 64, seed)) for seed in (0, 1)]
    together, alone = predict(inference, samples), predict(inference, samples[1:])
    torch.testing.assert_close(together[1].boxes.data, alone[0].boxes.data, atol=1e-3, rtol=1e-4)


def test_a_detector_has_no_keypoints():
    model = small_model(keypoints=0)
    inference = ready(model)
    assert inference.task == "detect"
    assert predict(inference, [Sample(image=image(64, 64, 0))])[0].keypoints is None


def test_scores_classes_and_numbers_are_limited():
    inference = ready(small_model(names={0: "a", 1: "b", 2: "c"}))
    samples = [Sample(image=image(64, 64, 0))]
    everything = predict(inference, samples, replace(SETTINGS, conf=0.0))[0].boxes
    assert len(everything) > 3
    assert set(everything.cls.tolist()) == {0, 1, 2}
    assert set(predict(inference, samples, replace(SETTINGS, classes=(1,)))[0].boxes.cls.tolist()) == {1}
    for only in (0, 1, 2):  # the limit counts what is asked for
        best = predict(inference, samples, replace(SETTINGS, conf=0.0, max_det=1, classes=(only,)))[0].boxes
        assert best.conf.tolist() == [everything.conf[everything.cls == only].max()]
    strict = float(everything.conf.median())
    assert (predict(inference, samples, replace(SETTINGS, conf=strict))[0].boxes.conf > strict).all()


def test_input_sizes_are_rounded_up_to_whole_windows(caplog):
    inference = ready(small_model())
    assert inference.adapt(SETTINGS).imgsz == (64, 64)
    assert inference.adapt(replace(SETTINGS, imgsz=(33, 96))).imgsz == (64, 96)
    assert "rounded up" in caplog.text


def test_ready_tensors_go_in_as_they_are():
    inference = ready(small_model())
    picture = image(64, 64, 0)
    tensor = torch.from_numpy(np.ascontiguousarray(picture[..., ::-1])).permute(2, 0, 1).float() / 255
    by_tensor = predict(inference, [Sample(image=picture, tensor=tensor)])[0]
    by_picture = predict(inference, [Sample(image=picture)])[0]
    torch.testing.assert_close(by_tensor.boxes.data, by_picture.boxes.data, atol=1e-3, rtol=1e-4)
    odd = Sample(image=image(40, 64, 0), tensor=torch.rand(3, 40, 64))
    with pytest.raises(SourceValueError, match="multiples of 32"):
        predict(inference, [odd])


def test_maps_and_their_means():
    inference = ready(small_model())
    batch = inference.placing.prepare([Sample(image=image(64, 64, 0))], (64, 64), rect=True)
    maps = inference.feature_maps(batch)
    assert list(maps) == ["0_block3", "1_block6", "2_block9", "3_block12", "4_memory"]
    assert {tuple(part.shape) for part in maps.values()} == {(1, 64, 4, 4)}
    [vector] = inference.embed(batch, [0, 4])
    torch.testing.assert_close(vector, torch.cat([maps[name].mean((0, 2, 3)) for name in ("0_block3", "4_memory")]))
    with pytest.raises(SettingError, match="0 to 4"):
        inference.embed(batch, [5])


@pytest.fixture(scope="module")
def model():
    return small_model().ready(ValSettings(), torch.device("cpu"))


def test_the_validator_measures_it(model, here, tmp_path):
    data = write_yolo_dataset(tmp_path / "people", train=1, val=5, settings=SceneSettings(size=(96, 128)))
    settings = ValSettings(data=str(data), batch=2, plots=False, verbose=False, device="cpu", conf=0.01)
    validator = Validator()
    validator.model = model
    metrics = validator.run(open_validation(settings, model))
    assert validator.seen == metrics.seen == 5
    assert 0 <= metrics.pose.map <= 1


def test_every_picture_is_placed_whole_and_found_again(model):
    settings = model.adapt(ValSettings(imgsz=64))
    samples = [Sample(image=image(48, 100, 0)), Sample(image=image(120, 80, 1))]
    [plan] = model.placing.plan([sample.size for sample in samples], settings.imgsz, 2, rect=True)
    assert [model.placing.load_size(sample.size, 64) for sample in samples] == [(48, 100), (120, 80)]
    batch = model.placing.place(samples, plan.shape)
    assert batch.images.shape == (2, 3, 64, 64)
    for box, sample in zip(batch.letterboxes, samples, strict=True):
        height, width = sample.size
        whole = boxes_to_original(torch.tensor([0.0, 0.0, 64.0, 64.0]), box)
        np.testing.assert_allclose(whole, [0, 0, width, height], rtol=1e-6)


def test_settings_it_cannot_follow(model, caplog):
    adapted = model.adapt(ValSettings(imgsz=70, augment=True))
    assert (adapted.imgsz, adapted.augment, adapted.rect) == (96, False, False)
    assert "rounded up to 96" in caplog.text
    assert "augment" in caplog.text


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
