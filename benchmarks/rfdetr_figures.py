"""Trains an RF-DETR pose network from random weights on drawn scenes, to show that it learns.

    python benchmarks/rfdetr_figures.py --out runs/rfdetr

600 + 200 scenes of one person each, 192x192 pixels; nano, with 30 queries instead of 300 (there is one person to be
found, and ten times the queries take ten times the arithmetic of the decoder). The curves are ``results.png`` in the
folder of the run.
"""

import argparse
from pathlib import Path
from typing import Final

import yaml

from posekit import YOLO
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset
from posekit.version import __version__

SIDE: Final = 192
SCENES: Final = SceneSettings(size=(SIDE, SIDE), people=(1, 1), body_height=(0.85, 1.1), clutter=(0, 4))
SIGMA: Final = 0.2  # of all points: with COCO's, scores stay at zero for thousands of steps
NETWORK: Final = {"family": "rfdetr", "size": "rfdetr-pose-nano", "queries": 30}


def drawn(folder: Path) -> Path:
    """Draw the scenes, unless they are there; return their data YAML."""
    description = folder / "data.yaml"
    if not description.is_file():
        write_yolo_dataset(folder, train=600, val=200, settings=SCENES)
        content = yaml.safe_load(description.read_text())
        description.write_text(yaml.safe_dump(content | {"kpt_oks_sigmas": [SIGMA] * 17}, sort_keys=False))
    return description


def main() -> None:
    """Parse arguments, draw, train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, type=Path, help="folder of scenes and run")
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    definition = options.out / "nano-30-queries.yaml"
    definition.write_text(yaml.safe_dump(NETWORK, sort_keys=False))
    print(f"posekit {__version__}: {options.epochs} epochs at {SIDE} px")
    YOLO(definition).train(
        data=str(drawn(options.out / "scenes")),
        epochs=options.epochs,
        imgsz=SIDE,
        lr0=5e-4,
        lrf=0.05,
        cos_lr=True,
        nbs=4,
        multi_scale=0.0,
        random_crop=0.0,
        workers=0,
        project=str((options.out / "run").resolve()),
    )


if __name__ == "__main__":
    main()
