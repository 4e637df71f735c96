import pytest
import yaml

from posekit.data.dataset import read_description, require_split
from posekit.errors import DatasetKeyError, DatasetNotFoundError


@pytest.fixture
def describe(here):
    """Return a function that reads a YAML of the given keys."""

    def read(**keys):
        (here / "set.yaml").write_text(yaml.safe_dump({"names": ["a"]} | keys))
        return read_description("set.yaml", task="detect")

    return read


def test_only_the_split_that_is_asked_for_must_exist(describe, here):
    (here / "val").mkdir()
    description = describe(train="train", val="val")
    assert require_split(description, "val") == (here / "val",)
    with pytest.raises(DatasetNotFoundError, match=r"set.yaml: for `train`, .*/train does not exist"):
        require_split(description, "train")


def test_a_split_that_is_not_named_is_told(describe):
    with pytest.raises(DatasetKeyError, match=r"set.yaml names no pictures for `test`; it has `train`, `val`"):
        require_split(describe(train="train", val="val"), "test")


def test_every_part_of_a_split_must_exist(describe, here):
    (here / "a").mkdir()
    description = describe(val=["a", "b", "c"])
    with pytest.raises(DatasetNotFoundError, match=r"/b and .*/c do not exist"):
        require_split(description, "val")


def test_the_annotations_of_the_split_must_exist(describe, here):
    (here / "val").mkdir()
    description = describe(val="val", annotations={"val": "val.json", "train": "train.json"})
    with pytest.raises(DatasetNotFoundError, match=r"val.json does not exist"):
        require_split(description, "val")
    (here / "val.json").touch()
    assert require_split(description, "val") == (here / "val",)


def test_the_message_lists_where_the_root_was_looked_for(describe, here):
    description = describe(path="somewhere", val="val")
    with pytest.raises(DatasetNotFoundError) as caught:
        require_split(description, "val")
    for place in (here / "somewhere", here / "datasets" / "somewhere"):
        assert str(place) in str(caught.value)


def test_a_built_in_set_that_nobody_offers_says_how_to_make_it(here):
    description = read_description("coco8-multitask", task="multitask")
    with pytest.raises(DatasetNotFoundError, match="There is no public archive of coco8-multitask"):
        require_split(description, "val")
