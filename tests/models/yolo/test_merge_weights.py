import pytest
import torch

from posekit import YOLO
from posekit.errors import ModelDefinitionError
from posekit.models.yolo.family import LoadedModel, merge_weights
from posekit.schema.schema import COCO_PERSON
from small_networks import small_network

FAMILIES = ("yolov8", "yolo11", "yolo26")


def loaded(name, names, *, license=None, seed=0):
    network = small_network(name, nc=len(names), seed=seed)
    network.names = dict(enumerate(names))
    return LoadedModel(network=network, schema=COCO_PERSON if "pose" in name else None, license=license)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("body", ["pose", "segment"])
def test_every_tensor_comes_from_one_of_the_two(family, body):
    pose, segment = loaded(f"{family}n-pose", ["person"]), loaded(f"{family}n-seg", ["person"], seed=1)
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
    pose = loaded("yolo26n-pose", ["dog"], license="A")
    segment = loaded("yolo26n-seg", ["cat", "dog", "cow"], license="B")
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
        merge_weights(loaded(first, ["person"]), loaded(second, ["person"]))


def test_the_merged_network_is_saved_and_finds_masks_and_keypoints(weights, tmp_path):
    merged = merge_weights(YOLO(weights("yolo11n-pose")).loaded, YOLO(weights("yolo11n-seg")).loaded)
    model = YOLO("yolo11n-multitask.yaml")
    model.loaded = merged
    model.save(tmp_path / "merged.pt")
    (result, *_) = YOLO(tmp_path / "merged.pt")("figures", conf=0.001, verbose=False)
    assert result.masks is not None
    assert result.keypoints.shape[1:] == (17, 3)
