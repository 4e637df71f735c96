import pytest

from golden.networks import STOCK
from posekit.errors import ModelNotFoundError
from posekit.models.yolo.definition import parse_definition
from posekit.models.yolo.presets import stock_definition, stock_names


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
