"""Two processes that are interrupted and go on end like two that were not."""

import subprocess
import sys

import pytest
import torch

from small_trainings import different, environment

SCRIPT = """
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
    path.write_text(SCRIPT)
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
