"""A YOLO network that is ready: made anew when it must be, measured as recorded, and the same from ONNX."""

import json
import warnings
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from torch.utils._pytree import tree_flatten, tree_unflatten

from golden.fill import image
from golden.networks import FOLDER, assert_recorded, golden_input, golden_network
from posekit import YOLO
from posekit.config.settings import PredictSettings, ValSettings
from posekit.data.labels import PictureLabels
from posekit.data.loader import labelled_sample
from posekit.engine.scoring import truth_of
from posekit.engine.validation_run import check_settings
from posekit.errors import SettingError
from posekit.models.yolo.decode import (
    DecodeRule,
    anchor_points,
    augmented_predictions,
    decode_dense,
    detect_dense,
    detect_one2many,
)
from posekit.models.yolo.family import LoadedModel
from posekit.models.yolo.inference import YoloInference
from posekit.ops.nms import Suppression
from posekit.results.output import draw_results
from posekit.sample import Sample
from posekit.schema.schema import COCO_PERSON, KeypointSchema
from posekit.viz.draw import DrawOptions
from small_networks import small_network

CPU = torch.device("cpu")


@pytest.fixture
def loaded():
    return LoadedModel(network=small_network("yolo26n-pose"), schema=COCO_PERSON)


@pytest.fixture
def ready(loaded):
    """Return a function that asks for the ready network."""
    return lambda **settings: loaded.ready(PredictSettings(**settings), CPU)


def test_it_is_kept_while_only_the_run_changes(ready):
    first = ready()
    assert ready(conf=0.5, imgsz=64, max_det=2, nms=None, precision=16) is first


def test_the_network_itself_is_left_as_it_is(loaded, ready):
    loaded.network.train()
    ready()
    assert loaded.network.training
    assert loaded.network.head.branches == ("one2many", "one2one")


def test_either_set_of_branches_is_another_network(ready):
    assert ready().branch == "one2many"
    assert ready(nms=False).branch == "one2one"


@torch.no_grad()
def write_into(loaded):
    loaded.network.model[0].conv.weight.add_(1)


def load_state(loaded):
    loaded.network.load_state_dict(loaded.network.state_dict())


def replace_parameter(loaded):
    loaded.network.model[0].conv.weight = torch.nn.Parameter(torch.zeros_like(loaded.network.model[0].conv.weight))


def move_statistics(loaded):
    loaded.network.model[0].bn.running_mean.add_(1)


def rename(loaded):
    loaded.network.names[0] = "human"


def replace_network(loaded):
    loaded.network = small_network("yolo26n-pose", seed=1)


def replace_schema(loaded):
    loaded.schema = KeypointSchema(shape=(17, 3))


CHANGES = [write_into, load_state, replace_parameter, move_statistics, rename, replace_network, replace_schema]


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_the_model_counts(loaded, ready, change):
    first = ready()
    change(loaded)
    second = ready()
    assert second is not first
    assert ready() is second


def test_weights_made_in_inference_mode_are_taken_as_they_are():
    with torch.inference_mode():
        loaded = LoadedModel(network=small_network(), schema=COCO_PERSON)
    assert loaded.ready(PredictSettings(), CPU).task == "pose"


def test_a_missing_set_of_branches_is_an_error_and_the_other_goes_on_working():
    loaded = LoadedModel(network=small_network(), schema=COCO_PERSON)
    first = loaded.ready(PredictSettings(), CPU)
    with pytest.raises(SettingError, match="only the one2many branches of its head: predict with nms=True"):
        loaded.ready(PredictSettings(nms=False), CPU)
    assert loaded.ready(PredictSettings(), CPU) is first


GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "train" / "data_val.npz")
SETTINGS = ValSettings(imgsz=96, batch=2)


@pytest.fixture(scope="module")
def model():
    return YoloInference(small_network(), None, device=torch.device("cpu"))


def labels_of(index):
    text = str(GOLDEN[f"val/label{index}"])
    rows = np.array([line.split() for line in text.splitlines() if line.strip()], np.float32).reshape(-1, 14)
    return PictureLabels(
        path=f"{index}.png",
        size=GOLDEN[f"val/in{index}_bgr"].shape[:2],
        classes=rows[:, 0].astype(np.int64),
        boxes=rows[:, 1:5],
        keypoints=rows[:, 5:].reshape(-1, 3, 3),
    )


def sample_of(model, index):
    picture, labels = GOLDEN[f"val/in{index}_bgr"], labels_of(index)
    height, width = model.placing.load_size(labels.size, 96)
    return labelled_sample(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), labels)


def recorded_batches(model):
    sizes = [GOLDEN[f"val/in{index}_bgr"].shape[:2] for index in range(5)]
    for number, plan in enumerate(model.placing.plan(sizes, 96, 2, rect=True)):
        yield (
            f"val/batch{number}/",
            model.placing.place([sample_of(model, index) for index in plan.pictures], plan.shape),
        )


def test_recorded_pictures_give_the_recorded_inputs(model):
    for prefix, batch in recorded_batches(model):
        np.testing.assert_array_equal(batch.images.numpy(), GOLDEN[prefix + "img"])


def test_the_way_back_is_the_recorded_one(model):
    for prefix, batch in recorded_batches(model):
        found = [[*box.gain, *box.pad[::-1]] for box in batch.letterboxes]
        np.testing.assert_allclose(found, GOLDEN[prefix + "ratio_pad"], rtol=1e-6)
        assert [list(box.original) for box in batch.letterboxes] == GOLDEN[prefix + "ori_shape"].tolist()


def test_recorded_labels_land_where_recorded(model):
    for prefix, batch in recorded_batches(model):
        height, width = batch.images.shape[2:]
        placed = zip(batch.samples, batch.letterboxes, strict=True)
        truths = [truth_of(*picture, mask_size=None, overlap=True) for picture in placed]
        corners = np.concatenate([truth.boxes for truth in truths]) / (width, height, width, height)
        boxes = np.concatenate(((corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]), 1)
        np.testing.assert_allclose(boxes, GOLDEN[prefix + "bboxes"], atol=1e-6)
        points = np.concatenate([truth.keypoints for truth in truths]) / (width, height, 1)
        np.testing.assert_allclose(points, GOLDEN[prefix + "keypoints"], atol=1e-6)


def test_without_rect_inputs_are_square_and_in_the_order_of_the_data_set(model):
    plans = model.placing.plan([(30, 90)] * 3, 96, 2, rect=False)
    assert [(plan.pictures, plan.shape) for plan in plans] == [((0, 1), (96, 96)), ((2,), (96, 96))]


def test_an_impossible_input_size_is_rounded_up_and_said(model, caplog):
    assert model.adapt(ValSettings(imgsz=100)).imgsz == 128
    assert "no multiple of the stride" in caplog.text


def test_what_a_cpu_cannot_do_is_said(model, caplog):
    settings = model.adapt(ValSettings(imgsz=96, augment=True, precision=16))
    assert not settings.augment
    assert "augment=True" in caplog.text
    assert "half=True" in caplog.text


@pytest.mark.parametrize(("wanted", "told"), [(16, 1), (32, 0)])
def test_only_16_bits_that_were_wanted_are_missed(model, caplog, wanted, told):
    model.adapt(ValSettings(precision=wanted))
    assert caplog.text.count("16-bit") == told


@pytest.mark.parametrize("batch", [-1, 0.5])
def test_what_no_validation_can_follow_is_refused(batch):
    check_settings(ValSettings())
    with pytest.raises(SettingError, match="such as batch=16"):
        check_settings(ValSettings(batch=batch))
    with pytest.raises(SettingError, match="not in 8"):
        check_settings(ValSettings(precision=8))


def test_detections_are_those_of_the_dense_decoding_in_network_pixels(model):
    """Boxes are not clipped, and every anchor point above the threshold takes part."""
    sample = sample_of(model, 2)
    batch = model.placing.place([sample], (128, 128))
    settings = ValSettings(imgsz=96, conf=0.05, iou=1.0, max_det=100)
    (found,) = model.detect(model.run(batch, settings), batch, settings, "prototypes")
    scores = model.run(batch, settings)["one2many"]["scores"].sigmoid()[0].amax(0)
    assert len(found) == min(int((scores > 0.05).sum()), 100) > 0
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
    assert found.keypoints.shape == (len(found), 17, 3)
    assert found.masks is None


@pytest.mark.parametrize(("masks", "size"), [("prototypes", (32, 32)), ("input", (128, 128)), ("original", (64, 64))])
def test_masks_come_at_the_size_asked_for(masks, size):
    model = YoloInference(small_network("yolov8n-seg"), None, device=torch.device("cpu"))
    batch = model.placing.place([sample_of(model, 2)], (128, 128))
    settings = ValSettings(imgsz=96, conf=0.05)
    (found,) = model.detect(model.run(batch, settings), batch, settings, masks)
    assert len(found)
    assert found.masks.shape == (len(found), *size)
    assert found.masks.any()


@pytest.mark.parametrize(
    ("name", "nms"),
    [
        ("yolov8n-multitask", None),
        ("yolo11n-multitask", None),
        ("yolo26n-multitask", True),
        ("yolo26n-multitask", False),
    ],
)
def test_the_parts_of_a_result_are_of_the_same_objects(weights, picture, name, nms):
    (result,) = YOLO(weights(name))(picture, nms=nms, conf=0.25, verbose=False)
    assert len(result) == len(result.boxes) == len(result.masks) == len(result.keypoints) > 0
    found = result.to_supervision()
    assert len(found.mask) == len(found.data["keypoints"]) == len(result)
    row = json.loads(result.to_json())[0]
    assert {"box", "segments", "keypoints"} <= row.keys()
    drawn, bare = result.plot(kpt_line=False), result.new()
    bare.update(boxes=result.boxes.data, masks=result.masks.data)
    assert result.masks.data.any()
    assert result.keypoints.data[..., :2].std() > 1
    assert (drawn != bare.plot()).any()


def test_an_empty_mask_costs_neither_box_nor_keypoints(weights, picture, tmp_path):
    model = YOLO(weights("yolo11n-multitask"))
    (whole,) = model(picture, conf=0.25, verbose=False)
    with torch.no_grad():
        model.model.model[-1].proto.cv3.conv.weight.zero_()
        model.model.model[-1].proto.cv3.bn.bias.fill_(-1e9)
    (result,) = model(picture, conf=0.25, verbose=False)
    assert not result.masks.data.any()
    assert torch.equal(result.boxes.data, whole.boxes.data)
    assert torch.equal(result.keypoints.data, whole.keypoints.data)
    assert [len(outline) for outline in result.masks.xy] == [0] * len(result)
    assert result.plot().shape == picture.shape
    assert len(json.loads(result.to_json())) == len(result.to_supervision()) == len(result) > 0
    result.save_txt(tmp_path / "rows.txt")
    assert len((tmp_path / "rows.txt").read_text().splitlines()) == len(result)


def test_classes_have_their_own_points_and_the_others_are_zeros(weights, picture):
    network = small_network("yolo11n-multitask", nc=3, kpt_shape=(4, 3))
    schema = KeypointSchema(shape=(4, 3), classes=(0, 2), class_points=(4, 2))
    samples, settings = [Sample(image=picture)], ValSettings(imgsz=128, conf=0.001, max_det=3000, iou=1.0)
    found = []
    for points in (None, schema):
        model = YoloInference(network, points, device=torch.device("cpu"))
        batch = model.placing.place(samples, (96, 128))
        found += model.detect(model.run(batch, settings), batch, settings, "prototypes")
    whole, result = found
    assert len(result) == len(whole)
    classes = result.classes.tolist()
    assert len(set(classes)) == 3
    for label, points, free in zip(classes, result.keypoints, whole.keypoints, strict=True):
        count = schema.points_of(label)
        assert torch.equal(points[:count], free[:count])
        assert not points[count:].any()
        assert free.any()


def test_padding_is_not_drawn_even_with_the_lowest_threshold(weights, picture):
    model = YOLO(weights("yolo11n-multitask", kpt_shape=(4, 3)))
    model.loaded.schema = KeypointSchema(shape=(4, 3), classes=(1,))
    (result,) = model(picture, conf=0.05, verbose=False)
    bare = result.new()
    bare.update(boxes=result.boxes.data, masks=result.masks.data)
    options = DrawOptions(kpt_conf=0.0)
    np.testing.assert_array_equal(draw_results(result, options), draw_results(bare, options))


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


def outputs_of(network):
    """Return raw outputs, the same without batch axis, anchor points and the rule, for each set of branches."""
    with torch.no_grad():
        outputs = network(golden_input(96, 128))
    for branch, raw in outputs.items():
        single = {key: value[0] for key, value in raw.items() if key != "feats"}
        yield branch, raw, single, anchor_points(raw["feats"], network.strides), DecodeRule.of(network.head.spec)


CHOICES = [
    Suppression(),
    Suppression(conf=0.1, iou=0.3, max_det=5),
    Suppression(conf=0.05, classes=(1,)),
    Suppression(conf=0.05, agnostic=True),
    Suppression(conf=0.999),
]


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("name", ["yolov8n-pose", "yolo26n-pose"])
def test_decoding_only_what_passes_equals_decoding_everything(name, choice):
    network = small_network(name, nc=2)
    _, raw, single, anchors, rule = next(outputs_of(network))
    decoded = decode_dense(raw, rule, network.strides)[0, : 4 + 2]
    (gathered, where), (dense, there) = detect_one2many(single, anchors, rule, choice), detect_dense(decoded, choice)
    torch.testing.assert_close(gathered.boxes, dense.boxes, atol=1e-3, rtol=1e-5)
    torch.testing.assert_close(gathered.scores, dense.scores)
    assert torch.equal(gathered.classes, dense.classes)
    assert torch.equal(where, there)


@pytest.mark.parametrize("choice", CHOICES)
def test_detections_keep_what_was_asked_for(choice):
    _, _, single, anchors, rule = next(outputs_of(small_network(nc=2)))
    found, where = detect_one2many(single, anchors, rule, choice)
    assert len(found.boxes) == len(found.scores) == len(found.classes) == len(where) <= choice.max_det
    assert (found.scores > choice.conf).all()
    assert torch.equal(found.scores, found.scores.sort(descending=True).values)
    assert choice.classes is None or set(found.classes.tolist()) <= set(choice.classes)
    assert (len(found.boxes) == 0) == (choice.conf == 0.999)


def test_augmented_predictions_equal_the_recording():
    network = golden_network("yolov8n")
    rule = DecodeRule.of(network.head.spec)

    def predict(images):
        return decode_dense(network(images)["one2many"], rule, network.strides)

    with torch.no_grad(), np.load(FOLDER / "models" / "yolov8n_tta.npz") as file:
        joined = augmented_predictions(predict, golden_input(128, 160), network.max_stride, len(network.strides))
        assert_recorded(file, "decoded", joined, absolute=1e-3, relative=1e-4)
