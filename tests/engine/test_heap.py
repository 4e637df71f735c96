"""Freed memory stays with the process."""

import subprocess
import sys

import pytest

LAYERS = """
import resource
import torch
from posekit.engine.device import select_device

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def layers():
    before = faults()
    for _ in range(20):
        hidden = torch.ones(900_000)  # of the size that RF-DETR's blocks make
        active = hidden + hidden
        joined = hidden + active
        del hidden, active, joined
    return faults() - before

{choice}
layers()
print(layers())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is about glibc")
def test_choosing_the_processor_spares_page_faults():
    kept = _faults("select_device('cpu')")
    assert kept < 200
    assert _faults("") > 4 * max(kept, 50)  # else the test proves nothing


def _faults(choice):
    command = [sys.executable, "-c", LAYERS.format(choice=choice)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
