"""RF-DETR models: what is known of them, and how their predictions become detections."""

import argparse

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from golden.networks import assert_recorded
from golden.rfdetr_files import arrays, golden_network, picture, tensors
from posekit.checkpoint.checkpoint import save_checkpoint
from posekit.errors import CheckpointError, SchemaError, SettingError
from posekit.models.rfdetr.architecture import Architecture, KeypointSlots
from posekit.models.rfdetr.decode import best_pairs, covariance, find, find_uncertain, log_trace
from posekit.models.rfdetr.family import PoseOptions, open_rfdetr, pose_model
from posekit.models.rfdetr.network import Predictions
from posekit.models.rfdetr.weights import WeightsFile
from posekit.ops.boxes import clip_boxes
from posekit.schema.schema import COCO_PERSON
from small_rfdetr import SMALLEST, small_model, small_preview_model, small_rfdetr


@pytest.mark.parametrize("make", [small_model, small_preview_model, lambda: small_model(keypoints=0)])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_our_own_files_give_the_model_back(tmp_path, here, make, suffix):
    model, path = make(), tmp_path / f"model{suffix}"
    save_checkpoint(path, model.contents(path))
    loaded = open_rfdetr(path)
    assert (loaded.layout, loaded.names, loaded.schema) == (model.layout, model.names, model.schema)
    state = loaded.network.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in model.network.state_dict().items())


def test_files_of_the_reference_implementation(tmp_path, here):
    model = small_model(names={0: "cat", 1: "dog"})
    options = argparse.Namespace(class_names=["cat", "dog"], resolution=96)
    torch.save({"model": model.network.state_dict(), "args": options}, tmp_path / "model.pth")
    loaded = open_rfdetr(tmp_path / "model.pth")
    assert loaded.names == model.names
    assert loaded.schema == model.schema
    assert loaded.layout.architecture.resolution == 96


def test_weights_of_yolo_are_refused(weights, here):
    with pytest.raises(CheckpointError, match="YOLO"):
        open_rfdetr(weights())


def test_an_incomplete_file_is_refused(tmp_path, here):
    model, path = small_model(), tmp_path / "model.pt"
    contents = model.contents(path)
    del contents.state["keypoint_head.coord_head.layers.0.bias"]
    save_checkpoint(path, contents)
    with pytest.raises(CheckpointError, match="incomplete"):
        open_rfdetr(path)


TAILS = ["nose", "left_ear", "tail"]


def file_of(network, **options):
    return WeightsFile(path="m.pth", state=network.state_dict(), options=options)


def test_without_a_wish_it_is_cocos_person():
    model = pose_model(SMALLEST, None, PoseOptions())
    assert model.schema == COCO_PERSON
    assert model.names == {0: "person"}
    assert model.layout.class_rows == 2


def test_points_and_limbs_of_ones_own():
    wish = PoseOptions(num_keypoints=3, keypoint_names=TAILS, skeleton=[[0, 1], [0, 2]], num_classes=2)
    model = pose_model(SMALLEST, None, wish)
    assert model.schema.names == tuple(TAILS)
    assert model.schema.skeleton == ((0, 1), (0, 2))
    assert model.names == {0: "0", 1: "1"}
    assert model.network(torch.rand(1, 3, 64, 64)).last.keypoints.shape == (1, 9, 3, 3)


def test_names_alone_say_how_many():
    assert pose_model(SMALLEST, None, PoseOptions(keypoint_names=TAILS)).schema.count == 3


@pytest.mark.parametrize(
    "wish",
    [
        PoseOptions(num_keypoints=4, keypoint_names=TAILS),
        PoseOptions(keypoint_names=TAILS, skeleton=[[0, 3]]),
        PoseOptions(keypoint_names=TAILS, skeleton=[[0, 1, 2]]),
    ],
)
def test_wishes_that_contradict_themselves(wish):
    with pytest.raises(SchemaError):
        pose_model(SMALLEST, None, wish)


def test_pose_weights_keep_everything_that_is_not_wished_otherwise():
    source = small_model(keypoints=3, names={0: "cat", 1: "dog"})
    file = file_of(source.network, class_names=["cat", "dog"], keypoint_names=TAILS)
    model = pose_model(SMALLEST, file, PoseOptions())
    assert model.names == source.names
    assert model.schema.names == tuple(TAILS)
    state = model.network.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in source.network.state_dict().items())


def test_pose_weights_of_another_number_of_keypoints_start_a_new_last_layer():
    source = small_model(keypoints=3)
    model = pose_model(SMALLEST, file_of(source.network), PoseOptions(num_keypoints=5))
    head, old = model.network.keypoint_head.coord_head.layers, source.network.keypoint_head.coord_head.layers
    assert torch.equal(head[0].weight, old[0].weight)
    assert not head[2].weight.any()


def test_detection_weights_start_a_pose_model_of_persons():
    detector = small_rfdetr(class_rows=91, keypoints=0)
    model = pose_model(SMALLEST, file_of(detector), PoseOptions())
    assert model.names == {0: "person"}
    assert torch.equal(model.network.class_embed.weight, detector.class_embed.weight[:2])


def test_pose_weights_of_another_size_are_refused():
    deeper = Architecture(**{**vars(SMALLEST), "decoder_layers": 3})
    with pytest.raises(CheckpointError, match="2 decoder layers"):
        pose_model(deeper, file_of(small_model().network), PoseOptions())


def test_another_resolution():
    model = pose_model(SMALLEST, file_of(small_model().network), PoseOptions(resolution=96))
    assert model.layout.architecture.resolution == 96
    assert model.network.state_dict()["backbone.0.encoder.encoder.embeddings.position_embeddings"].shape[1] == 37
    with pytest.raises(SettingError, match="multiple of 32"):
        pose_model(SMALLEST, None, PoseOptions(resolution=100))


PIXELS = 1e-4


def in_pixels(found, size):
    height, width = size
    return found.boxes * torch.tensor([width, height, width, height])


@pytest.mark.parametrize("index", [0, 1])
def test_recorded_detections(index):
    stored = arrays("postprocess")
    parts = tensors("postprocess", "pred_logits", "pred_boxes", "pred_keypoints")
    height, width = stored["target_sizes"][index].tolist()
    found = find(Predictions(*(part[index] for part in parts)), int(stored["num_select"]))
    boxes = in_pixels(found, (height, width))
    confidence = found.keypoints[..., 2]
    keypoints = torch.cat(
        (found.keypoints[..., :2] * torch.tensor([width, height]), 2.0 * (confidence > 0.5)[..., None]), -1
    )
    for kind, made in (("pose", boxes), ("detection", clip_boxes(boxes, (height, width)))):
        np.testing.assert_allclose(found.scores, stored[f"{kind}{index}_scores"], atol=1e-6)
        np.testing.assert_array_equal(found.classes, stored[f"{kind}{index}_labels"])
        np.testing.assert_allclose(made, stored[f"{kind}{index}_boxes"], atol=PIXELS)
    np.testing.assert_allclose(keypoints, stored[f"pose{index}_keypoints"], atol=PIXELS)
    np.testing.assert_allclose(confidence, stored[f"pose{index}_keypoints_confidence"], atol=1e-6)


def test_recorded_detections_of_a_whole_network():
    stored = arrays("pose_nano")
    height, width = stored["target_size"].tolist()
    with torch.no_grad():
        predictions = golden_network("pose_nano")(picture("pose_nano", 384, 384)).last
    found = find(Predictions(*(part[0] for part in predictions)), 300)
    np.testing.assert_array_equal(found.classes, stored["post_labels"])
    assert_recorded(stored, "post_scores", found.scores, absolute=1e-4, relative=0)
    assert_recorded(stored, "post_boxes", in_pixels(found, (height, width)), absolute=0.05, relative=1e-4)
    places = found.keypoints[:100, :, :2] * torch.tensor([width, height])
    confidence = found.keypoints[:100, :, 2]
    keypoints = torch.cat((places, 2.0 * (confidence > 0.5)[..., None]), -1)
    assert_recorded(stored, "post_keypoints", keypoints, absolute=0.05, relative=0)
    assert_recorded(stored, "post_keypoints_confidence", confidence.contiguous(), absolute=1e-4, relative=0)


def test_of_equal_scores_the_first_is_taken():
    best = best_pairs(torch.zeros(4, 2), 3)
    assert best.queries.tolist() == [0, 0, 1]
    assert best.classes.tolist() == [0, 1, 0]


def test_no_more_pairs_than_there_are():
    assert len(best_pairs(torch.zeros(2, 3), 300).scores) == 6


def of_picture(parts, index):
    return Predictions(*(part[index] for part in parts))


def boxes_and_keypoints_in_pixels(found, size):
    """Return boxes and keypoints (x, y, confidence) in pixels of a picture (h, w)."""
    height, width = size
    boxes = found.boxes * torch.tensor([width, height, width, height])
    return boxes, found.keypoints * torch.tensor([width, height, 1])


@pytest.fixture(scope="module")
def recorded():
    keys = ("pred_logits", "pred_boxes", "pred_keypoints")
    return of_picture(tensors("eval_keypoint_preview", *keys), 0), arrays("post_keypoint_preview")


def test_recorded_detections_of_the_preview(recorded):
    predictions, stored = recorded
    size = tuple(stored["target_size"].tolist())
    found = find_uncertain(predictions, 100, KeypointSlots((0, 17)))
    boxes, keypoints = boxes_and_keypoints_in_pixels(found, size)
    clipped = boxes.clamp(torch.zeros(4), torch.tensor([size[1], size[0]] * 2))  # as recorded
    np.testing.assert_array_equal(found.classes, stored["labels"])
    np.testing.assert_allclose(found.scores, stored["scores"], atol=1e-6)
    np.testing.assert_allclose(clipped, stored["boxes"], atol=PIXELS)
    np.testing.assert_allclose(keypoints, stored["keypoints"], atol=PIXELS)
    np.testing.assert_allclose(found.precision, stored["precision_cholesky"], atol=1e-6)
    np.testing.assert_allclose(covariance(found.precision, size), stored["covariance"], rtol=1e-5)


def test_recorded_scores_without_fusion(recorded):
    predictions, stored = recorded
    np.testing.assert_allclose(best_pairs(predictions.logits, 100).scores, stored["scores_without_fusion"], atol=1e-6)


@pytest.mark.parametrize("case", ["a", "b"])
@pytest.mark.parametrize(("index", "size"), [(0, (480, 640)), (1, (300, 200))])
def test_recorded_detections_of_several_classes(case, index, size):
    stored = arrays("losses_keypoint_preview")
    parts = tensors("losses_keypoint_preview", *(f"{case}/pred_{part}" for part in ("logits", "boxes", "keypoints")))
    found = find_uncertain(of_picture(parts, index), 8, KeypointSlots(tuple(stored[f"{case}/schema"])))
    boxes, keypoints = boxes_and_keypoints_in_pixels(found, size)
    start = f"{case}/post{index}_"
    np.testing.assert_array_equal(found.classes, stored[f"{start}labels"])
    np.testing.assert_allclose(found.scores, stored[f"{start}scores"], atol=1e-6)
    np.testing.assert_allclose(boxes, stored[f"{start}boxes"], atol=PIXELS)
    np.testing.assert_allclose(keypoints, stored[f"{start}keypoints"], atol=PIXELS)
    np.testing.assert_allclose(found.precision, stored[f"{start}keypoint_precision_cholesky"], atol=1e-6)


def test_labels_without_a_slot_keep_their_score_and_have_no_keypoints():
    logits = torch.tensor([[-5.0, -5.0, 2.0]])
    found = find_uncertain(Predictions(logits, torch.rand(1, 4), torch.randn(1, 8, 8)), 1, KeypointSlots((0, 4)))
    torch.testing.assert_close(found.scores, torch.tensor([2.0]).sigmoid())
    assert not found.keypoints.any()
    assert found.precision.isnan().all()


LOG = st.floats(-3, 3)


@given(log_l11=LOG, l21=st.floats(-5, 5), log_l22=LOG)
def test_it_is_the_inverse_of_the_precision(log_l11, l21, log_l22):
    factor = torch.tensor([log_l11, l21, log_l22], dtype=torch.float64)
    lower = torch.tensor([[factor[0].exp(), 0], [factor[1], factor[2].exp()]], dtype=torch.float64)
    spread = covariance(factor, (1, 1))
    torch.testing.assert_close(spread @ lower @ lower.T, torch.eye(2, dtype=torch.float64), rtol=0, atol=1e-6)
    torch.testing.assert_close(log_trace(factor).exp(), spread.trace(), rtol=1e-6, atol=1e-9)


def test_pixels_scale_each_axis():
    factor = torch.tensor([0.3, -0.5, 0.1])
    whole, pixels = covariance(factor, (1, 1)), covariance(factor, (10, 20))
    torch.testing.assert_close(pixels, whole * torch.tensor([[400.0, 200.0], [200.0, 100.0]]))


def test_places_without_a_keypoint_have_none():
    assert covariance(torch.full((3,), torch.nan), (5, 5)).isnan().all()
