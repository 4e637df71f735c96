"""One step of learning, in one process and in two."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from posekit import YOLO
from posekit.config.settings import TrainSettings
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset
from posekit.engine.learner import Learner
from posekit.engine.training_batches import TrainingBatches
from posekit.engine.training_run import open_training
from posekit.models.yolo.training import YoloTraining
from small_trainings import environment

RUNS = np.load(Path(__file__).parents[2] / "golden/train/runs.npz")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """97 pictures: seven batches of sixteen, the last one of a single picture."""
    folder = tmp_path_factory.mktemp("crowd") / "yolo"
    return write_yolo_dataset(folder, train=97, val=1, settings=SceneSettings(size=(64, 64), people=(1, 1)))


@pytest.mark.parametrize(
    ("recorded", "settings"),
    [
        ("pose26_auto", {}),
        ("pose8_sgd_cos", {"optimizer": "SGD", "cos_lr": True}),
        ("pose26_musgd", {"optimizer": "MuSGD"}),
    ],
)
def test_a_real_run_goes_through_the_recorded_schedule(train, crowd, recorded, settings):
    """The schedule is the same for all networks: the fastest one goes through it."""
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
        mosaic=0.0,
        callbacks={"on_train_batch_end": note},
        **settings,
    )
    for key in ("lr", "momentum_or_beta1"):
        np.testing.assert_allclose(trace[key], RUNS[f"{recorded}/{key}"], rtol=1e-5, atol=1e-8)
    np.testing.assert_array_equal(trace["ema_updates"], RUNS[f"{recorded}/ema_updates"])
    groups = trainer.learner.optimizer.param_groups
    np.testing.assert_allclose([group["weight_decay"] for group in groups], RUNS[f"{recorded}/weight_decay"], rtol=1e-5)
    assert trainer.learner.choice.name == str(RUNS[f"{recorded}/optimizer"])


UNCHANGED = {"mosaic": 0.0, "scale": 0.0, "translate": 0.0, "fliplr": 0.0, "hsv_h": 0.0, "hsv_s": 0.0, "hsv_v": 0.0}


@pytest.mark.parametrize("amp", [False, "bf16"])
@pytest.mark.parametrize("network", ["yolov8n-pose", "yolo26n-pose"])
def test_losses_of_pictures_seen_often_fall_also_in_sixteen_bits(train, amp, network):
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

    train(channels_last=setting, epochs=1, val=False, save=False, callbacks={"on_train_start": watch})
    assert expected in layouts


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
        lambda names, schema: YoloTraining.for_dataset(loaded, names=names, schema=schema, pretrained=loaded),
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


@pytest.mark.parametrize(("network", "one_sided"), [("yolo26n-pose", False), ("yolov8n-pose", True)])
def test_two_processes_learn_what_one_learns_from_their_batches_in_turn(here, weights, tmp_path, network, one_sided):
    """With resting batch norms, whose statistics each process has for itself; also when one of them has no objects."""
    model = weights(network)
    people = write_yolo_dataset(tmp_path / "data", train=10, val=2, settings=SceneSettings(size=(64, 64)))
    if one_sided:
        paths = sorted((people.parent / "labels/train").iterdir())
        for index in np.random.default_rng((0, 0)).permutation(10)[1::2]:
            paths[index].write_text("")
    first, second = train_as_pair(model, people, tmp_path, here)
    gradients, alone = train_in_turn(model, people)
    assert len(gradients) == len(first["gradients"]) == 3
    for ours, theirs in zip(first["gradients"], gradients, strict=True):
        assert ours.keys() == theirs.keys()
        for key, gradient in ours.items():
            assert torch.allclose(gradient, theirs[key], rtol=1e-3, atol=1e-4 * float(theirs[key].norm())), key
    for key, tensor in first["weights"].items():
        assert torch.equal(tensor, second["weights"][key]), key
        assert torch.allclose(tensor.float(), alone[key].float(), rtol=1e-4, atol=1e-5), key
    assert first["fitness"] == second["fitness"]
    assert [len(each["rows"]) for each in (first, second)] == [1, 0]


def test_processes_without_objects_or_without_labelled_keypoints_cause_no_trouble(here, weights, people, tmp_path):
    """Two thirds of the pictures have no objects, one in six has objects without labelled keypoints."""
    data = write_yolo_dataset(
        tmp_path / "sparse", train=12, val=2, settings=SceneSettings(size=(64, 64), people=(1, 1))
    )
    for number, path in enumerate(sorted((data.parent / "labels/train").iterdir())):
        rows = [row.split() for row in path.read_text().splitlines()]
        unlabelled = "".join(" ".join([*row[:5], *["0"] * 51]) + "\n" for row in rows)
        if number % 6:
            path.write_text(unlabelled if number % 6 == 1 else "")
    first, second = train_as_pair(weights("yolo26n-pose"), data, tmp_path, here)
    for key, tensor in first["weights"].items():
        assert torch.isfinite(tensor).all()
        assert torch.equal(tensor, second["weights"][key]), key
