import yaml

from posekit.data.dataset import read_description
from posekit.data.description import dataset_dict


def test_a_pose_set_as_a_dictionary(here):
    data = dataset_dict(read_description("coco8-pose", task="pose"))
    root = here / "datasets" / "coco8-pose"
    assert data == {
        "path": str(root),
        "train": str(root / "images" / "train"),
        "val": str(root / "images" / "val"),
        "nc": 1,
        "names": {0: "person"},
        "channels": 3,
        "kpt_shape": [17, 3],
    }
    assert yaml.safe_load(yaml.safe_dump(data)) == data


def test_lists_missing_splits_and_test(here):
    (here / "a.yaml").write_text(yaml.safe_dump({"val": ["x", "y"], "test": "z", "nc": 2}))
    data = dataset_dict(read_description("a.yaml", task="detect"))
    assert data["val"] == [str(here / "x"), str(here / "y")]
    assert data["test"] == str(here / "z")
    assert data["train"] is None
    assert data["kpt_shape"] is None
