"""Files of the reference: their modules, plain values and schema."""

import numpy as np
import pytest
import torch

from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.checkpoint.foreign import modules, tensor_refs
from posekit.checkpoint.record import plain_value
from posekit.checkpoint.unpickle import ClassName, Stub, unpickle
from posekit.errors import CheckpointError
from posekit.schema.schema import COCO_PERSON

KEPT = ("dfl.conv.weight", "flow_model.loc", "flow_model.cov", "flow_model.mask")


def read(pickles, tmp_path, **top):
    return read_checkpoint(pickles.checkpoint(tmp_path / "a.pt", top))


def folded(fill, name, shape):
    """The fill of a convolution with the fill of its batch norm folded in, weight and bias."""
    stem = name.removesuffix(".conv.weight")
    part = {key: fill(f"{stem}.bn.{key}", shape[:1], 1.0).astype(np.float64)
            for key in ("weight", "bias", "running_mean", "running_var")}  # fmt: skip
    scale = part["weight"] / np.sqrt(part["running_var"] + 1e-3)
    weight = fill(name, shape, 1.0) * scale.reshape(-1, 1, 1, 1)
    return weight, part["bias"] - part["running_mean"] * scale


def within_one_half_step(read, expected):
    return bool((np.abs(read - expected) <= np.spacing(np.abs(expected).astype(np.float16)).astype(np.float64)).all())


@pytest.mark.parametrize(("file", "count"), [("final_v8pose", 397), ("running_26pose", 879)])
def test_every_tensor_of_the_golden_files_is_exact(golden, fill, file, count):
    state = read_checkpoint(golden / f"{file}.pt").state
    assert len(state) == count
    for name, tensor in state.items():
        if name.endswith("num_batches_tracked"):
            assert tensor.dtype == torch.int64
            assert tensor.shape == ()
        else:
            assert tensor.dtype == torch.float32
        if name.endswith("dfl.conv.weight"):
            assert tensor.flatten().tolist() == list(range(16))
        elif not name.endswith(KEPT):
            expected = fill(name, tuple(tensor.shape), 1.0).astype(np.float16).astype(np.float32)
            assert np.array_equal(tensor.numpy(), expected), name


def test_every_tensor_of_the_fused_golden_file_is_the_folded_fill(golden, fill):
    checkpoint = read_checkpoint(golden / "fused_11seg.pt")
    state = {name: tensor.numpy().astype(np.float64) for name, tensor in checkpoint.state.items()}
    assert checkpoint.fused
    assert len(state) == 201
    folds = {name for name in state if name.endswith(".conv.weight") and name.replace("weight", "bias") in state}
    for name in folds:
        weight, bias = folded(fill, name, state[name].shape)
        assert within_one_half_step(state[name], weight), name
        assert within_one_half_step(state[name.replace("weight", "bias")], bias), name
    plain = {name for name in state if name not in folds and name.replace("bias", "weight") not in folds}
    for name in plain - {"model.23.dfl.conv.weight"}:
        assert np.array_equal(state[name], fill(name, state[name].shape, 1.0).astype(np.float16)), name
    assert len(folds) > 80
    assert len(plain) > 15


def test_facts_of_the_finished_golden_file(golden):
    checkpoint = read_checkpoint(golden / "final_v8pose.pt")
    assert checkpoint.kind == "foreign"
    assert checkpoint.path == str(golden / "final_v8pose.pt")
    assert checkpoint.task == "pose"
    assert checkpoint.names == {0: "person", 1: "dog"}
    assert checkpoint.schema == COCO_PERSON
    assert not checkpoint.fused
    assert checkpoint.definition["kpt_shape"] == [17, 3]
    assert checkpoint.definition["scales"] == {"n": [0.33, 0.0625, 1024]}
    assert checkpoint.definition["head"][-1][2] == "Pose"
    assert checkpoint.metrics == {"fitness": 0.5}
    assert checkpoint.settings["imgsz"] == 640
    assert checkpoint.metadata["version"] == "8.4.190"
    assert checkpoint.metadata["epoch"] == -1
    assert checkpoint.license is None
    assert checkpoint.training == {}


def test_facts_of_the_running_golden_file(golden):
    checkpoint = read_checkpoint(golden / "running_26pose.pt")
    assert checkpoint.task == "pose"
    assert checkpoint.schema.shape == (17, 3)
    assert checkpoint.schema.names == ("a",) * 17
    assert checkpoint.metadata["epoch"] == 3
    assert checkpoint.metadata["updates"] == 40
    assert checkpoint.metrics == {"fitness": 0.25}  # stored as a NumPy number
    assert type(checkpoint.metrics["fitness"]) is float
    assert checkpoint.definition["end2end"] is True


def test_facts_of_the_fused_golden_file(golden):
    checkpoint = read_checkpoint(golden / "fused_11seg.pt")
    assert checkpoint.task == "segment"
    assert checkpoint.schema is None


def test_the_averaged_network_is_preferred(pickles, tmp_path):
    plain, averaged = pickles.network(names={0: "plain"}), pickles.network(names={0: "averaged"})
    assert read(pickles, tmp_path, model=plain, ema=averaged).names == {0: "averaged"}
    assert read(pickles, tmp_path, model=plain, ema=None).names == {0: "plain"}


@pytest.mark.parametrize(
    ("attributes", "task"),
    [
        ({"task": "segment", "args": {"task": "detect"}}, "segment"),
        ({"args": {"task": "detect"}}, "detect"),
        ({"yaml": {"head": [[-1, 1, "Conv", [3]], [[1, 2], 1, "Segment26", ["nc"]]]}}, "segment"),
        ({}, "pose"),
    ],
)
def test_the_task_is_taken_from_the_most_direct_source(pickles, tmp_path, attributes, task):
    assert read(pickles, tmp_path, model=pickles.network(**attributes)).task == task


def test_options_may_be_a_namespace(pickles, tmp_path):
    options = pickles.Instance("ultralytics.yolo.utils.IterableSimpleNamespace", {"task": "detect", "imgsz": 320})
    checkpoint = read(pickles, tmp_path, model=pickles.network(args=options))
    assert checkpoint.task == "detect"
    assert checkpoint.settings == {"task": "detect", "imgsz": 320}


@pytest.mark.parametrize("task", ["classify", "obb"])
def test_networks_for_other_tasks_are_refused(pickles, tmp_path, task):
    with pytest.raises(CheckpointError, match=f"network for the task '{task}'; posekit reads detect, segment, pose"):
        read(pickles, tmp_path, model=pickles.network(task=task))


@pytest.mark.parametrize(
    ("attributes", "names"),
    [
        ({"names": ["cat", "dog"]}, {0: "cat", 1: "dog"}),
        ({"names": None, "nc": 2}, {0: "0", 1: "1"}),
        ({"names": None, "yaml": {"nc": 1}}, {0: "0"}),
    ],
)
def test_class_names_of_older_files(pickles, tmp_path, attributes, names):
    assert read(pickles, tmp_path, model=pickles.network(**attributes)).names == names


def test_a_file_without_classes_is_refused(pickles, tmp_path):
    with pytest.raises(CheckpointError, match="neither class names nor their number"):
        read(pickles, tmp_path, model=pickles.network(names=None))


@pytest.mark.parametrize(
    "attributes", [{"kpt_shape": [4, 2]}, {"yaml": {"kpt_shape": [4, 2]}}, {"kpt_shape": (4, 2)}, {}]
)
def test_the_keypoint_shape_is_found_wherever_it_is(pickles, tmp_path, attributes):
    network = pickles.network(**attributes)
    if not attributes:  # only the head has it
        head = pickles.module("ultralytics.nn.modules.head.Pose", {"w": pickles.Tensor()}, kpt_shape=(4, 2))
        network.state["_modules"]["model"].state["_modules"]["1"] = head
    schema = read(pickles, tmp_path, model=network).schema
    assert schema.shape == (4, 2)
    assert schema.names == ("0", "1", "2", "3")


def test_keypoint_names_and_sigmas_are_kept(pickles, tmp_path):
    attributes = {"kpt_shape": [2, 3], "kpt_names": {0: ["left", "right"]}, "kpt_oks_sigmas": [0.1, 0.2]}
    schema = read(pickles, tmp_path, model=pickles.network(**attributes)).schema
    assert schema.names == ("left", "right")
    assert schema.oks_sigmas == (0.1, 0.2)


def test_sigmas_replace_those_of_coco(pickles, tmp_path):
    attributes = {"kpt_shape": [17, 3], "kpt_names": {0: list(COCO_PERSON.names)}, "kpt_oks_sigmas": [0.5] * 17}
    schema = read(pickles, tmp_path, model=pickles.network(**attributes)).schema
    assert schema.skeleton == COCO_PERSON.skeleton
    assert schema.oks_sigmas == (0.5,) * 17


@pytest.mark.parametrize(
    "attributes",
    [
        {"kpt_shape": [2, 3], "kpt_names": {0: ["one"]}},
        {"kpt_shape": [2, 5]},
        {"kpt_shape": [2, 3], "kpt_oks_sigmas": ["a", "b"]},
        {"kpt_shape": [2, 3], "kpt_oks_sigmas": [0.1]},
        {"kpt_shape": [-1, 3]},
    ],
)
def test_contradicting_keypoints_are_refused(pickles, tmp_path, attributes):
    with pytest.raises(CheckpointError, match="schema of the file contradicts itself"):
        read(pickles, tmp_path, model=pickles.network(**attributes))


def test_networks_with_other_activations_say_so(pickles, tmp_path):
    network = pickles.network()
    network.state["_modules"]["act"] = pickles.module("torch.nn.modules.activation.ReLU")
    network.state["_modules"]["model"].state["_modules"]["1"] = pickles.module(
        "ultralytics.nn.modules.conv.Conv", children={"act": pickles.module("torch.nn.modules.activation.ReLU")}
    )
    assert read(pickles, tmp_path, model=network).metadata["activations"] == ["ReLU"]


def test_usual_activations_are_not_mentioned(golden):
    assert "activations" not in read_checkpoint(golden / "running_26pose.pt").metadata


def test_licence_and_record_are_kept(pickles, tmp_path):
    checkpoint = read(
        pickles,
        tmp_path,
        model=pickles.network(),
        license="AGPL-3.0",
        date="2024-09-25",
        docs="https://example.org",
        train_args={"imgsz": 640, "data": pickles.Called("pathlib.PosixPath", ("data", "coco.yaml"))},
        train_metrics={"fitness": 1, "note": "text"},
        unknown=3,
    )
    assert checkpoint.license == "AGPL-3.0"
    assert checkpoint.metadata["date"] == "2024-09-25"
    assert checkpoint.settings == {"imgsz": 640, "data": "data/coco.yaml"}
    assert checkpoint.metrics == {"fitness": 1.0}
    assert "unknown" not in checkpoint.metadata


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (None, "no network under 'ema' or 'model'"),
        ({"weight": 1}, "bare state dict without a model definition"),
        ("text", "no network"),
    ],
)
def test_files_without_a_network_are_refused(pickles, tmp_path, model, reason):
    with pytest.raises(CheckpointError, match=reason):
        read(pickles, tmp_path, model=model)


def test_objects_that_are_no_network_are_refused(pickles, tmp_path):
    with pytest.raises(CheckpointError, match=r"holds torch\.nn\.modules\.conv\.Conv2d, which is no YOLO network"):
        read(pickles, tmp_path, model=pickles.Instance("torch.nn.modules.conv.Conv2d", {}))


def test_a_network_without_tensors_is_refused(pickles, tmp_path):
    with pytest.raises(CheckpointError, match="PoseModel holds no tensors"):
        read(pickles, tmp_path, model=pickles.module("ultralytics.nn.tasks.PoseModel", names={0: "a"}))


def test_yolov5_files_are_named(pickles, tmp_path):
    with pytest.raises(CheckpointError, match="this is a YOLOv5 file"):
        read(pickles, tmp_path, model=pickles.Instance("models.yolo.DetectionModel", {}))


def unpickled(pickles, value):
    return unpickle(pickles.program(value))


def test_names_follow_the_order_of_a_torch_state_dict(pickles):
    """Parameters before buffers, own tensors before children, children in insertion order."""
    t = pickles.Tensor
    bn = pickles.Instance(
        "torch.nn.modules.batchnorm.BatchNorm2d",
        {"_modules": {}, "_buffers": {"running_mean": t(), "gone": None}, "_parameters": {"weight": t(), "bias": t()}},
    )
    conv = pickles.module("torch.nn.modules.conv.Conv2d", {"weight": t(), "bias": None})
    block = pickles.module("ultralytics.nn.modules.conv.Conv", children={"conv": conv, "bn": bn, "cv4": None})
    root = pickles.module("ultralytics.nn.tasks.PoseModel", {"own": t()}, children={"b": block, "a": conv})
    expected = ["own", "b.conv.weight", "b.bn.weight", "b.bn.bias", "b.bn.running_mean", "a.weight"]
    assert list(tensor_refs(unpickled(pickles, root))) == expected


def test_buffers_that_are_not_persistent_are_skipped(pickles):
    state = {
        "_buffers": {"kept": pickles.Tensor(), "anchors": pickles.Tensor()},
        "_non_persistent_buffers_set": pickles.Called("__builtin__.set", (["anchors"],)),
    }
    below = pickles.Instance("ultralytics.nn.modules.head.Pose", state)
    root = pickles.module("ultralytics.nn.tasks.PoseModel", children={"model": below})
    assert list(tensor_refs(unpickled(pickles, root))) == ["model.kept"]
    assert list(tensor_refs(unpickled(pickles, below))) == ["kept"]


def test_modules_are_named_by_their_place(pickles):
    found = {name: stub.origin.name for name, stub in modules(unpickled(pickles, pickles.network()))}
    assert found == {"": "PoseModel", "model": "Sequential", "model.0": "Conv2d"}


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"_modules": {"a": 1}}, "a is int instead of a module"),
        ({"_parameters": {"a": "text"}}, "a is str instead of a tensor"),
        ({"_modules": [1]}, "no readable _modules"),
        ({"_parameters": {"a.b": None, "x.y": {}}}, "dict instead of a tensor|no plain name"),
        ({"_buffers": {7: None, 8: 1}}, "no plain name"),
    ],
)
def test_networks_with_other_things_inside_are_refused(pickles, attributes, reason):
    root = unpickled(pickles, pickles.Instance("ultralytics.nn.tasks.PoseModel", attributes))
    with pytest.raises(CheckpointError, match=reason):
        tensor_refs(root)


def test_wide_modules_are_refused(pickles):
    wide = {"_parameters": {f"w{n}": None for n in range(2_001)}}
    root = unpickled(pickles, pickles.Instance("ultralytics.nn.tasks.PoseModel", wide))
    with pytest.raises(CheckpointError, match="no readable _parameters"):
        tensor_refs(root)


def namespace(name, **attributes):
    stub = Stub(ClassName("anywhere", name))
    stub.state = attributes
    return stub


def test_plain_values_are_copied():
    value = {"a": [1, 2.5, None, True, "x"], 3: (1, {"b": ()})}
    copy = plain_value(value)
    assert copy == value
    assert copy is not value
    assert copy["a"] is not value["a"]


def test_other_objects_are_left_out_of_dictionaries_and_keep_their_place_in_lists():
    other = Stub(ClassName("torch.nn.modules.conv", "Conv2d"))
    assert plain_value({"a": other, "b": 1, other: 2}) == {"b": 1}
    assert plain_value([1, other, (other,)]) == [1, None, (None,)]
    assert plain_value(other) is None


@pytest.mark.parametrize("name", ["Namespace", "SimpleNamespace", "IterableSimpleNamespace"])
def test_namespaces_become_dictionaries(name):
    assert plain_value({"args": namespace(name, imgsz=640)}) == {"args": {"imgsz": 640}}


def test_values_that_hold_themselves_are_refused():
    value = []
    value.append(value)
    with pytest.raises(CheckpointError, match="nested more than 32 deep"):
        plain_value(value)


def test_texts_count_once_for_each_place_they_appear_in():
    text = "x" * 1_000_000
    assert plain_value([text] * 10) == [text] * 10
    with pytest.raises(CheckpointError, match="more than 10000000 characters"):
        plain_value([text] * 11)
    with pytest.raises(CheckpointError, match="more than 10000000 characters"):
        plain_value([{text: 1}] * 11)
