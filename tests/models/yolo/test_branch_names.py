import logging

import pytest
import torch

from posekit import YOLO
from posekit.models.yolo.weights import transfer_weights
from small_networks import small_network

FAMILIES = ("yolov8", "yolo11", "yolo26")
TASKS = {"-pose": "cv4_pose", "-seg": "cv4_seg"}


def shared_state(network):
    """Return what single-task and multitask networks both have: all but the likelihood of YOLO26's pose networks."""
    return {
        name: value
        for name, value in network.state_dict().items()
        if "flow_model" not in name and "cv4_sigma" not in name
    }


def head_state(network, branch):
    place = f"model.{len(network.model) - 1}"
    names = [f"{place}.{branch}.", f"{place}.one2one_{branch}."]
    return {name: value for name, value in network.state_dict().items() if name.startswith(tuple(names))}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("task", TASKS)
def test_a_branch_goes_to_its_kind_and_nowhere_else(family, task):
    network, source = small_network(f"{family}n-multitask"), small_network(f"{family}n{task}", seed=1)
    other = next(name for key, name in TASKS.items() if key != task)
    before = {name: value.clone() for name, value in head_state(network, other).items()}
    done = transfer_weights(network, source)
    assert done.copied == len(shared_state(source))
    given = head_state(source, "cv4")
    assert len(given) > 0
    for name, value in given.items():
        assert torch.equal(network.state_dict()[name.replace("cv4", TASKS[task])], value)
    for name, value in head_state(network, other).items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("task", TASKS)
def test_a_single_task_network_takes_its_part_out_of_a_multitask_network(family, task):
    network, source = small_network(f"{family}n{task}"), small_network(f"{family}n-multitask", seed=1)
    assert transfer_weights(network, source).copied == len(shared_state(network))
    for name, value in head_state(network, "cv4").items():
        assert torch.equal(value, source.state_dict()[name.replace("cv4", TASKS[task])])


def test_load_says_how_much_it_took_over(weights, caplog):
    model = YOLO(weights("yolo11n-multitask"))
    with caplog.at_level(logging.INFO, "posekit"):
        model.load(weights("yolo11n-pose")).load(weights("yolo11n-seg")).load(weights("yolo11n"))
    copied = [int(text.split()[1].split("/")[0]) for text in caplog.messages if text.startswith("Transferred")]
    total = len(model.model.state_dict())
    assert all(f"/{total} items" in text for text in caplog.messages)
    assert copied == [
        len(YOLO(weights(name)).model.state_dict()) for name in ("yolo11n-pose", "yolo11n-seg", "yolo11n")
    ]
