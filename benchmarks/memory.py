"""Shows that memory does not grow with the length of a video, and hardly with the size of a data set.

    python benchmarks/memory.py video [--frames 10000] [--imgsz 96]
    python benchmarks/memory.py val --model yolo11n-pose.pt --pictures 200 4000

Videos and pictures are made scenes, over and over; the video goes through a nano network with random weights, whose
arithmetic is that of trained ones. Numbers are resident memory (Linux).
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

import cv2
import yaml

from posekit import YOLO
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset
from posekit.data.figures.scene import scenes
from posekit.log import LOGGER

SIDE, SCENES = 96, 50


def resident_mib() -> float:
    """Return the memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def video(options: argparse.Namespace) -> None:
    """Stream a long video and print memory every tenth of it."""
    model = YOLO("yolo11n-pose.yaml")
    memory = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.avi"
        pictures = [s.image for s in scenes(SCENES, settings=SceneSettings(size=(SIDE, SIDE), people=(1, 2)))]
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (SIDE, SIDE))
        for number in range(options.frames):
            writer.write(pictures[number % SCENES])
        writer.release()
        results = model.predict(path, stream=True, imgsz=options.imgsz, conf=0.0001, max_det=20, verbose=False)
        for number, _ in enumerate(results, start=1):
            if number % (options.frames // 10) == 0:
                memory[number] = resident_mib()
                print(f"frame {number:6d}: {memory[number]:7.1f} MiB")
    first, last = min(memory), max(memory)
    print(f"growth from frame {first} to frame {last}: {memory[last] - memory[first]:.1f} MiB")


def val(options: argparse.Namespace) -> None:
    """Validate on data sets of rising size and print the most memory of each."""
    LOGGER.setLevel("ERROR")
    model = YOLO(options.model)
    for count in options.pictures:
        with tempfile.TemporaryDirectory() as folder:
            data = copies(Path(folder), count)
            peak = [0.0]
            model.reset_callbacks()
            model.add_callback(
                "on_val_batch_end", lambda _, peak=peak: peak.__setitem__(0, max(peak[0], resident_mib()))
            )
            metrics = model.val(data=str(data), imgsz=options.imgsz, plots=False, verbose=False, device="cpu")
        scores = f"{metrics.seen} seen, mAP50-95(P) {metrics.pose.map:.3f}"
        print(f"{count} pictures: at most {peak[0]:.0f} MiB, {scores}")


def copies(folder: Path, count: int) -> Path:
    """Return a data set of `count` pictures, copies of a few made scenes."""
    made = write_yolo_dataset(folder / "made", train=0, val=SCENES, settings=SceneSettings(size=(160, 160)))
    for kind, suffix in (("images", ".jpg"), ("labels", ".txt")):
        target = folder / "copies" / kind
        target.mkdir(parents=True)
        for number in range(count):
            source = made.parent / kind / "val" / f"{number % SCENES + 1:06d}{suffix}"
            shutil.copy(source, target / f"{number:06d}{suffix}")
    data = folder / "copies" / "data.yaml"
    data.write_text(yaml.safe_dump(yaml.safe_load(made.read_text()) | {"train": "images", "val": "images"}))
    return data


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(dest="mode", required=True)
    for work in (video, val):
        mode = modes.add_parser(work.__name__, description=work.__doc__)
        mode.set_defaults(work=work)
        mode.add_argument("--imgsz", type=int, default=96)
    modes.choices["video"].add_argument("--frames", type=int, default=10_000)
    modes.choices["val"].add_argument("--model", required=True)
    modes.choices["val"].add_argument("--pictures", type=int, nargs="+", default=[200, 4000])
    options = parser.parse_args()
    options.work(options)


if __name__ == "__main__":
    main()
