"""`YOLO`: from a name or a file to a network, and back into a file."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from golden.networks import FOLDER as GOLDEN
from posekit import YOLO
from posekit.checkpoint.checkpoint import save_checkpoint
from posekit.errors import (
    CheckpointError,
    ModelNotFoundError,
    NotInThisReleaseError,
    PosekitError,
    SettingError,
    UnknownAttributeError,
    WeightsNotFoundError,
)
from posekit.schema.schema import COCO_PERSON, KeypointSchema
from small_networks import small_definition, small_network

POSE_NAMES = ["yolov8n-pose", "yolo11n-pose", "yolo26n-pose"]


def weights_of(model):
    return {name: tensor.clone() for name, tensor in model.model.state_dict().items()}


def differing(first, second):
    return {name for name, tensor in first.items() if not torch.equal(tensor, second[name])}


def assert_alike(first, second, tolerance=0.0):
    assert len(first) == len(second) > 0
    for one, other in zip(first, second, strict=True):
        assert len(one) == len(other) > 0
        torch.testing.assert_close(one.boxes.data, other.boxes.data, atol=tolerance, rtol=0)
        torch.testing.assert_close(one.keypoints.data, other.keypoints.data, atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", POSE_NAMES)
def test_a_definition_is_built_by_name_without_any_file(here, name):
    model = YOLO(f"{name}.yaml")
    assert model.task == "pose"
    assert model.ckpt is None
    assert model.cfg == f"{name}.yaml"
    assert model.names == {number: str(number) for number in range(model.model.definition.nc)}
    assert list(here.iterdir()) == []


def test_yolov8_pose_has_one_nameless_class_until_it_is_trained():
    assert YOLO("yolov8n-pose.yaml").names == {0: "0"}


def test_random_weights_differ_from_build_to_build():
    first, second = YOLO("yolov8n-pose.yaml"), YOLO("yolov8n-pose.yaml")
    assert differing(weights_of(first), weights_of(second))


@pytest.mark.parametrize(("suffix", "task"), [("", "detect"), ("-seg", "segment")])
def test_the_name_tells_the_task(suffix, task):
    assert YOLO(f"yolo11n{suffix}.yaml").task == task


def test_a_definition_of_ones_own_is_built(here):
    Path("mine.yaml").write_text(yaml.safe_dump(small_definition(kpt_shape=(21, 3), nc=2)))
    model = YOLO("mine.yaml")
    assert model.model.head.spec.kpt_shape == (21, 3)
    assert model("figures:1", imgsz=64, verbose=False)[0].keypoints.shape == (0, 21, 3)


@pytest.mark.parametrize("form", [str, Path])
def test_a_weight_file_tells_task_names_and_keypoints(weights, form):
    model = YOLO(form(weights(nc=2, kpt_shape=(21, 3))))
    assert (model.task, model.names) == ("pose", {0: "person", 1: "dog"})
    assert model.loaded.schema.shape == (21, 3)
    assert model.ckpt_path == model.model_name == str(weights(nc=2, kpt_shape=(21, 3)))


def test_a_bare_name_is_that_of_weights_in_the_current_folder(here, weights):
    Path("yolov8n-pose.pt").write_bytes(weights().read_bytes())
    assert YOLO("yolov8n-pose").ckpt_path == "yolov8n-pose.pt"


def test_weights_are_found_in_the_weights_folder(here, weights):
    folder = here.parent / "home" / "posekit" / "weights"
    folder.mkdir(parents=True)
    (folder / "mine.pt").write_bytes(weights().read_bytes())
    assert YOLO("mine.pt").ckpt_path == str(folder / "mine.pt")


@pytest.mark.parametrize("name", ["missing.pt", "folder/best.pt", "folder/yolov8n-pose.pt"])
def test_missing_weights_are_an_error_with_their_name(here, name):
    with pytest.raises(WeightsNotFoundError, match=Path(name).name) as caught:
        YOLO(name)
    assert isinstance(caught.value, FileNotFoundError)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("yolov9n-pose.yaml", "did you mean yolov8n-pose"),
        ("folder/yolov8n-pose.yaml", "neither a file nor a stock network"),
    ],
)
def test_an_unknown_definition_is_an_error_with_its_name(here, name, hint):
    with pytest.raises(ModelNotFoundError, match=f"{name}.*{hint}"):
        YOLO(name)


def test_a_model_of_another_kind_is_refused_with_the_kinds_that_are_read(here):
    Path("model.h5").write_bytes(b"weights")
    with pytest.raises(CheckpointError, match=r"model\.h5: this release reads .*\.safetensors"):
        YOLO("model.h5")


def test_another_task_than_the_models_is_a_warning(weights, caplog):
    model = YOLO(weights(), task="segment")
    assert model.task == "pose"
    assert "the model decides" in caplog.text
    with pytest.raises(SettingError, match="task='poes' is none of detect, segment"):
        YOLO(weights(), task="poes")


def test_only_four_training_settings_are_remembered(here):
    model = YOLO("yolov8n-pose.yaml")
    model.loaded.settings = {"imgsz": 96, "data": "d.yaml", "single_cls": False, "epochs": 7, "device": "cuda:3"}
    model.save("trained.pt")
    loaded = YOLO("trained.pt")
    assert loaded.overrides == {
        "model": "trained.pt", "imgsz": 96, "data": "d.yaml", "single_cls": False, "task": "pose",
    }  # fmt: skip
    loaded("figures:1", verbose=False)
    assert max(loaded.predictor.args.imgsz) == 96


def test_a_remembered_input_size_that_makes_no_sense_is_ignored_with_a_warning(here, caplog):
    model = YOLO("yolov8n-pose.yaml")
    model.loaded.settings = {"imgsz": "big"}
    model.save("odd.pt")
    assert "imgsz" not in YOLO("odd.pt").overrides
    assert "imgsz='big' makes no sense" in caplog.text


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("name", POSE_NAMES)
def test_a_saved_model_predicts_exactly_as_before(here, weights, picture, name, suffix):
    model = YOLO(weights(name, nc=2))
    model.save(f"copy{suffix}")
    copy = YOLO(f"copy{suffix}")
    assert (copy.names, copy.task, copy.loaded.schema) == (model.names, model.task, model.loaded.schema)
    assert not differing(weights_of(model), weights_of(copy))
    assert_alike(model(picture, verbose=False), copy(picture, verbose=False))


@pytest.mark.parametrize("kpt_shape", [(21, 3), (4, 2)])
def test_other_keypoints_and_classes_survive_saving(here, weights, picture, kpt_shape):
    model = YOLO(weights(nc=3, kpt_shape=kpt_shape))
    model.loaded.schema = KeypointSchema(
        shape=kpt_shape, names=tuple(f"point {i}" for i in range(kpt_shape[0])), skeleton=((0, 1),)
    )
    model.save("other.pt")
    copy = YOLO("other.pt")
    assert copy.loaded.schema == model.loaded.schema
    (result,) = copy(picture, verbose=False)
    assert result.keypoints.shape[1:] == kpt_shape
    assert result.keypoints.has_visible == (kpt_shape[1] == 3)
    assert_alike(model(picture, verbose=False), [result])


def test_matching_tensors_are_taken_over_and_counted(weights, caplog):
    caplog.set_level(logging.INFO, "posekit")
    model = YOLO(weights(seed=1, nc=3, kpt_shape=(21, 3)))
    before = weights_of(model)
    assert model.load(weights(seed=2)) is model
    changed, source = differing(before, weights_of(model)), YOLO(weights(seed=2)).model.state_dict()
    head = f"model.{len(model.model.model) - 1}"
    assert {name for name in before if name.startswith("model.0.") and "num_batches" not in name} <= changed
    assert f"{head}.cv4.0.2.weight" not in changed
    by_class = {name for name in changed if name.startswith(f"{head}.cv3.") and name.split(".")[-2] == "2"}
    assert all(torch.equal(model.model.state_dict()[name], source[name]) for name in changed - by_class)
    for name in by_class:  # of three classes the one that both know is taken over
        after = model.model.state_dict()[name]
        assert torch.equal(after[0], source[name][0])
        assert torch.equal(after[1:], before[name][1:])
    matching = sum(tensor.shape == source[name].shape for name, tensor in before.items() if name in source)
    assert f"Transferred {matching}/{len(before)} items" in caplog.text


def test_a_detector_gives_its_body_and_its_boxes_to_a_pose_model(weights):
    model = YOLO(weights(seed=1))
    before = weights_of(model)
    model.load(str(weights("yolov8n", seed=2)))
    changed = differing(before, weights_of(model))
    assert any(".cv2." in name for name in changed)
    assert not any(".cv4." in name for name in changed)


def test_names_and_keypoints_come_along_where_there_were_placeholders(here, weights):
    source = YOLO(weights(kpt_shape=(21, 3)))
    source.loaded.schema = KeypointSchema(shape=(21, 3), names=tuple(f"finger {i}" for i in range(21)))
    Path("hand.yaml").write_text(yaml.safe_dump(small_definition(kpt_shape=(21, 3))))
    model = YOLO("hand.yaml").load(source)
    assert (model.names, model.loaded.schema) == ({0: "person"}, source.loaded.schema)
    other = YOLO(weights(nc=2)).load(source)
    assert (other.names, other.loaded.schema) == ({0: "person", 1: "dog"}, COCO_PERSON)


def test_loading_takes_effect_on_the_next_prediction(weights, picture):
    model, other = YOLO(weights(seed=1)), YOLO(weights(seed=2))
    model(picture, verbose=False)
    assert_alike(model.load(other)(picture, verbose=False), other(picture, verbose=False))


def test_fused_weights_are_not_mixed_with_unfused_ones(weights):
    fused, plain = YOLO(weights()).fuse(), YOLO(weights())
    with pytest.raises(CheckpointError, match="folded into the convolutions"):
        plain.load(fused)
    with pytest.raises(CheckpointError, match="folded into the convolutions"):
        fused.load(plain)


def test_a_fused_model_predicts_alike_and_survives_saving(here, weights, picture):
    plain, fused = YOLO(weights()), YOLO(weights())
    assert fused.fuse() is fused
    assert_alike(plain(picture, verbose=False), fused(picture, verbose=False), tolerance=1e-3)
    fused.fuse().save("fused.pt")
    copy = YOLO("fused.pt")
    assert copy.ckpt.fused
    assert_alike(fused(picture, verbose=False), copy(picture, verbose=False))


def test_a_foreign_fused_file_predicts():
    model = YOLO(GOLDEN / "checkpoints" / "fused_11seg.pt")
    assert (model.task, model.names) == ("segment", {0: "person", 1: "dog"})
    (result,) = model("figures:1", imgsz=64, conf=0.001, max_det=5, verbose=False)
    assert len(result) == len(result.masks) == 5


def test_foreign_weights_go_through_our_own_file_unchanged(here):
    foreign = YOLO(GOLDEN / "checkpoints" / "final_v8pose.pt")
    foreign.save("ours.pt")
    ours = YOLO("ours.pt")
    assert (ours.ckpt.kind, foreign.ckpt.kind) == ("posekit", "foreign")
    assert not differing(weights_of(foreign), weights_of(ours))
    assert ours.loaded.schema == foreign.loaded.schema == COCO_PERSON


def test_another_yolo_shares_its_state(weights):
    model = YOLO(weights())
    twin = YOLO(model)
    twin.overrides["conf"] = 0.5
    assert twin.model is model.model
    assert model.overrides["conf"] == 0.5


def test_weights_are_reset_to_fresh_random_values(weights):
    model = YOLO(weights()).fuse()
    before = weights_of(YOLO(weights()))
    assert model.reset_weights() is model
    assert (model.names, model.task) == ({0: "person"}, "pose")
    assert len(differing(before, weights_of(model))) > len(before) / 3
    assert YOLO(weights()).load(model).task == "pose"


@pytest.mark.parametrize(
    ("fused", "expected"), [(False, (144, 3_295_470, 3_295_454, 9.3)), (True, (81, 3_289_964, 0, 9.2))]
)
def test_info_gives_and_prints_the_size(caplog, fused, expected):
    caplog.set_level(logging.INFO, "posekit")
    model = YOLO("yolov8n-pose.yaml")
    if fused:
        model.fuse()
    layers, parameters, gradients, gflops = model.info()
    assert (layers, parameters, gradients, round(gflops, 1)) == expected
    assert f"yolov8n-pose: {layers} layers, {parameters:,} parameters" in caplog.text


def test_info_measures_other_sizes_and_lists_every_parameter(pose_model, caplog):
    caplog.set_level(logging.INFO, "posekit")
    assert pose_model.info(verbose=False) is None
    assert caplog.text == ""
    assert pose_model.info(imgsz=(64, 96))[3] < pose_model.info(detailed=True)[3]
    assert "model.0.conv.weight (8, 3, 3, 3) trained" in caplog.text
    assert YOLO(pose_model.model_name, verbose=True).task == "pose"
    assert caplog.text.count("GFLOPs") == 3


def test_conversions_return_the_model_and_prediction_goes_on(pose_model, picture):
    before = pose_model(picture, verbose=False)
    assert pose_model.half().float().eval().cpu().to("cpu") is pose_model
    assert next(pose_model.model.parameters()).dtype == torch.float32
    assert_alike(before, pose_model(picture, verbose=False), tolerance=1.0)
    assert pose_model.device == torch.device("cpu")


def test_moving_to_a_device_pins_predictions_there_and_converting_does_not(pose_model):
    assert "device" not in pose_model.half().float().to(dtype=torch.float32).overrides
    assert pose_model.to(torch.device("cpu")).overrides["device"] == "cpu"


def test_unknown_attributes_come_from_the_network(pose_model):
    assert pose_model.strides == pose_model.model.strides
    assert pose_model.definition is pose_model.model.definition
    with pytest.raises(UnknownAttributeError, match="has an attribute 'strydes'"):
        _ = pose_model.strydes


@pytest.mark.parametrize("name", ["track", "tune"])
def test_what_later_releases_bring_is_one_clear_error(pose_model, name):
    assert not hasattr(pose_model, name)
    for kind in (PosekitError, NotImplementedError, AttributeError):
        with pytest.raises(kind, match=f"has no {name} mode yet; the modes of this release are"):
            getattr(pose_model, name)()
    with pytest.raises(NotInThisReleaseError):
        pose_model.track("street.mp4")


def test_attributes_that_code_asks_for_are_there(pose_model):
    assert (pose_model.trainer, pose_model.metrics, pose_model.predictor, pose_model.transforms) == (None,) * 4
    assert pose_model.callbacks == {}
    assert isinstance(pose_model.model, torch.nn.Module)


def test_a_definition_with_too_many_keypoints_in_its_file_is_refused(here):
    model = YOLO("yolov8n-pose.yaml")
    model.loaded.network = small_network()
    contents = model.loaded.contents("bad.pt")
    contents.definition["kpt_shape"] = [np.int64(17).item(), 3, 3]
    save_checkpoint("bad.pt", contents)
    with pytest.raises(PosekitError, match=r"bad\.pt.*kpt_shape"):
        YOLO("bad.pt")
