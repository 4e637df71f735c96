"""Branches that are skipped at random."""

import torch

from posekit.models.rfdetr.backbone import skip_at_random
from small_rfdetr import small_rfdetr


def test_all_windows_of_a_picture_are_skipped_together_and_the_mean_is_kept():
    torch.manual_seed(0)
    branch = skip_at_random(torch.ones(4000, 2, 3), 0.25, pictures=1000).view(1000, -1)
    assert ((branch == 0).all(1) | (branch == 1 / 0.75).all(1)).all()
    assert abs(float(branch.mean()) - 1) < 0.05


def test_it_changes_training_only_and_deeper_blocks_more():
    network, images = small_rfdetr(), torch.rand(2, 3, 64, 64)
    encoder = network.backbone[0].encoder.encoder
    with torch.no_grad():
        before = network(images).last.logits
        encoder.set_skip_rate(0.5)
        assert torch.equal(network(images).last.logits, before)
        assert [block.skip_rate for block in encoder.encoder.layer][::11] == [0, 0.5]
        torch.manual_seed(0)
        assert not torch.equal(network.train()(images).last.logits[:, :9], before)
