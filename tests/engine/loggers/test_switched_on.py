"""Which loggers are opened."""

import subprocess
import sys

import pytest

from posekit.config.user import UserSettings
from posekit.engine.callbacks import check_event
from posekit.engine.loggers import open_loggers
from posekit.errors import MissingExtraError


def test_without_switches_nothing_is_called():
    assert open_loggers(UserSettings()) == {}


def test_loggers_follow_events_of_the_trainer():
    callbacks = open_loggers(UserSettings(tensorboard=True, mlflow=True))
    assert {len(functions) for functions in callbacks.values()} == {2}
    assert all(check_event(event) for event in callbacks)


@pytest.mark.parametrize(
    ("switch", "modules"),
    [
        ("tensorboard", ("tensorboard", "torch.utils.tensorboard")),
        ("wandb", ("wandb",)),
        ("mlflow", ("mlflow", "mlflow.tracking")),
    ],
)
def test_a_missing_package_is_told_with_its_extra(switch, modules, monkeypatch):
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf'pip install "posekit\[{switch}\]"'):
        open_loggers(UserSettings(**{switch: True}))


def test_a_folder_that_offline_runs_leave_behind_is_no_package(tmp_path):
    (tmp_path / "wandb").mkdir()
    code = (
        "import sys\n"
        "from posekit.config.user import UserSettings\n"
        "from posekit.engine.loggers import open_loggers\n"
        f"sys.path[:] = [{str(tmp_path)!r}]\n"
        "try: open_loggers(UserSettings(wandb=True))\n"
        "except ImportError as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == 'Weights & Biases logging needs the package wandb: pip install "posekit[wandb]"'
