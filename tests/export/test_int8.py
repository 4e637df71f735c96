"""8 bits: ranges come from pictures of the data set, placed as for prediction, and what is found stays what it was."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from posekit.checkpoint.weights import packaged_weights
from posekit.config.settings import ExportSettings, PredictSettings
from posekit.data.figures import make_scene
from posekit.engine.predictor import Predictor, open_run
from posekit.errors import DatasetNotFoundError, SettingError, UnreadableImageError
from posekit.export.export import export_network
from posekit.export.formats import FORMATS
from posekit.export.int8 import MOST_PICTURES, CalibrationPictures, calibration_pictures
from posekit.models.exported.open import open_exported
from posekit.models.opening import open_model
from posekit.placing import Letterboxing, Stretching

SIZE = 160
FOREIGN = pytest.mark.filterwarnings("ignore")  # converters warn of their own libraries


@pytest.fixture(scope="module")
def network():
    return open_model(str(packaged_weights("figures-pose.pt"))).loaded


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Return a data set of 24 train and 3 val pictures, without labels: calibrating takes none."""
    root = tmp_path_factory.mktemp("figures")
    for split, count in (("train", 24), ("val", 3)):
        (root / split).mkdir()
        for seed in range(count):
            cv2.imwrite(str(root / split / f"{seed:03}.png"), make_scene(seed).image)
    text = f"path: {root}\ntrain: train\nval: val\nnames: [person]\nkpt_shape: [17, 3]\n"
    (root / "data.yaml").write_text(text, encoding="utf-8")
    return root / "data.yaml"


def chosen(network, **settings):
    made = ExportSettings(format="onnx", precision=8, **settings)
    return calibration_pictures(network, made, network.deployed(made, FORMATS["onnx"].dialect).facts)


@pytest.mark.parametrize(("placing", "size"), [(Letterboxing(32), (160, 192)), (Stretching(32), (96, 160))])
def test_pictures_come_in_as_for_prediction_bit_for_bit(dataset, placing, size):
    path = dataset.parent / "val" / "001.png"
    made = CalibrationPictures((str(path),), placing, size)[0]
    samples = next(iter(open_run(PredictSettings(), str(path)).source))
    images = placing.prepare(samples, size, rect=False).images
    expected = images if images.is_floating_point() else images.float() / 255
    assert made.dtype == np.float32
    assert made.shape == (1, 3, *size)
    np.testing.assert_array_equal(made, expected.numpy())


def test_they_are_of_the_train_split_and_evenly_chosen(network, dataset):
    assert len(chosen(network, data=str(dataset))) == 24
    some = chosen(network, data=str(dataset), fraction=8)
    assert [Path(path).name for path in some.paths] == [f"{number:03}.png" for number in range(8)]
    assert len(chosen(network, data=str(dataset), fraction=0.5)) == 12
    assert len(chosen(network, data=str(dataset), fraction=(0.25, 1.0))) == 6


def test_no_more_than_needed_unless_a_number_is_given(network, tmp_path):
    root = tmp_path / "images"
    root.mkdir()
    for number in range(MOST_PICTURES * 2):
        cv2.imwrite(str(root / f"{number:04}.png"), np.zeros((32, 32, 3), np.uint8))
    text = f"train: {root}\nval: {root}\nnames: [person]\nkpt_shape: [17, 3]\n"
    (tmp_path / "data.yaml").write_text(text, encoding="utf-8")
    paths = chosen(network, data=str(tmp_path / "data.yaml")).paths
    assert len(paths) == len(set(paths)) == MOST_PICTURES
    assert (Path(paths[0]).stem, Path(paths[-1]).stem) == ("0000", f"{MOST_PICTURES * 2 - 1:04}")
    assert len(chosen(network, data=str(tmp_path / "data.yaml"), fraction=MOST_PICTURES + 50)) == MOST_PICTURES + 50


def test_the_val_split_serves_where_the_train_split_is_not_on_disk(network, dataset, tmp_path, caplog):
    text = dataset.read_text(encoding="utf-8").replace("train: train", "train: elsewhere")
    (tmp_path / "data.yaml").write_text(text, encoding="utf-8")
    assert len(chosen(network, data=str(tmp_path / "data.yaml"))) == 3
    assert "3 pictures are few" in caplog.text


def test_unreadable_pictures_are_left_out_and_named(network, tmp_path, caplog):
    root = tmp_path / "images"
    root.mkdir()
    cv2.imwrite(str(root / "good.png"), make_scene(0).image)
    (root / "bad.png").write_bytes(b"no picture")
    text = f"train: {root}\nval: {root}\nnames: [person]\nkpt_shape: [17, 3]\n"
    (tmp_path / "data.yaml").write_text(text, encoding="utf-8")
    assert [Path(path).name for path in chosen(network, data=str(tmp_path / "data.yaml")).paths] == ["good.png"]
    assert "bad.png" in caplog.text
    (root / "good.png").unlink()
    with pytest.raises(UnreadableImageError, match=r"bad\.png"):
        chosen(network, data=str(tmp_path / "data.yaml"))


def test_a_batch_is_filled_up_with_the_first_pictures(dataset):
    paths = tuple(sorted(str(path) for path in (dataset.parent / "val").glob("*.png")))
    pictures = CalibrationPictures(paths, Letterboxing(32), (SIZE, SIZE), batch=2)
    assert len(pictures) == 2
    assert [item.shape for item in pictures] == [(2, 3, SIZE, SIZE)] * 2
    np.testing.assert_array_equal(pictures[1][1], pictures[0][0])


def test_without_pictures_it_says_what_is_needed(network, tmp_path):
    other = replace(network, settings={"data": None})
    with pytest.raises(SettingError, match="name a data set like that of the training"):
        chosen(other)
    remembered = replace(network, settings={"data": "coco-pose.yaml"})  # built in, and not to be fetched unasked
    with pytest.raises(SettingError, match=r"the pictures of coco-pose.yaml are not here"):
        chosen(remembered)
    with pytest.raises(DatasetNotFoundError, match=r"nothing\.yaml"):
        chosen(network, data=str(tmp_path / "nothing.yaml"))


def test_what_excludes_8_bits_is_refused(network, dataset, tmp_path):
    with pytest.raises(SettingError, match="format=torchscript has no int8"):
        export_network(network, ExportSettings(precision=8), tmp_path / "a.pt")
    with pytest.raises(SettingError, match="nms=True and int8=True exclude each other"):
        export_network(network, ExportSettings(format="onnx", precision=8, nms=True), tmp_path / "a.pt")
    old = ExportSettings(format="onnx", precision=8, opset=11, data=str(dataset))
    with pytest.raises(SettingError, match="opset=11: int8=True takes opset=13"):
        export_network(network, old, tmp_path / "a.pt")


def predicted(model, paths):
    settings = PredictSettings(conf=0.25, imgsz=SIZE, rect=False, save=False, verbose=False)
    predictor = Predictor()
    predictor.model = model.ready(settings, torch.device("cpu"))
    return list(predictor.stream(open_run(settings, paths)))


def check_points(network, exported, folder):
    """Assert that the file finds each figure that the network is sure of, with nearly the same points and scores."""
    paths = sorted(str(path) for path in folder.glob("*.png"))
    moved = []  # by how many pixels of pictures of 640 x 480, of which the network sees a quarter
    for own, theirs in zip(predicted(network, paths), predicted(exported, paths), strict=True):
        for index in np.flatnonzero(own.boxes.conf.numpy() > 0.6):
            shown = own.keypoints.conf[index] > 0.5
            gaps = (theirs.keypoints.xy - own.keypoints.xy[index])[:, shown].norm(dim=2).mean(1)
            best = int(gaps.argmin())
            moved.append(float(gaps[best]))
            assert float(theirs.boxes.conf[best]) > 0.5
            assert float((theirs.keypoints.conf[best] - own.keypoints.conf[index])[shown].abs().mean()) < 0.15
    assert len(moved) >= 3
    assert np.median(moved) < 6
    assert max(moved) < 30


@FOREIGN
@pytest.mark.parametrize("settings", [{}, {"simplify": False, "fraction": 1, "batch": 2}])
def test_onnx_with_8_bits_finds_the_same(network, dataset, tmp_path, settings):
    pytest.importorskip("onnxslim")
    made = ExportSettings(
        format="onnx", precision=8, data=str(dataset), imgsz=SIZE, check=False, **{"fraction": 16} | settings
    )
    exported = open_exported(export_network(network, made, tmp_path / "figures.pt"))
    assert exported.facts.precision == 8
    check_points(network, exported, dataset.parent / "val")
    import onnx

    graph = onnx.load(str(exported.path)).graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("QuantizeLinear") > 30
    assert {value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)} == {onnx.TensorProto.FLOAT}
    assert sum(len(tensor.raw_data) for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.INT8) > 1e5


@FOREIGN
def test_openvino_with_8_bits_finds_the_same(network, dataset, tmp_path):
    pytest.importorskip("nncf")
    made = ExportSettings(format="openvino", precision=8, data=str(dataset), imgsz=SIZE, check=False, fraction=16)
    exported = open_exported(export_network(network, made, tmp_path / "figures.pt"))
    assert exported.facts.precision == 8
    check_points(network, exported, dataset.parent / "val")
    import openvino

    model = openvino.Core().read_model(next(exported.path.glob("*.xml")))
    kinds = [node.get_type_name() for node in model.get_ordered_ops()]
    assert kinds.count("FakeQuantize") > 30
    assert {str(port.get_element_type()) for port in (*model.inputs, *model.outputs)} == {"<Type: 'float32'>"}
    assert model.inputs[0].get_any_name() == "images"
    assert model.outputs[0].get_any_name() == "output0"


@FOREIGN
def test_litert_with_8_bits_finds_the_same_in_outputs_of_one_range_each(network, dataset, tmp_path):
    pytest.importorskip("litert_torch")
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    made = ExportSettings(format="tflite", precision=8, imgsz=SIZE, check=False)
    exported = open_exported(export_network(network, made, tmp_path / "figures.pt"))
    facts = exported.facts
    assert (facts.precision, facts.layout, facts.unit) == (8, "split", "fractions")
    assert facts.outputs == ("boxes", "scores", "points", "confidences")
    check_points(network, exported, dataset.parent / "val")
    file = interpreter.Interpreter(model_path=str(exported.path))
    assert {detail["dtype"] for detail in (*file.get_input_details(), *file.get_output_details())} == {np.float32}
    eights = [detail for detail in file.get_tensor_details() if detail["dtype"] == np.int8]
    assert len(eights) > 30
