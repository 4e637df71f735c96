"""Streaming keeps nothing: memory does not grow with the length of a video."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import posekit
from golden.fill import image

FRAMES, SETTLED = 800, 200
ALLOWED_GROWTH_BYTES = 5e6

SCRIPT = """
import gc, os, resource, sys
import torch
from posekit import YOLO

weights, video, early, late = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(1)

def resident():
    gc.collect()
    if sys.platform == "linux":
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

stream = YOLO(weights)(video, stream=True, batch=4, imgsz=96, conf=0.1, verbose=False, save_txt=True)
sizes = {number: resident() for number, _ in enumerate(stream, start=1) if number in (early, late)}
print(sizes[early], sizes[late])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="resident memory is asked for in the POSIX way")
def test_a_long_video_needs_no_more_memory_than_a_short_one(here, weights, tmp_path):
    video = tmp_path / "long.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 30, (96, 96))
    frames = [np.ascontiguousarray(image(96, 96, number)) for number in range(10)]
    for number in range(FRAMES):
        writer.write(frames[number % len(frames)])
    writer.release()
    words = [weights(), video, SETTLED, FRAMES]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(Path(posekit.__file__).parents[1])},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    early, late = map(int, done.stdout.split())
    assert late - early < ALLOWED_GROWTH_BYTES
    assert len(list((here / "runs" / "pose" / "predict" / "labels").iterdir())) > FRAMES / 2
