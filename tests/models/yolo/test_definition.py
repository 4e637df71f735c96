"""Definitions are read or refused; stock names have theirs."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from golden.networks import STOCK
from posekit.errors import ModelDefinitionError, ModelNotFoundError
from posekit.models.yolo.definition import parse_definition
from posekit.models.yolo.network import YoloNetwork
from posekit.models.yolo.presets import stock_definition, stock_names
from small_networks import small_definition


def changed(**keys):
    """Return the small pose definition with some keys replaced, or left out where None."""
    definition = copy.deepcopy(small_definition()) | keys
    return {key: value for key, value in definition.items() if value is not None}


def with_row(index, row):
    definition = copy.deepcopy(small_definition())
    definition["layers"][index] = row
    return definition


def test_depth_and_width_scale_repeats_and_channels():
    definition = parse_definition(small_definition())
    assert (definition.depth, definition.width, definition.max_channels) == (0.33, 0.0625, 1024)
    assert [definition.channels(count) for count in (64, 100, 128, 1024, 4096)] == [8, 8, 8, 64, 64]
    assert [definition.repeats(count) for count in (1, 2, 3, 6)] == [1, 1, 1, 2]


def test_older_definitions_with_backbone_head_and_multiples_build_the_same_network():
    data = changed(scales=None, scale=None, depth_multiple=0.33, width_multiple=0.0625)
    layers = data.pop("layers")
    older = YoloNetwork(parse_definition(data | {"backbone": layers[:10], "head": layers[10:]}))
    newer = YoloNetwork(parse_definition(small_definition()))
    shapes = [{key: value.shape for key, value in network.state_dict().items()} for network in (older, newer)]
    assert shapes[0] == shapes[1]


def test_without_multiples_nothing_is_scaled():
    definition = parse_definition(changed(scales=None, scale=None))
    assert (definition.depth, definition.width, definition.channels(64)) == (1, 1, 64)


def test_a_definition_that_names_no_scale_takes_the_first_with_a_warning(caplog):
    scales = {"s": [0.33, 0.125, 1024], "n": [0.33, 0.0625, 1024]}
    assert parse_definition(changed(scales=scales, scale=None), name="mine.yaml").width == 0.125
    assert "mine.yaml names no scale (s, n): taking 's'" in caplog.text


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("nn.ReLU()", nn.ReLU),
        ("torch.nn.LeakyReLU(0.1, inplace=True)", nn.LeakyReLU),
        ("ELU(alpha=0.5)", nn.ELU),
        ("Hardswish", nn.Hardswish),
    ],
)
def test_another_activation_takes_the_place_of_every_one(text, kind):
    network = YoloNetwork(parse_definition(changed(activation=text))).eval()
    kinds = {type(module) for module in network.modules()}
    assert kind in kinds
    assert nn.SiLU not in kinds
    with torch.no_grad():
        assert network(torch.rand(1, 3, 32, 32))["one2many"]["scores"].isfinite().all()


def test_the_slope_of_an_activation_is_read():
    network = YoloNetwork(parse_definition(changed(activation="nn.LeakyReLU(0.25)")))
    assert network.model[0].act.negative_slope == 0.25


@pytest.mark.parametrize("text", ["nn.Foo()", "ReLU(0.1)", "LeakyReLU(1.2.3)", "__import__('os')", "nn.ReLU().eval()"])
def test_an_unknown_activation_is_an_error_and_never_run(text):
    with pytest.raises(ModelDefinitionError, match=r"activation .* is unknown; known are ReLU"):
        YoloNetwork(parse_definition(changed(activation=text)))


def test_heads_with_four_levels_have_four_strides():
    assert YoloNetwork(parse_definition(small_definition("yolov8n-pose-p6"))).strides == (8, 16, 32, 64)


def test_a_head_may_read_any_number_of_levels():
    network = YoloNetwork(parse_definition(with_row(22, [[18, 21], 1, "Pose", ["nc", "kpt_shape"]]))).eval()
    assert network.strides == (16, 32)
    with torch.no_grad():
        assert network(torch.rand(1, 3, 64, 64))["one2many"]["kpts"].shape == (1, 51, 20)


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        (changed(layers=None), "expected 1 to 500 layers"),
        (changed(layers=[[-1, 1, "Conv", [8]]] * 501), "found 501"),
        (changed(layers=5), "must be lists of rows"),
        (changed(layers=None, backbone="abc", head=[]), "must be lists of rows"),
        (with_row(0, [-1, 1, "Conv"]), r"layer 0: expected \[from, repeats, block, \[arguments\]\]"),
        (with_row(0, "Conv"), "layer 0: expected"),
        (with_row(2, [-1, 1, "C2fx", [64]]), "layer 2: unknown block 'C2fx'; known are Conv, C2f"),
        (with_row(2, [-1, 1, "C2f", [64, True, 1, 0.5]]), "C2f takes channels, shortcut"),
        (with_row(2, [-1, 1, "C2f", []]), "C2f needs channels"),
        (with_row(2, [-1, 1, "C2f", ["x"]]), "channels must be a whole number"),
        (with_row(2, [-1, 1, "C2f", [64, "yes"]]), "shortcut must be true or false"),
        (with_row(2, [-1, 1000, "C2f", [64]]), "repeats must be a whole number from 1 to 100"),
        (with_row(0, [-1, 1, "Conv", [64, "a", 2]]), "kernel must be a whole number"),
        (with_row(0, [-1, 1, "Conv", [64, 3, 0]]), "stride must be a whole number from 1 to 8"),
        (with_row(10, [-1, 1, "nn.Upsample", [None]]), "Upsample needs factor, mode"),
        (with_row(10, [-1, 1, "nn.Upsample", [None, 2, "cubic"]]), "mode must be nearest or bilinear"),
        (with_row(3, ["a", 1, "Conv", [64, 3, 2]]), "'from' must be an index"),
        (with_row(3, [[], 1, "Conv", [64, 3, 2]]), "'from' must be an index"),
        (with_row(3, [[1, 2], 1, "Conv", [64, 3, 2]]), "Conv reads one layer"),
        (changed(kpt_shape=None), "needs kpt_shape"),
        (changed(kpt_shape=[17, 4]), r"\[K, 2\] or \[K, 3\]"),
        (changed(kpt_shape=[17.5, 3]), r"\[K, 2\] or \[K, 3\]"),
        (changed(nc="x"), "nc must be a whole number"),
        (changed(reg_max=0), "reg_max must be a whole number"),
        (changed(end2end=True), "end2end needs the head Pose26"),
        (changed(scale="z"), "scale 'z' is not one of t"),
        (changed(scale=["t"]), "is not one of t"),
        (changed(scales=[1, 2]), "scales must map letters"),
        (changed(scales={"t": [1, 2]}), r"a scale is \[depth, width, max_channels\]"),
        (changed(scales={"t": [0.33, float("nan"), 1024]}), "numbers above 0"),
        (changed(scales={"t": [0.33, -1, 1024]}), "numbers above 0"),
        (changed(scales={"t": [100, 0.0625, 1024]}), "repeats a block more than 100 times"),
        (changed(scales=None, depth_multiple="x"), "numbers above 0"),
    ],
)
def test_what_is_wrong_is_said_with_the_name_of_the_definition(definition, text):
    with pytest.raises(ModelDefinitionError, match=f"mine.yaml.*{text}"):
        parse_definition(definition, name="mine.yaml")


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        (with_row(3, [7, 1, "Conv", [64, 3, 2]]), r"layer 3 \(Conv\) reads layers \[7\], only 0 to 2 come before"),
        (with_row(11, [[-1, 2], 1, "Concat", [1]]), "joins maps of different strides"),
        (with_row(5, [-1, 1, "Pose", []]), r"layer 5 \(Pose\) is a head, but not the last layer"),
    ],
)
def test_layers_that_do_not_fit_together_are_named(definition, text):
    with pytest.raises(ModelDefinitionError, match=text):
        YoloNetwork(parse_definition(definition))


def test_the_last_layer_must_be_a_head():
    with pytest.raises(ModelDefinitionError, match="the last layer is C2f; expected one of Detect, Pose"):
        parse_definition(changed(layers=small_definition()["layers"][:-1]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2000) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


@settings(max_examples=150)
@given(index=st.integers(0, 22), place=st.integers(0, 3), value=JSON)
def test_any_value_in_any_row_is_either_read_or_refused(index, place, value):
    definition = copy.deepcopy(small_definition())
    definition["layers"][index][place] = value
    try:
        parsed = parse_definition(definition)
        with torch.device("meta"):
            network = YoloNetwork(parsed)
    except ModelDefinitionError:
        return
    assert network.task == "pose"


@settings(max_examples=100)
@given(
    key=st.sampled_from(["nc", "kpt_shape", "scales", "scale", "end2end", "reg_max", "activation", "layers"]),
    value=JSON,
)
def test_any_value_of_any_key_is_either_read_or_refused(key, value):
    try:
        parsed = parse_definition(small_definition() | {key: value})
        with torch.device("meta"):
            YoloNetwork(parsed)
    except ModelDefinitionError:
        return
    assert parsed.source[key] == value or value != value


def test_every_published_network_has_a_definition():
    assert set(STOCK) <= set(stock_names())
    for name in stock_names():
        definition = parse_definition(stock_definition(name))
        assert definition.source["yaml_file"] == f"{name}.yaml"


@pytest.mark.parametrize("name", ["yolo11m-pose", "yolo11m-pose.yaml", "yolo11m-pose.yml"])
def test_the_suffix_may_be_left_out(name):
    assert stock_definition(name)["scale"] == "m"


def test_without_a_scale_the_smallest_is_taken_with_a_warning(caplog):
    assert stock_definition("yolov8-pose.yaml") == stock_definition("yolov8n-pose.yaml")
    assert "yolov8-pose.yaml names no scale (n, s, m, l, x): taking 'n'" in caplog.text


@pytest.mark.parametrize(
    ("name", "classes"), [("yolov8n-pose", 1), ("yolo11n-pose", 80), ("yolo26n-pose", 80), ("yolov8n", 80)]
)
def test_stock_definitions_have_the_published_numbers_of_classes(name, classes):
    assert stock_definition(name)["nc"] == classes


def test_definitions_are_ones_own_to_change():
    stock_definition("yolov8n-pose")["layers"][0][3][0] = 1
    stock_definition("yolov8n-pose")["scales"].clear()
    assert stock_definition("yolov8n-pose")["layers"][0] == [-1, 1, "Conv", [64, 3, 2]]
    assert stock_definition("yolov8n-pose")["scales"]["n"] == [0.33, 0.25, 1024]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("yolov8n-poze", "did you mean yolov8n-pose"),
        ("yolo12n-pose.yaml", "did you mean .*yolo11n-pose"),
        ("yolo11n-pose-p6", "did you mean"),
        ("resnet50", "names look like yolo11n-pose.yaml"),
        ("folder/yolov8n-pose.yaml", "neither a file nor a stock network"),
    ],
)
def test_an_unknown_name_is_an_error_with_the_nearest(name, hint):
    with pytest.raises(ModelNotFoundError, match=f"'{name}'.*{hint}"):
        stock_definition(name)
