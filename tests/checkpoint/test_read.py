"""Checkpoints read back: what they hold, and what a resumable one holds besides."""

import argparse
import random
import types
import zipfile
from dataclasses import fields, replace

import pytest
import torch
from torch import nn

from posekit.checkpoint.checkpoint import read_checkpoint, read_tensor_file, save_checkpoint
from posekit.checkpoint.record import Checkpoint
from posekit.checkpoint.training_state import TrainingState, training_of, with_training
from posekit.errors import CheckpointError, WeightsNotFoundError


def repacked(source, target, pickled):
    """Copy an archive with another pickle, so that its checksums are right."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            new.writestr(info.filename, pickled if info.filename.endswith("/data.pkl") else old.read(info))


def mutated(rng, raw):
    """Change, drop or repeat a few bytes."""
    data = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                data[at] ^= 1 << rng.randrange(8)
            case 2:
                del data[at : at + rng.randrange(1, 9)]
            case 3:
                data[at:at] = data[at : at + rng.randrange(1, 9)]
    return bytes(data)


def reads_or_refuses(path):
    """Whether the file could be read; any error but CheckpointError fails the test."""
    try:
        read_checkpoint(path)
    except CheckpointError:
        return False
    return True


def test_mutated_object_graphs_are_read_or_refused(pickles, tmp_path):
    options = pickles.Instance("ultralytics.utils.IterableSimpleNamespace", {"task": "pose", "imgsz": 640})
    network = pickles.network(
        pickles.Called("torch._utils._rebuild_parameter", (pickles.Tensor("0", 4, (2, 2), (2, 1)), True, None)),
        yaml={"nc": 1, "head": [[-1, 1, "Conv", [64, 3, 2]], [[1], 1, "Pose", ["nc", "kpt_shape"]]]},
        kpt_shape=[2, 3],
        kpt_names={0: ["a", "b"]},
        args=options,
    )
    whole = pickles.program({"model": network, "train_metrics": {"fitness": 0.5}, "epoch": -1, "license": "x"})
    path = pickles.archive(tmp_path / "a.pt", whole, {"0": bytes(16)})
    assert reads_or_refuses(path)
    rng = random.Random(0)
    outcomes = []
    for _ in range(1500):
        pickles.archive(path, mutated(rng, whole), {"0": bytes(16)})
        outcomes.append(reads_or_refuses(path))
    assert 50 < sum(outcomes) < 1450  # both ends are reached, so the changes go deep enough


def test_mutated_golden_files_are_read_or_refused(golden, tmp_path):
    source = golden / "fused_11seg.pt"
    raw = source.read_bytes()
    with zipfile.ZipFile(source) as file:
        pickled = file.read(next(name for name in file.namelist() if name.endswith("/data.pkl")))
    rng = random.Random(1)
    for _ in range(30):
        repacked(source, tmp_path / "a.pt", mutated(rng, pickled))
        reads_or_refuses(tmp_path / "a.pt")
    tail = len(raw) - 20_000  # the table of contents
    for _ in range(150):
        (tmp_path / "b.pt").write_bytes(raw[:tail] + mutated(rng, raw[tail:]))
        reads_or_refuses(tmp_path / "b.pt")
        (tmp_path / "b.pt").write_bytes(mutated(rng, raw[:4000]) + raw[4000:])
        reads_or_refuses(tmp_path / "b.pt")


def test_a_missing_file_is_a_file_not_found_error(tmp_path):
    with pytest.raises(WeightsNotFoundError, match=r"nothing\.pt does not exist") as caught:
        read_checkpoint(tmp_path / "nothing.pt")
    assert isinstance(caught.value, FileNotFoundError)


def test_errors_name_the_file(tmp_path):
    (tmp_path / "a.pt").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"a\.pt: this is an empty file"):
        read_checkpoint(tmp_path / "a.pt")


def test_state_dicts_with_options_are_read_as_they_are(tmp_path):
    top = {
        "model": torch.nn.Linear(2, 3).state_dict(),
        "args": argparse.Namespace(resolution=384, names=["a"]),
        "old_args": types.SimpleNamespace(patch_size=16),
        "half": torch.ones(2, dtype=torch.bfloat16),
        "lr_scheduler": torch.optim.lr_scheduler.MultiStepLR(
            torch.optim.SGD([torch.nn.Parameter(torch.ones(1))]), [3, 7]
        ).state_dict(),
    }
    torch.save(top, tmp_path / "a.pth")
    read = read_tensor_file(tmp_path / "a.pth")
    assert torch.equal(read["model"]["weight"], top["model"]["weight"])
    assert read["args"] == {"resolution": 384, "names": ["a"]}
    assert read["old_args"] == {"patch_size": 16}
    assert read["half"].dtype == torch.bfloat16
    assert read["lr_scheduler"]["milestones"] == {3: 1, 7: 1}


def test_a_tensor_file_must_hold_a_dictionary(tmp_path):
    torch.save([torch.ones(1)], tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="holds list instead of a dictionary"):
        read_tensor_file(tmp_path / "a.pth")


def test_a_whole_module_is_refused(tmp_path):
    torch.save(torch.nn.Linear(2, 3), tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"holds torch\.nn\.modules\.linear\.Linear instead of the dictionary"):
        read_checkpoint(tmp_path / "a.pt")


def test_a_bare_state_dict_is_refused_with_advice(tmp_path):
    torch.save({"model": torch.nn.Linear(2, 3).state_dict()}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="bare state dict without a model definition"):
        read_checkpoint(tmp_path / "a.pt")


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
