import pytest

from posekit.checkpoint.record import plain_value
from posekit.checkpoint.unpickle import ClassName, Stub
from posekit.errors import CheckpointError


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
