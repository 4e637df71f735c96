"""Two processes learn, go on and measure as one does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import posekit
from posekit import YOLO
from posekit.config.settings import TrainSettings
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset
from posekit.engine import distributed
from posekit.engine.learner import Learner
from posekit.engine.training_batches import TrainingBatches
from posekit.engine.training_run import open_training
from posekit.errors import SettingError
from small_networks import different, environment

CPU = torch.device("cpu")
STEADY = {"optimizer": "SGD", "lr0": 0.01, "lrf": 1.0, "warmup_epochs": 0.0, "nbs": 4, "mosaic": 0.0, "epochs": 1}
PAIR = """
import sys
import torch
from torch import nn
from posekit import YOLO
from posekit.engine import distributed

torch.set_num_threads(1)
model, data, out = sys.argv[1:]
kept = {"gradients": []}

def rest(trainer):
    for module in trainer.model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()

def step(trainer):
    named = trainer.model.named_parameters()
    kept["gradients"].append({name: p.grad.clone() for name, p in named if p.grad is not None})

def end(trainer):
    kept["weights"] = {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}
    kept["losses"] = trainer.tloss

yolo = YOLO(model)
for event, function in {"on_train_batch_start": rest, "optimizer_step": step, "on_train_epoch_end": end}.items():
    yolo.add_callback(event, function)
metrics = yolo.train(data=data, imgsz=64, batch=4, device="cpu", workers=0, plots=False, verbose=False, STEADY)
kept["fitness"], kept["after"] = metrics.fitness, yolo.model.state_dict()
kept["rows"] = yolo.trainer.results.rows
torch.save(kept, f"{out}-{distributed.rank()}.pt")
""".replace("STEADY", ", ".join(f"{key}={value!r}" for key, value in STEADY.items()))


def train_as_pair(model, data, folder, here):
    """Train with two processes; return what each has seen."""
    script = folder / "pair.py"
    script.write_text(PAIR)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    words = [*launch, str(script), str(model), str(data), str(folder / "pair")]
    done = subprocess.run(words, env=environment(), cwd=here, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return [torch.load(folder / f"pair-{rank}.pt") for rank in (0, 1)]


def train_in_turn(model, data):
    """Train as one process that takes the batches of both processes in turn; return gradients and weights."""
    settings = TrainSettings(data=str(data), imgsz=64, batch=2, workers=0, device="cpu", verbose=False, **STEADY)
    loaded = YOLO(model).loaded
    run = open_training(
        settings,
        "pose",
        lambda names, schema: loaded.trainable(names=names, schema=schema, pretrained=loaded, settings=TrainSettings()),
    )
    halves = [TrainingBatches(run, 2, rank=rank, processes=2) for rank in (0, 1)]
    gradients = []

    def tell(event):
        if event == "optimizer_step":
            named = learner.network.named_parameters()
            gradients.append({name: weight.grad.clone() for name, weight in named if weight.grad is not None})

    learner = Learner(run, CPU, batch=2, batches=2 * len(halves[0]), tell=tell)
    learner.start_epoch()
    for module in learner.network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    with halves[0].epoch(0, joined=True) as first, halves[1].epoch(0, joined=True) as second:
        for number, batches in enumerate(zip(first, second, strict=True)):
            for half, batch in enumerate(batches):
                learner.learn(batch, 2 * number + half)
    return gradients, learner.network.state_dict()


@pytest.fixture
def sparse(tmp_path):
    """Two thirds of twelve pictures have no objects, two have objects without labelled keypoints."""
    data = write_yolo_dataset(
        tmp_path / "sparse", train=12, val=2, settings=SceneSettings(size=(64, 64), people=(1, 1))
    )
    for number, path in enumerate(sorted((data.parent / "labels/train").iterdir())):
        rows = [row.split() for row in path.read_text().splitlines()]
        unlabelled = "".join(" ".join([*row[:5], *["0"] * 51]) + "\n" for row in rows)
        if number % 6:
            path.write_text(unlabelled if number % 6 == 1 else "")
    return data


@pytest.fixture
def one_sided(tmp_path):
    """One of two processes has no objects."""
    data = write_yolo_dataset(tmp_path / "one_sided", train=10, val=2, settings=SceneSettings(size=(64, 64)))
    paths = sorted((data.parent / "labels/train").iterdir())
    for index in np.random.default_rng((0, 0)).permutation(10)[1::2]:
        paths[index].write_text("")
    return data


@pytest.mark.parametrize(("network", "pictures"), [("yolo26n-pose", "sparse"), ("yolov8n-pose", "one_sided")])
def test_two_processes_learn_what_one_learns_from_their_batches_in_turn(
    here, weights, tmp_path, request, network, pictures
):
    """With resting batch norms, whose statistics each process has for itself."""
    model, data = weights(network), request.getfixturevalue(pictures)
    first, second = train_as_pair(model, data, tmp_path, here)
    gradients, alone = train_in_turn(model, data)
    assert len(gradients) == len(first["gradients"]) == 3
    for ours, theirs in zip(first["gradients"], gradients, strict=True):
        assert ours.keys() == theirs.keys()
        for key, gradient in ours.items():
            assert torch.allclose(gradient, theirs[key], rtol=1e-3, atol=1e-4 * float(theirs[key].norm())), key
    for key, tensor in first["weights"].items():
        assert torch.isfinite(tensor).all()
        assert torch.equal(tensor, second["weights"][key]), key
        assert torch.allclose(tensor.float(), alone[key].float(), rtol=1e-4, atol=1e-5), key
    assert first["fitness"] == second["fitness"]
    assert [len(each["rows"]) for each in (first, second)] == [1, 0]


INTERRUPTED_PAIR = """
import sys
import torch
from posekit import YOLO
from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.checkpoint.training_state import training_of
from posekit.engine import distributed

torch.set_num_threads(1)
model, data, out = sys.argv[1:]
new = {"data": data, "imgsz": 64, "batch": 4, "epochs": 3, "device": "cpu", "workers": 0, "plots": False,
       "verbose": False, "nbs": 8, "warmup_epochs": 1.0, "close_mosaic": 1}

class Interrupted(Exception):
    pass

def make_noisy(loop):
    # Each process draws noise of its own, from the generator that a checkpoint has to keep.
    def noisy(network, inputs):
        return (inputs[0] + 0.05 * torch.randn_like(inputs[0]),) if network.training else inputs
    loop.model.register_forward_pre_hook(noisy)

def run(start, stop_at=None, **settings):
    states = []
    def keep(loop):
        if distributed.rank() == 0:
            states.append(training_of(read_checkpoint(loop.last)))
    def stop(loop):
        if loop.epoch == stop_at:
            raise Interrupted
    yolo = YOLO(start)
    callbacks = {"on_train_start": make_noisy, "on_fit_epoch_end": keep, "on_train_batch_end": stop}
    for event, function in callbacks.items():
        yolo.add_callback(event, function)
    try:
        yolo.train(**settings)
    except Interrupted:
        return yolo.trainer.last, states
    return yolo.trainer.last, (states[-1:], read_checkpoint(yolo.trainer.last).state)

_, whole = run(model, **new)
last, _ = run(model, stop_at=2, **new)
_, resumed = run(last, resume=True)
if distributed.rank() == 0:
    for (state, *_), _ in (whole, resumed):
        for row in state.results:
            del row["time"]
        for random in (state.random, *state.random["others"]):
            del random["python"]  # training draws nothing from it, but some package does when it is imported
    torch.save([(vars(state), weights) for (state, *_), weights in (whole, resumed)], out)
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("script") / "resumed.py"
    path.write_text(INTERRUPTED_PAIR)
    return path


def test_a_resumed_pair_ends_like_one_that_was_not_interrupted(script, here, definition, people, tmp_path):
    """Weights of two epochs lie behind the interruption; steps straddle epochs; each process draws its own noise."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    words = [*launch, str(script), str(definition()), str(people), str(tmp_path / "states")]
    done = subprocess.run(words, env=environment(), cwd=here, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (whole, weights), (resumed, resumed_weights) = torch.load(tmp_path / "states", weights_only=False)
    first, second = whole["random"]["torch"], whole["random"]["others"][0]["torch"]
    assert not torch.equal(first, second)
    assert different(resumed, whole) == []
    assert different(resumed_weights, weights) == []


MEASURE = """
import json, sys
from pathlib import Path
from posekit import YOLO
from posekit.engine import distributed

model, data, out = sys.argv[1:]
metrics = YOLO(model).val(data=data, imgsz=128, batch=2, conf=0.01, device="cpu", plots=False, save_json=True)
answer = metrics.results_dict | {"seen": metrics.seen, "elbow": metrics.keypoints.rows()[7]["labelled"]}
answer["rows"] = 0
if distributed.rank() == 0:
    answer["rows"] = len(json.loads((Path(metrics.save_dir) / "predictions.json").read_text()))
Path(f"{out}-{distributed.rank()}.json").write_text(json.dumps(answer))
"""


def test_alone_a_process_is_the_first_of_one():
    assert (distributed.rank(), distributed.world_size(), distributed.gather("part")) == (0, 1, ["part"])


@pytest.mark.parametrize("device", [None, "cpu", "0", "0,1"])
def test_alone_the_device_is_the_one_that_was_asked_for(device):
    assert distributed.join_processes(device) == device


@pytest.mark.parametrize("device", ["0", "0,1", "mps", "-1"])
def test_every_process_needs_a_gpu_of_its_own(monkeypatch, device):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(SettingError, match=f"device={device}: 3 processes need a GPU each: name as many"):
        distributed.join_processes(device)


def test_a_gpu_that_is_not_here_is_told_before_processes_wait_for_each_other(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(SettingError, match=r"device=98: (PyTorch .* sees no CUDA device|CUDA devices here are)"):
        distributed.join_processes("97,98")


def test_two_processes_get_the_numbers_of_one(here, weights, tmp_path):
    data = write_yolo_dataset(tmp_path / "people", train=1, val=7, settings=SceneSettings(size=(96, 128)))
    script = tmp_path / "measure.py"
    script.write_text(MEASURE)
    words = [str(script), str(weights()), str(data)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(posekit.__file__).parents[1])}
    subprocess.run([sys.executable, *words, str(tmp_path / "alone")], check=True, env=environment)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*launch, *words, str(tmp_path / "pair")], check=True, env=environment, capture_output=True, text=True
    )
    assert done.stdout.count("Pose(P") == 1
    alone = json.loads((tmp_path / "alone-0.json").read_text())
    first, second = (json.loads((tmp_path / f"pair-{rank}.json").read_text()) for rank in (0, 1))
    assert first == pytest.approx(alone, abs=1e-9)
    assert second | {"rows": alone["rows"]} == pytest.approx(alone, abs=1e-9)
