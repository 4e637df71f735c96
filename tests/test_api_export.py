"""`YOLO.export`, and `YOLO` on what it wrote: the calls that users type."""

import logging
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import torch

from golden.fill import image
from posekit import YOLO
from posekit.errors import (
    CheckpointError,
    ExportedModelError,
    MissingExtraError,
    OutputError,
    SettingError,
    SourceValueError,
    UnknownAttributeError,
)
from posekit.tasks import PosePredictor
from small_networks import SMALL

FORMATS = ("torchscript", "onnx", "openvino")
FIXED = {"imgsz": 128, "rect": False}
PACKAGE = {"onnx": "onnxslim", "openvino": "openvino"}
# What converters import warns of what Python or PyTorch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


def exported(model, **settings):
    pytest.importorskip(PACKAGE.get(settings["format"], "torch"))
    return Path(model.export(**settings))


@pytest.fixture(scope="module")
def written(weights, tmp_path_factory):
    """Return a function that gives a small network and the file that it was exported to; each is made once."""
    made = {}

    def network_and_file(name="yolov8n-pose", nc=1, kpt_shape=(17, 3), **settings):
        key = str((name, nc, kpt_shape, settings))
        if key not in made:
            model = YOLO(weights(name, nc=nc, kpt_shape=kpt_shape))
            model.ckpt_path = str(tmp_path_factory.mktemp("exported") / "small.pt")
            made[key] = model, exported(model, **settings)
        return made[key]

    return network_and_file


def assert_same(found, expected, tolerance=1e-3):
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        assert len(one) == len(other) > 0
        torch.testing.assert_close(one.boxes.data, other.boxes.data, atol=tolerance, rtol=0)
        if other.keypoints is not None:
            torch.testing.assert_close(one.keypoints.data, other.keypoints.data, atol=tolerance, rtol=0)
        if other.masks is not None:
            assert (one.masks.data != other.masks.data).float().mean() < 1e-3


@pytest.mark.parametrize(
    ("form", "name", "nc", "kpt_shape"),
    [
        ("torchscript", "yolov8n-pose", 1, (17, 3)),
        ("onnx", "yolo11n-pose", 3, (4, 3)),
        ("torchscript", "yolov8n-pose", 2, (22, 2)),
        ("openvino", "yolov8n-pose", 1, (1, 3)),
        ("onnx", "yolo11n-multitask", 2, (5, 2)),
        ("torchscript", "yolov8n-seg", 2, (17, 3)),
        ("openvino", "yolov8n", 3, (17, 3)),
    ],
)
def test_an_exported_file_finds_what_the_network_finds(written, form, name, nc, kpt_shape):
    model, file = written(name, nc, kpt_shape, format=form, imgsz=128)
    pictures = [image(96, 128, 0), image(128, 70, 1)]
    assert_same(YOLO(file)(pictures), model(pictures, imgsz=128, rect=False))


@pytest.mark.parametrize("form", ["torchscript", "onnx"])
def test_rows_chosen_in_the_graph_are_those_of_the_network(written, form):
    model, file = written("yolo11n-pose", 3, (4, 3), format=form, imgsz=128, nms=True)
    pictures = [image(96, 128, number) for number in range(3)]
    assert_same(YOLO(file)(pictures), model(pictures, imgsz=128, rect=False))


@pytest.mark.parametrize("form", FORMATS)
def test_yolo26_is_exported_without_suppression_unless_it_is_asked_for(written, form):
    picture = image(96, 128, 0)
    model, file = written("yolo26n-pose", 2, (5, 3), format=form, imgsz=128)
    assert YOLO(file).loaded.facts.selection == "none"
    assert_same(YOLO(file)(picture), model(picture, imgsz=128, rect=False, nms=False))


def test_yolo26_can_be_exported_with_suppression_too(written):
    picture = image(96, 128, 0)
    model, file = written("yolo26n-pose", 2, (5, 3), format="torchscript", imgsz=128, nms=True)
    assert_same(YOLO(file)(picture), model(picture, imgsz=128, rect=False, nms=True))


@pytest.mark.parametrize("form", FORMATS)
def test_a_dynamic_file_takes_any_batch_and_size(written, form):
    model, file = written("yolo11n-pose", 3, (4, 3), format=form, imgsz=128, dynamic=True)
    again = YOLO(file)
    for pictures, settings in (
        ([image(96, 128, 0)], {}),
        ([image(96, 128, number) for number in range(8)], {"batch": 8}),
        ([image(96, 128, 0), image(128, 96, 1)], {"imgsz": [64, 160], "batch": 2}),
    ):
        assert_same(again(pictures, **settings), model(pictures, **{"imgsz": 128} | settings))


@pytest.mark.parametrize("opset", [11, 17])
def test_older_sets_of_operators_are_written_and_run(written, opset):
    model, file = written("yolo11n-pose", 3, (4, 3), format="onnx", imgsz=128, opset=opset, dynamic=True)
    import onnx

    assert [one.version for one in onnx.load(file).opset_import] == [opset]
    picture = image(96, 128, 0)
    assert_same(YOLO(file)(picture), model(picture, imgsz=128))


def test_a_fixed_batch_is_split_and_filled_up(written):
    model, file = written("yolov8n-pose", format="torchscript", imgsz=128, batch=2)
    pictures = [image(96, 128, number) for number in range(5)]
    assert_same(YOLO(file)(pictures, batch=5), model(pictures, imgsz=128, rect=False))


def test_height_comes_before_width_and_the_file_knows_its_size(written, caplog):
    model, file = written("yolov8n-pose", format="onnx", imgsz=[64, 160])
    import onnx

    shape = onnx.load(file).graph.input[0].type.tensor_type.shape.dim
    assert [side.dim_value for side in shape] == [1, 3, 64, 160]
    picture = image(60, 150, 0)
    assert_same(YOLO(file)(picture), model(picture, imgsz=[64, 160], rect=False))
    caplog.clear()
    assert_same(YOLO(file)(picture, imgsz=128), model(picture, imgsz=[64, 160], rect=False))
    assert [line.message for line in caplog.records if "imgsz" in line.message] == [
        "imgsz=128: the file has inputs of [64, 160] only, which are used"
    ]
    with pytest.raises(SourceValueError, match=r"\[64, 160\] only"):
        YOLO(file)(torch.zeros(1, 3, 96, 96))


def test_names_and_keypoints_are_known_before_anything_runs(written, monkeypatch):
    _, file = written("yolo11n-pose", 3, (4, 3), format="onnx", imgsz=128)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    model = YOLO(file)
    before = dict(model.overrides)
    assert model.names == {0: "person", 1: "dog", 2: "cat"}
    assert model.loaded.schema.shape == (4, 3)
    assert (model.task, model.device) == ("pose", None)
    assert model.overrides == before
    with pytest.raises(MissingExtraError, match=r"onnxruntime: pip install \"posekit\[onnx\]\""):
        model(image(96, 128, 0))


def test_the_file_lies_beside_its_weights_and_takes_the_place_of_an_older_one(here, weights):
    copy = here / "sub" / "mine.pt"
    copy.parent.mkdir()
    copy.write_bytes(weights().read_bytes())
    for _ in range(2):
        file = YOLO(copy).export(format="torchscript", imgsz=64)
        assert type(file) is str
        assert file == str(copy.with_suffix(".torchscript"))
        assert sorted(path.name for path in copy.parent.iterdir()) == ["mine.pt", "mine.torchscript"]


def test_weights_that_come_with_posekit_are_exported_into_the_working_folder(here):
    assert YOLO("figures-pose").export(format="torchscript", imgsz=64) == "figures-pose.torchscript"
    assert [path.name for path in here.iterdir()] == ["figures-pose.torchscript"]


def test_a_trained_model_is_exported_beside_its_best_weights(here):
    from posekit.data.figures.dataset import write_yolo_dataset

    write_yolo_dataset(here / "figures", train=4, val=2, seed=0)
    model = YOLO("figures-pose")
    model.train(data=str(here / "figures" / "data.yaml"), **SMALL | {"epochs": 1})
    file = Path(model.export(format="torchscript"))
    assert file == Path(model.ckpt_path).with_name("best.torchscript")
    pictures = str(here / "figures" / "images" / "val")
    assert_same(YOLO(file)(pictures), model(pictures, imgsz=64, rect=False))


def test_pictures_of_any_shape_come_back_in_their_own_pixels(written):
    model, file = written("yolov8n-pose", format="torchscript", imgsz=128)
    pictures = [image(20, 2000, 0), image(2000, 20, 1), image(1, 1, 2), image(900, 3, 3)]
    found, expected = (one(pictures, conf=1e-4, max_det=5, **more) for one, more in ((YOLO(file), {}), (model, FIXED)))
    assert_same(found, expected, 1e-2)


def test_a_detector_turned_into_a_pose_network_is_exported_as_one(weights, tmp_path):
    model = YOLO(weights("yolov8n-pose"))
    model.load(weights("yolov8n"))
    model.ckpt_path = str(tmp_path / "a.pt")
    assert YOLO(model.export(format="torchscript", imgsz=64)).task == "pose"


def test_exporting_starts_no_process(pose_model, tmp_path, monkeypatch):
    monkeypatch.setattr(BaseProcess, "start", lambda self: pytest.fail("a process was started"))
    pose_model.ckpt_path = str(tmp_path / "a.pt")
    pose_model.export(format="torchscript", imgsz=64)


def test_no_size_of_a_batch_is_baked_into_a_dynamic_file(written):
    _, file = written("yolo11n-pose", 3, (4, 3), format="torchscript", imgsz=128, dynamic=True, batch=37)
    graph = torch.jit.load(file).inlined_graph
    numbers = [node.output() for node in graph.findAllNodes("prim::Constant")]
    assert 37 not in [number.toIValue() for number in numbers if number.type().kind() == "IntType"]


def test_callbacks_see_the_file(pose_model, tmp_path):
    pose_model.ckpt_path = str(tmp_path / "a.pt")
    seen = []
    pose_model.add_callback("on_export_start", lambda run: seen.append(run.file))
    pose_model.add_callback("on_export_end", lambda run: seen.append(str(run.file)))
    file = pose_model.export(format="torchscript", imgsz=64)
    assert seen == [None, file]


def test_exporting_leaves_the_model_as_it_was(pose_model, tmp_path):
    pose_model.ckpt_path = str(tmp_path / "a.pt")
    picture = image(96, 128, 0)
    weights = {name: tensor.clone() for name, tensor in pose_model.model.state_dict().items()}
    before, overrides = pose_model(picture), dict(pose_model.overrides)
    pose_model.export(format="torchscript", imgsz=64, half=False, nms=True)
    after = pose_model(picture)
    torch.testing.assert_close(after[0].boxes.data, before[0].boxes.data, atol=0, rtol=0)
    assert pose_model.overrides == overrides
    assert all(torch.equal(tensor, weights[name]) for name, tensor in pose_model.model.state_dict().items())


def test_an_exported_file_validates_like_its_network(written, tmp_path):
    model, file = written("yolov8n-pose", 1, (17, 3), format="torchscript", imgsz=128)
    from posekit.data.figures.dataset import write_yolo_dataset

    write_yolo_dataset(tmp_path / "figures", train=2, val=4, seed=0)
    settings = {"data": str(tmp_path / "figures" / "data.yaml"), "plots": False, "verbose": False, "workers": 0}
    scores = YOLO(file).val(**settings).results_dict
    assert scores == pytest.approx(model.val(**settings, imgsz=128, rect=False).results_dict, abs=1e-3)


@pytest.mark.parametrize(
    "call",
    [
        lambda model: model.train(data="coco8-pose.yaml"),
        lambda model: model.export(format="onnx"),
        lambda model: model.fuse(),
        lambda model: model.info(),
        lambda model: model.save("a.pt"),
        lambda model: model.load("figures-pose"),
        lambda model: model.reset_weights(),
        lambda model: model.to("cpu"),
        lambda model: model.model,
    ],
)
def test_what_only_a_network_can_do_is_refused_in_one_line(written, call):
    _, file = written("yolov8n-pose", format="torchscript", imgsz=128)
    with pytest.raises(ExportedModelError, match=r"small\.torchscript predicts and validates; take the \.pt") as caught:
        call(YOLO(file))
    assert isinstance(caught.value, TypeError)
    assert "\n" not in str(caught.value)


def test_an_exported_file_has_no_attributes_of_a_network(written):
    model = YOLO(written("yolov8n-pose", format="torchscript", imgsz=128)[1])
    assert not hasattr(model, "strides")
    with pytest.raises(UnknownAttributeError):
        _ = model.strides


@pytest.mark.parametrize("settings", [{"embed": [1]}, {"visualize": True}])
def test_layers_of_an_exported_file_cannot_be_looked_into(written, settings):
    _, file = written("yolov8n-pose", format="torchscript", imgsz=128)
    with pytest.raises(SettingError, match=r"does not show: take its \.pt"):
        YOLO(file)(image(96, 128, 0), **settings)


def test_a_lower_threshold_than_that_of_the_file_is_told_once(written, caplog):
    _, file = written("yolov8n-pose", 1, (17, 3), format="torchscript", imgsz=128, nms=True)
    model = YOLO(file)
    for _ in range(2):
        model(image(96, 128, 0), conf=0.1)
    assert sum("holds only detections above 0.25" in line.message for line in caplog.records) == 1


def test_sixteen_bits_keep_points_within_a_pixel_on_large_inputs(here):
    model = YOLO("figures-pose")
    again = YOLO(exported(model, format="onnx", imgsz=1280, half=True))
    import onnxruntime

    (images,) = onnxruntime.InferenceSession(again.model_name, providers=["CPUExecutionProvider"]).get_inputs()
    assert (images.type, images.shape) == ("tensor(float)", [1, 3, 1280, 1280])
    pairs = zip(again("figures"), model("figures", imgsz=1280, rect=False), strict=True)
    assert_same(*zip(*((one, other) for one, other in pairs if len(other)), strict=True), tolerance=1)


def test_more_is_asked_of_a_file_than_it_was_exported_for(written, caplog):
    _, file = written("yolov8n-pose", format="torchscript", imgsz=128)
    YOLO(file)(image(96, 128, 0), half=True)
    assert "computes in 32 bits, as it was exported" in caplog.text


def test_the_classes_for_predictors_take_exported_files(written):
    model, file = written("yolov8n-pose", format="torchscript", imgsz=128)
    picture = image(96, 128, 0)
    assert_same(PosePredictor(overrides={"model": str(file)})(picture), model(picture, imgsz=128, rect=False))


def test_an_unknown_format_lists_all(pose_model):
    with pytest.raises(ValueError, match="torchscript, onnx, openvino, engine, coreml, saved_model, pb, tflite"):
        pose_model.export(format="onnxx")


def test_what_a_format_lacks_is_refused_and_who_has_it_is_said(pose_model):
    with pytest.raises(SettingError, match="format=ncnn has no dynamic: formats that have it are torchscript, onnx"):
        pose_model.export(format="ncnn", dynamic=True)


def test_a_missing_converter_names_the_extra(pose_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtraError, match=r"openvino: pip install \"posekit\[openvino\]\""):
        pose_model.export(format="openvino")


def test_a_folder_that_cannot_be_written_is_one_line(pose_model, tmp_path):
    (tmp_path / "file").write_text("no folder")
    pose_model.ckpt_path = str(tmp_path / "file" / "a.pt")
    with pytest.raises(OutputError, match=r"a\.torchscript cannot be written") as caught:
        pose_model.export(format="torchscript", imgsz=64)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.onnx", "missing_openvino_model", "missing.engine"])
def test_a_missing_exported_file_is_one_line(here, name):
    with pytest.raises(CheckpointError, match=f"{name} does not exist"):
        YOLO(name)


def test_a_float_picture_and_a_grey_one_run_too(written):
    model, file = written("yolov8n-pose", format="torchscript", imgsz=128)
    for picture in (image(96, 128, 0)[:, :, 0], torch.from_numpy(image(128, 128, 0)).permute(2, 0, 1)[None] / 255):
        found, expected = YOLO(file)(picture), model(picture, imgsz=128, rect=False)
        assert [len(one) for one in found] == [len(other) for other in expected]


def test_what_runs_the_file_is_said(written, caplog):
    caplog.set_level(logging.INFO)
    _, file = written("yolov8n-pose", format="onnx", imgsz=[64, 160])
    YOLO(file)(np.zeros((64, 160, 3), np.uint8))
    assert "runs by ONNX Runtime (CPUExecutionProvider)" in caplog.text
