import pytest

from posekit.checkpoint.foreign import modules, tensor_refs
from posekit.checkpoint.unpickle import unpickle
from posekit.errors import CheckpointError


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
