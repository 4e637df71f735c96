"""Results on the screen; without one, one clear error."""

import numpy as np
import pytest

from posekit.engine.predictor import Display
from posekit.errors import DisplayError
from posekit.viz.window import LiveWindow

PICTURE = np.zeros((20, 30, 3), np.uint8)


@pytest.fixture(autouse=True)
def _no_screen(monkeypatch):
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("sys.platform", "linux")


@pytest.mark.parametrize("moving", [False, True])
def test_without_a_screen_nothing_can_be_shown(moving):
    with Display() as display, pytest.raises(DisplayError, match="save"):
        display.show(PICTURE, moving=moving)
    assert not display.stopped


def test_a_window_that_cannot_be_opened_says_what_to_do_instead():
    with pytest.raises(DisplayError, match="save"):
        LiveWindow("posekit")
