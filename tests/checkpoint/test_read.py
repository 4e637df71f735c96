import argparse
import random
import types
import zipfile

import pytest
import torch

from posekit.checkpoint.checkpoint import read_checkpoint, read_tensor_file
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
