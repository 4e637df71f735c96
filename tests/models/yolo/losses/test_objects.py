import pytest
import torch

from posekit.errors import ShapeError
from posekit.models.yolo.losses.objects import pack_objects
from posekit.sample import Targets


def targets(pictures, **more):
    count = len(pictures)
    return Targets(
        pictures=torch.tensor(pictures, dtype=torch.int64),
        classes=torch.arange(count),
        boxes=torch.tensor([[0.5, 0.5, 0.2, 0.4]]).repeat(count, 1),
        **more,
    )


def test_objects_fill_the_slots_of_their_picture_in_their_order():
    packed = pack_objects(targets([0, 0, 2, 2, 2]), 4, (100.0, 200.0), torch.float32)
    assert packed.labels.tolist() == [[0, 1, 0], [0, 0, 0], [2, 3, 4], [0, 0, 0]]
    assert packed.valid.sum(1).tolist() == [2, 0, 3, 0]
    torch.testing.assert_close(packed.boxes[2, 1], torch.tensor([80.0, 30.0, 120.0, 70.0]))
    assert packed.boxes[1].abs().sum() == 0


def test_objects_need_not_come_sorted():
    packed = pack_objects(targets([1, 0, 1, 0]), 2, (64.0, 64.0), torch.float32)
    assert packed.labels.tolist() == [[1, 3], [0, 2]]


def test_keypoints_go_to_pixels_and_keep_their_visibility():
    keypoints = torch.tensor([[[0.5, 0.25, 2.0], [0.0, 0.0, 0.0]]])
    packed = pack_objects(targets([1], keypoints=keypoints), 2, (100.0, 200.0), torch.float32)
    assert packed.require_keypoints()[1, 0].tolist() == [[100.0, 25.0, 2.0], [0.0, 0.0, 0.0]]


def test_a_batch_without_objects_has_no_slots():
    packed = pack_objects(targets([]), 3, (64.0, 64.0), torch.float32)
    assert packed.labels.shape == packed.valid.shape == (3, 0)
    assert packed.boxes.shape == (3, 0, 4)


def test_an_object_of_no_extent_at_the_origin_is_none():
    nowhere = Targets(pictures=torch.tensor([0]), classes=torch.tensor([0]), boxes=torch.zeros(1, 4))
    assert not pack_objects(nowhere, 1, (64.0, 64.0), torch.float32).valid.any()


def test_missing_keypoints_and_masks_are_named():
    packed = pack_objects(targets([0]), 1, (64.0, 64.0), torch.float32)
    with pytest.raises(ShapeError, match="targets with keypoints"):
        packed.require_keypoints()
    with pytest.raises(ShapeError, match="targets with masks"):
        packed.require_masks()
