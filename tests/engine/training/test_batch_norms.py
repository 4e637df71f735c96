"""Batch norms that see the batches of all GPUs: a network stays what it is but for its statistics."""

import torch
from torch import nn

from posekit.engine.learner import synchronise_batch_norms
from posekit.engine.optimizer import plain_groups
from posekit.models.yolo.network import fuse_network, is_fused
from posekit.models.yolo.training import YoloTraining
from small_networks import small_network


def test_without_several_gpus_nothing_changes_and_a_line_says_so(train, caplog):
    trainer = train(sync_bn=True, epochs=1)
    assert "sync_bn=True has no effect: PyTorch synchronises" in caplog.text
    assert "here one process trains on cpu" in caplog.text
    assert not any(isinstance(module, nn.SyncBatchNorm) for module in trainer.model.modules())


def test_by_default_nothing_is_said(train, caplog):
    train(epochs=1)
    assert "sync_bn" not in caplog.text


def synchronised():
    """Return a network and a synchronised copy, as one of two processes on a GPU makes it; it is on the processor."""
    networks = small_network(), small_network()
    synchronise_batch_norms(networks[1], torch.device("cuda", 0), processes=2)
    return networks


def test_several_processes_without_gpus_have_their_own(caplog):
    network = small_network()
    synchronise_batch_norms(network, torch.device("cpu"), processes=2)
    assert "here 2 processes train on cpu" in caplog.text
    assert not any(isinstance(module, nn.SyncBatchNorm) for module in network.modules())


def test_weights_names_and_outputs_stay():
    plain, shared = synchronised()
    assert not any(type(module) is nn.BatchNorm2d for module in shared.modules())
    for (name, tensor), (other, same) in zip(plain.state_dict().items(), shared.state_dict().items(), strict=True):
        assert name == other
        assert torch.equal(tensor, same)
    picture = torch.rand(1, 3, 64, 64)
    for network in (shared, fuse_network(shared)):
        for branch, tensors in network(picture).items():
            for key, tensor in tensors.items():
                if isinstance(tensor, torch.Tensor):
                    torch.testing.assert_close(tensor, plain(picture)[branch][key], rtol=1e-3, atol=1e-3)
    assert not is_fused(shared)


def test_groups_and_freezing_take_them_for_batch_norms():
    plain, shared = synchronised()
    sizes = [[len(group["params"]) for group in plain_groups(each, lr=1, weight_decay=1)] for each in (plain, shared)]
    assert sizes[0] == sizes[1]
    model = YoloTraining(shared, None, None)
    model.freeze(1)
    model.train()
    assert [shared.model[layer].bn.training for layer in (0, 1)] == [False, True]
