"""Random weights to train from."""

import torch

from posekit.models.rfdetr.network import set_initial_weights
from small_rfdetr import small_preview, small_rfdetr


def test_a_new_network_finds_nothing_where_its_cells_are():
    network = small_rfdetr()
    torch.manual_seed(0)
    set_initial_weights(network)
    with torch.no_grad():
        found = network.all_layers(torch.rand(1, 3, 64, 64))
    assert ((found.last.logits.sigmoid() > 0.001) & (found.last.logits.sigmoid() < 0.1)).all()
    torch.testing.assert_close(found.last.boxes, found.encoder.boxes)  # neither moved nor resized
    places, centres = found.last.keypoints[..., :2], found.last.boxes[..., None, :2]
    torch.testing.assert_close(places, centres.expand_as(places))
    assert not found.last.keypoints[..., 2].any()


def test_the_seed_decides():
    states = []
    for seed in (1, 1, 2):
        network = small_preview()
        torch.manual_seed(seed)
        set_initial_weights(network)
        states.append(network.state_dict()["transformer.decoder.layers.0.linear1.weight"])
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])
