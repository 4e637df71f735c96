"""Shows that streaming a long video takes constant memory.

    python benchmarks/stream_memory.py [--frames 10000] [--imgsz 96]

Makes a video of synthetic scenes, streams it through a nano network with random weights (arithmetic is the same as
with trained ones), and prints the resident memory along the way.
"""

import argparse
import os
import tempfile
from pathlib import Path

import cv2

from posekit import YOLO
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.scene import scenes

SIDE = 96
SCENES = 50


def write_video(path: Path, frames: int) -> None:
    """Write a Motion JPEG video of `frames` frames: made scenes, over and over."""
    settings = SceneSettings(size=(SIDE, SIDE), people=(1, 2))
    pictures = [sample.image for sample in scenes(SCENES, settings=settings)]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (SIDE, SIDE))
    for number in range(frames):
        writer.write(pictures[number % SCENES])
    writer.release()


def resident_mb() -> float:
    """Return the resident memory of this process in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Stream the video and print memory every tenth of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--imgsz", type=int, default=96)
    options = parser.parse_args()
    model = YOLO("yolo11n-pose.yaml")
    memory = {}
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "long.avi"
        write_video(video, options.frames)
        results = model.predict(video, stream=True, imgsz=options.imgsz, conf=0.0001, max_det=20, verbose=False)
        for number, _ in enumerate(results, start=1):
            if number % (options.frames // 10) == 0:
                memory[number] = resident_mb()
                print(f"frame {number:6d}: {memory[number]:7.1f} MB")
    first, last = min(memory), max(memory)
    print(f"growth from frame {first} to frame {last}: {memory[last] - memory[first]:.1f} MB")


if __name__ == "__main__":
    main()
