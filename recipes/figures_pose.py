"""Makes the network that comes with posekit, from nothing but scenes of drawn people.

    python recipes/figures_pose.py --out figures-pose.pt

Two stages: one person who fills the picture, scored kindly, until limbs are told from one another; then scenes with
several people of all sizes, scored as COCO is. What each stage comes to is printed; the card of the weights names it.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from posekit import YOLO
from posekit.checkpoint.checkpoint import read_checkpoint, save_checkpoint
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset

WIDE_SIGMA = 0.1


def single_person(folder: Path, pictures: int, val: int, imgsz: int) -> Path:
    """Write scenes of one person each, with sigmas that let a coarse pose count; return their YAML."""
    settings = SceneSettings(size=(imgsz, imgsz), people=(1, 1), body_height=(0.85, 1.1), clutter=(0, 4))
    data = Path(write_yolo_dataset(folder, train=pictures, val=val, settings=settings))
    content = yaml.safe_load(data.read_text(encoding="utf-8"))
    content["kpt_oks_sigmas"] = [WIDE_SIGMA] * len(content["kpt_oks_sigmas"])
    data.write_text(yaml.safe_dump(content), encoding="utf-8")
    return data


def many_people(folder: Path, pictures: int, val: int, imgsz: int) -> Path:
    """Write scenes as `posekit figures` does; return their YAML."""
    settings = SceneSettings(size=(imgsz, imgsz))
    return Path(write_yolo_dataset(folder, train=pictures, val=val, settings=settings))


def publish(trained: Path, out: Path) -> None:
    """Write the weights of a run as a file for everybody: with their licence, without paths of this machine."""
    checkpoint = read_checkpoint(trained)
    halves = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in checkpoint.state.items()
    }
    settings = {"imgsz": checkpoint.settings["imgsz"], "data": "figures", "task": "pose"}
    save_checkpoint(out, replace(checkpoint, state=halves, settings=settings, license="Apache-2.0"))


def main() -> None:
    """Parse arguments, train both stages, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, type=Path, help="weight file to write")
    parser.add_argument("--runs", type=Path, default=Path("runs/figures-pose"), help="folder of data sets and runs")
    parser.add_argument("--pictures", type=int, nargs=2, default=(800, 1600), help="of each stage")
    parser.add_argument("--val", type=int, default=300, help="pictures to validate each stage on")
    parser.add_argument("--epochs", type=int, nargs=2, default=(24, 16), help="of each stage")
    parser.add_argument("--imgsz", type=int, default=160)
    parser.add_argument("--first", type=Path, default=None, help="weights of the first stage, to begin with the second")
    options = parser.parse_args()
    runs = options.runs.resolve()
    common: dict[str, Any] = {
        "imgsz": options.imgsz,
        "project": str(runs),
        "exist_ok": True,
        "plots": False,
        "channels_last": True,  # faster on a CPU
    }
    if options.first is None:
        model = YOLO("yolo11n-pose.yaml")
        data = single_person(runs / "single", options.pictures[0], options.val, options.imgsz)
        narrow: dict[str, Any] = {"close_mosaic": options.epochs[0], "scale": 0.2, "translate": 0.05, "val": False}
        model.train(data=data, epochs=options.epochs[0], batch=8, nbs=8, name="first", **narrow, **common)
    else:
        model = YOLO(options.first)
    data = many_people(runs / "many", options.pictures[1], options.val, options.imgsz)
    wide = {"close_mosaic": options.epochs[1] - options.epochs[1] // 4}
    model.train(data=data, epochs=options.epochs[1], batch=16, nbs=16, name="second", **wide, **common)
    publish(runs / "second" / "weights" / "best.pt", options.out)


if __name__ == "__main__":
    main()
