"""One step of learning: schedule, precision and layout, the average of the weights, batch norms."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset
from posekit.engine.learner import ModelEma, ema_decay, synchronise_batch_norms, with_usual_strides
from posekit.engine.optimizer import plain_groups
from posekit.errors import CheckpointError
from posekit.models.yolo.family import YoloTraining
from posekit.models.yolo.network import fuse_network, is_fused
from small_networks import small_network

RUNS = np.load(Path(__file__).parents[1] / "golden/train/runs.npz")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """97 pictures: seven batches of sixteen, the last one of a single picture."""
    folder = tmp_path_factory.mktemp("crowd") / "yolo"
    return write_yolo_dataset(folder, train=97, val=1, settings=SceneSettings(size=(64, 64), people=(1, 1)))


def test_a_real_run_goes_through_the_recorded_schedule(train, crowd):
    """The schedule is the same for all networks: the fastest one goes through it. Others are in `test_optimizer`."""
    recorded = "pose26_musgd"
    trace = {"lr": [], "momentum_or_beta1": [], "ema_updates": []}

    def note(trainer):
        groups = trainer.learner.optimizer.param_groups
        trace["lr"].append([group["lr"] for group in groups])
        momenta = [group["betas"][0] if "betas" in group else group["momentum"] for group in groups]
        trace["momentum_or_beta1"].append(momenta)
        trace["ema_updates"].append(trainer.learner.ema.updates)

    trainer = train(
        data=str(crowd),
        batch=16,
        epochs=10,
        val=False,
        save=False,
        mosaic=0.0,
        optimizer="MuSGD",
        callbacks={"on_train_batch_end": note},
    )
    for key in ("lr", "momentum_or_beta1"):
        np.testing.assert_allclose(trace[key], RUNS[f"{recorded}/{key}"], rtol=1e-5, atol=1e-8)
    np.testing.assert_array_equal(trace["ema_updates"], RUNS[f"{recorded}/ema_updates"])
    groups = trainer.learner.optimizer.param_groups
    np.testing.assert_allclose([group["weight_decay"] for group in groups], RUNS[f"{recorded}/weight_decay"], rtol=1e-5)
    assert trainer.learner.choice.name == str(RUNS[f"{recorded}/optimizer"])


UNCHANGED = {"mosaic": 0.0, "scale": 0.0, "translate": 0.0, "fliplr": 0.0, "hsv_h": 0.0, "hsv_s": 0.0, "hsv_v": 0.0}


@pytest.mark.parametrize(("network", "amp"), [("yolov8n-pose", False), ("yolo26n-pose", "bf16")])
def test_losses_of_pictures_seen_often_fall_also_in_sixteen_bits(train, network, amp):
    losses = []
    train(
        network,
        fraction=4,
        epochs=30,
        amp=amp,
        optimizer="AdamW",
        lr0=0.01,
        nbs=4,
        warmup_epochs=0.0,
        val=False,
        save=False,
        **UNCHANGED,
        callbacks={"on_train_epoch_end": lambda trainer: losses.append(trainer.tloss)},
    )
    totals = [sum(epoch.values()) for epoch in losses]
    assert np.mean(totals[-3:]) < 0.8 * max(totals)


@pytest.mark.parametrize(("setting", "expected"), [(None, False), (True, True), (False, False)])
def test_pictures_are_channels_last_on_processors_only_when_asked_for(train, setting, expected):
    """Batch norms of processors are less exact in that layout."""
    layouts = set()

    def watch(trainer):
        def note(module, inputs):
            layouts.add(inputs[0].is_contiguous(memory_format=torch.channels_last))

        trainer.model.register_forward_pre_hook(note)

    train(channels_last=setting, epochs=1, fraction=4, val=False, save=False, callbacks={"on_train_start": watch})
    assert expected in layouts


AVERAGES = np.load(Path(__file__).parents[1] / "golden/train/schedule.npz")


def small():
    return nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3))


def recorded_average(moment):
    prefix = f"ema/{moment}/"
    return {
        key.removeprefix(prefix): torch.from_numpy(AVERAGES[key]) for key in AVERAGES.files if key.startswith(prefix)
    }


def test_the_decay_grows_as_recorded():
    found = [ema_decay(int(update)) for update in AVERAGES["ema/updates"]]
    np.testing.assert_allclose(found, AVERAGES["ema/decay"], rtol=1e-5, atol=1e-8)


def test_five_updates_give_the_recorded_average_and_counters_stay():
    model = small()
    model.load_state_dict(recorded_average("init"))
    ema = ModelEma(model)
    for step in range(5):
        model.load_state_dict(recorded_average(f"step{step}"))
        ema.update(model)
    expected = recorded_average("final")
    assert ema.model.state_dict().keys() == expected.keys()
    for name, tensor in ema.model.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-5, atol=1e-7)
    assert ema.updates == 5
    assert int(ema.model[1].num_batches_tracked) == 0


@given(updates=st.integers(1, 40), seed=st.integers(0, 5))
def test_the_average_of_constants_is_the_constant(updates, seed):
    torch.manual_seed(seed)
    model = small()
    ema = ModelEma(model)
    for _ in range(updates):
        ema.update(model)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(ema.model.state_dict()[name], tensor, rtol=1e-5, atol=1e-7)


@given(update=st.integers(1, 100_000))
def test_the_decay_rises_and_stays_below_its_limit(update):
    assert 0 < ema_decay(update) <= ema_decay(update + 1) <= 0.9999


def test_the_average_is_a_network_of_its_own_that_is_not_trained():
    model = small().train()
    ema = ModelEma(model)
    assert not ema.model.training
    assert not any(parameter.requires_grad for parameter in ema.model.parameters())
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.no_grad():
        ema.model[0].weight.fill_(7)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.training


def test_a_half_precision_network_is_averaged_in_full_precision():
    ema = ModelEma(small().half())
    ema.update(small().half())
    assert ema.model[0].weight.dtype == torch.float32


def test_an_average_taken_back_goes_on_to_the_last_bit():
    torch.manual_seed(0)
    models = [small() for _ in range(6)]
    whole = ModelEma(models[0])
    for model in models[1:4]:
        whole.update(model)
    resumed = ModelEma(small())
    resumed.load_state_dict(
        {"updates": whole.updates, "model": {k: v.clone() for k, v in whole.state_dict()["model"].items()}}
    )
    for model in models[4:]:
        whole.update(model)
        resumed.update(model)
    assert resumed.updates == whole.updates == 5
    for one, other in zip(whole.model.state_dict().values(), resumed.model.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_an_average_of_another_network_is_refused_in_one_line():
    with pytest.raises(CheckpointError, match="belong to another network") as caught:
        ModelEma(small()).load_state_dict({"updates": 1, "model": nn.Linear(2, 2).state_dict()})
    assert "\n" not in str(caught.value)


def test_averages_that_are_no_numbers_come_from_the_network():
    model = small()
    ema = ModelEma(model)
    with torch.no_grad():
        ema.model[0].weight[0] = float("nan")
        ema.model[1].running_var[1] = float("inf")
        ema.model[0].bias.fill_(3)
    assert ema.repair(model) == ["0.weight", "1.running_var"]
    assert torch.equal(ema.model[0].weight, model[0].weight)
    assert torch.equal(ema.model[1].running_var, model[1].running_var)
    assert torch.equal(ema.model[0].bias, torch.full((3,), 3.0))


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


def test_strides_along_sides_of_length_one_become_the_usual_ones():
    odd = torch.arange(36.0).as_strided((4, 1, 3, 3), (9, 1, 3, 1))
    usual = with_usual_strides(odd)
    assert usual.stride() == (9, 9, 3, 1)
    assert torch.equal(usual, odd)
    assert usual.data_ptr() == odd.data_ptr()


def test_another_layout_is_left_alone():
    other = torch.rand(4, 2, 3, 3).to(memory_format=torch.channels_last)
    assert with_usual_strides(other) is other
