import pytest
import torch

from posekit.engine.trainer import LossMeans


def test_items_are_averaged_over_batches_in_their_order():
    losses = LossMeans()
    assert losses.means() == {}
    for box, pose in ((1.0, 4.0), (3.0, 8.0), (5.0, 0.0)):
        losses.add({"box": torch.tensor(box), "pose": torch.tensor(pose)})
    assert list(losses.means().items()) == [("box", 3.0), ("pose", 4.0)]
    assert losses.means_of_all() == pytest.approx(losses.means())
