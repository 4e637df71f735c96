"""The command keeps PyTorch's threads from spinning, and leaves the user's own choice alone."""

import os
import subprocess
import sys

import pytest

CODE = "import os, posekit.cli; posekit.cli.main(['version']); print(os.environ.get('GOMP_SPINCOUNT'))"


@pytest.mark.parametrize(
    ("given", "found"), [({}, "2000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "None")]
)
def test_spinning_is_limited_unless_the_user_decides(given, found):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))} | given
    answer = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, check=True, capture_output=True, text=True
    ).stdout.split()
    assert answer[-1] == found
