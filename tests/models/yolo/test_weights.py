"""Weights of YOLO networks: read, written, and moved between classes, keypoints and tasks."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from golden.fill import fill_state
from golden.networks import KEEP
from posekit import YOLO
from posekit.checkpoint.checkpoint import read_checkpoint, save_checkpoint
from posekit.errors import CheckpointError, ModelDefinitionError, ModelNotFoundError, SettingError
from posekit.models.yolo.definition import parse_definition
from posekit.models.yolo.family import LoadedModel, YoloTraining, build, fast_parameters, load, merge_weights
from posekit.models.yolo.network import YoloNetwork, fuse_network
from posekit.models.yolo.presets import stock_definition
from posekit.models.yolo.weights import (
    build_for_training,
    class_layers,
    class_width,
    copy_class_rows,
    copy_input_channels,
    moved_classes,
    network_with_class_width,
    silent_build_for,
    transfer_weights,
)
from posekit.schema.schema import COCO_PERSON, KeypointSchema
from small_networks import small_definition, small_network


def loaded(name="yolov8n-pose", **options):
    network = small_network(name, **options)
    kpt_shape = network.head.spec.kpt_shape
    return LoadedModel(network=network, schema=KeypointSchema.for_shape(kpt_shape) if kpt_shape else None)


def test_a_yaml_file_is_built(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(small_definition()))
    model = build(path)
    assert (model.schema, model.license, model.settings) == (COCO_PERSON, None, {})
    assert not model.network.training


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"nc: [1,", "no valid YAML here"),
        (b"\xff\xfe\x00", "no valid YAML"),
        (b"", "no model definition: expected keys such as nc, backbone and head"),
        (b"- 1\n- 2\n", "no model definition"),
        (b"nc: 1\n", "expected 1 to 500 layers"),
        (b"a: !!python/object/apply:os.getcwd []\n", "no valid YAML"),
    ],
)
def test_a_bad_yaml_file_is_one_line_with_its_name(tmp_path, content, text):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(ModelDefinitionError, match=rf"mine\.yaml.*{text}") as caught:
        build(path)
    assert "\n" not in str(caught.value)


def test_a_yaml_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"missing\.yaml"):
        build(tmp_path / "missing.yaml")


def test_weights_come_back_as_they_were_written_without_touching_random_numbers(tmp_path):
    model = loaded()
    save_checkpoint(tmp_path / "a.pt", model.contents("a.pt"))
    before = torch.get_rng_state()
    copy = load(read_checkpoint(tmp_path / "a.pt"))
    assert torch.equal(before, torch.get_rng_state())
    for name, tensor in model.network.state_dict().items():
        torch.testing.assert_close(copy.network.state_dict()[name], tensor, rtol=0, atol=0)
    assert not copy.network.training
    assert copy.schema == COCO_PERSON


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda state: state.pop("model.0.conv.weight"), "model.0.conv.weight is missing"),
        (lambda state: state.update(extra=torch.zeros(1)), "extra is left over"),
        (lambda state: state.update({"model.0.conv.weight": torch.zeros(2)}), r"is \(2,\) instead of \(8, 3, 3, 3\)"),
        (lambda state: [state.pop(name) for name in list(state)[:9]], "and [0-9]+ more"),
    ],
)
def test_weights_that_do_not_fit_their_definition_are_named(tmp_path, change, text):
    contents = loaded().contents("bad.pt")
    change(contents.state)
    save_checkpoint(tmp_path / "bad.pt", contents)
    with pytest.raises(CheckpointError, match=rf"bad\.pt.*{text}"):
        load(read_checkpoint(tmp_path / "bad.pt"))


def test_batch_counters_may_be_missing(tmp_path):
    contents = loaded().contents("a.pt")
    for name in [name for name in contents.state if name.endswith("num_batches_tracked")]:
        del contents.state[name]
    save_checkpoint(tmp_path / "a.pt", contents)
    assert load(read_checkpoint(tmp_path / "a.pt")).network.task == "pose"


def test_a_fused_network_comes_back_fused(tmp_path):
    model = loaded("yolo26n-pose")
    model.network = fuse_network(model.network, "one2one")
    save_checkpoint(tmp_path / "a.pt", model.contents("a.pt"))
    copy = load(read_checkpoint(tmp_path / "a.pt"))
    assert copy.network.head.branches == ("one2one",)
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected, found = model.network(images)["one2one"], copy.network(images)["one2one"]
    torch.testing.assert_close(found["kpts"], expected["kpts"], rtol=0, atol=0)


def test_matching_weights_are_counted_and_nothing_else_changes():
    target, source = loaded(seed=1, nc=3), loaded(seed=2)
    before = {name: tensor.clone() for name, tensor in target.network.state_dict().items()}
    copied, total = target.copy_matching(source)
    after, given = target.network.state_dict(), source.network.state_dict()
    matching = {name for name in before if name in given and given[name].shape == before[name].shape}
    assert (copied, total) == (len(matching), len(before))
    for name, tensor in after.items():
        assert torch.equal(tensor, given[name] if name in matching else before[name])
    assert target.network.names == {0: "0", 1: "1", 2: "2"}


def test_weights_move_between_families_where_names_and_shapes_agree():
    target, source = loaded("yolo11n-pose", seed=1), loaded("yolov8n-pose", seed=2)
    copied, total = target.copy_matching(source)
    assert 0 < copied < total
    assert torch.equal(
        target.network.state_dict()["model.0.conv.weight"], source.network.state_dict()["model.0.conv.weight"]
    )


STOCK = ["yolov8n", "yolo11n-pose", "yolo26n-pose", "yolo26n-seg"]


@pytest.mark.parametrize("name", STOCK)
@pytest.mark.parametrize("classes", [1, 40])
def test_the_width_is_read_from_the_tensors(name, classes):
    network = small_network(name, nc=classes)
    assert class_width(network.state_dict()) == max(classes, 16)
    fused = fuse_network(network, network.head.branches[-1])
    assert class_width(fused.state_dict()) == max(classes, 16)
    assert class_width({}) is None


@pytest.mark.parametrize("name", STOCK)
def test_a_network_of_its_own_width_is_the_usual_one(name):
    definition = parse_definition(small_definition(name, nc=40))
    usual, made = YoloNetwork(definition), network_with_class_width(definition, 40)
    assert [(key, value.shape) for key, value in made.state_dict().items()] == [
        (key, value.shape) for key, value in usual.state_dict().items()
    ]
    assert (made.head.spec, made.definition, made.names) == (usual.head.spec, definition, usual.names)


def test_an_activation_of_the_definition_holds_in_all_branches():
    definition = parse_definition(small_definition("yolo11n-pose", nc=2) | {"activation": "nn.ReLU()"})
    kinds = {
        type(module.act).__name__
        for module in network_with_class_width(definition, 40).modules()
        if hasattr(module, "act")
    }
    assert kinds == {"ReLU", "Identity"}


@pytest.mark.parametrize("width", [16, 40])
def test_a_silent_build_fits_the_tensors_and_has_no_memory(width):
    definition = parse_definition(small_definition("yolo26n-seg", nc=2))
    state = network_with_class_width(definition, width).state_dict()
    network = silent_build_for(definition, state)
    assert {tensor.device.type for tensor in network.state_dict().values()} == {"meta"}
    network.load_state_dict(state, assign=True)
    assert network.head.spec.nc == 2


def test_tensors_without_class_branches_ask_for_no_width():
    definition = parse_definition(small_definition("yolov8n"))
    for state in ({}, {"model.22.cv3.0.2.weight": torch.zeros(3)}):
        assert silent_build_for(definition, state).head.spec.nc == definition.nc


@pytest.mark.parametrize("width", [0, 65537])
def test_a_width_that_makes_no_sense_is_refused(width):
    with pytest.raises(ModelDefinitionError, match=f"{width} hidden channels"):
        network_with_class_width(parse_definition(small_definition("yolov8n")), width)


def test_class_layers_have_one_output_per_class():
    network = small_network("yolo26n-seg", nc=7)
    layers = class_layers(network)
    assert len(layers) == 7  # two sets of branches on three levels, and the semantic one
    assert {network.get_submodule(name).out_channels for name in layers} == {7}
    assert len(class_layers(small_network("yolov8n-pose"))) == 3


FAMILIES = ("yolov8", "yolo11", "yolo26")
TASKS = {"-pose": "cv4_pose", "-seg": "cv4_seg"}


def shared_state(network):
    """Return what single-task and multitask networks both have: all but the likelihood of YOLO26's pose networks."""
    return {
        name: value
        for name, value in network.state_dict().items()
        if "flow_model" not in name and "cv4_sigma" not in name
    }


def head_state(network, branch):
    place = f"model.{len(network.model) - 1}"
    names = [f"{place}.{branch}.", f"{place}.one2one_{branch}."]
    return {name: value for name, value in network.state_dict().items() if name.startswith(tuple(names))}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("task", TASKS)
def test_a_branch_goes_to_its_kind_and_nowhere_else(family, task):
    network, source = small_network(f"{family}n-multitask"), small_network(f"{family}n{task}", seed=1)
    other = next(name for key, name in TASKS.items() if key != task)
    before = {name: value.clone() for name, value in head_state(network, other).items()}
    done = transfer_weights(network, source)
    assert done.copied == len(shared_state(source))
    given = head_state(source, "cv4")
    assert len(given) > 0
    for name, value in given.items():
        assert torch.equal(network.state_dict()[name.replace("cv4", TASKS[task])], value)
    for name, value in head_state(network, other).items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("task", TASKS)
def test_a_single_task_network_takes_its_part_out_of_a_multitask_network(family, task):
    network, source = small_network(f"{family}n{task}"), small_network(f"{family}n-multitask", seed=1)
    assert transfer_weights(network, source).copied == len(shared_state(network))
    for name, value in head_state(network, "cv4").items():
        assert torch.equal(value, source.state_dict()[name.replace("cv4", TASKS[task])])


def test_load_says_how_much_it_took_over(weights, caplog):
    model = YOLO(weights("yolo11n-multitask"))
    with caplog.at_level(logging.INFO, "posekit"):
        model.load(weights("yolo11n-pose")).load(weights("yolo11n-seg")).load(weights("yolo11n"))
    copied = [int(text.split()[1].split("/")[0]) for text in caplog.messages if text.startswith("Transferred")]
    total = len(model.model.state_dict())
    assert all(f"/{total} items" in text for text in caplog.messages)
    assert copied == [
        len(YOLO(weights(name)).model.state_dict()) for name in ("yolo11n-pose", "yolo11n-seg", "yolo11n")
    ]


def listed(*names):
    return dict(enumerate(names))


@pytest.mark.parametrize(
    ("names", "source", "expected"),
    [
        (listed("cow", "bird"), listed("cat", "dog", "Cow "), {0: 2}),
        (listed("dog", "cat"), listed("cat", "dog"), {0: 1, 1: 0}),
        (listed("cat"), listed("cat", "dog"), {0: 0}),
        (listed("cat", "dog"), listed("CAT", "Dog"), {}),
        (listed("cat", "fish"), listed("cat", "dog"), {}),
        (listed("salmon"), listed("person"), {}),
        (listed("salmon"), listed("person", "car"), {}),
        (listed("1", "0"), listed("0", "1"), {}),
        (listed("0", "cat"), listed("cat", "0", "dog"), {1: 0}),
        (listed("", "cat"), listed("cat", ""), {1: 0}),
        (listed("cat", "b"), listed("a", "cat", "Cat"), {0: 1}),
        (listed("Straße"), listed("x", "STRASSE"), {0: 1}),
    ],
)
def test_classes_are_found_by_name(names, source, expected):
    assert moved_classes(names, source) == expected


def test_rows_are_copied_to_their_places():
    target, source = torch.zeros(3, 2, 1, 1), torch.arange(4.0).reshape(2, 2, 1, 1)
    assert copy_class_rows(target, source, {2: 0, 0: 1})
    assert target.flatten(1).tolist() == [[2, 3], [0, 0], [0, 1]]


def test_rows_of_another_width_are_left():
    target = torch.zeros(3, 2, 1, 1)
    assert not copy_class_rows(target, torch.ones(3, 4, 1, 1), {0: 1})
    assert (target == 0).all()


GOLDEN = np.load(Path(__file__).parents[2] / "golden/train/transfer.npz")
# case: stock network, classes and keypoints of the source, those of the new network
CASES = {
    "pose11_same": ("yolo11n-pose", (1, (17, 3)), (1, (17, 3))),
    "pose11_k5": ("yolo11n-pose", (1, (17, 3)), (2, (5, 3))),
    "pose26_k5": ("yolo26n-pose", (1, (17, 3)), (2, (5, 3))),
    "pose26_k24": ("yolo26n-pose", (1, (17, 3)), (1, (24, 3))),
    "seg11_nc80_to_2": ("yolo11n-seg", (80, None), (2, None)),
    "seg26_nc80_to_2": ("yolo26n-seg", (80, None), (2, None)),
    "seg8_remap": ("yolov8n-seg", (3, None), (2, None)),
}
REMAP = ({0: "cat", 1: "dog", 2: "Cow "}, {0: "cow", 1: "bird"})


def numbered(count):
    return {index: str(index) for index in range(count)}


def source_network(stock, classes, kpt_shape):
    network = YoloNetwork(parse_definition(stock_definition(stock)).with_classes(classes, kpt_shape))
    fill_state(network.state_dict(), KEEP, lift=1.0)
    return network


def taken_over(network, before, source):
    """Return which tensors are the source's now; those that nothing was written to are not."""
    return {
        name: tensor.shape == source[name].shape
        and torch.equal(tensor, source[name])
        and (not torch.equal(before[name], source[name]) or name.endswith(("num_batches_tracked", *KEEP)))
        for name, tensor in network.state_dict().items()
    }


@pytest.mark.parametrize("case", CASES)
def test_the_recorded_tensors_are_taken_over(case):
    stock, of_source, (classes, kpt_shape) = CASES[case]
    source = source_network(stock, *of_source)
    names = numbered(classes)
    if case == "seg8_remap":
        source.names, names = REMAP
    network = build_for_training(source.definition, names=names, kpt_shape=kpt_shape, source=source)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    counts = transfer_weights(network, source)
    found = taken_over(network, before, source.state_dict())
    expected = dict(zip(GOLDEN[f"{case}/keys"].tolist(), GOLDEN[f"{case}/transferred"].tolist(), strict=True))
    assert list(found) == list(expected)
    assert found == expected
    assert (counts.copied, counts.total) == (sum(expected.values()), len(expected))
    usual = YoloNetwork(source.definition.with_classes(classes, kpt_shape)).state_dict()
    rebuilt = [name for name, tensor in network.state_dict().items() if tensor.shape != usual[name].shape]
    assert rebuilt == [name for name in GOLDEN[f"{case}/rebuilt_wider_or_narrower"].tolist() if name]


def test_rows_of_classes_follow_their_names_as_recorded():
    source = source_network("yolov8n-seg", 3, None)
    source.names, names = REMAP
    layer, of_source = "model.22.cv3.0.2", {}
    for part, kind in (("weight", "rows"), ("bias", "bias")):
        of_source[part] = torch.from_numpy(GOLDEN[f"seg8_remap/cls_{kind}_source"])
        source.get_parameter(f"{layer}.{part}").data.copy_(of_source[part])
    network = build_for_training(source.definition, names=names, kpt_shape=None, source=source)
    fresh = network.get_parameter(f"{layer}.weight")[1].clone()
    assert transfer_weights(network, source).classes == 1
    weight, bias = network.get_parameter(f"{layer}.weight"), network.get_parameter(f"{layer}.bias")
    assert torch.equal(weight[0], torch.from_numpy(GOLDEN["seg8_remap/cls_rows_target"])[0])
    assert torch.equal(weight[1], fresh)
    np.testing.assert_allclose(bias.detach(), GOLDEN["seg8_remap/cls_bias_target"], rtol=1e-5)


def small_pair(names, source_names, stock="yolo26n-seg"):
    source = small_network(stock, nc=len(source_names), seed=1)
    source.names = dict(enumerate(source_names))
    network = build_for_training(source.definition, names=dict(enumerate(names)), kpt_shape=None, source=source)
    return network, source


def test_all_branches_and_the_semantic_one_follow_the_names():
    network, source = small_pair(["bird", "CAT", "dog"], ["dog", "cat"])
    fresh = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert transfer_weights(network, source).classes == 2
    for layer in ("cv3.1.2", "one2one_cv3.1.2", "proto.semseg.2"):
        for part in ("weight", "bias"):
            name = f"model.23.{layer}.{part}"
            found, given = network.get_parameter(name), source.get_parameter(name)
            assert torch.equal(found[[1, 2]], given[[1, 0]])
            assert torch.equal(found[0], fresh[name][0])


def test_reordered_classes_do_not_take_over_rows_by_position():
    network, source = small_pair(["dog", "cat"], ["cat", "dog"])
    transfer_weights(network, source)
    name = "model.23.cv3.0.2.weight"
    assert torch.equal(network.get_parameter(name), source.get_parameter(name)[[1, 0]])


@pytest.mark.parametrize("remap", [True, False])
@pytest.mark.parametrize("names", [["salmon", "trout"], ["cat", "horse"], ["cat", "dog"]])
def test_classes_that_keep_their_place_take_over_whole_tensors(names, remap):
    network, source = small_pair(names, ["cat", "dog"])
    counts = transfer_weights(network, source, remap_classes=remap)
    assert (counts.copied, counts.classes) == (counts.total, 0)


def test_names_do_not_matter_when_they_are_not_to():
    network, source = small_pair(["dog", "cat"], ["cat", "dog"])
    assert transfer_weights(network, source, remap_classes=False).classes == 0
    name = "model.23.cv3.0.2.weight"
    assert torch.equal(network.get_parameter(name), source.get_parameter(name))


def test_more_classes_keep_the_narrow_branches_of_their_source():
    source = small_network("yolov8n-pose", nc=1)
    usual = YoloNetwork(source.definition.with_classes(40, (17, 3)))
    network = build_for_training(source.definition, names=numbered(40), kpt_shape=(17, 3), source=source)
    width = source.get_parameter("model.22.cv3.0.2.weight").shape[1]
    assert network.get_parameter("model.22.cv3.0.2.weight").shape == (40, width, 1, 1)
    assert usual.get_parameter("model.22.cv3.0.2.weight").shape == (40, 40, 1, 1)
    assert network.head.spec.nc == network.definition.nc == len(network.names) == 40
    raw = network.eval()(torch.zeros(1, 3, 64, 64))["one2many"]
    assert raw["scores"].shape[1] == 40


def test_biases_of_a_rebuilt_head_start_as_in_a_new_one():
    source = small_network("yolo26n-seg", nc=80)
    network = build_for_training(source.definition, names=numbered(2), kpt_shape=None, source=source)
    for branch in ("", "one2one_"):
        for level, stride in enumerate((8, 16, 32)):
            scores = network.get_parameter(f"model.23.{branch}cv3.{level}.2.bias")
            assert torch.allclose(scores, torch.tensor(5 / 2 / (640 / stride) ** 2).log())
            assert (network.get_parameter(f"model.23.{branch}cv2.{level}.2.bias") == 2.0).all()
    for part in ("weight", "bias"):
        twins = [network.get_parameter(f"model.23.{branch}cv3.0.2.{part}") for branch in ("", "one2one_")]
        assert torch.equal(*twins)


def test_another_size_of_network_keeps_its_own_widths():
    source = small_network("yolo11n-seg", nc=80)
    definition = parse_definition(small_definition("yolo11n-seg") | {"scales": {"t": [0.33, 0.125, 1024]}})
    network = build_for_training(definition, names=numbered(2), kpt_shape=None, source=source)
    assert network.state_dict().keys() == YoloNetwork(definition).state_dict().keys()
    assert network.get_parameter("model.23.cv3.0.2.weight").shape[1] == 32


def test_a_detector_gives_its_body_to_a_pose_network():
    source = small_network("yolov8n", nc=1)
    definition = parse_definition(small_definition("yolov8n-pose"))
    network = build_for_training(definition, names={0: "person"}, kpt_shape=(5, 2), source=source)
    counts = transfer_weights(network, source)
    assert counts.copied == len(source.state_dict())
    assert counts.total > counts.copied
    assert (network.names, network.head.spec.kpt_shape) == ({0: "person"}, (5, 2))


def test_fused_weights_are_refused():
    source = small_network("yolov8n-pose")
    fused = fuse_network(source)
    network = build_for_training(source.definition, names={0: "a", 1: "b"}, kpt_shape=(17, 3), source=fused)
    with pytest.raises(CheckpointError, match="Load the unfused file"):
        transfer_weights(network, fused)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_a_first_convolution_for_other_channels_takes_over_what_it_can(channels):
    source, network = (small_network("yolov8n-pose", seed=seed) for seed in (1, 2))
    network.model[0].conv = nn.Conv2d(channels, 8, 3, 2, 1, bias=False)
    fresh = network.model[0].conv.weight.detach().clone()
    counts = transfer_weights(network, source)
    found, given = network.model[0].conv.weight, source.model[0].conv.weight
    if channels == 1:
        torch.testing.assert_close(found, given.sum(1, keepdim=True))
    else:
        assert torch.equal(found[:, :3], given[:, :channels])
        assert torch.equal(found[:, 3:], fresh[:, 3:])
    assert counts.copied == counts.total - 1


def test_filters_of_another_size_are_left():
    target = torch.zeros(8, 1, 3, 3)
    for source in (torch.ones(4, 3, 3, 3), torch.ones(8, 3, 5, 5)):
        copy_input_channels(target, source)
        assert (target == 0).all()


def licensed(name, names, *, license=None, seed=0):
    network = small_network(name, nc=len(names), seed=seed)
    network.names = dict(enumerate(names))
    return LoadedModel(network=network, schema=COCO_PERSON if "pose" in name else None, license=license)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("body", ["pose", "segment"])
def test_every_tensor_comes_from_one_of_the_two(family, body):
    pose, segment = licensed(f"{family}n-pose", ["person"]), licensed(f"{family}n-seg", ["person"], seed=1)
    merged = merge_weights(pose, segment, body=body)
    assert merged.network.task == "multitask"
    assert merged.schema == COCO_PERSON
    sources = {"pose": pose.network.state_dict(), "segment": segment.network.state_dict()}
    for name, value in merged.network.state_dict().items():
        owner = "pose" if any(part in name for part in ("cv4_pose", "cv4_kpts")) else body
        owner = "segment" if "cv4_seg" in name or "proto" in name else owner
        plain = name.replace("cv4_pose", "cv4").replace("cv4_seg", "cv4")
        assert torch.equal(value, sources[owner][plain]), name


def test_classes_are_those_of_the_body_and_keypoints_go_with_the_names():
    pose = licensed("yolo26n-pose", ["dog"], license="A")
    segment = licensed("yolo26n-seg", ["cat", "dog", "cow"], license="B")
    merged = merge_weights(pose, segment, body="segment")
    assert merged.network.names == {0: "cat", 1: "dog", 2: "cow"}
    assert merged.schema.classes == (1,)
    assert merged.license == "A and B"
    assert merge_weights(pose, segment).network.names == {0: "dog"}
    assert merge_weights(pose, segment).schema.classes is None


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("yolo11n-seg", "yolo11n-pose", "in this order: found segment and pose"),
        ("yolo11n-pose", "yolo11n", "found pose and detect"),
        ("yolo11n-pose", "yolo26n-seg", "of one family and size"),
    ],
)
def test_networks_that_do_not_go_together_are_refused(first, second, said):
    with pytest.raises(ModelDefinitionError, match=said):
        merge_weights(licensed(first, ["person"]), licensed(second, ["person"]))


def test_the_merged_network_is_saved_and_finds_masks_and_keypoints(weights, tmp_path):
    merged = merge_weights(YOLO(weights("yolo11n-pose")).loaded, YOLO(weights("yolo11n-seg")).loaded)
    model = YOLO("yolo11n-multitask.yaml")
    model.loaded = merged
    model.save(tmp_path / "merged.pt")
    (result, *_) = YOLO(tmp_path / "merged.pt")("figures", conf=0.001, verbose=False)
    assert result.masks is not None
    assert result.keypoints.shape[1:] == (17, 3)


def freeze_layers(network, freeze):
    """Freeze layers, and put the network into training mode."""
    model = YoloTraining(network, None, None)
    model.freeze(freeze)
    model.train()


def frozen_layers(network):
    names = (name for name, parameter in network.named_parameters() if not parameter.requires_grad)
    return {".".join(name.split(".")[1:3]) if name.startswith("model.22.") else name.split(".")[1] for name in names}


@pytest.mark.parametrize(
    ("freeze", "expected"),
    [
        (None, set()),
        (0, set()),
        ([], set()),
        (3, {"0", "1", "2"}),
        ([1, "5"], {"1", "5"}),
        (["22.cv2", 10], {"22.cv2"}),  # layer 10 enlarges and has no parameters
    ],
)
def test_what_is_named_is_frozen_and_the_bins_always(freeze, expected):
    network = small_network("yolov8n-pose")
    freeze_layers(network, freeze)
    assert frozen_layers(network) == expected | {"22.dfl"}


def test_layer_1_is_not_layer_10_or_later():
    network = small_network("yolov8n-pose")
    freeze_layers(network, [1])
    assert network.model[12].cv1.conv.weight.requires_grad


def test_frozen_batch_norms_rest_and_others_do_not():
    network = small_network("yolov8n-pose")
    freeze_layers(network, [0, "22.cv2"])
    resting = {name for name, module in network.named_modules() if name.endswith(".bn") and not module.training}
    assert resting == {"model.0.bn", *(f"model.22.cv2.{level}.{part}.bn" for level in range(3) for part in (0, 1))}
    assert network.model[0].conv.training


def test_without_freezing_no_batch_norm_rests():
    network = small_network("yolov8n-pose")
    freeze_layers(network, None)
    assert all(module.training for module in network.modules())


def test_what_was_frozen_elsewhere_is_trained_with_a_warning(caplog):
    network = small_network("yolov8n-pose")
    network.model[4].requires_grad_(False)
    with caplog.at_level(logging.WARNING, logger="posekit"):
        freeze_layers(network, 2)
    assert frozen_layers(network) == {"0", "1", "22.dfl"}
    assert "model.4.cv1.conv.weight was frozen" in caplog.text
    assert "dfl" not in caplog.text


@pytest.mark.parametrize("freeze", [23, ["22.cv9"], [-1], [40]])
def test_layers_that_do_not_exist_or_all_of_them_are_refused(freeze):
    with pytest.raises(SettingError, match="freeze="):
        freeze_layers(small_network("yolov8n-pose"), freeze)


def test_class_branches_of_the_head_are_boosted_and_nothing_that_shares_their_name():
    names = fast_parameters(small_network("yolo26n-seg"))
    assert {name.split(".")[2] for name in names} == {"cv3", "one2one_cv3", "proto"}
    assert {name.split(".")[3] for name in names if ".proto." in name} == {"semseg"}
    assert {name.split(".")[1] for name in names} == {"23"}
    assert "model.23.cv3.0.2.bias" in names
