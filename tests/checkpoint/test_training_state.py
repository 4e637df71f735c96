from dataclasses import fields, replace

import pytest
import torch
from torch import nn

from posekit.checkpoint.checkpoint import read_checkpoint, save_checkpoint
from posekit.checkpoint.record import Checkpoint
from posekit.checkpoint.training_state import TrainingState, training_of, with_training
from posekit.errors import CheckpointError


def checkpoint():
    return Checkpoint(path="last.pt", state={}, task="pose", names={0: "person"}, settings={"epochs": 10})


def training(**changes):
    """Return the state of a run of two epochs whose last batch waits for its step."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    optimizer = torch.optim.AdamW(
        [{"params": [model[0].weight], "name": "weight"}, {"params": [], "name": "bn"},
         {"params": [model[0].bias, *model[1].parameters()], "name": "bias"}]
    )  # fmt: skip
    for _ in range(2):
        optimizer.step()
        optimizer.zero_grad()
        model(torch.randn(2, 3, 8, 8)).square().mean().backward()
    values = {
        "epoch": 1,
        "model": {name: tensor.clone() for name, tensor in model.state_dict().items()},
        "ema": {name: tensor + 1 for name, tensor in model.state_dict().items()},
        "updates": 2,
        "optimizer": optimizer.state_dict(),
        "scaler": {"scale": 1024.0, "_growth_tracker": 3},
        "pending": 1,
        "gradients": {name: parameter.grad for name, parameter in model.named_parameters()},
        "random": {"torch": torch.get_rng_state(), "python": {"words": torch.arange(5)}, "cuda": []},
        "sampler": {"epoch": 2, "order": torch.randperm(7)},
        "early_stop": {"best_fitness": 0.125, "best_epoch": 1},
        "results": [{"epoch": 1.0, "loss": 0.1 + 0.2}, {"epoch": 2.0, "loss": 1 / 3, "late": 5.0}],
    }
    return TrainingState(**(values | changes))


def assert_same(one, other):
    """Compare nested containers to the last bit, types included."""
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_same(*pair)
    else:
        assert one == other


def test_a_run_comes_back_from_its_file_to_the_last_bit(tmp_path):
    saved = training()
    save_checkpoint(tmp_path / "last.pt", with_training(checkpoint(), saved))
    read = training_of(read_checkpoint(tmp_path / "last.pt"))
    for field in fields(TrainingState):
        assert_same(getattr(read, field.name), getattr(saved, field.name))


def test_the_file_is_plain_and_its_weights_are_the_average(tmp_path):
    saved = training()
    save_checkpoint(tmp_path / "last.pt", with_training(checkpoint(), saved))
    top = torch.load(tmp_path / "last.pt", weights_only=True)
    assert top["training"]["epoch"] == 1
    assert_same(dict(read_checkpoint(tmp_path / "last.pt").state), saved.ema)
    assert read_checkpoint(tmp_path / "last.pt").settings == {"epochs": 10}


def test_a_finished_or_foreign_file_says_what_to_do_instead():
    with pytest.raises(CheckpointError, match=r"last\.pt: no run can be resumed.*weights only.*model=FILE") as caught:
        training_of(checkpoint())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "entry", ["layout", "epoch", "model", "optimizer", "random", "sampler", "early_stop", "results"]
)
def test_a_missing_or_wrong_entry_is_named(entry):
    packed = with_training(checkpoint(), training())
    without = {name: value for name, value in packed.training.items() if name != entry}
    with pytest.raises(CheckpointError, match=f"lacks '{entry}'"):
        training_of(replace(packed, training=without))
    with pytest.raises(CheckpointError, match=f"'{entry}' of its training state is str instead of"):
        training_of(replace(packed, training=packed.training | {entry: "x"}))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"layout": 2}, "layout 2, this posekit reads 1"),
        ({"mood": 1}, "unknown entries: mood"),
        ({"epoch": -1}, "epoch -1.* below 0"),
        ({"model": {"0.weight": torch.zeros(1)}}, "different networks"),
        ({"gradients": {"9.weight": torch.zeros(1)}}, "gradients belong to another network"),
        ({"gradients": {}}, "1 batches are pending, with 0 gradients"),
        ({"pending": 0}, "0 batches are pending, with 4 gradients"),
        ({"optimizer": {"state": {}}}, "no 'param_groups'"),
        ({"optimizer": {"state": {}, "param_groups": [{"lr": 1}]}}, "does not list its parameters"),
        ({"optimizer": {"state": {5: {}}, "param_groups": [{"params": [0]}]}}, "none of its groups"),
        ({"results": {"epoch": [1.0]}}, r"columns of \[1\] values for 2 epochs"),
        ({"results": {"epoch": 3.0}}, "columns"),
    ],
)
def test_entries_that_contradict_each_other_are_refused_in_one_line(changes, text):
    packed = with_training(checkpoint(), training())
    with pytest.raises(CheckpointError, match=text) as caught:
        training_of(replace(packed, training=packed.training | changes))
    assert "\n" not in str(caught.value)


def test_a_contradiction_is_found_before_it_is_written():
    with pytest.raises(CheckpointError, match="different networks"):
        with_training(checkpoint(), training(ema={}))
    with pytest.raises(CheckpointError, match="for 2 epochs"):
        with_training(checkpoint(), training(results=[{"epoch": 1.0}]))


def test_a_first_epoch_without_results_or_waiting_batches_is_whole():
    saved = training(epoch=0, pending=0, gradients={}, results=[], scaler={})
    read = training_of(with_training(checkpoint(), saved))
    assert (read.results, read.gradients, read.scaler) == ([], {}, {})
