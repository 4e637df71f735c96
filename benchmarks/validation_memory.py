"""Measures the resident memory of validations of data sets of two sizes; the pictures are copies of made scenes.

python benchmarks/validation_memory.py --model yolo11n-pose.pt --pictures 200 4000
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import yaml

from posekit import YOLO
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset
from posekit.log import LOGGER

MADE = 40


def copies(folder: Path, count: int) -> Path:
    """Return a data set of `count` pictures, copies of a few made scenes."""
    made = write_yolo_dataset(folder / "made", train=0, val=MADE, settings=SceneSettings(size=(160, 160)))
    for kind, suffix in (("images", ".jpg"), ("labels", ".txt")):
        target = folder / "copies" / kind
        target.mkdir(parents=True)
        for number in range(count):
            source = made.parent / kind / "val" / f"{number % MADE + 1:06d}{suffix}"
            shutil.copy(source, target / f"{number:06d}{suffix}")
    content = yaml.safe_load(made.read_text()) | {"train": "images", "val": "images"}
    data = folder / "copies" / "data.yaml"
    data.write_text(yaml.safe_dump(content))
    return data


def resident_mib() -> float:
    """Return the memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main() -> None:
    """Validate on data sets of rising size, print the memory after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--pictures", type=int, nargs="+", default=[200, 4000])
    parser.add_argument("--imgsz", type=int, default=96)
    options = parser.parse_args()
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
            print(
                f"{count} pictures: at most {peak[0]:.0f} MiB, {metrics.seen} seen, mAP50-95(P) {metrics.pose.map:.3f}"
            )


if __name__ == "__main__":
    main()
