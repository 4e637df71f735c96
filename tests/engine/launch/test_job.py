"""Which devices get processes of their own, and what these do not know."""

import pytest

from posekit.engine.launch import devices_to_start_on, refuse_code
from posekit.engine.trainer import Trainer
from posekit.errors import SettingError
from posekit.tasks import PoseTrainer


class Mine(PoseTrainer):
    """A trainer class of a script."""


def test_one_device_needs_no_process(monkeypatch):
    assert [devices_to_start_on(device) for device in (None, "cpu", "cpu,cpu")] == [(), (), ("cpu", "cpu")]
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert devices_to_start_on("cpu,cpu") == ()


def test_posekit_itself_is_known_everywhere():
    refuse_code("0,1", {"on_train_end": []}, PoseTrainer, Trainer)


def test_code_of_a_script_is_not():
    expected = r"device=0,1 .* callbacks of on_train_end, the class Mine: .* torchrun --nproc_per_node 2 SCRIPT\.py"
    with pytest.raises(SettingError, match=expected):
        refuse_code("0,1", {"on_train_end": [print]}, Mine, Trainer)
