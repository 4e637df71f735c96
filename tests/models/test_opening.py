"""Models by name, and how pictures come into their input."""

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from golden.fill import image
from golden.rfdetr_files import arrays
from posekit import YOLO
from posekit.checkpoint.checkpoint import save_checkpoint
from posekit.errors import CheckpointError, ModelDefinitionError, ModelNotFoundError, SettingError, SourceValueError
from posekit.models.opening import open_model, open_weights
from posekit.models.rfdetr.backbone import Normalisation
from posekit.models.rfdetr.model import RFDETRModel
from posekit.models.yolo.family import LoadedModel
from posekit.ops.boxes import points_to_original
from posekit.placing import Letterboxing, stretch, stretched_input, stretching
from posekit.sample import Sample
from small_rfdetr import small_definition, small_model


@pytest.fixture
def definition(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(small_definition(detections=18)))  # every pair of query and class
    return path


def test_definitions_tell_their_family(definition):
    assert type(open_model("yolov8n-pose.yaml").loaded) is LoadedModel
    opened = open_model(str(definition))
    assert (type(opened.loaded), opened.loaded.task) == (RFDETRModel, "pose")
    assert (opened.trained, opened.path) == (False, None)
    assert opened.loaded.layout.architecture.queries == 9
    detector = tmp_detector(definition)
    assert open_model(str(detector)).loaded.task == "detect"


def tmp_detector(definition):
    path = definition.with_name("detector.yaml")
    path.write_text(yaml.safe_dump(small_definition(size="rf-detr-nano")))
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": "rfdetr-pose-tiny"}, "size 'rfdetr-pose-tiny' is none of rfdetr-pose-nano, "),
        ({"depth": 3}, "depth is no part of an architecture"),
        ({"queries": "many"}, "queries='many' must be a whole number"),
    ],
)
def test_mistakes_in_definitions_are_told(tmp_path, changes, message):
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(small_definition(**changes)))
    with pytest.raises(ModelDefinitionError, match=message):
        open_model(str(path))


def test_unknown_names_are_those_of_no_family(here):
    with pytest.raises(ModelNotFoundError, match="rfdetr-pose-tiny"):
        open_model("rfdetr-pose-tiny.yaml")


def test_files_tell_their_family(tmp_path, weights):
    model = small_model()
    save_checkpoint(tmp_path / "small.pt", model.contents(tmp_path / "small.pt"))
    torch.save({"model": model.network.state_dict()}, tmp_path / "theirs.pth")
    ours, theirs = (open_weights(str(tmp_path / name)) for name in ("small.pt", "theirs.pth"))
    assert {type(ours.loaded), type(theirs.loaded)} == {RFDETRModel}
    assert ours.trained
    assert theirs.path == str(tmp_path / "theirs.pth")
    assert type(open_weights(str(weights())).loaded) is LoadedModel


def test_a_damaged_file_is_told(tmp_path):
    (tmp_path / "theirs.pth").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="theirs"):
        open_weights(str(tmp_path / "theirs.pth"))


def test_weights_do_not_move_between_families(tmp_path, definition, weights):
    save_checkpoint(tmp_path / "small.pt", small_model().contents(tmp_path / "small.pt"))
    with pytest.raises(SettingError, match="another family"):
        YOLO(definition).load(weights())
    with pytest.raises(SettingError, match="another family"):
        YOLO("yolov8n-pose.yaml").load(tmp_path / "small.pt")


def test_everything_but_training_works_with_any_family(definition, caplog, tmp_path):
    model = YOLO(definition)
    assert (model.task, model.names) == ("pose", {0: "person"})
    before = model.model.get_parameter("class_embed.weight").clone()
    assert not torch.equal(model.reset_weights().model.get_parameter("class_embed.weight"), before)
    layers, parameters, gradients, gflops = model.info(imgsz=64)
    assert parameters == sum(part.numel() for part in model.model.parameters())
    assert parameters - gradients == 64  # the token of hidden patches
    assert layers > 50
    assert gflops > 0.01
    model.save(tmp_path / "saved.pt")
    assert model.fuse() is model
    again = YOLO(tmp_path / "saved.pt")
    (result,) = again.predict(tmp_picture(tmp_path), conf=0.0, max_det=3, verbose=False)
    assert result.keypoints.shape == (3, 17, 3)
    (vector,) = again.embed(tmp_picture(tmp_path), verbose=False)
    assert vector.shape == (64,)
    assert again.load(model).task == "pose"


def tmp_picture(folder):
    import cv2
    import numpy as np

    path = folder / "picture.jpg"
    cv2.imwrite(str(path), np.full((48, 80, 3), 99, np.uint8))
    return str(path)


def sample(height, width, value=0):
    return Sample(image=np.full((height, width, 3), value, np.uint8))


@given(height=st.integers(1, 3000), width=st.integers(1, 3000), stride=st.sampled_from([8, 16, 32, 64]))
def test_input_sizes_are_the_next_multiples_of_the_stride(height, width, stride):
    placing = Letterboxing(stride)
    for asked, given_side in zip((height, width), placing.input_size((height, width)), strict=True):
        assert given_side % stride == 0
        assert asked <= given_side < asked + stride
    assert placing.input_size(height) == placing.input_size((height, height))


@pytest.mark.parametrize(
    ("sizes", "rect", "shape"),
    [
        ([(240, 400)], True, (288, 448)),
        ([(240, 400)], False, (448, 448)),
        ([(240, 400), (240, 400)], True, (288, 448)),
        ([(240, 400), (400, 240)], True, (448, 448)),
        ([(1, 1)], True, (448, 448)),
        ([(1, 900)], True, (32, 448)),
    ],
)
def test_only_equal_shapes_are_padded_to_the_stride_alone(sizes, rect, shape):
    batch = Letterboxing(32).prepare([sample(*size) for size in sizes], (448, 448), rect=rect)
    assert tuple(batch.images.shape) == (len(sizes), 3, *shape)
    assert [box.original for box in batch.letterboxes] == sizes


def test_pictures_become_rgb_bytes_with_grey_around():
    picture = np.zeros((32, 64, 3), np.uint8)
    picture[:] = (10, 20, 30)  # blue, green, red
    batch = Letterboxing(32).prepare([Sample(image=picture)], (64, 64), rect=False)
    assert batch.images.dtype == torch.uint8
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.images[0, :, 32, 32].tolist() == [30, 20, 10]
    assert batch.images[0, :, 0, 0].tolist() == [114, 114, 114]


def test_ready_tensors_go_through_unchanged():
    tensors = [torch.rand(3, 64, 96) for _ in range(2)]
    samples = [Sample(image=np.zeros((64, 96, 3), np.uint8), tensor=tensor) for tensor in tensors]
    batch = Letterboxing(32).prepare(samples, (640, 640), rect=True)
    assert torch.equal(batch.images, torch.stack(tensors))
    assert (batch.letterboxes[0].pad, batch.letterboxes[0].gain) == ((0, 0), (1, 1))
    with pytest.raises(SourceValueError, match="64x96 pixels: height and width must be multiples of 64"):
        Letterboxing(64).prepare(samples, (640, 640), rect=True)


TOLERANCE = 1e-5


@pytest.mark.parametrize("case", ["up", "down", "mixed"])
def test_recorded_inputs(case):
    stored = arrays("preprocess")
    height, width, side = stored[f"{case}/shape"].tolist()
    bgr = np.ascontiguousarray(image(height, width, 3)[..., ::-1])
    made = Normalisation()(stretched_input([bgr], (side, side)))[0]
    np.testing.assert_allclose(made[:, ::16, ::16], stored[f"{case}/sampled"], atol=TOLERANCE)
    np.testing.assert_allclose(made[:, 100], stored[f"{case}/row100"], atol=TOLERANCE)
    np.testing.assert_allclose(made.mean((1, 2)), stored[f"{case}/mean"], atol=TOLERANCE)
    np.testing.assert_allclose(made.std((1, 2)), stored[f"{case}/std"], atol=TOLERANCE)


@settings(max_examples=40)
@given(height=st.integers(1, 90), width=st.integers(1, 90), size=st.tuples(st.integers(1, 80), st.integers(1, 80)))
def test_it_is_the_bilinear_interpolation_of_pytorch(height, width, size):
    picture = np.random.default_rng(height * 100 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    planes = torch.from_numpy(picture[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255
    expected = interpolate(planes, size=size, mode="bilinear")[0].permute(1, 2, 0)
    np.testing.assert_allclose(stretch(picture, size), expected, atol=1e-5)


def test_a_picture_of_the_right_size_stays_as_it_is():
    picture = image(64, 96, 0)
    np.testing.assert_allclose(stretch(picture, (64, 96)) * 255, picture[..., ::-1], atol=1e-4)


def test_views_that_run_backwards_are_read_alike():
    rgb = image(40, 50, 0)
    np.testing.assert_array_equal(stretch(rgb[:, :, ::-1], (32, 32)), stretch(rgb[:, :, ::-1].copy(), (32, 32)))


def test_the_way_back_knows_both_factors():
    there = stretching((64, 64), (480, 640))
    corner = points_to_original(torch.tensor([[64.0, 64.0]]), there)
    torch.testing.assert_close(corner, torch.tensor([[640.0, 480.0]]))
